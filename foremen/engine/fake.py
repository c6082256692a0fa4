"""A fake engine: the same socket and protocol, but tasks run with /bin/sh in temporary folders. For tests of the master.

In the test's own process, able to misbehave::

    with FakeEngine(spool, cores=2) as engine:
        client = connect(spool)
        engine.vanish("12.0#1")       # its worker vanishes: waiting, then running with tries 2
        engine.drop_connection()      # the master is cut off
        engine.die()                  # like kill -9: everything is gone

or as a process: ``python -m foremen.engine.fake SPOOL --cores 2``.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Callable, Optional, Union

from foremen.engine.errors import EngineError
from foremen.engine.process import Lock, listen, parser, publish_port, remove_files, serve
from foremen.engine.protocol import RUNNING, WAITING, Pool, Result, StateChange, TaskSpec
from foremen.engine.service import Service
from spool.errors import AwqError
from spool.store.layout import Spool, open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MEMORY, _DISK = 8000, 80000  # MB, of the one worker
_MAX_REPORT = 65536


class _Run:
    """A task in the fake."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec
        self.tries = 0
        self.process: Optional[subprocess.Popen[bytes]] = None
        self.watch = -1  # descriptor that is readable when the process has ended
        self.sandbox = ""
        self.started = 0.0

    def start(self, folder: str) -> None:
        """Hand the task out: OSError when an input is missing."""
        self.tries += 1
        self.started = time.time()
        self.sandbox = tempfile.mkdtemp(prefix="task", dir=folder)
        for local, remote, _cache in self.spec.inputs:
            target = os.path.join(self.sandbox, remote)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            (shutil.copytree if os.path.isdir(local) else shutil.copy)(local, target)
        with open(f"{self.sandbox}.out", "wb") as report:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", self.spec.command.encode("utf-8", "surrogateescape")], cwd=self.sandbox,
                env={**os.environ, **self.spec.env}, stdin=subprocess.DEVNULL, stdout=report,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        with contextlib.suppress(OSError):  # a kernel before 5.3 cannot: the loop looks by itself, a little later
            self.watch = os.pidfd_open(self.process.pid)

    def kill(self) -> None:
        """As a worker does it: the whole process group, at once."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None
        self.clean()

    def clean(self) -> None:
        """Remove the sandbox."""
        if self.watch >= 0:
            os.close(self.watch)
            self.watch = -1
        if self.sandbox:
            shutil.rmtree(self.sandbox, ignore_errors=True)
            if os.path.exists(f"{self.sandbox}.out"):
                os.unlink(f"{self.sandbox}.out")
        self.sandbox = ""

    def result(self) -> Result:
        """After the end of the command: bring the outputs back."""
        outcome, detail, received = "done", "", 0
        for remote, local in self.spec.outputs:
            try:
                os.makedirs(os.path.dirname(local), exist_ok=True)
                shutil.copyfile(os.path.join(self.sandbox, remote), local)
                received += os.path.getsize(local)
            except OSError as error:
                outcome, detail = "output-missing", f"{remote}: {error.strerror}"
        with open(f"{self.sandbox}.out", "rb") as file:
            report = file.read(_MAX_REPORT).decode("utf-8", "surrogateescape")
        code = abs(self.process.returncode) if self.process is not None else -1
        return self.ended(outcome, detail, exit=code, report=report, received=received)

    def ended(self, outcome: str, detail: str = "", **facts: Any) -> Result:
        """A result with what is known about the task."""
        sent = sum(os.path.getsize(row[0]) for row in self.spec.inputs if os.path.isfile(row[0]))
        now = time.time()
        return Result(
            self.spec.tag, outcome, **{"exit": -1, **facts}, tries=self.tries, host="fake" if self.tries else "",
            started=self.started or now, ended=now, sent=sent, detail=detail,
        )  # fmt: skip


class FakeQueue:
    """The backend: one worker with ``cores`` cores. What other threads want done goes through ``orders``."""

    idle, idle_cost, listening_cost = True, 0.0, 0.0

    def __init__(self, cores: int, port: int = 9094) -> None:
        self.cores, self.port, self.version = cores, port, "fake"
        self.orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._runs: dict[str, _Run] = {}
        self._poll = select.epoll()
        self._folder = tempfile.mkdtemp(prefix="awq-fake-")
        self._events: list[Union[StateChange, Result]] = []

    def submit(self, spec: TaskSpec) -> None:
        """Take a task."""
        self._runs[spec.tag] = _Run(spec)

    def cancel(self, tag: str) -> Result:
        """End a task."""
        run = self._runs.pop(tag)
        run.kill()
        return run.ended("cancelled")

    def vanish(self, tag: str) -> None:
        """The worker of a running task is gone: the task waits again."""
        run = self._runs[tag]
        if run.process is None:
            raise EngineError(f"{tag} does not run: nothing can vanish")
        run.kill()
        self._events.append(StateChange(tag, WAITING, run.tries, "", time.time()))

    def end(self, tag: str, outcome: str, detail: str) -> None:
        """Let a task end with an outcome of the test's choice."""
        run = self._runs.pop(tag)
        run.kill()
        self._events.append(run.ended(outcome, detail))

    def turn(self, offer: bool = True) -> list[Union[StateChange, Result]]:
        """Obey orders, see what has ended, hand out what fits."""
        while not self.orders.empty():
            self.orders.get()()
        for run in [run for run in self._runs.values() if run.process is not None and run.process.poll() is not None]:
            del self._runs[run.spec.tag]
            self._events.append(run.result())
            run.clean()
        waiting = [run for run in self._runs.values() if run.process is None]
        for run in sorted(waiting, key=lambda run: -run.spec.priority):
            if run.spec.cores <= self.cores - self._used():
                self._start(run)
        events, self._events = self._events, []
        return events

    def _start(self, run: _Run) -> None:
        try:
            run.start(self._folder)
        except OSError as error:
            del self._runs[run.spec.tag]
            run.clean()
            self._events.append(run.ended("input-missing", f"{error.filename}: {error.strerror}"))
            return
        if run.watch >= 0:
            self._poll.register(run.watch, select.EPOLLIN)
        self._events.append(StateChange(run.spec.tag, RUNNING, run.tries, "fake", time.time()))

    def _used(self) -> int:
        return sum(run.spec.cores for run in self._runs.values() if run.process is not None)

    def pool(self) -> tuple[Pool, list[StateChange]]:
        """The counts."""
        running = sum(run.process is not None for run in self._runs.values())
        counts = Pool(
            workers=1 if self.cores else 0, cores=self.cores, cores_used=self._used(), memory=_MEMORY, disk=_DISK,
            waiting=len(self._runs) - running, running=running, at=time.time(), links=1 if self.cores else 0,
        )  # fmt: skip
        return counts, []

    def fileno(self) -> int:
        """Readable when a task has ended."""
        return self._poll.fileno()

    def close(self) -> None:
        """Kill what runs, remove the sandboxes."""
        for run in self._runs.values():
            run.kill()
        self._runs.clear()
        self._poll.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class FakeEngine:
    """A fake engine in a thread of this process, on the spool's socket. Use as a context manager, or start and stop."""

    def __init__(self, spool: Spool, cores: int = 4, linger: float = 600.0) -> None:
        self._lock = Lock(spool)
        self._spool = spool
        self.queue = FakeQueue(cores)
        publish_port(spool, self.queue.port)
        self._service = Service(self.queue, listen(spool), linger)
        self._thread = threading.Thread(target=self._run, name="fake-engine", daemon=True)

    def __enter__(self) -> FakeEngine:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the loop still runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """As SIGTERM: end everything, tell the master, leave. Does nothing when it has ended already."""
        if self.alive:
            self._service.stop()
            self._thread.join()

    def die(self) -> None:
        """As kill -9: the connection ends, tasks are killed, nothing is remembered."""
        self.do(self._service.abandon)
        self._thread.join()

    def drop_connection(self) -> None:
        """Cut the master off; tasks and results stay."""
        self.do(self._service.drop_master)

    def vanish(self, tag: str) -> None:
        """The worker of a running task vanishes: it waits, and is handed out again when there is room."""
        self.do(lambda: self.queue.vanish(tag))

    def end(self, tag: str, outcome: str, detail: str = "") -> None:
        """Let a task end with this outcome now."""
        self.do(lambda: self.queue.end(tag, outcome, detail))

    def set_cores(self, cores: int) -> None:
        """Change the pool; 0: no worker. What runs goes on."""
        self.do(lambda: setattr(self.queue, "cores", cores))

    def do(self, order: Callable[[], None]) -> None:
        """Run ``order`` in the engine's thread and wait for it; its error is raised here."""
        done: queue.SimpleQueue[Optional[Exception]] = queue.SimpleQueue()

        def obey() -> None:
            try:
                order()
            except Exception as error:  # noqa: BLE001 - handed to the thread that asked
                done.put(error)
            else:
                done.put(None)

        self.queue.orders.put(obey)
        self._service.wake()
        error = done.get(timeout=10)
        if error is not None:
            raise error

    def _run(self) -> None:
        self._service.run()
        remove_files(self._spool)
        self._lock.release()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The fake as a process; arguments that only the real engine needs are taken and ignored."""
    made = parser("foremen.engine.fake")
    made.add_argument("--cores", type=int, default=4, help="cores of the one worker")
    options = made.parse_args(arguments)
    try:
        spool = open_spool(os.path.abspath(options.spool))
        lock = Lock(spool)
        serve(spool, FakeQueue(options.cores, options.port), options.linger)
        lock.release()
    except AwqError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
