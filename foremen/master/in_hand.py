"""What the master has in hand: written down before it handles a job, so that the next master knows what killed this one.

The note is a page of a mapped file: writing it costs no system call, and it outlives the process. A fatal signal (SIGSEGV and
its like) also leaves its stack in a file: then the job in hand is guilty. A master that ended in another way (kill -9,
out of memory, a power cut) had perhaps nothing to do with its job: that one is guilty when it was in hand at the death before, too.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
from typing import NamedTuple, Optional

from spool import job
from spool.store.layout import Spool

_SIZE = 256
_END = b"\n"
_open_files: list[int] = []  # of ``record_crashes``: the interpreter's handler writes there


class Suspect(NamedTuple):
    """What the master that died had in hand: a job or a task file, what it did with it, and how it died."""

    key: Optional[tuple[int, int]]
    file: str
    doing: str
    how: str


class InHand:
    """The note of this master; ``suspect`` is what killed the one before, if something did."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.stack = _read(spool.crash)
        left = _read(spool.in_hand).partition("\n")[0].strip("\0")
        self.suspect = _suspect(left, self.stack, twice=bool(left) and left == _read(spool.in_hand_before))
        _write(spool.in_hand_before, left)
        _write(spool.in_hand, "\0" * _SIZE)
        fd = os.open(spool.in_hand, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._page = mmap.mmap(fd, _SIZE)
        finally:
            os.close(fd)

    def job(self, key: tuple[int, int], doing: str) -> None:
        """This job is being handled now."""
        self._note(f"{key[0]}.{key[1]} {doing}")

    def task_file(self, name: str) -> None:
        """This task file is."""
        self._note(f"{name} the task file")

    def nothing(self) -> None:
        """No job is."""
        self._page[:1] = _END

    def settled(self) -> None:
        """What killed the master before is held, durably."""
        self.suspect, self.stack = None, ""
        _write(self._spool.crash, "")
        _write(self._spool.in_hand_before, "")

    def close(self) -> None:
        """The master ends in order."""
        self.nothing()
        self._page.close()

    def _note(self, text: str) -> None:
        data = text.encode("utf-8", "replace")[: _SIZE - 1] + _END
        self._page[: len(data)] = data


def record_crashes(spool: Spool) -> None:
    """From now on a fatal signal leaves its name and the stack in the spool."""
    fd = os.open(spool.crash, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    _open_files.append(fd)
    faulthandler.enable(fd, all_threads=False)


def _suspect(left: str, stack: str, twice: bool) -> Suspect | None:
    if not left or not (stack or twice):
        return None
    what, _, doing = left.partition(" ")
    how = stack.partition("\n")[0].replace("Fatal Python error: ", "") or "killed, twice in a row"
    key = job.parse_job_id(what)
    return Suspect(key, "" if key else what, doing, how)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 16)
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    if not text:
        with contextlib.suppress(FileNotFoundError):
            os.truncate(path, 0)
        return
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
