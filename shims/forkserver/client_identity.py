"""What a client of the fork server is, as the kernel tells it: rights, confinement, namespaces, scheduling, limits.

A child serves a client only when the two are equal in all of it (``difference``), so that no client gets from the server what
it does not have itself. The client is held by a descriptor: a number that another process has taken over is found out.
What the kernel shows to nobody decides by its sign: landlock needs no_new_privs, and a client that has it is left alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import socket
import struct
from typing import NamedTuple

_SO_PEERPIDFD = 77  # Linux 6.5
_ALIKE = (
    b"Uid:", b"Gid:", b"Groups:", b"CapInh:", b"CapPrm:", b"CapEff:", b"CapBnd:", b"CapAmb:", b"NoNewPrivs:", b"Seccomp:",
    b"Seccomp_filters:", b"Cpus_allowed:", b"Mems_allowed:", b"Speculation_Store_Bypass:", b"SpeculationIndirectBranch:",
)  # fmt: skip
_FILES = ("oom_score_adj", "attr/current", "loginuid", "sessionid", "personality")
_NAMESPACES = ("mnt", "pid", "user", "net", "uts", "ipc", "cgroup", "time", "pid_for_children")
_LIMITS = 16  # of setrlimit(2)
_KEYCTL, _JOIN, _LINK, _SESSION, _USER = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine, 0), 1, 8, -3, -4
_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}.get(os.uname().machine, 0)
_PR_GET_SECUREBITS = 27
_libc = ctypes.CDLL(None, use_errno=True)


class Gone(OSError):
    """The client has ended, or is not the one that connected."""


class Peer(NamedTuple):
    """A client that is held: its number, and a descriptor of the process (-1: this kernel has none) or of its folder in /proc."""

    pid: int
    pidfd: int
    folder: int
    began: bytes

    def check(self) -> None:
        """Gone, unless it is still the process that connected."""
        if self.pidfd >= 0 and select.select([self.pidfd], [], [], 0)[0]:
            raise Gone
        if _began(self.folder) != self.began:
            raise Gone

    def stopped(self) -> bool:
        """Whether SIGSTOP has stopped it. Gone."""
        return _stat(self.folder)[0] == b"T"

    def close(self) -> None:
        """Hold it no more."""
        for fd in (self.pidfd, self.folder):
            if fd >= 0:
                os.close(fd)


class Being(NamedTuple):
    """What a process is that a child cannot become, or must not. Each part has a name that people know."""

    rights: tuple[bytes, ...]
    confinement: tuple[bytes, ...]
    namespaces: tuple[str, ...]
    root: tuple[int, int]
    scheduling: tuple[object, ...]


def hold(connection: socket.socket) -> Peer:
    """The process at the other end of a connection. OSError when it has gone."""
    pid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    pidfd = folder = -1
    try:
        with contextlib.suppress(OSError):  # an older kernel: the folder and the time of its start must do
            pidfd = struct.unpack("i", connection.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, 4))[0]
        folder = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        peer = Peer(pid, pidfd, folder, _began(folder))
        peer.check()
    except OSError:
        for fd in (pidfd, folder):
            if fd >= 0:
                os.close(fd)
        raise
    return peer


def being(pid: int, folder: int) -> Being:
    """What a process is. OSError."""
    lines = _read(folder, "status").split(b"\n")
    root = os.stat("root", dir_fd=folder)
    return Being(
        tuple([line for line in lines if line.startswith(_ALIKE)]),
        tuple([_read_or_none(folder, name) for name in _FILES]),
        tuple([_link_or_none(folder, f"ns/{name}") for name in _NAMESPACES]),
        (root.st_dev, root.st_ino),
        (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority, _io_priority(pid)),
    )


def own() -> Being:
    """What this process is."""
    folder = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return being(os.getpid(), folder)
    finally:
        os.close(folder)


def difference(theirs: Being, ours: Being) -> str:
    """In what the two differ, so that the child cannot serve the client; empty when in nothing."""
    if any(line.startswith(b"NoNewPrivs:") and not line.endswith(b"\t0") for line in theirs.rights):
        return "no_new_privs"  # perhaps landlock as well, which nobody can see
    pairs: list[tuple[str, object, object]] = [
        (their.partition(b":")[0].decode(), their, our) for their, our in zip(theirs.rights, ours.rights)
    ]
    pairs.append(("rights", len(theirs.rights), len(ours.rights)))
    pairs += zip(_FILES, theirs.confinement, ours.confinement)
    pairs += [
        (f"{name} namespace", their, our) for name, their, our in zip(_NAMESPACES, theirs.namespaces, ours.namespaces)
    ]
    pairs += [("root folder", theirs.root, ours.root), ("scheduling", theirs.scheduling, ours.scheduling)]
    return next((name for name, their, our in pairs if their != our), "")


def ignored_signals(pid: int) -> frozenset[int]:
    """The signals that it ignores, as a command in the background of a script ignores SIGINT. OSError."""
    with open(f"/proc/{pid}/status", "rb") as file:
        mask = next(int(line.split()[1], 16) for line in file if line.startswith(b"SigIgn:"))
    return frozenset([number for number in range(1, 65) if mask >> (number - 1) & 1])


def niceness(pid: int) -> int:
    """Its niceness."""
    return os.getpriority(os.PRIO_PROCESS, pid)


def limits(pid: int) -> list[tuple[int, int]]:
    """Its limits, by number."""
    return [resource.prlimit(pid, number) for number in range(_LIMITS)]


def leave_session() -> None:
    """Have a session keyring of our own that has the user's keys only: our children shall not find our session's tickets."""
    if _KEYCTL and _libc.syscall(_KEYCTL, _JOIN, None, 0, 0, 0) > 0:
        _libc.syscall(_KEYCTL, _LINK, _USER, _SESSION, 0, 0)


def has_secure_bits() -> bool:
    """Whether programs that we start get other rights than usual."""
    return bool(_libc.prctl(_PR_GET_SECUREBITS, 0, 0, 0, 0) > 0)


def _io_priority(pid: int) -> int:
    return int(_libc.syscall(_IOPRIO_GET, 1, pid)) if _IOPRIO_GET else 0


def _stat(folder: int) -> list[bytes]:
    """The fields behind the name: state, parent ..."""
    try:
        return _read(folder, "stat").rpartition(b") ")[2].split(b" ")
    except OSError as error:
        raise Gone(*error.args) from None


def _began(folder: int) -> bytes:
    return _stat(folder)[19]


def _read(folder: int, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def _read_or_none(folder: int, name: str) -> bytes:
    """Empty where this kernel has no such file, or no module behind it."""
    try:
        return _read(folder, name)
    except OSError:
        return b""


def _link_or_none(folder: int, name: str) -> str:
    try:
        return os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return ""
