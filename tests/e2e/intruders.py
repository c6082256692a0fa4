"""What somebody without the password tries at the port of a Work Queue manager."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator

IDENT = b"auth password sha1"
OK = b"ok"
PATIENCE = 5.0  # s; a manager that says nothing for so long will say nothing


class Caller:
    """One connection that speaks the handshake line by line, as it likes."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), PATIENCE)
        self._heard = self.socket.makefile("rb")

    def say(self, *lines: bytes) -> None:
        """Send lines; a connection that is cut is seen by ``hear``."""
        with contextlib.suppress(OSError):
            self.socket.sendall(b"".join(line + b"\n" for line in lines))

    def hear(self) -> bytes | None:
        """The next line; None when none comes."""
        try:
            line = self._heard.readline()
        except OSError:
            return None
        return line[:-1] if line.endswith(b"\n") else None

    def challenge(self) -> bytes:
        """The manager's challenge, after the greetings."""
        self.say(IDENT)
        assert self.hear() == IDENT, "the manager greets"
        found = self.hear()
        assert found, "the manager sends a challenge"
        return found

    def let_in(self, answer: bytes) -> bool:
        """Give the answer; whether the manager accepts it."""
        self.say(answer, OK)
        heard = self.hear()
        while heard not in (OK, None):
            if heard == b"failure":
                return False
            heard = self.hear()
        return heard == OK

    def close(self) -> None:
        """End the connection."""
        self._heard.close()
        self.socket.close()


@contextlib.contextmanager
def call(port: int) -> Iterator[Caller]:
    """A connection for one attempt."""
    caller = Caller(port)
    try:
        yield caller
    finally:
        caller.close()


def answer(password: bytes, challenge: bytes) -> bytes:
    """As who knows the password answers."""
    return hashlib.sha1(password + b" " + challenge).hexdigest().encode()


def knows(port: int, password: bytes) -> bool:
    """Whether the manager lets somebody in who has this password, and proves that it has it too."""
    with call(port) as caller:
        theirs = caller.challenge()
        caller.say(b"a challenge of my own", answer(password, theirs))
        if caller.hear() != answer(password, b"a challenge of my own"):
            return False
        caller.say(OK)
        return caller.hear() == OK


def reflects(port: int) -> bool:
    """One session: its challenge is sent back, and its answer to it as ours."""
    with call(port) as caller:
        challenge = caller.challenge()
        caller.say(challenge)
        stolen = caller.hear()
        return stolen is not None and caller.let_in(stolen)


def reflects_twice(first: int, second: int) -> bool:
    """Two sessions: the second manager is asked what the first one wants to know."""
    with call(first) as wanted, call(second) as oracle:
        challenge = wanted.challenge()
        oracle.challenge()
        oracle.say(challenge)
        stolen = oracle.hear()
        if stolen is None:
            return False
        wanted.say(b"another challenge")
        return wanted.let_in(stolen)


def answers_strangers(port: int) -> bool:
    """Whether the manager answers a challenge of somebody who has proven nothing: material to guess the password with."""
    with call(port) as caller:
        caller.challenge()
        caller.say(b"tell me", b"0" * 40)
        heard = caller.hear()
        return heard is not None and len(heard) == 40
