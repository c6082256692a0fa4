"""Asking a manager or a foreman for its own account, as ``work_queue_status`` does; that program knows no passwords.

The password exchange is CCTools' link_auth.c: both say ``auth password sha1`` and a random key, and answer the other's with
SHA1 of "password key". Then one line, ``queue_status`` or ``worker_status`` (work_queue.c, process_queue_status), and JSON
until the end. A question costs the one who is asked about a millisecond; ``worker_status`` more: it tells the command of
every task.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

_IDENT = b"auth password sha1"
SECONDS = 3.0  # for each step: a foreman's turn takes less, one that hangs takes for ever
_LONGEST = 1024  # bytes of a line, as link_auth.c has it
_AT_ONCE = 32
_PASSWORD = 65536
SILENT = "does not answer"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """What came of a question: the objects of the answer, or in ``trouble`` why there is none; ``refused``: nobody listens there."""

    trouble: str = ""
    rows: tuple[dict[str, Any], ...] = ()
    refused: bool = False


class RefusedError(Exception):
    """The other side does not want our password, or has another."""


def ask_all(
    addresses: Iterable[str], password_file: str, question: str = "queue_status", seconds: float = SECONDS
) -> dict[str, Answer]:
    """Ask all ``host:port`` at the same time; every one has an answer, if only why there is none."""
    wanted = tuple(dict.fromkeys(addresses))
    try:
        password = read_password(password_file)
    except OSError as error:
        return dict.fromkeys(wanted, Answer(f"not asked: cannot read {password_file} ({error.strerror})"))
    if not wanted:
        return {}
    with ThreadPoolExecutor(min(_AT_ONCE, len(wanted)), "ask") as pool:
        return dict(zip(wanted, pool.map(lambda address: ask(address, password, question, seconds), wanted)))


def read_password(path: str) -> bytes:
    """The password in the file, as C reads it. OSError."""
    with open(path, "rb") as file:
        return file.read(_PASSWORD).partition(b"\0")[0]


def ask(address: str, password: bytes, question: str, seconds: float = SECONDS) -> Answer:
    """Ask one. Never fails: what goes wrong is in ``trouble``."""
    host, _, port = address.rpartition(":")
    try:
        link = socket.create_connection((host.strip("[]"), int(port)), seconds)
    except ConnectionRefusedError:
        return Answer("nobody listens there", refused=True)
    except (OSError, ValueError) as error:
        return Answer(f"cannot be reached ({getattr(error, 'strerror', None) or error})")
    with link:
        try:
            return _talk(link, password, question)
        except RefusedError as error:
            return Answer(str(error))
        except OSError:  # with its timeout, which Python 3.9 has under another name
            return Answer(SILENT)


def authenticate(link: socket.socket, heard: Any, password: bytes) -> None:
    """Prove to each other that both know the password; RefusedError when the other side does not."""
    key = secrets.token_hex(32).encode()
    link.sendall(_IDENT + b"\n" + key + b"\n")
    if _line(heard) != _IDENT:
        raise RefusedError("is asked with a password and has none")
    theirs = _line(heard)
    link.sendall(_proof(password, theirs) + b"\n")
    same = secrets.compare_digest(_line(heard), _proof(password, key))
    link.sendall(b"ok\n" if same else b"failure\n")
    if not same or _line(heard) != b"ok":
        raise RefusedError("has another password")


def _talk(link: socket.socket, password: bytes, question: str) -> Answer:
    with link.makefile("rb") as heard:
        authenticate(link, heard, password)
        link.sendall(question.encode() + b"\n")
        return _read(heard.read())


def _read(said: bytes) -> Answer:
    """The answer's JSON; CCTools escapes ' too, which JSON forbids (jx_print.c), and leaves bytes that are no UTF-8 as they are."""
    text = _ESCAPE.sub(lambda found: "'" if found[1] == "'" else found[0], said.decode("utf-8", "replace"))
    try:
        rows = json.loads(text, strict=False)
    except ValueError:
        return Answer(SILENT)  # it closed the connection in the middle
    return Answer("", tuple(row for row in rows if isinstance(row, dict)))


def _line(heard: Any) -> bytes:
    line: bytes = heard.readline(_LONGEST)
    return line.rstrip(b"\n")


def _proof(password: bytes, key: bytes) -> bytes:
    return hashlib.sha1(password + b" " + key, usedforsecurity=False).hexdigest().encode()
