"""The acceptor: its handshake, who has to leave when there are too many, and that a manager sees only proven peers."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foremen.acceptor import keeper
from foremen.acceptor.handshake import IDENT, Client, RefusedError, Server
from foremen.acceptor.service import Rules
from foremen.acceptor.waiting import Waiting
from foremen.node.host import procfs

PASSWORD = b"secret\n"


def answer(password: bytes, challenge: bytes) -> bytes:
    """As link_auth.c makes it."""
    return hashlib.sha1(password + b" " + challenge).hexdigest().encode()


# --- the handshake


def test_proven_peer() -> None:
    """A peer that knows the password is answered, and only after its own answer."""
    session = Server([PASSWORD], set())
    assert session.take(IDENT) == session.take(b"theirs") == b""
    assert session.take(answer(PASSWORD, session.challenge)) == answer(PASSWORD, b"theirs") + b"\nok\n"
    assert not session.proven
    assert session.take(b"ok") == b""
    assert session.proven


def test_second_password() -> None:
    """While a password is being changed both are accepted; the peer gets its answer with the one that it has."""
    session = Server([b"new", b"old"], set())
    session.take(IDENT)
    session.take(b"theirs")
    assert session.take(answer(b"old", session.challenge)).startswith(answer(b"old", b"theirs"))


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_strangers_get_nothing(lines: list[bytes]) -> None:
    """Whatever lines a stranger sends, no answer leaves and nothing is proven."""
    session = Server([PASSWORD], set())
    try:
        for line in lines[:4]:
            assert session.take(line) == b""
    except RefusedError:
        pass
    assert not session.proven


@pytest.mark.parametrize("same", [True, False], ids=["own", "another session's"])
def test_challenge_comes_back(same: bool) -> None:
    """A challenge of this session or of another open one is refused as the peer's."""
    other = Server([PASSWORD], set())
    session = Server([PASSWORD], {other.challenge})
    session.take(IDENT)
    with pytest.raises(RefusedError, match="sent a challenge of this manager back"):
        session.take(session.challenge if same else other.challenge)


def test_both_sides_meet() -> None:
    """Client and server get on with each other."""
    server, client = Server([PASSWORD], set()), Client(PASSWORD)
    words = {server: server.greeting, client: client.greeting}
    while not (server.proven and client.proven):
        for side, other in ((client, server), (server, client)):
            said, words[other] = words[other], b""
            for line in said.splitlines():
                words[side] += side.take(line)


# --- who leaves


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(0, 20)), max_size=60))
def test_waiting(moves: list[tuple[bool, str, int]]) -> None:
    """Never more than the limit; who leaves is the oldest of the address that has the most."""
    waiting, known = Waiting(5), []
    for number, (comes, address, which) in enumerate(moves):
        if comes:
            before = list(known)
            known.append((address, number))
            leaves = waiting.add(address, number)
            if leaves is not None:
                counts = {each: sum(1 for one in before if one[0] == each) for each, _ in before}
                where = next(each for each, one in before if one == leaves)
                assert counts[where] == max(counts.values())
                assert leaves == next(one for each, one in before if each == where)
                known.remove((where, leaves))
        elif known:
            gone = known.pop(which % len(known))
            waiting.drop(*gone)
            waiting.drop(*gone)
        assert len(waiting) == len(known) <= 5


# --- the process


class Manager:
    """What stands behind the gate: takes what is handed over, answers pings."""

    def __init__(self, gate: socket.socket, port: int) -> None:
        self.gate, self.port = gate, port
        gate.settimeout(0.05)

    def connection(self, seconds: float = 5.0) -> socket.socket | None:
        """The next connection that comes through; None when none does."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                said, numbers, _flags, _address = socket.recv_fds(self.gate, 1, 2)
            except TimeoutError:
                continue
            except socket.timeout:
                continue
            if numbers:
                return socket.socket(fileno=numbers[0])
            self.gate.send(said)
        return None


Start = Callable[..., Manager]


@pytest.fixture
def start(tmp_path) -> Iterator[Start]:
    """Start an acceptor with rules; it ends with the test."""
    gates = []
    (tmp_path / "password").write_bytes(PASSWORD)

    def begin(**rules: float) -> Manager:
        listener = keeper.listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        front = keeper.Front(str(tmp_path / "password"), str(tmp_path / "refused.json"), Rules(**rules))
        gates.append(keeper.start(listener, front))
        listener.close()
        return Manager(gates[-1], port)

    yield begin
    for gate in gates:
        gate.close()


def call(manager: Manager) -> socket.socket:
    """A new connection to the acceptor."""
    return socket.create_connection(("127.0.0.1", manager.port), 5)


def greet(manager: Manager, link: socket.socket) -> bytes:
    """Hear the greeting while the manager answers pings; the challenge."""
    assert manager.connection(0.2) is None
    heard = link.makefile("rb")
    assert heard.readline() == IDENT + b"\n"
    return heard.readline()[:-1]


def prove(manager: Manager, link: socket.socket, more: bytes = b"") -> None:
    """Go through the handshake as a stock worker, and say more."""
    challenge = greet(manager, link)
    link.sendall(IDENT + b"\ntheirs\n" + answer(PASSWORD, challenge) + b"\n")
    heard = link.makefile("rb")
    assert heard.readline()[:-1] == answer(PASSWORD, b"theirs")
    assert heard.readline() == b"ok\n"
    link.sendall(b"ok\n" + more)


def test_handed_over(start: Start) -> None:
    """The very connection comes through, with its peer's address and every byte behind the handshake."""
    manager = start()
    with call(manager) as link:
        prove(manager, link, b"workqueue 9\n")
        through = manager.connection()
        assert through is not None
        with through:
            assert through.getpeername() == link.getsockname()
            assert through.recv(100) == b"workqueue 9\n"
            through.sendall(b"hello")
            assert link.recv(100) == b"hello"


def test_waits_for_the_first_word(start: Start) -> None:
    """A peer that has proven itself and says nothing does not reach the manager, who would wait for it."""
    manager = start()
    with call(manager) as link:
        prove(manager, link)
        assert manager.connection(0.5) is None
        link.sendall(b"workqueue 9\n")
        through = manager.connection()
        assert through is not None
        through.close()


def ended(link: socket.socket) -> bool:
    """Whether the other side closes, whatever it says before."""
    try:
        while link.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("said", [b"", b"auth pass", b"GET / HTTP/1.0\r\n\r\n", b"x" * 5000, bytes(range(256)) * 4])
def test_thrown_out(start: Start, said: bytes) -> None:
    """Silence, half a line, another protocol, endless lines, garbage: closed in time, and the manager hears nothing."""
    manager = start(seconds=1.0)
    with call(manager) as link:
        greet(manager, link)
        link.sendall(said)
        assert manager.connection(0.1) is None
        assert ended(link)


def test_slow_bytes(start: Start) -> None:
    """The time is for the whole handshake: a byte now and then does not prolong it."""
    manager = start(seconds=1.0)
    with call(manager) as link:
        greet(manager, link)
        begun = time.monotonic()
        link.settimeout(0.1)
        while time.monotonic() - begun < 5:
            try:
                link.sendall(b"a")
                if not link.recv(100):
                    break
            except (TimeoutError, socket.timeout):
                continue
            except OSError:
                break
        assert time.monotonic() - begun < 3


def test_crowd(start: Start) -> None:
    """With ten times as many silent connections as may wait, somebody honest gets through."""
    manager = start(most=50)
    crowd = [call(manager) for _ in range(500)]
    try:
        with call(manager) as link:
            prove(manager, link, b"workqueue 9\n")
            through = manager.connection()
            assert through is not None
            through.close()
    finally:
        for link in crowd:
            link.close()


def test_manager_that_hangs(start: Start) -> None:
    """A manager that takes nothing is seen from outside: callers are not greeted, until it works again."""
    manager = start()
    assert manager.connection(1.5) is None  # it answers pings
    time_out = time.monotonic() + 10
    while time.monotonic() < time_out:
        with call(manager) as link:
            link.settimeout(0.5)
            try:
                link.recv(100)
            except (TimeoutError, socket.timeout):
                link.settimeout(5)
                assert greet(manager, link)
                return
    raise AssertionError("callers are greeted though the manager hangs")


def test_ends_with_its_manager(start: Start) -> None:
    """When the manager closes the gate the port is free soon."""
    manager = start()
    call(manager).close()
    manager.gate.close()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            call(manager).close()
        except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the queue of the socket that is gone
            return
    raise AssertionError("the acceptor listens without a manager")


def acceptor_of(manager: Manager) -> int:
    """The process that serves callers, as soon as its keeper has started it: both hold the socket that listens."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        # Looking for the socket is dear when earlier tests have left thousands: ask about our own processes only.
        holders = [pid for pid in procfs.pids() if is_python(pid) and procfs.listens(pid, manager.port)]
        for pid in holders:
            if getattr(procfs.stat(pid), "parent", 0) in holders:
                return pid
        time.sleep(0.02)
    raise AssertionError("no acceptor")


def is_python(pid: int) -> bool:
    """Whether the process runs the interpreter of the tests."""
    try:
        return os.path.samefile(f"/proc/{pid}/exe", sys.executable)
    except OSError:
        return False


def test_dies(start: Start) -> None:
    """An acceptor that is killed is started again by its keeper; the manager's end of the gate stays."""
    manager = start()
    os.kill(acceptor_of(manager), signal.SIGKILL)
    with call(manager) as link:
        assert manager.connection(2.0) is None
        prove(manager, link, b"workqueue 9\n")
        through = manager.connection()
        assert through is not None
        through.close()


def test_password_file_missing(tmp_path) -> None:
    """Without a password there is no acceptor."""
    listener = keeper.listen("127.0.0.1", 0)
    with listener, pytest.raises(FileNotFoundError):
        keeper.start(listener, keeper.Front(str(tmp_path / "none"), "", Rules()))
