"""A Work Queue manager for one task: it sends the task to a foreman and fetches what comes back.

Standard library only, because foremen may run on nodes that have nothing but the worker file.
The messages are those of protocols 9 and 11 (work_queue.c: send_item, start_one_task, get_output_files);
the manager repeats whatever version the foreman names, so that a new protocol shows by its results.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from foremen.node.probe.status_protocol import RefusedError, authenticate

Tree = Mapping[str, bytes]  # path below the item ("" for the item itself) to content

_LONGEST_LINE = 4096
_TASK = 1


@dataclass(frozen=True)
class Item:
    """A file or folder of the task: its name on the wire, its name in the sandbox, and its content."""

    wire: str
    remote: str
    tree: Tree = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True)
class Task:
    """The task: a line of shell, what it reads and what it writes. ``said`` is its stdout."""

    command: str
    inputs: tuple[Item, ...]
    outputs: tuple[Item, ...]
    said: bytes


class SelfTestError(Exception):
    """The task did not come back as it should; the text says what was wrong.

    ``lost``: the foreman answered, and what it answered was wrong.
    Otherwise it did not answer in time, which a busy machine can cause.
    """

    def __init__(self, text: str, lost: bool = False) -> None:
        super().__init__(text)
        self.lost = lost


class Manager:
    """Listens on loopback for one foreman. Close it when done."""

    def __init__(self, password: str, seconds: float) -> None:
        self._password, self._seconds = password.encode(), seconds
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(seconds)
        self.port: int = self._socket.getsockname()[1]
        self.release = ""
        self.protocol = 0

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def run(self, task: Task | None) -> None:
        """Hear who comes first, and send it the task if there is one. SelfTestError unless everything comes back."""
        try:
            link, _address = self._socket.accept()
            with link:
                link.settimeout(self._seconds)
                conversation = _Conversation(link)
                conversation.authenticate(self._password)
                self.protocol, self.release = conversation.introduction()
                if task is not None:
                    conversation.send(task)
                    conversation.check(task)
        except OSError as error:  # time-outs are OSErrors
            raise SelfTestError(f"no answer within {self._seconds:.0f} s ({error})") from None
        except ValueError as error:
            raise SelfTestError(f"an answer that cannot be read ({error})", lost=True) from None


class _Conversation:
    """What is said on one connection."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._heard: Any = link.makefile("rb")

    def authenticate(self, password: bytes) -> None:
        """Both sides prove that they know the password."""
        try:
            authenticate(self._link, self._heard, password)
        except RefusedError as error:
            raise SelfTestError(f"the foreman {error}") from None

    def introduction(self) -> tuple[int, str]:
        """Wait until the foreman or worker introduces itself; its protocol and its CCTools release."""
        for line in self._lines():
            words = line.split()
            if words[0] == b"workqueue":
                return int(words[1]), words[5].decode("ascii", "replace") if len(words) > 5 else "unknown"
        raise SelfTestError("the foreman went away")

    def send(self, task: Task) -> None:
        """Send the inputs, then the task. The foreman keeps it until a worker is there."""
        for item in task.inputs:
            self._link.sendall(b"".join(_put(item.wire, item.tree)))
        command = task.command.encode()
        lines = [f"task {_TASK}\ncmd {len(command)}\n".encode() + command]
        lines += [b"category default\ncores 1\ngpus 0\nmemory 20\ndisk 20\n"]
        lines += [f"infile {item.wire} {item.remote} {int(item.cached)}\n".encode() for item in task.inputs]
        lines += [f"outfile {item.wire} {item.remote} 0\n".encode() for item in task.outputs]
        self._link.sendall(b"".join(lines) + b"end\ncheck\n")

    def check(self, task: Task) -> None:
        """Fetch the result and the outputs; SelfTestError(lost=True) unless they are right."""
        status, said = self._result()
        if status == 1:
            raise SelfTestError("the foreman lost the task's inputs", lost=True)
        for item in task.outputs:
            if self._fetch(item.wire) != dict(item.tree):
                kind = "file" if "" in item.tree else "folder"
                raise SelfTestError(f"the foreman lost the task's output {kind}", lost=True)
        if status or said != task.said:
            raise SelfTestError(f"the foreman spoilt the task's result (code {status})", lost=True)

    def _result(self) -> tuple[int, bytes]:
        """The result code of the task, and what it wrote to stdout."""
        for line in self._lines():
            if line == b"available_results":
                break
        self._link.sendall(b"send_results -1\n")
        found: tuple[int, bytes] | None = None
        for line in self._lines():
            words = line.split()
            if words[0] == b"result":
                found = int(words[1]), self._read(int(words[3]))
            elif words[0] == b"end":
                break
        if found is None:
            raise SelfTestError("the foreman has no result of the task", lost=True)
        return found

    def _fetch(self, wire: str) -> dict[str, bytes]:
        """An output as it comes: the files of it, by their paths below it."""
        self._link.sendall(f"get {wire} 1\n".encode())
        found: dict[str, bytes] = {}
        for line in self._lines():
            word, _, rest = line.partition(b" ")
            if word == b"file":
                name, _, length = rest.rpartition(b" ")
                found[name.decode()[len(wire) :]] = self._read(int(length))
            elif word == b"end":
                break
        return found

    def _lines(self) -> Iterator[bytes]:
        while True:
            line = self._line()
            if line:
                yield line

    def _line(self) -> bytes:
        line: bytes = self._heard.readline(_LONGEST_LINE)
        if not line:
            raise SelfTestError("the foreman closed the connection", lost=True)
        return line.strip()

    def _read(self, length: int) -> bytes:
        content: bytes = self._heard.read(length)
        return content


def _put(wire: str, tree: Tree) -> Iterator[bytes]:
    """A file, or a folder of files, as the library sends it."""
    if "" in tree:
        yield f"put {wire} {len(tree[''])} 600\n".encode() + tree[""]
        return
    yield f"dir {wire}\n".encode()
    for path, content in tree.items():
        yield f"put {path.lstrip('/')} {len(content)} 600\n".encode() + content
    yield b"end\n"
