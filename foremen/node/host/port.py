"""The operating system as foremen and workers need it: one object, passed in.

``processes.System`` is the real one, ``fake.FakeSystem`` the one for tests; both pass ``tests/unit/test_launch_door.py``.
Times are seconds since boot (CLOCK_BOOTTIME), because a supervisor that adopts processes must agree with the one
that started them.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum
from typing import Callable, Protocol


@dataclass(frozen=True)
class Identity:
    """One process for ever: its pid, its start in clock ticks since boot (proc(5), field 22 of stat), and the boot."""

    pid: int
    ticks: int
    boot: str


@dataclass(frozen=True)
class Command:
    """What to start: argument list, whole environment, and the file that takes stdout and stderr."""

    argv: tuple[str, ...]
    environ: tuple[tuple[str, str], ...]
    log: str


@dataclass(frozen=True)
class Node:
    """What a node has: cores, and MB of memory and of free disk."""

    cores: int
    memory: int
    disk: int


class Greeting(Enum):
    """What came of a question to an address. HUNG: it accepts connections and says nothing; CUT: it cannot be reached."""

    PENDING = "pending"
    ANSWERS = "answers"
    HUNG = "hung"
    CUT = "cut"


class Door(Protocol):
    """Everything that the supervisor and the commands do to processes and the network."""

    def now(self) -> float:
        """Seconds since boot; does not jump when somebody sets the clock."""

    def epoch(self) -> float:
        """Seconds since 1970: for what people and pilots read, never for intervals."""

    def node(self, folder: str) -> Node:
        """What this node has, with the disk on which ``folder`` lies."""

    def spawn(self, command: Command, record: Callable[[Identity], None]) -> Identity:
        """Start in a session of its own, umask 077; ``record`` runs before the program does. OSError if it cannot."""

    def alive(self, who: Identity) -> bool:
        """Whether exactly this process lives (a zombie does not)."""

    def exit_status(self, who: Identity) -> int | None:
        """How our own child ended (negative: signal), None when it lives or is not our child."""

    def signal(self, who: Identity, number: signal.Signals) -> bool:
        """Send a signal to exactly this process; False when it is gone."""

    def descendants(self, who: Identity) -> dict[int, tuple[int, ...]]:
        """Its children, each with everything below it."""

    def members(self, who: Identity, mark: str, session: bool) -> tuple[Identity, ...]:
        """Processes that carry ``mark`` in AWQ_WORKER_STATE and, with ``session``, those of its session; not itself.

        Ask for the session only of a process that lives, or that was seen alive a moment ago: the number of a session
        that died long ago may have been given to somebody else.
        """

    def identify(self, pids: tuple[int, ...]) -> tuple[Identity, ...]:
        """Those that live."""

    def folder_of(self, pid: int) -> str:
        """The current folder of a process, "" when it is gone."""

    def names(self, host: str) -> frozenset[str]:
        """All that a host is called: the name given, its numeric addresses; for this node its own name too."""

    def reachable(self, addresses: frozenset[str]) -> frozenset[str]:
        """Those of ``host:port`` that accept a TCP connection within two seconds, tried at the same time."""

    def greeting(self, address: str) -> Greeting:
        """Whether who listens at ``host:port`` says something to a caller, within ten seconds.

        Does not wait: the first call begins, and while it returns PENDING the next one goes on.
        """

    def hang_up(self, address: str) -> None:
        """Give up a question that is pending, if there is one."""

    def port_free(self, port: int) -> bool:
        """Whether we could listen on this TCP port."""

    def listens(self, who: Identity, port: int) -> bool:
        """Whether this very process listens on the TCP port."""

    def peers(self, ports: dict[Identity, int]) -> dict[Identity, str]:
        """``host:port`` that each process is connected to, if it is; what came in at the port given for it (0: none) does not count."""

    def connections(self, port: int) -> int:
        """Established TCP connections whose local end is this port."""
