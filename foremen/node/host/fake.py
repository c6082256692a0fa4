"""A door without an operating system, for tests: processes are entries, time is a number that the test moves."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Callable

from foremen.node.host.port import Command, Greeting, Identity, Node


@dataclass
class FakeProcess:
    """One process; a test sets what it is to look like. ``heeds_term``: it ends by SIGTERM."""

    who: Identity
    command: Command
    heeds_term: bool = True
    status: int | None = None
    children: dict[int, tuple[int, ...]] = field(default_factory=dict)
    strays: list[FakeProcess] = field(default_factory=list)
    listens: int = 0


class FakeSystem:
    """See ``door.Door``. ``answering``: the addresses that accept connections; ``taken``: ports in use."""

    def __init__(self, node: Node | None = None) -> None:
        self.time = 1000.0
        self.processes: dict[int, FakeProcess] = {}
        self.signals: list[tuple[int, signal.Signals]] = []
        self.answering: set[str] = set()
        self.silent: dict[str, Greeting] = {}
        self.taken: set[int] = set()
        self.links: dict[int, int] = {}
        self.folders: dict[int, str] = {}
        self.asked: list[frozenset[str]] = []
        self.fails: str = ""
        self._node = node or Node(4, 8000, 100000)
        self._next = 100

    def now(self) -> float:
        """The test's time."""
        return self.time

    def epoch(self) -> float:
        """The test's time, a billion seconds later."""
        return 1e9 + self.time

    def node(self, folder: str) -> Node:
        """The node given at the start."""
        return self._node

    def spawn(self, command: Command, record: Callable[[Identity], None]) -> Identity:
        """A new entry; ``fails`` makes it an OSError. Like the real one it listens at once where it is told to."""
        if self.fails:
            raise OSError(self.fails)
        process = self._new(command)
        record(process.who)
        if "--foreman-port" in command.argv:
            process.listens = int(command.argv[command.argv.index("--foreman-port") + 1])
            self.taken.add(process.listens)
        return process.who

    def stray(self, parent: Identity, mark: str) -> Identity:
        """A process that ``parent`` left in its session, or that carries ``mark``."""
        process = self._new(Command((), (("AWQ_WORKER_STATE", mark),), ""))
        self.processes[parent.pid].strays.append(process)
        return process.who

    def end(self, who: Identity, status: int = 0) -> None:
        """Let a process end."""
        process = self.processes[who.pid]
        process.status = status
        self.taken.discard(process.listens)

    def alive(self, who: Identity) -> bool:
        """Pid and start must be the same."""
        process = self.processes.get(who.pid)
        return process is not None and process.who == who and process.status is None

    def exit_status(self, who: Identity) -> int | None:
        """As ``end`` was told."""
        process = self.processes.get(who.pid)
        return process.status if process else None

    def signal(self, who: Identity, number: signal.Signals) -> bool:
        """Remembered, also for a child that a test has set; SIGKILL ends an entry, SIGTERM if it heeds that."""
        if who.pid not in self.processes:
            self.signals.append((who.pid, number))
            return True
        if not self.alive(who):
            return False
        self.signals.append((who.pid, number))
        if number is signal.SIGKILL or (number is signal.SIGTERM and self.processes[who.pid].heeds_term):
            self.end(who, -number)
        return True

    def descendants(self, who: Identity) -> dict[int, tuple[int, ...]]:
        """What the test has set."""
        return dict(self.processes[who.pid].children) if self.alive(who) else {}

    def members(self, who: Identity, mark: str, session: bool) -> tuple[Identity, ...]:
        """Strays that live: all of them with ``session``, else only those with the mark."""
        process = self.processes.get(who.pid)
        strays = process.strays if process and process.who == who else []
        wanted = (("AWQ_WORKER_STATE", mark),)
        return tuple(s.who for s in strays if self.alive(s.who) and (session or s.command.environ == wanted))

    def identify(self, pids: tuple[int, ...]) -> tuple[Identity, ...]:
        """Entries, and what a test has set as children."""
        known = [self.processes[pid].who if pid in self.processes else Identity(pid, 0, "fake") for pid in pids]
        return tuple(who for who in known if who.pid not in self.processes or self.alive(who))

    def folder_of(self, pid: int) -> str:
        """What the test has set."""
        return self.folders.get(pid, "")

    def names(self, host: str) -> frozenset[str]:
        """Loopback is the node that is called ``node``."""
        return frozenset({host, "node"} if host == "127.0.0.1" else {host})

    def reachable(self, addresses: frozenset[str]) -> frozenset[str]:
        """Those in ``answering``."""
        self.asked.append(addresses)
        return addresses & self.answering

    def greeting(self, address: str) -> Greeting:
        """At once; what the test has put into ``silent`` does not answer."""
        return self.silent.get(address, Greeting.ANSWERS)

    def hang_up(self, address: str) -> None:
        """Nothing is ever pending."""

    def port_free(self, port: int) -> bool:
        """Those not in ``taken``."""
        return port not in self.taken

    def listens(self, who: Identity, port: int) -> bool:
        """Whether the entry was told to listen there."""
        return self.alive(who) and self.processes[who.pid].listens == port

    def peers(self, ports: dict[Identity, int]) -> dict[Identity, str]:
        """None is connected."""
        return {}

    def connections(self, port: int) -> int:
        """What the test has set."""
        return self.links.get(port, 0)

    def _new(self, command: Command) -> FakeProcess:
        self._next += 1
        process = FakeProcess(Identity(self._next, int(self.time * 100), "fake"), command)
        self.processes[self._next] = process
        return process
