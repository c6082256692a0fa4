"""The acceptor's end of the gate (``foremen/native/gate.c``): descriptors go in, answers to pings come out."""

from __future__ import annotations

import array
import asyncio
import contextlib
import socket
import time
from collections.abc import Sequence

PING_EVERY = 1.0  # s
HUNG = 2.5  # s without an answer: the manager hangs, or serves nobody (a foreman without its master)
_HANDED, _PING = b"c", b"p"


def settle(future: asyncio.Future[None]) -> None:
    """End the wait for a future; once is enough."""
    if not future.done():
        future.set_result(None)


class Gate:
    """One pair of sockets. ``answers`` is set as long as the manager takes what is sent; ``over`` when it has ended."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._asked: float | None = None
        self._sending = asyncio.Lock()
        self.answers = asyncio.Event()
        self.over = asyncio.Event()

    async def watch(self) -> None:
        """Ping until the manager ends."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._end, self._hear)
        while not self.over.is_set():
            if self._asked is None:
                self._ping()
            elif time.monotonic() - self._asked > HUNG:
                self.answers.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.over.wait(), PING_EVERY)
        loop.remove_reader(self._end)

    async def hand_over(self, connections: Sequence[socket.socket]) -> None:
        """Give connections to the manager, who takes them when it listens next. OSError when it has ended."""
        numbers = array.array("i", [connection.fileno() for connection in connections])
        async with self._sending:
            while True:
                try:
                    self._end.sendmsg([_HANDED], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
                    return
                except BlockingIOError:
                    await self._room()

    async def _room(self) -> None:
        loop = asyncio.get_running_loop()
        room: asyncio.Future[None] = loop.create_future()
        loop.add_writer(self._end, settle, room)
        try:
            await room
        finally:
            loop.remove_writer(self._end)

    def _ping(self) -> None:
        try:
            self._end.send(_PING)
        except BlockingIOError:
            pass  # full: the ping before is not answered either
        except OSError:
            self.over.set()
        self._asked = time.monotonic()

    def _hear(self) -> None:
        try:
            heard = self._end.recv(1)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self.over.set()
            return
        self._asked = None
        self.answers.set()
