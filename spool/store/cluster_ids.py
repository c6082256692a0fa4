"""Cluster numbers: given out in the spool under a lock, never twice, also after a crash."""

from __future__ import annotations

import fcntl
import os

from spool.errors import SpoolError
from spool.job import is_number
from spool.store.layout import Spool

_FORM = b"%020d\n"
_LENGTH = 21


def take_clusters(spool: Spool, count: int) -> int:
    """The first of ``count`` new consecutive cluster numbers. Durable before it returns.

    The lock is flock on the counter's own file (which is never renamed), the kind that ``filelock`` takes too; importing
    filelock itself would cost a submission 30 ms (docs/adr/0002).
    """
    try:
        fd = os.open(spool.clusters, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            text = os.pread(fd, 64, 0)
            last = _last(text, spool)
            os.pwrite(fd, _FORM % (last + count), 0)
            if len(text) > _LENGTH:
                os.ftruncate(fd, _LENGTH)
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise SpoolError(f"cannot take a cluster number in {spool.clusters}: {error.strerror}") from None
    return last + 1


def _last(text: bytes, spool: Spool) -> int:
    """What the counter's text says; what is not of its exact form counts only as far as nothing else speaks against it."""
    digits = text.strip().lstrip(b"0").decode("ascii", "replace")
    number = int(digits) if is_number(digits) else 0
    return number if text == _FORM % number else max(number, highest_known(spool))


def highest_known(spool: Spool) -> int:
    """The highest cluster number that the spool shows signs of: for a counter that is new or damaged."""
    highest = 0
    for folder in (spool.queue, spool.rejected):
        for name in _names(folder):
            cluster, _, count = name.partition("-")
            jobs, dot, kind = count.partition(".")
            if kind in ("submit", "submit.reason") and dot and is_number(cluster) and is_number(jobs):
                highest = max(highest, int(cluster) + int(jobs) - 1)  # a cluster has a job at least
    for name in _names(f"{spool.root}/payload"):
        if is_number(name):
            highest = max(highest, int(name))
    if os.path.exists(spool.database):
        from spool.store.sqlite import highest_cluster

        highest = max(highest, highest_cluster(spool))
    return highest


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
