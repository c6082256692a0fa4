"""What of the outbox is in the job event logs already, after a crash between append and forgetting (``posting``).

The end of the file is looked at before an event is appended again, so a log has every event once, and none in halves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

from spool.store.task_file import Cluster
from spool.userlog import writer

_TAIL = (
    256 * 1024
)  # bytes at the end of a log that are searched after a restart, beside the length of what is looked for


def missing(events: Iterable[tuple[int, str, str]]) -> list[tuple[str, str]]:
    """Of the outbox that a restart found, what is not at the end of its file: events, or the rest of one written in part."""
    by_path: dict[str, list[bytes]] = {}
    for _id, path, text in events:
        by_path.setdefault(path, []).append(_bytes(text))
    found: list[tuple[str, str]] = []
    for path, texts in by_path.items():
        found += [(path, text.decode("utf-8", "surrogateescape")) for text in _not_in(_end_of(path, texts), texts)]
    return found


def take_back(clusters: Iterable[Cluster], why: str) -> None:
    """009 for those jobs whose 000 is in their log: a client died before they were in the queue. Errors cost nothing."""
    found: list[tuple[str, str]] = []
    for job, path, _at, _notes in writer.logged(list(clusters)):
        head = _bytes(f"000 ({job[0]:03d}.{job[1]:03d}.000) ")
        if head in _end_of(path, []):
            found.append((path, writer.aborted(job, time.time(), why)))
    writer.append_each(found, writer.IGNORE)


def _not_in(tail: bytes, texts: list[bytes]) -> list[bytes]:
    """The texts that ``tail`` does not have, each looked for behind the one before it."""
    missed: list[bytes] = []
    start = 0
    for text in texts:
        at = tail.find(text, start)
        if at >= 0:
            start = at + len(text)
        else:
            missed.append(text)
    if missed and not tail.endswith(b"\n...\n"):
        missed[0] = missed[0][_overlap(tail, missed[0]) :]
    return missed


def _overlap(tail: bytes, text: bytes) -> int:
    """How many bytes of the text's beginning are the tail's end."""
    return next((length for length in range(len(text) - 1, 0, -1) if tail.endswith(text[:length])), 0)


def _end_of(path: str, texts: list[bytes]) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL - sum(map(len, texts))))
            return file.read()
    except OSError:
        return b""  # not there, or not readable: appending will say what is wrong


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
