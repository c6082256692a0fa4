"""Engines for tests: the fake one and the real one with real workers, behind the same few calls."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from pathlib import Path

from foremen.engine.client import EngineClient, connect, start_engine
from foremen.engine.errors import EngineGone
from foremen.engine.fake import FakeEngine
from foremen.engine.protocol import Bye, Pool, Result, StateChange, TaskSpec
from spool.settings import Settings, load
from spool.store.layout import Spool, create_spool

DEADLINE = 60.0  # s; a condition that takes longer will never come


def until(condition, what, deadline=DEADLINE):
    """Wait until ``condition()`` is true; the test fails with ``what`` when it never is."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        select.select([], [], [], 0.01)


def hear(client: EngineClient, condition, what, deadline=DEADLINE):
    """Everything that the engine says until ``condition(everything)`` is true."""
    end = time.monotonic() + deadline
    heard = []
    while not condition(heard):
        assert time.monotonic() < end, f"never: {what}; heard {heard[-5:]}"
        client.flush()
        select.select([client], [client] if client.pending else [], [], 0.2)
        heard += client.receive()
    return heard


def result(client: EngineClient, tag: str) -> Result:
    """The result of a task."""
    heard = hear(client, lambda all_: any(isinstance(e, Result) and e.tag == tag for e in all_), f"a result of {tag}")
    return next(e for e in heard if isinstance(e, Result) and e.tag == tag)


def results(client: EngineClient, count: int) -> list[Result]:
    """The next results, of whatever task."""

    def found(heard: list) -> list[Result]:
        return [event for event in heard if isinstance(event, Result)]

    return found(hear(client, lambda all_: len(found(all_)) >= count, f"{count} results"))


def state(client: EngineClient, tag: str, wanted: str, tries: int = 1) -> StateChange:
    """The moment at which a task comes into a state."""

    def fits(event) -> bool:
        return isinstance(event, StateChange) and (event.tag, event.state) == (tag, wanted) and event.tries >= tries

    heard = hear(client, lambda all_: any(fits(e) for e in all_), f"{tag} {wanted}")
    return next(e for e in heard if fits(e))


def run(client: EngineClient, spec: TaskSpec) -> Result:
    """Submit a task and wait for its result, which is acknowledged."""
    client.submit(spec)
    ended = result(client, spec.tag)
    client.acknowledge([spec.tag])
    client.flush()
    return ended


def gone(client: EngineClient) -> list:
    """Everything that the engine still says until it ends the connection."""
    heard = []
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        select.select([client], [], [], 0.2)
        try:
            heard += client.receive()
        except EngineGone:
            return heard
    raise AssertionError("the engine did not end the connection")


class FakeRig:
    """The fake engine in a thread."""

    real = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = create_spool(str(folder / "spool"))
        self.engine = FakeEngine(self.spool, cores=4).__enter__()
        self._clients: list[EngineClient] = []

    def client(self) -> EngineClient:
        """A new connection."""
        self._clients.append(connect(self.spool))
        return self._clients[-1]

    def lose_worker(self, tag: str) -> None:
        """What runs ``tag`` vanishes."""
        self.engine.vanish(tag)

    def close(self) -> None:
        """End everything."""
        for client in self._clients:
            client.close()
        self.engine.stop()


class RealRig:
    """The engine's process, a worker with 4 cores, directly or through a foreman."""

    real = True

    def __init__(self, folder: Path, foreman: bool = False) -> None:
        self.folder, self.foreman = folder, foreman
        self.spool: Spool = create_spool(str(folder / "spool"))
        self.settings = settings_of(self.spool)
        self.pid = start_engine(self.spool, self.settings)
        self._clients: list[EngineClient] = []
        self._hands: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self._upstream = Path(self.spool.engine_port).read_text().strip()
        if foreman:
            self._hand(
                "--foreman", "--foreman-port", "-1", "-Z", str(folder / "foreman.port"), "127.0.0.1", self._upstream
            )
            self._upstream = until(lambda: _read(folder / "foreman.port"), "the foreman's port")
        self.start_worker()
        watcher = connect(self.spool)
        hear(watcher, lambda all_: any(isinstance(e, Pool) and e.cores >= 4 for e in all_), "a worker")
        watcher.close()

    def start_worker(self) -> None:
        """One more worker with 4 cores."""
        self._hand(
            "--cores", "4", "--memory", "4000", "--disk", "2000", "-i", "1", "-b", "2", "127.0.0.1", self._upstream
        )

    def _hand(self, *arguments: str) -> None:
        self._started += 1
        place = self.folder / f"hand{self._started}"
        place.mkdir()
        command = ["work_queue_worker", "-s", str(place), "-P", self.settings.password_file, *arguments]
        try:
            with open(place / "log", "wb") as log:
                self._hands.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        except FileNotFoundError:
            raise AssertionError("no work_queue_worker on PATH: apt-get install coop-computing-tools") from None

    def client(self) -> EngineClient:
        """A new connection."""
        self._clients.append(connect(self.spool))
        return self._clients[-1]

    def lose_worker(self, tag: str) -> None:
        """The last worker vanishes with what it runs; another comes."""
        kill_tree(self._hands.pop())
        self.start_worker()

    def hang_worker(self) -> None:
        """The last worker stops where it is."""
        os.kill(self._hands[-1].pid, signal.SIGSTOP)

    def close(self) -> None:
        """End everything."""
        for client in self._clients:
            client.close()
        if alive(self.pid):
            os.kill(self.pid, signal.SIGTERM)
            until(lambda: not alive(self.pid), "the engine's end")
        for hand in self._hands:
            kill_tree(hand)


def settings_of(spool: Spool, **options) -> Settings:
    """Settings for an engine of ``spool`` on any port."""
    values = {"workdir": spool.root, "port": 0, "bind": "127.0.0.1", **options}
    return load({"HOME": spool.root}, {"password_file": f"{spool.root}/password", **values})


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    return _process_state(pid) != "Z"


def _process_state(pid: int) -> str:
    """The letter of proc(5); Z for one that is gone too."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
    return text.rpartition(")")[2].split()[0]


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """A process and all that it started: a task keeps its worker's connection open.

    Each is stopped before its children are looked up: one that forks after the look would leave a child behind.
    """
    victims = [process.pid]
    for victim in victims:
        _signal(victim, signal.SIGSTOP)
        until(lambda pid=victim: _process_state(pid) in "TZ", f"process {victim} stopped")
        for task in Path(f"/proc/{victim}/task").glob("*/children"):
            victims += [int(child) for child in task.read_text().split()]
    for victim in victims:
        _signal(victim, signal.SIGKILL)
    process.wait()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def stop(client: EngineClient) -> list:
    """Ask the engine to stop; what it says until its goodbye."""
    client.stop()
    return hear(client, lambda all_: any(isinstance(e, Bye) for e in all_), "goodbye")
