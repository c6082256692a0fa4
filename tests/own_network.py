"""A network of this test process's own: loopback alone, so that no other process can take a port that a test has chosen.

The ports of a host are shared: an outgoing connection of any program may get the port on which a test is about to listen,
and tests in several processes choose the same ones. In a network namespace of its own a process has all of them.
Making one needs root; without it the ports of ``free_ports`` are only reserved among test processes.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_FIRST, _PORTS, _BLOCKS = (
    10_000,
    50,
    400,
)  # below 30,000: with the namespace's range below no connection gets one of them
_OUTGOING = "40000 60999"
_libc = ctypes.CDLL(None, use_errno=True)


class OwnNetwork:
    """The namespace of this process. ``entered`` moves the calling thread, and what it starts, there and back."""

    def __init__(self) -> None:
        self._outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._inside = self._make()

    def _make(self) -> int | None:
        if _libc.unshare(_CLONE_NEWNET):
            return None
        inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        subprocess.run(["ip", "link", "set", "lo", "up"], env={**os.environ, "PATH": path}, check=True)
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(_OUTGOING)
        self._move(self._outside)
        return inside

    @staticmethod
    def _move(namespace: int) -> None:
        if _libc.setns(namespace, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside."""
        if self._inside is None:
            yield
            return
        self._move(self._inside)
        try:
            yield
        finally:
            self._move(self._outside)

    @contextlib.contextmanager
    def left(self) -> Iterator[None]:
        """Be outside, from inside."""
        if self._inside is None:
            yield
            return
        self._move(self._outside)
        try:
            yield
        finally:
            self._move(self._inside)


class Ports:
    """A block of ports that no other test process of this machine uses."""

    def __init__(self) -> None:
        self._first = self._next = self._reserve()

    def _reserve(self) -> int:
        folder = Path(tempfile.gettempdir()) / f"awq-test-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(_BLOCKS):
            lock = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                continue
            return _FIRST + number * _PORTS  # the lock is held until the process ends
        raise AssertionError(f"all {_BLOCKS} blocks of ports are in use: {folder}")

    def free(self, count: int) -> int:
        """The first of ``count`` free ports in a row; the next call gives others."""
        for _try in range(_PORTS // count + 1):
            if self._next + count > self._first + _PORTS:
                self._next = self._first
            base, self._next = self._next, self._next + count
            if all(_is_free(port) for port in range(base, base + count)):
                return base
        raise AssertionError(f"no {count} free ports from {self._first} on")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
