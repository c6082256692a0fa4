"""The master's end of the engine's socket: start an engine, connect, say things, hear things; nothing blocks.

client = connect_or_start(spool, settings)
client.submit(TaskSpec("12.0#1", "/bin/true"))
client.flush()
# in the loop, select() on client.fileno() (for writing too while client.pending)
for event in client.receive(): ...
"""

from __future__ import annotations

import os
import secrets
import select
import socket
import subprocess
import sys
import time
from typing import Optional

from foremen.acceptor.binding import engine_address
from foremen.engine.errors import EngineError, EngineGone, ProtocolError
from foremen.engine.protocol import (
    Ack,
    Cancel,
    Complaint,
    Event,
    Hello,
    HelloMaster,
    Request,
    Stop,
    TaskSpec,
    decode_event,
    encode,
)  # fmt: skip
from spool.store import sockets
from spool.store.layout import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spool.settings import Settings

_READ = 256 * 1024
_POLL = 0.02  # s, between looks at an engine that is starting
_MAX_LOG = 16 * 2**20  # bytes; a longer log is put aside when an engine starts


class EngineClient:
    """A connection that has said hello. ``hello`` is the engine's answer: its process, its port, what it knows."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._socket = connection
        self._out = bytearray()
        self._in = bytearray()
        self._events: list[Event] = []
        connection.setblocking(False)
        self._send(HelloMaster())
        self.hello = self._await_hello(deadline)

    def _await_hello(self, deadline: float) -> Hello:
        while True:
            self.flush()
            events = self.receive()
            for at, event in enumerate(events):
                if isinstance(event, Hello):
                    self._events = events[at + 1 :]
                    return event
                if isinstance(event, Complaint):
                    raise EngineError(f"the engine refuses this master: {event.detail}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise EngineError("the engine does not answer: look into its log")
            select.select([self._socket], [self._socket] if self._out else [], [], left)

    def fileno(self) -> int:
        """For select(): readable when ``receive`` has something, or the engine has gone."""
        return self._socket.fileno()

    @property
    def pending(self) -> int:
        """Bytes that ``flush`` could not send yet; while above 0, select for writing too."""
        return len(self._out)

    def submit(self, spec: TaskSpec) -> None:
        """Give a task; a tag that the engine knows is ignored there."""
        self._send(spec)

    def cancel(self, tag: str) -> None:
        """End a task; its result comes with the outcome ``cancelled``."""
        self._send(Cancel(tag))

    def acknowledge(self, tags: Iterable[str]) -> None:
        """These results are committed: the engine may forget them and their tags."""
        told = tuple(tags)
        if told:
            self._send(Ack(told))

    def stop(self) -> None:
        """Let the engine end everything that runs, say ``Bye`` and exit."""
        self._send(Stop())

    def _send(self, message: Request) -> None:
        self._out += encode(message)

    def flush(self) -> bool:
        """Send what the socket takes; True when nothing is left. EngineGone."""
        try:
            while self._out:
                del self._out[: self._socket.send(self._out[:_READ])]
        except BlockingIOError:
            return False
        except OSError as error:
            raise EngineGone(f"the engine has gone ({error.strerror})") from None
        return True

    def receive(self) -> list[Event]:
        """What has arrived, without waiting. EngineGone when it ended and everything it said has been handed over."""
        events, self._events = self._events, []
        gone = ""
        while not gone:
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                break
            except OSError as error:
                gone = error.strerror or "error"
                break
            gone = "" if data else "end of the connection"
            self._in += data
        *lines, rest = self._in.split(b"\n")
        self._in = bytearray(rest)
        events += [decode_event(bytes(line)) for line in lines]
        if gone and not events:
            raise EngineGone(f"the engine has gone ({gone})")
        return events

    def close(self) -> None:
        """End the connection; the engine and its tasks go on."""
        self._socket.close()


def connect(spool: Spool, timeout: float = 10.0) -> EngineClient:
    """Connect to the spool's engine. EngineGone when there is none, EngineError when it does not answer in ``timeout`` s."""
    deadline = time.monotonic() + timeout
    connection: Optional[socket.socket] = None
    try:
        connection = sockets.connect(*os.path.split(spool.engine_socket))
        return EngineClient(connection, deadline)
    except (OSError, EngineError, ProtocolError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, OSError):
            raise EngineGone(f"no engine answers at {spool.engine_socket} ({error.strerror})") from None
        raise


def connect_or_start(spool: Spool, settings: Settings, timeout: float = 30.0) -> EngineClient:
    """The spool's engine, started when there is none. EngineError with the engine's last words when it cannot start."""
    try:
        return connect(spool, timeout)
    except EngineGone:
        start_engine(spool, settings, timeout)
        return connect(spool, timeout)


def start_engine(spool: Spool, settings: Settings, timeout: float = 30.0, linger: float = 600.0) -> int:
    """Start an engine in a session of its own and wait until it listens; its process id. EngineError when it does not."""
    if settings.password_file == f"{spool.root}/password":
        make_password(settings.password_file)
    command = [sys.executable, "-I", "-m", "foremen.engine", spool.root]
    for name, value in {**_options(settings), "--linger": str(linger)}.items():
        command += [name, value]
    return spawn(spool, command, timeout)


def _options(settings: Settings) -> dict[str, str]:
    """What an engine takes of the settings, once and for its life."""
    return {
        "--port": str(settings.port),
        "--bind": engine_address(settings),
        "--password-file": settings.password_file,
        "--project-name": settings.project_name,
        "--catalog-host": settings.catalog_host,
        "--catalog-port": str(settings.catalog_port),
    }


def outdated(hello: Hello, settings: Settings) -> list[str]:
    """What a living engine was started with that the settings say otherwise now: a phrase each. It keeps that for its life."""
    try:
        with open(f"/proc/{hello.pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read()).split("\0")
    except OSError:
        return []
    wanted = _options(settings)
    if not settings.port:
        del wanted["--port"]
    has = {name: words[words.index(name) + 1] for name in wanted if name in words[:-1]}
    has = {**has, "--port": str(hello.port)} if "--port" in has else has  # 0 was any
    return [
        f"{name[2:]} {has[name] or 'none'}, not {wanted[name] or 'none'}" for name in has if has[name] != wanted[name]
    ]


def spawn(spool: Spool, command: Sequence[str], timeout: float) -> int:
    """Run an engine's command detached, its words into the spool's log; wait for its socket."""
    _rotate(spool.engine_log)
    with open(spool.engine_log, "ab", opener=_private) as log:
        before = log.tell()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=spool.root
        )
    _children.append(child)
    deadline = time.monotonic() + timeout
    while True:
        if child.poll() is not None:
            raise EngineError(f"the engine did not start: {_last_words(spool.engine_log, before)}")
        if _owner(spool) == child.pid and os.path.exists(spool.engine_socket):
            return child.pid
        if time.monotonic() > deadline:
            child.terminate()
            raise EngineError(f"the engine did not start within {timeout:.0f} s: look into {spool.engine_log}")
        time.sleep(_POLL)


_children: list[subprocess.Popen[bytes]] = []  # kept, so that an engine that ends is waited for by the next start


def make_password(path: str) -> None:
    """Make the password file (0600) when there is none; one that appears meanwhile stays."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise EngineError(f"cannot make the password file {path}: {error.strerror}") from None
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))


def _owner(spool: Spool) -> Optional[int]:
    """The process that the lock file names."""
    try:
        with open(f"{spool.root}/engine.lock", encoding="ascii") as file:
            return int(file.read() or 0)
    except (OSError, ValueError):
        return None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _rotate(path: str) -> None:
    try:
        if os.stat(path).st_size > _MAX_LOG:
            os.replace(path, f"{path}.1")
    except FileNotFoundError:
        return


def _last_words(path: str, begin: int) -> str:
    with open(path, "rb") as file:
        file.seek(begin)
        lines = file.read()[-4096:].decode("utf-8", "replace").splitlines()
    return (lines[-1] if lines else "it said nothing").replace("error: ", "", 1)
