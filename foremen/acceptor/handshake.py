"""CCTools' password handshake (link_auth.c), both sides, without any input or output.

Each side sends ``auth password sha1``, then a random challenge, answers the other's challenge with SHA1 of
``password challenge``, and says ``ok`` when the answer it got is right. The stock code answers before it has checked its
peer, so whoever connects can have his own questions answered. ``Server`` answers last: a stock client gives its
answer without waiting for the other one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

IDENT = b"auth password sha1"
LONGEST = 1024  # bytes of a line, as in link_auth.c
OK = b"ok"


class RefusedError(Exception):
    """The peer has not proven itself; the text says why."""


def new_challenge() -> bytes:
    """A challenge that was never used before."""
    return secrets.token_hex(32).encode()


def answer(password: bytes, challenge: bytes) -> bytes:
    """The answer to a challenge."""
    return hashlib.sha1(password + b" " + challenge, usedforsecurity=False).hexdigest().encode()


def lines(*words: bytes) -> bytes:
    """Lines as they are sent."""
    return b"".join(word + b"\n" for word in words)


class _Session:
    """What both sides share. Send ``greeting``; pass each line that arrives to ``take`` and send what it returns.

    It is over when ``proven`` is true, or when ``take`` raises RefusedError.
    """

    def __init__(self) -> None:
        self.challenge = new_challenge()
        self.greeting = lines(IDENT, self.challenge)
        self.proven = False
        self._steps = [self._ident, self._their_challenge, self._their_answer, self._their_verdict]

    def take(self, line: bytes) -> bytes:
        """What to send next; RefusedError ends the session."""
        return self._steps.pop(0)(line)

    def _ident(self, line: bytes) -> bytes:
        if line != IDENT:
            raise RefusedError("does not speak the password handshake")
        return b""

    def _their_challenge(self, line: bytes) -> bytes:
        raise NotImplementedError

    def _their_answer(self, line: bytes) -> bytes:
        raise NotImplementedError

    def _their_verdict(self, line: bytes) -> bytes:
        if line != OK:
            raise RefusedError("does not accept our answer")
        self.proven = True
        return b""


class Server(_Session):
    """The side that is connected to: it gives its answer only after it has checked the peer's.

    ``passwords`` are all that are accepted. ``open_challenges`` holds the challenges of all sessions that are open: a peer
    that sends one of them is playing two sessions against each other.
    """

    def __init__(self, passwords: Sequence[bytes], open_challenges: set[bytes]) -> None:
        super().__init__()
        self._passwords = passwords
        self._open = open_challenges
        self._question = b""

    def _their_challenge(self, line: bytes) -> bytes:
        if line == self.challenge or line in self._open:
            raise RefusedError("sent a challenge of this manager back")
        self._question = line
        return b""

    def _their_answer(self, line: bytes) -> bytes:
        right = [it for it in self._passwords if secrets.compare_digest(answer(it, self.challenge), line)]
        if not right:
            raise RefusedError("has another password")
        return lines(answer(right[0], self._question), OK)


class Client(_Session):
    """The side that connects. Only for a peer that is known by other means: it answers whatever it is asked."""

    def __init__(self, password: bytes) -> None:
        super().__init__()
        self._password = password

    def _their_challenge(self, line: bytes) -> bytes:
        return lines(answer(self._password, line))

    def _their_answer(self, line: bytes) -> bytes:
        if not secrets.compare_digest(answer(self._password, self.challenge), line):
            raise RefusedError("has another password")
        return lines(OK)
