"""A master with a fake engine under the test's hand: submit, turn until something holds, look."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from foremen.engine.client import EngineClient, connect
from foremen.engine.fake import FakeEngine
from foremen.master.loop import Doors, Master, run
from spool import settings
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.store import cluster_ids, task_file
from spool.store.layout import Spool
from spool.store.sqlite import HistoryRow, JobRow, open_reader
from spool.store.task_file import Act, Cluster, Submission

HELLO = b"#!/bin/sh\necho hello $1\necho oops >&2\nexit ${1:-0}\n"
SLEEP = b"#!/bin/sh\necho started >> $OUT\nexec sleep 100\n"


class Site:
    """One spool, one fake engine, one master; ``turn_until`` plays the loop in the test's own thread."""

    def __init__(self, spool: Spool, work: Path, cores: int = 4, **options: object) -> None:
        self.spool = spool
        self.work = work
        self.said: list[str] = []
        self.settings = settings.load({"HOME": str(work)}, {"workdir": spool.root, **options})
        self.engine = FakeEngine(spool, cores)
        self.engine.__enter__()
        self.master = self.new_master()

    def new_master(self, door: Callable[[Spool], EngineClient] = connect) -> Master:
        """A master that starts on what is on the disk; the one before is left as kill -9 leaves it."""
        doors = Doors(lambda: door(self.spool), time.time, self.said.append)
        master = Master(self.spool, self.settings, doors, "tester", "here")
        master.begin()
        self.master = master
        return master

    def new_engine(self, cores: int = 4) -> None:
        """After ``engine.die()``."""
        self.engine = FakeEngine(self.spool, cores)
        self.engine.__enter__()

    def submit(self, script: bytes = HELLO, count: int = 1, **attributes: str) -> int:
        """Submit a cluster of ``count`` jobs; attributes are ClassAd expressions. Its number."""
        number = cluster_ids.take_clusters(self.spool, 1)
        os.makedirs(self.spool.payload(number), 0o700)
        path = f"{self.spool.payload(number)}/executable"
        task_file.write_durably(path, script)
        os.chmod(path, 0o700)
        ad = {
            "ClusterId": str(number),
            "Cmd": '"/home/agent.sh"',
            "JobStatus": "1",
            "QDate": str(int(time.time())),
            "Iwd": ads.quote(str(self.work)),
            "Out": ads.quote(f"{number}.out"),
            "Err": ads.quote(f"{number}.err"),
            "UserLog": ads.quote(str(self.work / "log")),
            "Env": ads.quote(f"OUT={self.work}/{number}.starts"),
            **attributes,
        }
        procs = [{"ProcId": str(proc)} for proc in range(count)]
        task_file.write_submission(self.spool, Submission([Cluster(number, ad, procs, True)]))
        return number

    def act(self, action: str, *ids: tuple[int, int], reason: str = "") -> None:
        """Leave an action in the queue."""
        task_file.write_act(self.spool, Act(action, ids, reason=reason))

    def turn_until(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Turn the loop until it holds; the test fails when it does not in time."""
        deadline = time.monotonic() + seconds

        def over() -> bool:
            return bool(condition()) or time.monotonic() > deadline

        self.master.more = True
        run(_Quick(self.master), over, self.said.append)  # type: ignore[arg-type]
        assert condition(), f"not in {seconds} s: {self.said}"
        self.master._leftovers._remove()
        self.master._leftovers._thread.submit(int).result(seconds)  # behind all removals asked for so far

    def row(self, cluster: int, proc: int = 0) -> JobRow | None:
        """A job in the queue."""
        database = open_reader(self.spool)
        try:
            return database.job(cluster, proc)
        finally:
            database.close()

    def status(self, cluster: int, proc: int = 0) -> int:
        """Its JobStatus; 0 when it is not in the queue."""
        row = self.row(cluster, proc)
        return row.status if row else 0

    def ad(self, cluster: int, proc: int = 0) -> dict[str, str]:
        """The ad of a job in the queue."""
        row = self.row(cluster, proc)
        assert row is not None
        return JobRecord(cluster, proc, row.status, row.cluster_ad + row.ad + row.state).ad()

    def history(self, cluster: int) -> list[dict[str, str]]:
        """Ads of a cluster's jobs that left the queue."""
        database = open_reader(self.spool)
        try:
            rows: list[HistoryRow] = list(database.history([(cluster, None)]))
        finally:
            database.close()
        return [ads.load(row.ad.split("\n")) for row in rows]

    def starts(self, cluster: int) -> int:
        """How often the SLEEP script of a cluster was started."""
        path = self.work / f"{cluster}.starts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def log(self) -> str:
        """The job event log."""
        path = self.work / "log"
        return path.read_text() if path.exists() else ""


class _Quick:
    """The master with short waits, for tests that look often."""

    def __init__(self, master: Master) -> None:
        self._master = master

    def wait(self, _timeout: float) -> None:
        self._master.wait(0.02)

    def turn(self) -> None:
        self._master.turn()

    def lost_engine(self, error: Exception) -> None:
        self._master.lost_engine(error)

    more = True
