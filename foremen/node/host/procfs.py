"""Reading /proc (Linux, proc(5)): who a process is, what is below it, who talks to a port."""

from __future__ import annotations

import os
import socket
import sys
from typing import NamedTuple

_ESTABLISHED = "01"
_LISTEN = "0A"
_MAPPED = b"\0" * 10 + b"\xff\xff"  # IPv4 in IPv6


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that we use."""

    state: str
    parent: int
    session: int
    ticks: int


def stat(pid: int) -> Stat | None:
    """The process' state, parent, session and start; None when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    if not text:
        return None
    # the second field is the name in parentheses and may hold blanks and parentheses itself
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(fields[0], int(fields[1]), int(fields[3]), int(fields[19]))


def boot() -> str:
    """The id of this boot: pid and start time mean something only within it."""
    return _read("/proc/sys/kernel/random/boot_id").strip()


def pids() -> list[int]:
    """Every process there is."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid: int) -> tuple[int, ...]:
    """Direct children. proc(5) calls the file unreliable while children exit: callers look for a second sign."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return ()
    if not os.path.exists(f"/proc/{pid}/task/{pid}/children"):  # a kernel without CONFIG_PROC_CHILDREN
        return tuple(other for other in pids() if getattr(stat(other), "parent", 0) == pid)
    found: list[int] = []
    for thread in threads:
        found.extend(int(word) for word in _read(f"/proc/{pid}/task/{thread}/children").split())
    return tuple(found)


def below(pid: int) -> tuple[int, ...]:
    """Everything below a process."""
    found: list[int] = []
    todo = list(children(pid))
    while todo:
        child = todo.pop()
        if child not in found:
            found.append(child)
            todo.extend(children(child))
    return tuple(found)


def carries(pid: int, beginnings: tuple[bytes, ...]) -> bool:
    """Whether a ``NAME=value`` in the process' environment begins so; False for other users' processes."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return any(variable.startswith(beginnings) for variable in file.read().split(b"\0"))
    except OSError:
        return False


def folder(pid: int) -> str:
    """Where a process stands, "" when it is gone or not ours to see."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def connections(port: int) -> int:
    """Established connections with this local port."""
    return sum(1 for _inode in _sockets(port, _ESTABLISHED))


def listens(pid: int, port: int) -> bool:
    """Whether one of the process' descriptors is a socket that listens on the port."""
    wanted = {f"socket:[{inode}]" for inode in _sockets(port, _LISTEN)}
    if not wanted:
        return False
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    return any(_link(f"/proc/{pid}/fd/{number}") in wanted for number in descriptors)


def listeners(port: int) -> list[tuple[str, int]]:
    """The numeric address and the user of each socket that listens on the port, of whatever process."""
    found: list[tuple[str, int]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and fields[1].endswith(f":{port:04X}"):
                found.append((_address(fields[1]).rpartition(":")[0].strip("[]"), int(fields[7])))
    return found


def links() -> dict[str, tuple[int, str]]:
    """Established TCP connections of our network: ``socket:[INODE]`` to the local port and the other end, as /proc writes it."""
    found: dict[str, tuple[int, str]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == _ESTABLISHED:
                found[f"socket:[{fields[9]}]"] = int(fields[1].rpartition(":")[2], 16), fields[2]
    return found


def peer(pid: int, listening: int, connections: dict[str, tuple[int, str]]) -> str:
    """``host:port`` of the first of ``links()`` that is the process' and did not come in at its port ``listening``; "" for none."""
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return ""
    for number in sorted(descriptors, key=int):
        port, other = connections.get(_link(f"/proc/{pid}/fd/{number}"), (0, ""))
        if other and port != listening:
            return _address(other)
    return ""


def _address(text: str) -> str:
    """``0100007F:2378`` as ``127.0.0.1:9080``: words of 32 bits in the machine's byte order."""
    host, _, port = text.partition(":")
    words = [int(host[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(host), 8)]
    packed = b"".join(words)
    if packed.startswith(_MAPPED):
        packed = packed[len(_MAPPED) :]
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    name = socket.inet_ntop(family, packed)
    return f"{name if family == socket.AF_INET else f'[{name}]'}:{int(port, 16)}"


def _sockets(port: int, state: str) -> list[str]:
    end = f":{port:04X}"
    found: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[1].endswith(end):
                found.append(fields[9])
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
