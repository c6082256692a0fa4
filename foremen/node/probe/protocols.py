"""Which protocol of Work Queue a program speaks, and whether a manager or foreman accepts it.

Both are tried, not looked up: CCTools' releases do not tell (Debian 12's "9.9" and "8.0.0" are older than 7.14.5).
A program introduces itself to a manager of our own; with the same words we then introduce ourselves to a foreman,
which ends the connection when it speaks another protocol (work_queue.c, process_workqueue).
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import Any

from foremen.node.probe.status_protocol import RefusedError, authenticate, read_password
from foremen.node.self_test.manager import Manager, SelfTestError
from foremen.node.self_test.run import temporary_folder, worker_of

_SECONDS = 10.0
_ANSWER_SECONDS = 3.0  # a foreman's turn takes a second at most


@dataclass(frozen=True)
class Speech:
    """What a program speaks: the protocol, and the release that it names."""

    protocol: int
    release: str


def spoken_by(binary: str, parent: str, seconds: float = _SECONDS) -> Speech | None:
    """What a ``work_queue_worker`` speaks; None when it does not come up. Takes a tenth of a second."""
    password = secrets.token_hex(16)
    try:
        manager = Manager(password, seconds)
        try:
            with temporary_folder(parent, password) as folder, worker_of(binary, folder, str(manager.port)):
                manager.run(None)
        finally:
            manager.close()
    except (OSError, SelfTestError):
        return None
    return Speech(manager.protocol, manager.release)


def accepts(address: str, password_file: str, speech: Speech) -> bool | None:
    """Whether who listens at ``host:port`` accepts this protocol; None when that cannot be found out (another password)."""
    host, _, port = address.rpartition(":")
    try:
        link = socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS)
        with link, link.makefile("rb") as heard:
            authenticate(link, heard, read_password(password_file))
            return _stays(link, heard, speech)
    except (OSError, ValueError, RefusedError):
        return None


def _stays(link: socket.socket, heard: Any, speech: Speech) -> bool:
    """Whether the other side keeps the connection after our introduction."""
    words = f"workqueue {speech.protocol} awq-probe Linux any {speech.release}\ninfo worker-id awq-probe\nalive\n"
    try:
        link.sendall(words.encode())
        return bool(heard.readline())
    except OSError as error:  # a time-out has another name in Python 3.9
        return not isinstance(error, ConnectionError)


def misfit(address: str, password_file: str, speech: Speech | None) -> str:
    """One line when the two cannot work together; "" when they can, or nobody knows."""
    if speech is None or accepts(address, password_file, speech) is not False:
        return ""
    return (
        f"{address} does not speak protocol {speech.protocol} of this node's work_queue_worker (CCTools {speech.release}): "
        "use CCTools releases of one protocol on head and nodes (docs/platforms.md)"
    )
