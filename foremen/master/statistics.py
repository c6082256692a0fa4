"""The statistics log: a line an interval, for ``scripts/plot`` and for whoever looks back. Nothing reads it to decide.

A line is ``name=value`` with blanks between, whole by itself (docs/operations.md has the table)::

    time=1760000000 seconds=60.0 waiting=12 running=8 ... new=40 starts=38 ends=35 removals=0 holds=0 workers=4 ...

``time`` is the epoch; then the jobs by state as ``stat/latest`` has them; what happened in the ``seconds`` before; the pool.
A line costs an open, a write and a close (30 us), outside of the database's transaction, and is not fsynced.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable, Mapping

from foremen.engine.protocol import Pool
from foremen.master import history_file
from spool import job
from spool.store.layout import Spool

LONGEST = 4 * 2**20  # bytes: at a line a minute about two weeks; a longer file is renamed to statistics.TIME
KEPT = 4  # renamed files
_STATES = {
    "waiting": job.IDLE,
    "running": job.RUNNING,
    "held": job.HELD,
    "completed": job.COMPLETED,
    "removed": job.REMOVED,
    "suspended": job.SUSPENDED,
}
NEW = 0  # beside the JobStatus that a job came into: that it came
_HAPPENED = {"new": NEW, "starts": job.RUNNING, "ends": job.COMPLETED, "removals": job.REMOVED, "holds": job.HELD}


class Statistics:
    """Writes the log of one spool. ``interval`` in seconds, 0: never. What cannot be written is said once, and dropped."""

    def __init__(self, spool: Spool, interval: int, say: Callable[[str], None], longest: int = LONGEST) -> None:
        self._path = spool.statistics
        self._interval = interval
        self._say = say
        self._longest = longest
        self._last: float | None = None
        self._failing = False

    def note(self, times: tuple[float, float], counts: Mapping[int, int], happened: Counter[int], pool: Pool) -> None:
        """Called about once a second; when it is time, write a line and clear ``happened`` (moves by the JobStatus they led to).

        ``times``: the epoch, and a clock that never steps.
        """
        now, ticks = times
        if self._last is None:
            self._last = ticks
        passed = ticks - self._last
        if not self._interval or passed < self._interval:
            return
        self._last = ticks
        text = line(now, passed, counts, happened, pool)
        happened.clear()
        self._write(text)

    def _write(self, text: str) -> None:
        try:
            _append(self._path, text)
            self._failing = False
        except OSError as error:
            if not self._failing:
                self._say(f"cannot write the statistics log {self._path}: {error.strerror}; jobs go on without")
            self._failing = True
            return
        history_file.put_aside(self._path, self._longest, KEPT, self._say)


def line(now: float, seconds: float, counts: Mapping[int, int], happened: Mapping[int, int], pool: Pool) -> str:
    """One line, with its newline."""
    facts: dict[str, object] = {"time": int(now), "seconds": f"{seconds:.1f}"}
    facts.update({name: counts.get(status, 0) for name, status in _STATES.items()})
    facts.update({name: happened.get(status, 0) for name, status in _HAPPENED.items()})
    facts.update(workers=pool.workers, links=pool.links, cores=pool.cores, cores_used=pool.cores_used)
    return " ".join([f"{name}={value}" for name, value in facts.items()]) + "\n"


def _append(path: str, text: str) -> None:
    """The line whole, or nothing of it. A file that another made for others to read is closed to them."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        before = os.fstat(fd).st_size
        data = text.encode("ascii")
        try:
            written = os.write(fd, data)
        except OSError:
            os.ftruncate(fd, before)
            raise
        if written < len(data):  # the disk was full in the middle
            os.ftruncate(fd, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(fd)
