"""The engine's loop: a master on a UNIX socket on one side, what runs the tasks (a backend) on the other.

Every byte to and from the master goes through buffers that never block. A master that does not read costs no memory
beyond ``_FULL``: then only the last state of each task is kept (``Ledger``) and its results, which are kept anyway, and
all of that is said when it reads again.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from typing import Callable, Optional, Protocol, Union

from foremen.engine.errors import ProtocolError, TaskRefused
from foremen.engine.protocol import (
    MAX_LINE,
    VERSION,
    Ack,
    Bye,
    Cancel,
    Complaint,
    Event,
    Hello,
    HelloMaster,
    Pool,
    Result,
    StateChange,
    Stop,
    TaskSpec,
    decode_request,
    encode,
)  # fmt: skip
from foremen.engine.task_table import Ledger
from spool.store import sockets

_FULL = 4 * 2**20  # bytes that may wait for a master to read them
_READ = 256 * 1024
_LONGEST = 0.1  # s between turns when nothing happens
_SHORTEST = 0.0005
_IDLE_SHARE = 9  # a turn that finds nothing to do may take a tenth of a core
_LONGEST_REST = 0.25  # s
_MOST_STRANGERS = 8  # connections that have not said hello
_LAST_WORDS = 5.0  # s for a master to read the last results


class Backend(Protocol):
    """What runs the tasks: ``WorkQueue``, or the fake."""

    port: int
    version: str
    idle: bool
    idle_cost: float
    listening_cost: float

    def submit(self, spec: TaskSpec) -> None:
        """Take a task; TaskRefused."""

    def cancel(self, tag: str) -> Result:
        """End a task that was taken."""

    def turn(self, offer: bool = True) -> list[Union[StateChange, Result]]:
        """Do what is pending, at once; without ``offer`` no task need be handed out."""

    def pool(self) -> tuple[Pool, list[StateChange]]:
        """The counts, once a second."""

    def fileno(self) -> int:
        """Readable when there is something to do; below 0: none."""

    def close(self) -> None:
        """End everything."""


class Peer:
    """One connection: lines in, lines out, never blocking."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.since = time.monotonic()
        self.out = bytearray()
        self.late = False  # events were left out because the master does not read
        self._in = bytearray()

    def read(self) -> Optional[list[bytes]]:
        """The lines that have arrived; None when the peer has gone or does not keep to lines."""
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._in += data
        *lines, rest = self._in.split(b"\n")
        self._in = bytearray(rest)
        return None if len(self._in) > MAX_LINE else [bytes(line) for line in lines]

    def write(self) -> bool:
        """Send what the socket takes; False when the peer has gone."""
        try:
            while self.out:
                del self.out[: self.socket.send(self.out[:_READ])]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


class Service:
    """The loop. ``listener`` is bound and listening; ``linger`` are seconds to stay without anything to do.

    ``housekeeping`` is called once a second.
    """

    def __init__(
        self, backend: Backend, listener: socket.socket, linger: float, housekeeping: Callable[[], None] = lambda: None
    ) -> None:
        self.backend = backend
        self.ledger = Ledger()
        self._listener = listener
        self._linger = linger
        self._housekeeping = housekeeping
        self._started = time.time()
        self._peers: dict[int, Peer] = {}
        self._master: Optional[Peer] = None
        self._stopping = self._over = False
        self._sleep = _SHORTEST
        self._offered = 0.0  # when tasks were offered last and nobody took one
        self._needed = time.monotonic()  # when there was something to do last
        self._next_second = 0.0
        self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        listener.setblocking(False)
        self._control = select.epoll()  # what must be answered at once
        self._control.register(listener, select.EPOLLIN)
        self._control.register(self._wakeup[0], select.EPOLLIN)
        self._all = select.epoll()
        self._all.register(self._control, select.EPOLLIN)
        if backend.fileno() >= 0:
            self._all.register(backend.fileno(), select.EPOLLIN)

    def catch_signals(self) -> None:
        """SIGTERM: orderly stop. The terminal's signals are for the master. For the main thread only."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.stop())

    def stop(self) -> None:
        """Let the loop end; from a signal handler or another thread."""
        self._stopping = True
        self.wake()

    def wake(self) -> None:
        """Let the loop look around now; from a signal handler or another thread. Nothing when it has ended."""
        if self._over:
            return
        try:
            os.write(self._wakeup[1], b"!")
        except BlockingIOError:
            return  # it is awake
        except OSError:
            if not self._over:  # it ended in another thread since we looked
                raise

    def drop_master(self) -> None:
        """End the connection of the master, as if it had."""
        if self._master is not None:
            self._drop(self._master)

    def abandon(self) -> None:
        """Leave without telling anybody."""
        self.ledger = Ledger()
        self.drop_master()
        self._stopping = True

    def run(self) -> None:
        """Until a master says stop, a signal comes, or nobody has needed the engine for ``linger`` seconds."""
        try:
            while not self._stopping:
                offer = self._wait()
                events = self.backend.turn(offer)
                self._tell(events)
                now = time.monotonic()
                if now >= self._next_second:
                    self._next_second = now + 1.0
                    self._each_second(now)
                self._flush()
                if events:
                    self._sleep = _SHORTEST
                elif offer:
                    self._sleep = min(self._sleep * 2, _LONGEST)
                    self._offered = now
            self._end()
        finally:
            self._close()

    def _wait(self) -> bool:
        """Sleep until there may be something to do; whether tasks are to be offered then.

        A master is answered at once, workers after the least pause. An offer that nobody takes may be a tenth of the time: until the next
        is due, a worker that speaks is listened to, no more. What comes of it (a result) brings the next one forward.
        """
        if not self.backend.idle:
            self._serve(self._control.poll(0))
            return True
        least = offer = 0.0
        if self._sleep > _SHORTEST:
            least = self._rest(self.backend.listening_cost)
            offer = self._offered + self._rest(self.backend.idle_cost) - time.monotonic()
        ready = self._control.poll(least)
        if not ready and offer > least and self._all.poll(offer - least):
            ready = self._control.poll(0)
            if not ready:
                return False
        if not ready and self._sleep > max(offer, least) and self._all.poll(self._sleep - max(offer, least)):
            ready = self._control.poll(0)
        if ready:
            self._sleep = _SHORTEST
        self._serve(ready)
        return True

    def _rest(self, cost: float) -> float:
        return min(cost * _IDLE_SHARE, _LONGEST_REST)

    def _serve(self, ready: list[tuple[int, int]]) -> None:
        for number, mask in ready:
            if number == self._wakeup[0]:
                os.read(number, 4096)
            elif number == self._listener.fileno():
                self._accept()
            elif number in self._peers:
                peer = self._peers[number]
                if mask & select.EPOLLOUT and not peer.write():
                    self._drop(peer)
                elif mask & ~select.EPOLLOUT:
                    self._hear(peer)

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError as error:
            log(f"cannot accept a connection: {error.strerror}")
            return
        _, uid = sockets.peer(connection)
        strangers = [peer for peer in self._peers.values() if peer is not self._master]
        if uid != os.geteuid() or len(strangers) >= _MOST_STRANGERS:
            log(f"refused a connection of user {uid}; {len(strangers)} others have said nothing yet")
            connection.close()
            return
        self._peers[connection.fileno()] = Peer(connection)
        self._control.register(connection, select.EPOLLIN)

    def _drop(self, peer: Peer) -> None:
        self._peers.pop(peer.socket.fileno(), None)
        peer.socket.close()
        if peer is self._master:
            self._master = None
            log("the master has gone; its tasks go on")

    def _hear(self, peer: Peer) -> None:
        lines = peer.read()
        for line in lines or []:
            try:
                self._obey(peer, line)
            except ProtocolError as error:
                self._refuse(peer, error)
        if lines is None:
            self._drop(peer)

    def _refuse(self, peer: Peer, error: ProtocolError) -> None:
        """A message that is not acceptable: a task of it gets a result, everything else a complaint."""
        log(f"not acceptable: {error}")
        if error.tag and peer is self._master and str(error).startswith("submit") and error.tag not in self.ledger:
            self._tell([Result(error.tag, "refused", ended=time.time(), detail=str(error))])
        else:
            peer.out += encode(Complaint(str(error)))

    def _obey(self, peer: Peer, line: bytes) -> None:
        request = decode_request(line)
        if isinstance(request, HelloMaster):
            self._greet(peer, request)
        elif peer is not self._master:
            raise ProtocolError("say hello first")
        elif isinstance(request, TaskSpec):
            self._submit(request)
        elif isinstance(request, Cancel):
            self._cancel(request.tag)
        elif isinstance(request, Ack):
            self.ledger.acknowledge(request.tags)
        elif isinstance(request, Stop):
            self._stopping = True

    def _greet(self, peer: Peer, request: HelloMaster) -> None:
        if request.version != VERSION:
            raise ProtocolError(f"this engine speaks version {VERSION}, not {request.version!r}")
        if self._master is not None and self._master is not peer:
            log("another master has come")
            self._drop(self._master)
        self._master = peer
        hello = Hello(VERSION, os.getpid(), self.backend.port, self.backend.version, self._started, self.ledger.rows())
        peer.out += encode(hello)
        for result in self.ledger.results.values():
            peer.out += encode(result)
        self._next_second = 0.0

    def _submit(self, spec: TaskSpec) -> None:
        if spec.tag in self.ledger:
            return
        try:
            self.backend.submit(spec)
        except TaskRefused as error:
            self._tell([Result(spec.tag, "refused", ended=time.time(), detail=str(error))])
            return
        self.ledger.take(spec.tag)

    def _cancel(self, tag: str) -> None:
        if tag in self.ledger.live:
            self._tell([self.backend.cancel(tag)])
        elif tag not in self.ledger.results:
            self._tell([Result(tag, "cancelled", ended=time.time(), detail="the engine does not know this task")])

    def _tell(self, events: list[Union[StateChange, Result]]) -> None:
        for event in events:
            self.ledger.note(event)
            self._say(event)

    def _say(self, event: Event) -> None:
        peer = self._master
        if peer is None:
            return
        if len(peer.out) > _FULL:
            peer.late = True
        else:
            peer.out += encode(event)

    def _each_second(self, now: float) -> None:
        self._housekeeping()
        pool, changes = self.backend.pool()
        self._tell(list(changes))
        if self._master is not None:
            self._say(pool)
        if self._master is not None or not self.ledger.empty:
            self._needed = now
        elif now - self._needed > self._linger:
            log(f"nobody has needed this engine for {self._linger:.0f} s")
            self._stopping = True
        for peer in list(self._peers.values()):
            if peer is not self._master and now - peer.since > 10:
                self._drop(peer)

    def _flush(self) -> None:
        for peer in list(self._peers.values()):
            had = len(peer.out)
            if had and not peer.write():
                self._drop(peer)
                continue
            if peer.late and not peer.out:
                peer.late = False
                for event in (*self.ledger.live.values(), *self.ledger.results.values()):
                    if event is not None:
                        peer.out += encode(event)
            if had:
                wanted = select.EPOLLIN | (select.EPOLLOUT if peer.out else 0)
                self._control.modify(peer.socket, wanted)

    def _end(self) -> None:
        """Cancel everything, give the master a moment to hear of it."""
        for tag in list(self.ledger.live):
            self._cancel(tag)
        self._say(Bye())
        deadline = time.monotonic() + _LAST_WORDS
        peer = self._master
        while peer is not None and peer.out and peer.write() and time.monotonic() < deadline:
            select.select([], [peer.socket], [], 0.1)

    def _close(self) -> None:
        self._over = True  # the numbers of the pipe will be somebody else's
        for peer in list(self._peers.values()):
            peer.socket.close()
        self._peers.clear()
        self._listener.close()
        self._control.close()
        self._all.close()
        self.backend.close()
        for number in self._wakeup:
            os.close(number)


def log(text: str) -> None:
    """One line into the engine's log (its stderr), as UTC."""
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")
    sys.stderr.flush()
