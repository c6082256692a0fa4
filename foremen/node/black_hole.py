"""A node on which pilots fail at once (a black hole) is left alone for a while: docs/adr/0014. Pure.

The launch script leaves a line ``STATUS SECONDS JOB`` for every pilot that ended, in ``ends`` beside ``closed``. Different jobs have
to fail: one job that fails again and again says nothing about the node.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

FIRST_PAUSE = 60.0
LONGEST_PAUSE = 1800.0
MINUTE = 60.0


@dataclass(frozen=True)
class Limits:
    """A pilot that ends with a status other than 0 within ``seconds`` has failed at once; ``pilots`` in a row are too many."""

    pilots: int = 30
    seconds: int = 30


class End(NamedTuple):
    """How a pilot ended: exit status, seconds that it ran, and its job (``12.0``; empty: not known)."""

    status: int
    seconds: int
    job: str = ""


@dataclass(frozen=True)
class Guard:
    """How many failed at once in a row, and of which jobs.

    ``times``: how many quarantines there were without a good pilot; ``until``: the end of the present one.
    """

    row: int = 0
    jobs: frozenset[str] = frozenset()
    times: int = 0
    until: float = 0.0

    def active(self, now: float) -> bool:
        """Whether the node is in quarantine."""
        return now < self.until

    def note(self, now: float, limits: Limits) -> str:
        """For the operator; empty when there is nothing to say."""
        if not self.active(now):
            return ""
        return f"quarantine {self.times}: pilots fail within {limits.seconds} s"


def judge(guard: Guard, ends: Iterable[End], now: float, limits: Limits) -> Guard:
    """The guard after these pilots have ended. One good pilot and all is forgiven.

    After a quarantine fewer are needed for the next one, and it is twice as long.
    """
    for end in ends:
        if end.status == 0:
            guard = Guard()
        elif end.seconds >= limits.seconds:
            guard = replace(guard, row=0, jobs=frozenset())
        elif not end.job or end.job not in guard.jobs:
            guard = replace(guard, row=guard.row + 1, jobs=guard.jobs | {end.job})
        if limits.pilots and guard.row >= max(1, limits.pilots >> guard.times):
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**guard.times)
            guard = Guard(times=min(guard.times + 1, 30), until=now + pause)
    return guard


@dataclass
class _Read:
    """Of one state folder: bytes read, pilots that ended there, and when those of the last minute were seen."""

    begin: int = 0
    done: int = 0
    lately: deque[float] = field(default_factory=deque)


class Ends:
    """Reads what the launch scripts have left since the last look."""

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}

    def look(self, folders: Iterable[str], now: float = 0.0) -> list[End]:
        """The pilots that ended in these state folders; others are forgotten."""
        found: list[End] = []
        known, self._read = self._read, {}
        for folder in folders:
            read = self._read[folder] = known.get(folder) or _Read()
            ended = _ended(folder, read)
            if folder in known:  # at the first look nobody knows when they ended
                read.lately.extend([now] * len(ended))
            while read.lately and read.lately[0] <= now - MINUTE:
                read.lately.popleft()
            found += ended
        return found

    def passed(self, folder: str) -> tuple[int, int]:
        """How many pilots have ended in a state folder, and how many of them within the last minute."""
        read = self._read.get(folder) or _Read()
        return read.done, len(read.lately)


def _ended(folder: str, read: _Read) -> list[End]:
    """What is new in one folder."""
    text = _from(f"{folder}/ends", read.begin)
    whole = text[: text.rfind(b"\n") + 1]
    rows = [line.split() for line in whole.split(b"\n")]
    found = [
        End(int(row[0]), int(row[1]), b"".join(row[2:]).decode("ascii", "replace"))
        for row in rows
        if len(row) in (2, 3) and all(word.isdigit() for word in row[:2])
    ]
    read.begin += len(whole)
    read.done += len(found)
    return found


def _from(path: str, begin: int) -> bytes:
    try:
        if os.stat(path).st_size == begin:
            return b""  # asked twenty times a second
        with open(path, "rb") as file:
            file.seek(begin)
            return file.read()
    except OSError:
        return b""  # no pilot has ended there yet, or the life is over
