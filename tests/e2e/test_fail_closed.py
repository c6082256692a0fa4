"""Fail closed: where nobody can vouch for the jobs, every form of every query refuses, and submissions are still taken."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site, eventually, install, site
from spool_rig import LivingMaster

from spool.store.layout import create_spool

pytestmark = pytest.mark.engine

QUERIES = [
    ("condor_q",), ("condor_q", "-nobatch"), ("condor_q", "-allusers"), ("condor_q", "-totals"), ("condor_q", "1.0"),
    ("condor_q", "-af", "JobStatus", "GridResource"), ("condor_q", "-const", "JobStatus < 3", "-af", "JobStatus"),
    ("condor_q", "-const", 'regexp("x", Owner)', "-af", "ClusterId"), ("condor_q", "-format", "%d\n", "ClusterId"),
    ("condor_q", "-json"), ("condor_q", "-xml"), ("condor_q", "-l"), ("condor_q", "-hold"), ("condor_q", "-run"),
    ("condor_q", "-totals", "-json"), ("condor_status", "-schedd"), ("condor_status", "-schedd", "-json"),
    ("condor_status", "-schedd", "-l"), ("condor_status", "-schedd", "-xml"),
    ("condor_status", "-schedd", "-af", "totalRunningJobs", "totalIdleJobs"), ("alien_work_queue", "status"),
    ("alien_work_queue", "status", "--json"),
]  # fmt: skip


@pytest.fixture(scope="session")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def head(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with a living master, three idle jobs and no pool."""
    with site(prefix, tmp_path) as made:
        made.start_master()
        for _ in range(3):
            made.submit("#!/bin/sh\nexit 0\n")
        eventually(lambda: not os.listdir(made.spool / "queue"), what="the submissions are taken up")
        yield made


def answer(at: Site, words: tuple[str, ...]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command, which must come within five seconds."""
    done = subprocess.run(
        words, env=at.env, cwd=at.work, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=5, check=False
    )
    return done.returncode, done.stdout, done.stderr


def assert_refused(at: Site) -> None:
    """Every form: exit status other than 0, nothing on stdout, one line on stderr."""
    for words in QUERIES:
        status, out, err = answer(at, words)
        assert status != 0, (words, out)
        assert out == "", words
        assert err.count("\n") == 1, (words, err)
        assert "Traceback" not in err


def idle(at: Site) -> str:
    """What AliEn's later client asks: running and idle jobs; empty when refused."""
    return answer(at, ("condor_status", "-schedd", "-af", "totalRunningJobs", "totalIdleJobs"))[1].strip()


def refuses(at: Site) -> bool:
    """Whether the counts are refused."""
    return answer(at, ("condor_q", "-totals"))[0] != 0


def test_a_master_that_was_killed(head: Site) -> None:
    """kill -9: all refuse, a submission is taken, and the next master has them all."""
    head.stop_master(signal.SIGKILL)
    assert_refused(head)
    head.submit("#!/bin/sh\nexit 0\n")
    assert_refused(head)
    head.start_master()
    eventually(lambda: idle(head) == "0 4")


def test_a_master_that_hangs(head: Site) -> None:
    """SIGSTOP: all refuse at once, saying what to do; a submission is taken; SIGCONT and it is as if nothing was."""
    assert head.master is not None
    os.kill(head.master.pid, signal.SIGSTOP)
    try:
        eventually(lambda: refuses(head), 5, "a stopped process is seen as such")
        assert_refused(head)
        assert f"kill -CONT {head.master.pid}" in answer(head, ("condor_q",))[2]
        head.submit("#!/bin/sh\nexit 0\n")
    finally:
        os.kill(head.master.pid, signal.SIGCONT)
    eventually(lambda: idle(head) == "0 4")


def test_counts_that_are_stale_or_from_the_future(prefix: Path, tmp_path: Path) -> None:
    """A master that holds its lock but has not published for an hour, or whose clock was an hour ahead."""
    with site(prefix, tmp_path) as made:
        master = LivingMaster(create_spool(str(made.spool)))
        for step in (-3600, 3600):
            master.publish({1: 5}, time.time() + step)
            assert_refused(made)
        master.die()
        assert_refused(made)


def test_a_database_that_was_overwritten(head: Site) -> None:
    """Its first bytes are gone under a living master: within seconds all refuse, the master says so and lives; restored, it serves."""
    with open(head.spool / "jobs.db", "r+b") as file:
        sound = file.read(8192)
        file.seek(0)
        file.write(b"\xa5" * len(sound))
        file.flush()
        eventually(lambda: refuses(head), 5, "the damage is noticed")
        assert_refused(head)
        assert "overwritten" in head.log()
        assert not head.ended()
        head.submit("#!/bin/sh\nexit 0\n")
        assert_refused(head)
        file.seek(0)
        file.write(sound)
    eventually(lambda: idle(head) == "0 4", 40, "it serves again")


def test_a_database_that_was_damaged_in_the_middle(head: Site) -> None:
    """Half of its pages are overwritten: each form refuses or says the truth, and none says fewer."""
    agent = head.work / "agent"
    agent.write_text("#!/bin/sh\n")
    head.command("condor_submit", text=f"executable = {agent}\narguments = $(Process)\nqueue 500\n")
    eventually(lambda: idle(head) == "0 503")
    head.stop_master()  # in order: everything is in the file itself
    head.start_master()
    size = (head.spool / "jobs.db").stat().st_size
    with open(head.spool / "jobs.db", "r+b") as file:
        file.seek(size // 4 // 4096 * 4096)
        file.write(b"\xa5" * (size // 2))
    for words in QUERIES:
        status, out, _err = answer(head, words)
        assert (status != 0 and out == "") or "503" in out or words[1:] == ("1.0",), (words, out)
    assert answer(head, ("condor_q", "-af", "JobStatus"))[:2] == (1, "")


def test_a_database_that_is_missing(head: Site) -> None:
    """Somebody moved it away under the living master: refused, and served again when it is back."""
    (head.spool / "jobs.db").rename(head.work / "jobs.db")
    eventually(lambda: refuses(head), 5, "it is noticed")
    assert_refused(head)
    assert not (head.spool / "jobs.db").exists()
    (head.work / "jobs.db").rename(head.spool / "jobs.db")
    eventually(lambda: idle(head) == "0 3", 40, "it serves again")


def test_a_database_that_somebody_locks(head: Site) -> None:
    """BEGIN EXCLUSIVE in another process: within seconds all refuse, submissions wait, and it goes on when the lock goes."""
    other = sqlite3.connect(head.spool / "jobs.db", isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        eventually(lambda: refuses(head), 5, "the lock is noticed")
        assert_refused(head)
        assert "database is locked" in head.log()
        head.submit("#!/bin/sh\nexit 0\n")
        other.execute("ROLLBACK")
    finally:
        other.close()
    eventually(lambda: idle(head) == "0 4", 40, "it goes on")


@pytest.mark.parametrize("part", [".", "stat", "stat/latest", "queue", "jobs.db"])
def test_a_spool_that_cannot_be_read(head: Site, part: str) -> None:
    """Permissions taken away: refused. Run without root's right to read everything."""
    path = head.spool / part
    mode = path.stat().st_mode & 0o777
    weak = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all") if os.geteuid() == 0 else ()
    path.chmod(0)
    try:
        for words in QUERIES:
            if part == "jobs.db" and ("-totals" in words or words[0] != "condor_q"):
                continue  # from the published counts: the master, which has the file open, vouches for them
            status, out, err = answer(head, (*weak, *words))
            for _ in range(20):
                if status or part != "stat/latest":
                    break
                path.chmod(0)  # the master has published anew meanwhile: it is another file
                status, out, err = answer(head, (*weak, *words))
            assert status != 0, (words, out)
            assert out == "", words
            assert err.count("\n") == 1, (words, err)
    finally:
        path.chmod(mode)
    eventually(lambda: idle(head) == "0 3", 30)


def test_the_hard_cap(head: Site) -> None:
    """Above AWQ_MAX_QUEUED condor_submit refuses in HTCondor's words, with the master and without it; nothing is left behind."""
    head.env["AWQ_MAX_QUEUED"] = "5"
    agent = head.work / "agent"
    agent.write_text("#!/bin/sh\n")

    def submit(count: int) -> tuple[int, str]:
        done = head.command("condor_submit", text=f"executable = {agent}\nqueue {count}\n", check=False)
        return done.returncode, done.stderr

    refused = (1, "\nERROR: Failed to create proc\nNumber of submitted jobs would exceed MAX_JOBS_SUBMITTED\n")
    assert submit(3) == refused
    assert submit(1) == (0, "")
    eventually(lambda: not os.listdir(head.spool / "queue"), what="it is taken up")
    head.stop_master(signal.SIGKILL)
    assert submit(2) == refused
    assert submit(1) == (0, "")
    assert submit(1) == refused
    head.start_master()
    eventually(lambda: idle(head) == "0 5")
    assert submit(1) == refused
    eventually(lambda: len(os.listdir(head.spool / "payload")) == 5, what="nothing is left of what was refused")
