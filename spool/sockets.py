"""Sockets of ours in the spool, and who is at their other end.

An address holds 108 bytes, a path up to 4096: they are reached through the descriptor of their folder.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import NamedTuple

_CREDENTIALS = struct.Struct("=iII")
_SO_PEERGROUPS = 59  # socket(7), since Linux 4.13; Python's module does not name it
_ROOM = 1024  # bytes; as much as Python asks for, 256 groups


class Peer(NamedTuple):
    """The process at the other end, as it was when it connected: its number here (0: in no PID namespace of ours), and whose it is."""

    pid: int
    user: int
    group: int
    groups: set[int]


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


def peer_of(connection: socket.socket) -> Peer:
    """Who is at the other end of a Unix socket. OSError, also for a user of more than 256 groups."""
    pid, user, group = _CREDENTIALS.unpack(
        connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    groups = array.array("I", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _ROOM))
    return Peer(pid, user, group, set(groups))
