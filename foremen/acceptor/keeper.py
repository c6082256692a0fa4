"""Starting an acceptor beside a manager: a process of its own that is started again when it dies, and ends with the manager."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass

from foremen.acceptor.gate import Gate
from foremen.acceptor.passwords import Passwords
from foremen.acceptor.refusals import Refusals
from foremen.acceptor.service import Acceptor, Rules
from spool.store.private_files import no_core

_PAUSE = 1.0  # s before an acceptor that died is started again
_BACKLOG = 1024


@dataclass(frozen=True)
class Front:
    """What an acceptor needs beside its sockets. ``refusals``: the file that counts who was refused."""

    password_file: str
    refusals: str
    rules: Rules


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens on ``port`` (0: any) of a numeric address ("": all IPv4). OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def start(listener: socket.socket, front: Front) -> socket.socket:
    """The manager's end of the gate. OSError when the password cannot be read.

    The process that keeps the acceptor is nobody's child that the manager would have to wait for.
    """
    passwords = Passwords(front.password_file)
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        _leave_if_parent(os.fork())
        _close_all_but(listener.fileno(), near.fileno())
        os._exit(_keep(listener, near, passwords, front))
    os.waitpid(child, 0)
    near.close()
    return far


def _leave_if_parent(pid: int) -> None:
    if pid:
        os._exit(0)


def _close_all_but(*kept: int) -> None:
    """The manager's files, locks and sockets are not ours to hold."""
    begin = 3
    for number in sorted(kept):
        os.closerange(begin, number)
        begin = number + 1
    os.closerange(begin, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") > 0 else 65536)


def _keep(listener: socket.socket, end: socket.socket, passwords: Passwords, front: Front) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    no_core()
    while True:
        child = os.fork()
        if child == 0:
            os._exit(_serve(listener, end, passwords, front))
        _pid, status = os.waitpid(child, 0)
        if status == 0 or _has_ended(end):
            return 0
        Refusals("").say(f"the acceptor died (wait status {status}) and is started again")
        time.sleep(_PAUSE)


def _has_ended(end: socket.socket) -> bool:
    """Whether the manager has closed its end of the gate."""
    poll = select.poll()
    poll.register(end, select.POLLHUP)
    return bool(poll.poll(0))


def _serve(listener: socket.socket, end: socket.socket, passwords: Passwords, front: Front) -> int:
    async def run() -> None:
        await Acceptor(listener, Gate(end), passwords, Refusals(front.refusals), front.rules).run()

    try:
        asyncio.run(run())
    except BaseException as error:  # noqa: BLE001 the keeper starts it again; this is its last word
        sys.stderr.write(f"acceptor: {type(error).__name__}: {error}\n")
        return 1
    return 0
