"""Disks that are full, out of inodes or quota, or read-only, while jobs are submitted and run: nothing half, nothing lost, nothing twice.

The clock: ``tests/unit/test_master_clock.py`` (the master's loop) and ``test_spool_counts.py`` (who believes which counts).
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from quota_disk import quota_disk
from sites import Site, eventually, install, site
from spool_rig import fill

pytestmark = pytest.mark.engine

PILOT = '#!/bin/sh\necho "$1" >> "$STARTS"\nexit 0\n'


@pytest.fixture(scope="session")
def prefix() -> Path:
    """The installation."""
    return install()


def mount(*words: str) -> None:
    """mount(8), or the test fails with what to do."""
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"cannot mount ({done.stderr.strip()}): run the tests as root, or with: unshare -rm")


@contextlib.contextmanager
def disk(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own at ``folder``."""
    folder.mkdir(mode=0o700)
    mount("-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Load:
    """Submissions of pilots that say on another disk that they started; which of them were accepted."""

    def __init__(self, at: Site) -> None:
        self.at = at
        self.starts = at.work / "starts"
        self.accepted: list[str] = []
        self.refused: list[str] = []
        agent = at.work / "pilot"
        agent.write_text(PILOT)
        agent.chmod(0o700)
        self._text = f"executable = {agent}\narguments = $(Cluster)\nenvironment = STARTS={self.starts}\n"
        self._text += f"output = {at.work}/$(Cluster).out\nlog = {at.work}/log\nqueue\n"

    def submit(self) -> bool:
        """One submission: accepted with its number, or refused with a sentence and nothing left of it."""
        done = self.at.command("condor_submit", text=self._text, check=False)
        if done.returncode == 0:
            self.accepted.append(done.stdout.split()[-1].rstrip("."))
            return True
        self.refused.append(done.stderr)
        assert "submitted to cluster" not in done.stdout
        assert done.stderr.startswith("\nERROR: "), done.stderr
        assert "Traceback" not in done.stderr
        return False

    def look(self) -> None:
        """The counts are refused, or there are no more jobs than were accepted; one on its way is seen twice for a moment."""
        eventually(self._counts_are_right, 5, f"no more than {len(self.accepted)} jobs")

    def _counts_are_right(self) -> bool:
        done = self.at.command("condor_status", "-schedd", "-af", "TotalJobAds", check=False)
        if done.returncode:
            assert not done.stdout
            return True
        return int(done.stdout) <= len(self.accepted)

    def all_ended(self) -> bool:
        """Whether every accepted job has left the queue."""
        done = self.at.command("condor_history", "-af", "ClusterId", check=False)
        return done.returncode == 0 and set(self.accepted) <= set(done.stdout.split())

    def settle(self) -> None:
        """In the end: every accepted job ended once and well, was started once, and nobody knows of another; nothing is left."""
        eventually(self.all_ended, 90, "all jobs that were accepted end")
        history = self.at.command("condor_history", "-af", "ClusterId", "JobStatus", "NumJobStarts").stdout.splitlines()
        assert sorted(history) == sorted(f"{cluster} 4 1" for cluster in self.accepted)
        assert sorted(self.starts.read_text().split()) == sorted(self.accepted)
        for folder in ("queue", "tmp", "rejected"):
            assert os.listdir(self.at.spool / folder) == [], folder
        eventually(lambda: not os.listdir(self.at.spool / "payload"), what="no copy is left")


@contextlib.contextmanager
def loaded(prefix: Path, work: Path, options: str) -> Iterator[Load]:
    """A site whose spool is a small disk, with two foremen and two workers whose folders are elsewhere."""
    with disk(work / "spool", options), running(prefix, work) as load:
        yield load


@contextlib.contextmanager
def running(prefix: Path, work: Path) -> Iterator[Load]:
    """A site with two foremen and two workers."""
    with site(prefix, work) as made:
        made.start_master()
        made.start_pool()
        yield Load(made)


def seed() -> random.Random:
    """Printed, so that a failure can be made again: AWQ_TEST_SEED."""
    number = os.environ.get("AWQ_TEST_SEED") or str(random.randrange(1 << 30))
    print(f"AWQ_TEST_SEED={number}")
    return random.Random(number)


def storm(load: Load, choose: random.Random, block: Callable[[], object], free: Callable[[], object]) -> None:
    """Rounds of submissions; in each the disk is blocked and freed again at random moments."""
    for _ in range(6):
        moments = sorted(choose.sample(range(1, 9), 2))
        for moment in range(9):
            if moment == moments[0]:
                block()
            if moment == moments[1]:
                free()
            load.submit()
            load.look()
    assert not load.at.ended(), load.at.log()
    eventually(load.submit, 10, "submissions are taken again")


def test_a_full_disk(prefix: Path, tmp_path: Path) -> None:
    """Filled to the last byte again and again while pilots are submitted and run."""
    with loaded(prefix, tmp_path, "size=2m") as load:
        storm(load, seed(), lambda: fill(load.at.spool), (load.at.spool / "filler").unlink)
        assert load.refused
        assert all("No space left on device" in text for text in load.refused), load.refused
        load.settle()


def test_no_inodes(prefix: Path, tmp_path: Path) -> None:
    """Room for bytes, none for files: the same."""
    with loaded(prefix, tmp_path, "size=8m,nr_inodes=150") as load:
        waste = load.at.spool / "waste"

        def block() -> None:
            waste.mkdir()
            with contextlib.suppress(OSError):
                for number in range(1000):
                    (waste / str(number)).touch()

        def free() -> None:
            for path in waste.iterdir():
                path.unlink()
            waste.rmdir()

        storm(load, seed(), block, free)
        assert load.refused
        assert all("No space left on device" in text for text in load.refused), load.refused
        load.settle()


def test_a_quota(prefix: Path, tmp_path: Path) -> None:
    """Used up again and again (EDQUOT, of fsync too) while pilots are submitted and run: as on a full disk."""
    limit = tmp_path / "limit"

    def allow(size: int) -> None:
        limit.write_text(str(size))

    allow(1 << 30)
    with quota_disk(tmp_path / "behind", tmp_path / "spool", limit), running(prefix, tmp_path) as load:
        storm(load, seed(), lambda: allow(0), lambda: allow(1 << 30))
        assert load.refused
        assert all("Disk quota exceeded" in text or "disk I/O error" in text for text in load.refused), load.refused
        load.settle()


def test_a_log_on_a_full_disk(prefix: Path, tmp_path: Path) -> None:
    """The job event log's disk is full while jobs run and end: its events come when there is room, in order, each once."""
    with disk(tmp_path / "logs", "size=64k") as logs, running(prefix, tmp_path) as load:
        log = logs / "log"
        first = load.at.submit("#!/bin/sh\nexit 0\n", log=str(log))
        eventually(lambda: load.at.done(first) and log.read_text().count("\n...\n") == 4)
        fill(logs)
        clusters = [load.at.submit("#!/bin/sh\nexit 0\n", log=str(log)) for _ in range(20)]
        eventually(lambda: all(load.at.done(cluster) for cluster in clusters), what="all end")
        assert log.read_text().count("005 (") < 21
        (logs / "filler").unlink()
        eventually(lambda: log.read_text().count("005 (") == 21, 30, "the log has all ends")
        for cluster in clusters:
            mine = [line[:3] for line in log.read_text().splitlines() if f" ({cluster.rjust(3, '0')}.000.000) " in line]
            # condor_submit passes over a log that it cannot write
            assert mine in (["000", "001", "006", "005"], ["001", "006", "005"]), mine
        assert load.at.log().count("No space left on device; its events wait") == 1


def test_a_disk_that_becomes_read_only(prefix: Path, tmp_path: Path) -> None:
    """Submissions and counts are refused, running pilots go on, and all goes on by itself when it can be written again."""
    with loaded(prefix, tmp_path, "size=8m") as load:
        load.at.env["AWQ_STALE"] = "3"
        spool = str(load.at.spool)
        for _ in range(3):
            assert load.submit()
        mount("--bind", spool, spool)  # who has a file open keeps it, as the master its database
        mount("-o", "remount,bind,ro", spool)
        try:
            for _ in range(3):
                assert not load.submit()
            assert all("Read-only file system" in text for text in load.refused), load.refused
            eventually(lambda: load.at.command("condor_q", check=False).returncode, 20, "the counts are refused")
            assert not load.at.ended()
        finally:
            subprocess.run(["umount", spool], check=True)
        eventually(load.submit, 20)
        load.settle()


def test_a_master_on_a_disk_without_room(prefix: Path, tmp_path: Path) -> None:
    """Started on a full or read-only disk it says so in a sentence, with exit status 1, and nothing is left of it."""
    with disk(tmp_path / "spool", "size=64k") as spool, site(prefix, tmp_path) as made:
        fill(spool)
        done = made.command("alien_work_queue", "--port", "0", check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "No space left" in done.stderr or "full" in done.stderr
        mount("-o", "remount,ro", str(spool))
        done = made.command("alien_work_queue", "--port", "0", check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "Read-only" in done.stderr


def test_an_output_that_has_no_room(prefix: Path, tmp_path: Path) -> None:
    """The output's disk is full: the job is held with code 12 and the reason; released when there is room, it ends well."""
    with disk(tmp_path / "results", "size=64k") as results, site(prefix, tmp_path) as made:
        made.start_master()
        made.start_pool()
        fill(results)
        cluster = made.submit(
            "#!/bin/sh\nhead -c 20000 /dev/zero | tr '\\0' x\n", output=str(results / "out"), error="/dev/null"
        )
        eventually(lambda: made.af("condor_q", cluster, "JobStatus") == "5", 30, "it is held")
        code, reason = made.af("condor_q", cluster, "HoldReasonCode", "HoldReason").split(maxsplit=1)
        assert code == "12"
        assert "No space left on device" in reason
        (results / "filler").unlink()
        made.command("condor_release", cluster)
        eventually(lambda: made.done(cluster))
        assert (results / "out").read_text() == "x" * 20000
