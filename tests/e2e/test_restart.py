"""What a restart costs: with a hundred thousand jobs, after the engine's library ended its process, and for an upgrade."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import WAITS, Site, eventually, install, site

pytestmark = pytest.mark.engine

MANY = 100_000


@pytest.fixture(scope="module")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def at(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with a living master."""
    with site(prefix, tmp_path) as made:
        made.start_master()
        yield made


def waiting(at: Site) -> tuple[str, Path]:
    """A pilot that runs until its mark is told to go; it has started."""
    mark = at.work / "mark"
    cluster = at.submit(WAITS, environment=f"MARK={mark}")
    eventually(mark.exists, what="it starts")
    return cluster, mark


def events(at: Site) -> list[str]:
    """Numbers of the events in the log."""
    return [line[:3] for line in (at.work / "log").read_text().splitlines() if line[:3].isdigit()]


def test_a_hundred_thousand_jobs(at: Site) -> None:
    """kill -9 of the master: its successor serves counts within 2 s of its start, and submissions are taken all the time."""
    agent = at.work / "agent"
    agent.write_text("#!/bin/sh\nexit 0\n")
    for _ in range(20):
        at.command("condor_submit", text=f"executable = {agent}\nqueue {MANY // 20}\n")
    idle = ("condor_status", "-schedd", "-af", "TotalIdleJobs")
    eventually(lambda: not os.listdir(at.spool / "queue"), 60, "all are taken up")
    assert at.command(*idle).stdout == f"{MANY}\n"
    assert at.master is not None
    at.master.kill()
    at.master.wait()
    at.command("condor_submit", text=f"executable = {agent}\nqueue\n")
    begun = time.monotonic()
    with (at.work / "master.log").open("ab") as log:
        at.master = subprocess.Popen(
            ["alien_work_queue", "--port", at.port],
            env=at.env,
            cwd=at.work,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    at.command("condor_submit", text=f"executable = {agent}\nqueue\n")
    eventually(lambda: at.command(*idle, check=False).returncode == 0, 10, "counts are served")
    took = time.monotonic() - begun
    print(f"counts served after {took:.2f} s")
    assert took < 2
    eventually(lambda: at.command(*idle).stdout == f"{MANY + 2}\n", 10, "all are counted")


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_an_engine_whose_library_aborts(at: Site, number: int) -> None:
    """The master lives and starts another; the log says that the attempt was lost; the pilot runs again, and ends once."""
    at.start_pool()
    cluster, mark = waiting(at)
    engine = at.engine
    os.kill(engine, number)
    eventually(lambda: mark.read_text().count("started") == 2, what="it runs again")
    assert not at.ended(), at.log()
    Path(f"{mark}.go").touch()
    eventually(lambda: at.done(cluster))
    assert at.engine != engine
    assert at.af("condor_history", cluster, "JobStatus", "ExitCode", "NumJobStarts") == "4 7 2"
    assert events(at) == ["000", "001", "004", "001", "006", "005"]
    assert "the engine that ran it is gone" in (at.work / "log").read_text()


def test_a_handover(at: Site) -> None:
    """An upgrade: the master leaves in order, the engine keeps what runs and what ends meanwhile, the next master finds both."""
    at.start_pool()
    cluster, mark = waiting(at)
    engine = at.engine
    at.command("alien_work_queue", "stop", "--handover")
    assert at.master is not None
    assert at.master.wait(20) == 0
    Path(f"{mark}.go").touch()
    late = at.submit("#!/bin/sh\nexit 0\n")
    assert os.path.exists(f"/proc/{engine}")
    at.start_master()
    eventually(lambda: at.done(cluster) and at.done(late))
    assert at.engine == engine
    assert at.af("condor_history", cluster, "JobStatus", "ExitCode", "NumJobStarts") == "4 7 1"
    assert mark.read_text() == "started\n"


def test_the_engine_of_a_dead_master_is_told_of_and_ended(at: Site) -> None:
    """``stop`` says that engine and pilots go on; ``--stop-pilots`` ends them; the next master runs the pilot again."""
    assert at.master is not None
    engine = at.engine
    at.command("start-foremen")
    at.command("start-workers")
    _cluster, mark = waiting(at)
    at.master.kill()
    at.master.wait()
    said = at.command("alien_work_queue", "stop").stdout
    assert said.startswith(f"no master is running; its engine (process {engine}, 1 tasks) goes on")
    assert at.command("alien_work_queue", "stop", "--stop-pilots").stdout.endswith(
        "its engine and 1 tasks have been ended\n"
    )
    eventually(lambda: not os.path.exists(f"/proc/{engine}"), what="the engine has ended")
    assert at.command("alien_work_queue", "stop").stdout == "no master is running\n"
    at.start_master()
    eventually(lambda: len(mark.read_text().splitlines()) == 2, what="the pilot runs again")
    mark.with_name(f"{mark.name}.go").touch()


def test_an_engine_ends_with_its_spool(at: Site) -> None:
    """Whose spool has been removed does not keep the port."""
    assert at.master is not None
    engine = at.engine
    at.master.kill()
    at.master.wait()
    shutil.rmtree(at.spool)
    eventually(lambda: not os.path.exists(f"/proc/{engine}"), what="the engine has ended")


def test_settings_that_a_living_engine_does_not_take_are_told(at: Site) -> None:
    """Another project, with the command that does it; nothing is said while it is the same."""
    for project in ("alien_jobs", "other"):
        assert at.master is not None
        assert "keeps" not in at.log()
        at.master.kill()
        at.master.wait()
        at.env["AWQ_PROJECT_NAME"] = project
        at.start_master()
    assert (
        "keeps project-name alien_jobs, not other: it takes that after 'alien_work_queue stop --stop-pilots'"
        in at.log()
    )
