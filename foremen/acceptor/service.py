"""The acceptor's loop: greets, checks, hands over. What strangers send or leave out costs only this process.

A connection is handed over when its peer has proven that it knows the password and has said what it wants: the manager
never waits for it. No connection is greeted while the manager does not answer, so that a caller sees whether it works.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from dataclasses import dataclass

from foremen.acceptor.gate import Gate, settle
from foremen.acceptor.handshake import LONGEST, Client, RefusedError, Server
from foremen.acceptor.passwords import Passwords
from foremen.acceptor.refusals import Refusals
from foremen.acceptor.waiting import Waiting

_AT_ONCE = 64  # connections that are accepted without a look at the others
_SPARE = 100  # descriptors for everything but waiting connections
_INNER_SECONDS = 60.0  # for a foreman's own handshake: others may come before
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


@dataclass(frozen=True)
class Rules:
    """``seconds`` for a whole handshake, ``most`` connections that may be in one.

    ``insists``: the manager wants the password handshake from the connections that it is handed (a foreman does).
    """

    seconds: float = 10.0
    most: int = 1024
    insists: bool = False


class Acceptor:
    """Serves one listening socket until the manager behind the gate ends. To be made in a running loop."""

    def __init__(
        self, listener: socket.socket, gate: Gate, passwords: Passwords, refusals: Refusals, rules: Rules
    ) -> None:
        self._listener, self._gate = listener, gate
        self._passwords, self._refusals, self._rules = passwords, refusals, rules
        self._waiting = Waiting(_affordable(rules.most))
        self._challenges: set[bytes] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the manager ends."""
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        loop.add_reader(self._listener, self._accept)
        tidy = loop.create_task(self._refusals.keep())
        try:
            await self._gate.watch()
        finally:
            loop.remove_reader(self._listener)
            tidy.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, where = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptors, no memory: those that wait end soon
                self._refusals.note("", f"cannot accept: {error.strerror}")
                self._pause()
                return
            self._begin(connection, str(where[0]))

    def _pause(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        loop.call_later(0.1, loop.add_reader, self._listener, self._accept)

    def _begin(self, connection: socket.socket, address: str) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(connection, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        leaves = self._waiting.add(address, task)
        if isinstance(leaves, asyncio.Task):
            leaves.cancel()
            self._refusals.note(address, "too many connections at once")

    async def _serve(self, connection: socket.socket, address: str) -> None:
        task = asyncio.current_task()
        with connection:
            connection.setblocking(False)
            try:
                await asyncio.wait_for(self._prove(connection), self._rules.seconds)
            except asyncio.TimeoutError:
                self._refusals.note(address, "said too little for too long")
                return
            except RefusedError as error:
                self._refusals.note(address, str(error))
                return
            except OSError:  # it has left
                return
            finally:
                self._waiting.drop(address, task)
            try:
                await self._hand_over(connection)
            except (OSError, RefusedError, asyncio.TimeoutError) as error:
                self._refusals.say(f"cannot hand over a connection of {address}: {error or 'no answer'}")

    async def _prove(self, connection: socket.socket) -> None:
        await self._gate.answers.wait()
        session = Server(self._passwords.all(), self._challenges)
        self._challenges.add(session.challenge)
        try:
            await _converse(connection, session)
        finally:
            self._challenges.discard(session.challenge)
        await _readable(connection)

    async def _hand_over(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        if not self._rules.insists:
            await self._gate.hand_over([connection])
            return
        near, far = socket.socketpair()
        near.setblocking(False)
        with near:
            with far:
                await self._gate.hand_over([far, connection])
            await asyncio.wait_for(_converse(near, Client(self._passwords.first)), _INNER_SECONDS)


def _affordable(most: int) -> int:
    """So many connections as the limit on descriptors allows, which is raised as far as it goes."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _SPARE
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return max(1, limit - _SPARE)


async def _converse(connection: socket.socket, session: Server | Client) -> None:
    """A whole handshake. Exactly its bytes are taken from the connection: what follows is the manager's."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, session.greeting)
    while not session.proven:
        reply = session.take(await _line(connection))
        if reply:
            await loop.sock_sendall(connection, reply)


async def _line(connection: socket.socket) -> bytes:
    """The next line, without its end. ConnectionError when the peer has left."""
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LONGEST:
            raise RefusedError("sent a line that is too long")
        await _readable(connection)
        ahead = connection.recv(LONGEST, socket.MSG_PEEK)
        if not ahead:
            raise ConnectionError("left")
        line += connection.recv(ahead.find(b"\n") + 1 or len(ahead))
    return line[:-1]


async def _readable(connection: socket.socket) -> None:
    """Until there is something to read, or the peer has left."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(connection, settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
