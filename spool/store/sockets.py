"""Sockets of ours in the spool, and who is at their other end.

An address holds 108 bytes, a path up to 4096: they are reached through the descriptor of their folder.
"""

from __future__ import annotations

import os
import socket
import struct

_CREDENTIALS = struct.Struct("=iII")


def listen(folder: str, name: str, backlog: int) -> socket.socket:
    """A socket in a folder, mode 0600, ready before it is visible, in the place of an older one. OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    aside = f"{folder}/{name}.new"
    old_mask = os.umask(0o177)
    try:
        if os.path.lexists(aside):
            os.unlink(aside)
        listener.bind(f"/proc/self/fd/{place}/{name}.new")
        listener.listen(backlog)
        os.replace(aside, f"{folder}/{name}")
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(old_mask)
        os.close(place)
    return listener


def connect(folder: str, name: str) -> socket.socket:
    """A connection to a socket in a folder. OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{place}/{name}")
    except OSError:
        connection.close()
        raise
    finally:
        os.close(place)
    return connection


def peer(connection: socket.socket) -> tuple[int, int]:
    """Who connected: the process (0, when it has no number in our PID namespace) and its user. OSError."""
    pid, user, _group = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return pid, user
