"""A master and an engine (the fake one) as processes that die at named points, and an account of what became of the jobs."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from spool.classad import ads
from spool.crashpoints import STATUS
from spool.errors import SpoolError
from spool.job import COMPLETED
from spool.store.layout import Spool
from spool.store.sqlite import Database, open_reader

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = 30.0
BANNER = re.compile(r"^\*\*\* .*ClusterId = (\d+) ProcId = (\d+) ", re.MULTILINE)
PILOT = """#!/bin/sh
echo "start $ID" >> $LEDGER
[ -z "$1" ] || while [ ! -e "$1" ]; do sleep 0.02; done
echo "output of $ID"
echo "made by $ID" > made; mkdir -p folder; : > folder/empty
echo "end $ID" >> $LEDGER
"""
DESCRIPTION = """executable = {agent}
arguments = {arguments}
output = {work}/out.$(Cluster).$(Process)
log = {work}/log
environment = ID=$(Cluster).$(Process);LEDGER={ledger}
queue {count}
"""


class Site:
    """One spool; ``wait`` keeps a master going: the n-th one dies at the n-th of ``points``, those after them live."""

    master_code = "import sys; from foremen.operator.alien_work_queue import main; sys.exit(main())"
    fatal: tuple[int, ...] = ()
    """Other statuses that a master may end with."""

    def __init__(self, spool: Spool, work: Path, points: tuple[str, ...]) -> None:
        self.spool, self.work, self.points = spool, work, points
        self.deaths = 0
        self.ledger, self.go, self.agent = work / "ledger", work / "go", work / "agent"
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(("AWQ_", "WQ_"))}
        self._env.update(AWQ_WORKDIR=spool.root, HOME=str(work), PYTHONPATH=str(ROOT), AWQ_POLICY_INTERVAL="1")
        self._log = (work / "master.log").open("ab")
        self._engine = self._start([sys.executable, "-m", "foremen.engine.fake", spool.root])
        self._until(lambda: os.path.exists(spool.engine_socket))
        self._master = self._start_master()

    def _start(self, command: list[str], **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, env={**self._env, **env}, cwd=self.work, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )  # fmt: skip

    def _start_master(self) -> subprocess.Popen[bytes]:
        at = self.points[self.deaths] if self.deaths < len(self.points) else ""
        return self._start([sys.executable, "-c", self.master_code, "--port", "0"], AWQ_CRASH_AT=at)

    def close(self) -> None:
        """End what still lives, orderly; the engine goes with the master."""
        with self._log:
            if self._master.poll() is None:
                self._master.terminate()
                self._master.wait(DEADLINE)
            self._engine.terminate()
            self._engine.wait(DEADLINE)

    def sweep(self) -> None:
        """Two minutes later, another master: what dead clients left is old by now."""
        then = time.time() - 120
        for path in self.leftovers():
            os.utime(f"{self.spool.root}/{path}", (then, then))
        self._end_master(signal.SIGKILL)

    def stop_pilots(self) -> None:
        """``alien_work_queue stop --stop-pilots``; the master may die on the way."""
        self._end_master(signal.SIGUSR1)
        self.wait(lambda: True)

    def _end_master(self, number: int) -> None:
        self._master.send_signal(number)
        self._master.wait(DEADLINE)
        if number == signal.SIGKILL:
            self._master = self._start_master()

    @property
    def log(self) -> str:
        """What the masters said."""
        return (self.work / "master.log").read_text()

    def wait(self, condition: Callable[[], object]) -> None:
        """Until it holds; masters that die at their points are started again."""
        self._until(lambda: self._keep() and condition())

    def _keep(self) -> bool:
        status = self._master.poll()
        if status is not None:
            assert status in (STATUS, *self.fatal), f"a master ended with {status}:\n{self.log}"
            self.deaths += 1
            self._master = self._start_master()
        return True

    def _until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {DEADLINE:.0f} s; {self.jobs()}; the masters said:\n{self.log}"
            )
            select.select([], [], [], 0.02)

    # --- what clients do -----------------------------------------------------------------------------------------

    def command(self, name: str, *words: str, text: str = "", at: str = "") -> subprocess.CompletedProcess[str]:
        """A condor command as a process of its own, with standard input; ``at``: it dies there."""
        code = f"from shims.commands.condor.{name} import main; from shims.cli.entry_point import run; run(main)"
        return subprocess.run(
            [sys.executable, "-c", code, *words], env={**self._env, "AWQ_CRASH_AT": at}, cwd=self.work, input=text,
            capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip

    def submit(self, count: int = 1, arguments: str = "", at: str = "", more: str = "") -> int:
        """Submit ``count`` pilots by ``condor_submit``; the script is gone when it returns. The cluster; 0 when it died."""
        self.agent.write_text(PILOT)
        self.agent.chmod(0o700)
        facts = {"agent": self.agent, "arguments": arguments, "ledger": self.ledger, "work": self.work}
        text = f"{more}transfer_input_files = {self.agent}\n" + DESCRIPTION.format(count=count, **facts)
        done = self.command("condor_submit", text=text, at=at)
        self.agent.unlink()
        assert done.returncode == (STATUS if at else 0), done
        return 0 if at else int(done.stdout.split()[-1].rstrip("."))

    def submit_waiting(self) -> int:
        """A pilot that runs until ``go`` is there, seen to run."""
        cluster = self.submit(arguments=str(self.go))
        self.wait(lambda: self.jobs().get(f"{cluster}.0") == 2 and self.starts(f"{cluster}.0") == 1)
        return cluster

    def act(self, verb: str, cluster: int, at: str = "") -> None:
        """condor_rm, condor_hold, condor_release of a cluster."""
        done = self.command(f"condor_{verb}", str(cluster), at=at)
        assert done.returncode == (STATUS if at else 0), done

    # --- what became of it ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _database(self) -> Iterator[Database]:
        database = open_reader(self.spool)
        try:
            yield database
        finally:
            database.close()

    def jobs(self) -> dict[str, int]:
        """JobStatus of every job in the queue; empty before the first master has made the database."""
        try:
            with self._database() as database:
                keys = database.keys()
                rows = [database.job(cluster, proc) for cluster, proc in keys]
                return {f"{row.cluster}.{row.proc}": row.status for row in rows if row}
        except SpoolError:
            return {}

    def ad(self, cluster: int, proc: int = 0) -> dict[str, str]:
        """The ad of a job in the queue."""
        with self._database() as database:
            row = database.job(cluster, proc)
        assert row is not None
        return ads.load((row.cluster_ad + row.ad + row.state).split("\n"))

    def given(self) -> int:
        """How many attempts the engine has."""
        with self._database() as database:
            return len(database.given())

    def history(self) -> list[tuple[str, int]]:
        """(job, JobStatus) of every entry of the history, oldest first."""
        try:
            with self._database() as database:
                rows = list(database.history(oldest_first=True))
        except SpoolError:
            return []
        return [(f"{row.cluster}.{row.proc}", ads.number(ads.load(row.ad.split("\n"))["JobStatus"])) for row in rows]

    def history_file(self) -> list[str]:
        """The jobs in the history's text file."""
        return [f"{cluster}.{proc}" for cluster, proc in BANNER.findall(Path(self.spool.history).read_text())]

    def starts(self, job: str, what: str = "start") -> int:
        """How often a job's pilot began (or ``end``: came to its end)."""
        text = self.ledger.read_text() if self.ledger.exists() else ""
        return text.splitlines().count(f"{what} {job}")

    def events(self) -> dict[str, str]:
        """The event log: job to the numbers of its events, in their order."""
        found: dict[str, str] = {}
        text = (self.work / "log").read_text() if (self.work / "log").exists() else ""
        for number, cluster, proc in re.findall(r"^(\d{3}) \((\d+)\.(\d+)\.000\)", text, re.MULTILINE):
            job = f"{int(cluster)}.{int(proc)}"
            found[job] = f"{found.get(job, '')} {number}".strip()
        assert text.count("\n...\n") == sum(len(each.split()) for each in found.values()), f"a torn event: {text}"
        return found

    def leftovers(self) -> list[str]:
        """What is in the spool's folders."""
        return [
            f"{folder}/{name}"
            for folder in ("queue", "payload", "tmp")
            for name in os.listdir(f"{self.spool.root}/{folder}")
        ]

    def account(
        self, expected: dict[str, tuple[int, str]], most_starts: int = 1, told: dict[str, str] | None = None
    ) -> None:
        """Nothing lost, nothing twice: every job (JobStatus at its end, its events) and no other, and an empty spool.

        ``told``: events of jobs that came to nothing.
        """
        self.wait(lambda: self.deaths == len(self.points))
        self.wait(lambda: not self.leftovers())
        assert Counter(self.history()) == {(job, status): 1 for job, (status, _events) in expected.items()}
        assert Counter(self.history_file()) == dict.fromkeys(expected, 1)
        events = {job: events for job, (_status, events) in expected.items()}
        assert self.events() == events | (told or {})
        for job, (status, _events) in expected.items():
            assert self.starts(job) <= most_starts, f"{job} was started {self.starts(job)} times"
            if status == COMPLETED:
                assert self.starts(job, "end") == 1
                assert (self.work / f"out.{job}").read_text() == f"output of {job}\n"
        assert self.jobs() == {}
        self.wait(lambda: {"WAITING=0", "RUNNING=0", "HELD=0", "REMOVED=0", "GIVEN=0"} <= self._counts())

    def _counts(self) -> set[str]:
        return set(Path(self.spool.stat).read_text().splitlines())
