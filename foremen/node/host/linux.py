"""The real door: Linux processes and TCP. See ``door.Door`` for what each method promises."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from signal import Signals
from typing import Callable

from foremen.node.host import procfs
from foremen.node.host.port import Command, Greeting, Identity, Node
from spool.store.private_files import no_core

_MB = 2**20
_PROBE_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
_GREETING_SECONDS = 10.0
_DEAD = ("Z", "X", "x")


class System:
    """The operating system of this node."""

    def __init__(self) -> None:
        self._boot = procfs.boot()
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: dict[int, int] = {}
        self._calls: dict[str, _Call] = {}
        self._names: dict[str, frozenset[str]] = {}

    def myself(self) -> Identity:
        """This very process."""
        return self._identity(os.getpid())

    def now(self) -> float:
        """Seconds since boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def epoch(self) -> float:
        """The system's clock."""
        return time.time()

    def node(self, folder: str) -> Node:
        """Cores we may use (sched_getaffinity), all memory, and what an unprivileged user can still write."""
        disk = os.statvfs(folder)
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Node(len(os.sched_getaffinity(0)), memory // _MB, disk.f_bavail * disk.f_frsize // _MB)

    def spawn(self, command: Command, record: Callable[[Identity], None]) -> Identity:
        """Start it; the record is written by the child before exec, so no crash of ours can lose a process.

        Until exec the child holds our locks too (flock belongs to the open file): who takes them next sees the record.
        """
        log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            child = subprocess.Popen(
                command.argv,
                env=dict(command.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                umask=0o077,
                start_new_session=True,
                preexec_fn=lambda: self._begin(record),  # noqa: PLW1509 we have one thread
            )
        except subprocess.SubprocessError as error:  # the record could not be written
            raise OSError(errno.EIO, str(error)) from None
        finally:
            os.close(log)
        self._children[child.pid] = child
        return self._identity(child.pid)

    def _begin(self, record: Callable[[Identity], None]) -> None:
        """In the child. A pilot that wants core files can still ask for them."""
        record(self._identity(os.getpid()))
        no_core(hard=False)

    def _identity(self, pid: int) -> Identity:
        found = procfs.stat(pid)
        return Identity(pid, found.ticks if found else -1, self._boot)

    def alive(self, who: Identity) -> bool:
        """Pid, start time and boot must all be the recorded ones."""
        found = procfs.stat(who.pid)
        if found is None or found.ticks != who.ticks or who.boot != self._boot:
            return False
        return found.state not in _DEAD

    def exit_status(self, who: Identity) -> int | None:
        """Reaps our child when it has ended."""
        child = self._children.get(who.pid)
        if child is None:
            return self._ended.pop(who.pid, None)
        status = child.poll()
        if status is not None:
            del self._children[who.pid]
        return status

    def signal(self, who: Identity, number: Signals) -> bool:
        """Through a pidfd where the kernel has them (5.3), so that the pid cannot change hands under us."""
        opener = getattr(os, "pidfd_open", None)  # Python built on an old kernel has none
        if opener is None:
            return self._signal_by_pid(who, number)
        try:
            handle = opener(who.pid)
        except OSError as error:
            if error.errno == errno.ENOSYS:
                return self._signal_by_pid(who, number)
            return False
        try:
            if not self.alive(who):
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def _signal_by_pid(self, who: Identity, number: Signals) -> bool:
        if not self.alive(who):
            return False
        try:
            os.kill(who.pid, number)
        except ProcessLookupError:
            return False
        return True

    def descendants(self, who: Identity) -> dict[int, tuple[int, ...]]:
        """Children with what is below each; {} when it is gone."""
        if not self.alive(who):
            return {}
        return {child: procfs.below(child) for child in procfs.children(who.pid)}

    def members(self, who: Identity, mark: str, session: bool) -> tuple[Identity, ...]:
        """Also those that left the session but still carry our mark: a payload that made itself a daemon.

        The launch script hides AWQ_WORKER_STATE from the pilot: below it _CONDOR_SCRATCH_DIR names the sandbox.
        """
        if who.boot != self._boot:
            return ()
        life = os.path.dirname(os.fsencode(mark))
        beginnings = (b"AWQ_WORKER_STATE=" + os.fsencode(mark), b"_CONDOR_SCRATCH_DIR=" + life + b"/")
        found: list[Identity] = []
        for pid in procfs.pids():
            if pid in (who.pid, os.getpid()):
                continue
            facts = procfs.stat(pid)
            if facts is None or facts.state in _DEAD or facts.ticks < who.ticks:
                continue
            if (session and facts.session == who.pid) or (mark and procfs.carries(pid, beginnings)):
                found.append(Identity(pid, facts.ticks, self._boot))
        return tuple(found)

    def identify(self, pids: tuple[int, ...]) -> tuple[Identity, ...]:
        """Zombies are left out."""
        found = ((pid, procfs.stat(pid)) for pid in pids)
        return tuple(Identity(pid, it.ticks, self._boot) for pid, it in found if it and it.state not in _DEAD)

    def folder_of(self, pid: int) -> str:
        """Its current folder."""
        return procfs.folder(pid)

    def names(self, host: str) -> frozenset[str]:
        """By the resolver, once for each host; one that it does not know is asked for again."""
        if host not in self._names:
            own = os.uname().nodename
            found = _addresses(host)
            if not found:
                return frozenset({host})
            here = host == own or any(address.startswith("127.") or address == "::1" for address in found)
            self._names[host] = frozenset({host, *found, *({own} if here else ())})
        return self._names[host]

    def reachable(self, addresses: frozenset[str]) -> frozenset[str]:
        """All are tried at once: dead hosts cost two seconds together, not each."""
        with selectors.DefaultSelector() as selector:
            pending = sum(_begin(selector, address) for address in addresses)
            found: set[str] = set()
            until = time.monotonic() + _PROBE_SECONDS
            while pending and time.monotonic() < until:
                for key, _events in selector.select(max(0.0, until - time.monotonic())):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)  # for the type checker
                    if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(key.data)
                    selector.unregister(connection)
                    connection.close()
                    pending -= 1
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
        return frozenset(found)

    def greeting(self, address: str) -> Greeting:
        """One socket an address, looked at again with each call."""
        call = self._calls.get(address)
        if call is None:
            connection = _connection(address)
            if connection is None:
                return Greeting.CUT
            call = self._calls[address] = _Call(connection, self.now())
        found = call.look(self.now())
        if found is not Greeting.PENDING:
            self.hang_up(address)
        return found

    def hang_up(self, address: str) -> None:
        """Closes the socket."""
        call = self._calls.pop(address, None)
        if call is not None:
            call.connection.close()

    def port_free(self, port: int) -> bool:
        """Tries to bind, with SO_REUSEADDR as Work Queue does, so that old connections do not matter."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("", port))
                tried.listen(1)
            except OSError:
                return False
        return True

    def listens(self, who: Identity, port: int) -> bool:
        """Looks among its descriptors."""
        return self.alive(who) and procfs.listens(who.pid, port)

    def peers(self, ports: dict[Identity, int]) -> dict[Identity, str]:
        """By their descriptors and /proc/net/tcp, which is read once for all."""
        links = procfs.links() if ports else {}
        found = {who: procfs.peer(who.pid, port, links) for who, port in ports.items() if self.alive(who)}
        return {who: peer for who, peer in found.items() if peer}

    def connections(self, port: int) -> int:
        """Counts in /proc/net/tcp and tcp6."""
        return procfs.connections(port)


@dataclass
class _Call:
    """A question that is pending: connecting, then waiting for the first word."""

    connection: socket.socket
    began: float
    connected: bool = False

    def look(self, now: float) -> Greeting:
        """What has come of it so far."""
        if not self.connected:
            if not _ready(self.connection, selectors.EVENT_WRITE):
                return Greeting.CUT if now - self.began >= _CONNECT_SECONDS else Greeting.PENDING
            if self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return Greeting.CUT
            self.connected = True
        if not _ready(self.connection, selectors.EVENT_READ):
            return Greeting.HUNG if now - self.began >= _GREETING_SECONDS else Greeting.PENDING
        try:
            return Greeting.ANSWERS if self.connection.recv(64) else Greeting.HUNG
        except OSError:
            return Greeting.CUT


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def _ready(connection: socket.socket, event: int) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(connection, event)
        return bool(selector.select(0))


def _begin(selector: selectors.BaseSelector, address: str) -> int:
    """Begin to connect; 1 when there is something to wait for."""
    connection = _connection(address)
    if connection is None:
        return 0
    selector.register(connection, selectors.EVENT_WRITE, address)
    return 1


def _connection(address: str) -> socket.socket | None:
    """A socket that connects, None when it cannot even begin to."""
    host, _colon, port = address.rpartition(":")
    try:
        family, kind, number, _name, where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError:
        return None
    connection = socket.socket(family, kind, number)
    connection.setblocking(False)
    if connection.connect_ex(where) not in (0, errno.EINPROGRESS):
        connection.close()
        return None
    return connection
