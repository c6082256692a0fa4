"""The fork server: runs commands in children of a process that has all of their modules loaded already.

``python -m shims.forkserver.server SPOOL PREFIX`` is started and kept by the master. Its clients are the launchers in PREFIX/bin
(``launcher.c``). A child becomes the client as far as a command can tell: arguments, environment, standard streams, working folder,
umask, limits, niceness. What it cannot become (another user, other namespaces, a locale with other letters, another installation)
it leaves alone: it hangs up, and the launcher runs the command itself.

The server ends when its stdin does, because its master has gone, and when the installation is no longer the one that it has loaded.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import io
import locale
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
import traceback
from typing import NamedTuple, NoReturn, Optional

from shims.cli import entry_point
from shims.forkserver import children, client_identity, modules
from spool.errors import AwqError
from spool.store.layout import open_spool
from spool.store.private_files import no_core
from spool.store.sockets import listen

COMMANDS = (
    "condor_submit", "condor_q", "condor_rm", "condor_hold", "condor_release", "condor_history", "condor_status",
    "condor_version", "condor_config_val", "condor_ping", "condor_prio", "condor_qedit", "condor_vacate", "condor_vacate_job",
    "condor_suspend", "condor_continue", "condor_transfer_data", "condor_drain", "condor_advertise",
)  # fmt: skip
"""The commands that it runs: those that neither wait for jobs nor run other commands."""

_HEADER = struct.Struct("=8s4I")  # launcher.c: struct header
_MAGIC = b"awqfork2"
_NUMBER = struct.Struct("=i")
_PATIENCE = 10.0  # s, for a client that does not go on
_MOST = 1 << 23  # bytes; execve(2) takes less
_BACKLOG = 1024
_CHILDREN = "100"  # at a time, unless the master says otherwise (AWQ_COMMANDS)
_GARBAGE = 50_000  # objects
_STREAMS = 3
_SIGNALS = (
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGCHLD,
)  # fmt: skip


class Unlike(Exception):
    """The client is something that no child can become: it runs the command itself. ``args[0]``, if there is one, says why."""


class Request(NamedTuple):
    """A command line, and what the client's process is beside it."""

    prefix: str
    name: str
    words: list[str]
    environment: dict[bytes, bytes]
    mask: int


def main(argv: list[str]) -> int:
    """Serve a spool's commands until stdin ends: SPOOL PREFIX, and how many children there may be at a time."""
    root, prefix, most = (*argv, _CHILDREN)[:3]
    no_core(hard=False)
    client_identity.leave_session()
    version = _version(prefix)
    if version is None:
        return 0
    _load()
    try:
        folder = open_spool(root)
        path = folder.commands_socket
        listener = listen(*os.path.split(path), _BACKLOG)
    except (AwqError, OSError) as error:
        print(f"fork server: {error}", file=sys.stderr)
        return 1
    ours = os.lstat(path)
    try:
        Server(listener, prefix, version, children.Watch(int(most), folder.commands_state)).run()
    finally:
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(ours, os.lstat(path)):  # not that of the next one
                os.unlink(path)
    return 0


class Server:
    """A child for everyone who comes, until there is a reason to end."""

    def __init__(self, listener: socket.socket, prefix: str, version: tuple[int, int], watch: children.Watch) -> None:
        self._listener, self._prefix, self._version, self._watch = listener, prefix, version, watch
        self._ours = None if client_identity.has_secure_bits() else client_identity.own()

    def run(self) -> None:
        """Until stdin ends, or the installation has changed."""
        while True:
            ready, _, _ = select.select([sys.stdin, self._listener, self._watch], [], [], self._watch.patience)
            self._watch.look()
            if sys.stdin in ready or (self._listener in ready and _version(self._prefix) != self._version):
                self._watch.close()
                return
            if self._listener in ready:
                self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except ConnectionError:
            return
        with connection:
            if self._watch.full():
                return  # hung up at once: the launcher runs the command
            try:
                peer = client_identity.hold(connection)
            except OSError:
                return
            child = _forked()
            if child == 0:
                self._listener.close()
                _serve(connection, peer, self._prefix, self._ours, self._watch)
            if child > 0:
                self._watch.add(child, peer)
            else:
                peer.close()


def _forked() -> int:
    """As ``os.fork``; -1, told, when there can be no more processes: the launcher runs the command, or says why it cannot."""
    try:
        return os.fork()
    except OSError as error:
        print(f"fork server: {error}", file=sys.stderr)
        return -1


def _load() -> None:
    """Everything that a command may load, and nothing of it in the way of a child's garbage collector, which most are over before."""
    for name in (*modules.MODULES, *modules.LIBRARIES):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def _version(prefix: str) -> Optional[tuple[int, int]]:
    """What tells one state of an installation from another; None while it is being changed."""
    try:
        info = os.stat(f"{prefix}/lib/installed")
    except FileNotFoundError:
        return None
    return info.st_ino, info.st_mtime_ns


# --- a child -------------------------------------------------------------------------------------------------------------------


def _serve(
    connection: socket.socket,
    peer: client_identity.Peer,
    prefix: str,
    ours: Optional[client_identity.Being],
    watch: children.Watch,
) -> NoReturn:
    """Become the client of a connection, run its command, tell how it ended."""
    name = _agreed(connection, peer, prefix, ours, watch)
    if not name:
        os._exit(0)
    try:
        status = entry_point.finished(sys.modules[f"shims.commands.condor.{name}"].main)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would end
        traceback.print_exc()
        status = 1
    with contextlib.suppress(OSError):  # nobody waits for it
        connection.send(_NUMBER.pack(status & 0xFF))
    os._exit(0)


def _agreed(
    connection: socket.socket,
    peer: client_identity.Peer,
    prefix: str,
    ours: Optional[client_identity.Being],
    watch: children.Watch,
) -> str:
    """The command's name, when client and child agree that it is the child that runs it; "" when not: nothing has been done."""
    try:
        connection.settimeout(_PATIENCE)
        # The launcher passes signals on to all that the command starts. A session, not only a group: Linux shares the CPU among sessions
        # (autogroup), and all commands would have the share of one.
        os.setsid()
        connection.sendall(_NUMBER.pack(os.getpid()))
        request, descriptors = _received(connection)
        limits = _check(request, peer, prefix, ours)
        _become(
            request,
            descriptors,
            (client_identity.niceness(peer.pid), client_identity.ignored_signals(peer.pid)),
            limits,
        )
        peer.check()  # all that was read was the client's
        connection.sendall(b"r")
        if connection.recv(1) != b"g":
            raise Unlike("silence")
        _end_with(connection)
        connection.sendall(b"b")  # begun: who does not read this runs the command itself
        watch.tell(children.SERVED)
        watch.leave(peer)
    except Unlike as error:
        watch.tell(str(error))
        return ""
    except (ConnectionError, TimeoutError, KeyboardInterrupt):
        watch.tell("silence")
        return ""
    except BaseException:  # noqa: BLE001 - told; the launcher runs the command
        traceback.print_exc()
        return ""
    return request.name


def _received(connection: socket.socket) -> tuple[Request, list[int]]:
    """The request and the descriptors that came with it: the streams, then the working folder."""
    data, descriptors, flags, _ = socket.recv_fds(connection, _HEADER.size, _STREAMS + 1)
    data += _exactly(connection, _HEADER.size - len(data))
    magic, size, arguments, variables, mask = _HEADER.unpack(data)
    if magic != _MAGIC or size > _MOST or flags & socket.MSG_CTRUNC or len(descriptors) != _STREAMS + 1:
        raise Unlike
    prefix, name, *rest = _exactly(connection, size).split(b"\0")
    if len(rest) != arguments + variables + 1:
        raise Unlike
    environment = [entry.partition(b"=") for entry in rest[arguments:-1]]
    request = Request(
        os.fsdecode(prefix), os.fsdecode(name), [os.fsdecode(word) for word in rest[:arguments]],
        {key: value for key, equals, value in environment if key and equals}, mask,
    )  # fmt: skip
    return request, list(descriptors)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise Unlike
        data += piece
    return bytes(data)


def _check(
    request: Request, peer: client_identity.Peer, prefix: str, ours: Optional[client_identity.Being]
) -> list[tuple[int, int]]:
    """The client's limits. Unlike, for one that is more or less than what this process can be."""
    if request.name not in COMMANDS or request.prefix != prefix:
        raise Unlike("another installation")
    if ours is None:
        raise Unlike("securebits")
    try:
        if client_identity.niceness(peer.pid) < os.getpriority(os.PRIO_PROCESS, 0):
            raise Unlike("niceness")
        different = client_identity.difference(client_identity.being(peer.pid, peer.folder), ours)
        limits = client_identity.limits(peer.pid)
    except OSError:
        raise Unlike("a client that cannot be seen") from None
    if different:
        raise Unlike(different)
    return limits


def _become(
    request: Request, descriptors: list[int], manners: tuple[int, frozenset[int]], limits: list[tuple[int, int]]
) -> None:
    """Take over all that the client is; ``manners``: its niceness, and the signals that it ignores.

    OSError, Unlike: this process is of no use any more.
    """
    nice, ignored = manners
    for name in _SIGNALS:  # whatever they are to our master
        usual = signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL
        signal.signal(name, signal.SIG_IGN if name in ignored else usual)
    os.environb.clear()
    os.environb.update(request.environment)
    time.tzset()
    errors = _errors()
    sys.argv = [f"{request.prefix}/bin/{request.name}", *request.words]
    *streams, folder = descriptors
    os.fchdir(folder)
    os.umask(request.mask)
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    for number, (soft, hard) in enumerate(limits):
        _limit(number, soft, hard)
    for stream, descriptor in enumerate(streams):
        os.dup2(descriptor, stream)
    for descriptor in descriptors:
        os.close(descriptor)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "rb", closefd=False)), "utf-8", errors)
    sys.stdout, sys.stderr = _writer(1, errors), _writer(2, "backslashreplace")
    with contextlib.suppress(OSError), open("/proc/self/comm", "wb", 0) as comm:
        comm.write(os.fsencode(request.name))  # what ps and top show


def _limit(number: int, soft: int, hard: int) -> None:
    """A limit of the client's. A hard limit above ours stays ours; Unlike, when what counts, the soft one, cannot be."""
    ours = resource.getrlimit(number)
    if _lower(soft, ours[1]) != soft:
        raise Unlike("limits")
    wanted = (soft, _lower(hard, ours[1]))
    if wanted != ours:
        resource.setrlimit(number, wanted)


def _lower(one: int, other: int) -> int:
    if resource.RLIM_INFINITY in (one, other):
        return other if one == resource.RLIM_INFINITY else one
    return min(one, other)


def _errors() -> str:
    """How Python's standard streams treat bytes that are no text in the client's locale (PEP 538). Unlike: it has other letters."""
    try:
        chosen = locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        chosen = "C"
    if chosen in ("C", "POSIX", "C.UTF-8", "C.utf8"):
        return "surrogateescape"
    if locale.nl_langinfo(locale.CODESET) != "UTF-8":
        raise Unlike
    return "strict"


def _writer(stream: int, errors: str) -> io.TextIOWrapper:
    """``sys.stdout`` or ``sys.stderr`` as the interpreter makes it."""
    buffered = io.BufferedWriter(io.FileIO(stream, "wb", closefd=False))
    return io.TextIOWrapper(buffered, "utf-8", errors, line_buffering=errors == "backslashreplace")


def _end_with(connection: socket.socket) -> None:
    """From now on the client's end is ours: who kills the launcher means the command."""
    connection.settimeout(None)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)
    with contextlib.suppress(BlockingIOError):
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        os._exit(0)  # it has gone already


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
