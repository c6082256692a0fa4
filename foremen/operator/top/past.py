"""What has left the queue lately, by reading the history from its end back to what was read before."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass

from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.job import HELD, REMOVED, job_id
from spool.store.layout import Spool
from spool.store.queue_view import View

MINUTE = 60.0
_FAR = 20000  # jobs that are read back at the first look
_KEPT = 20
_LINE = 4096  # bytes: the last line of the statistics log has less


@dataclass(frozen=True)
class Ended:
    """A job that did not end well, ``at`` a time (epoch), and ``how``."""

    id: str
    at: float
    how: str
    host: str


@dataclass(frozen=True)
class Lately:
    """In the last minute: jobs that were started and have left the queue already, that finished, that failed; and the last failures."""

    started: int
    finished: int
    failed: int
    failures: tuple[Ended, ...]


class Past:
    """Reads each finished job once. ``left``: how many have left the queue since the first look."""

    def __init__(self) -> None:
        self.left = 0
        self._newest: tuple[int, int] | None = None
        self._begun = False
        self._times: deque[tuple[float, float, bool]] = (
            deque()
        )  # ended, started, failed; of those that ended by themselves
        self._failures: deque[Ended] = deque(maxlen=_KEPT)

    def look(self, view: View, now: float) -> Lately:
        """Read what is new, the latest first; NotVouched when the database fails."""
        new = self._read(view, now)
        if self._begun:
            self.left += len(new)
        self._begun = True
        for record in reversed(new):
            self._take(record)
        self._times = deque(row for row in self._times if row[0] > now - MINUTE)
        return Lately(
            started=sum(started > now - MINUTE for _ended, started, _failed in self._times),
            finished=len(self._times),
            failed=sum(failed for _ended, _started, failed in self._times),
            failures=tuple(self._failures),
        )

    def _read(self, view: View, now: float) -> list[JobRecord]:
        found: list[JobRecord] = []
        for record in view.history():
            if (record.cluster, record.proc) == self._newest:
                break
            if not self._begun and (len(found) >= _FAR or (len(found) >= _KEPT * 10 and _ended(record) < now - MINUTE)):
                break
            found.append(record)
        if found:
            self._newest = found[0].cluster, found[0].proc
        return found

    def _take(self, record: JobRecord) -> None:
        if record.status == REMOVED:
            return  # somebody wanted that
        failed = bool(_how(record))
        self._times.append((_ended(record), float(ads.number(record.expression("JobCurrentStartDate"))), failed))
        if failed:
            self._failures.append(failure_of(record))


def noted(spool: Spool, now: float) -> float | None:
    """Jobs that came in a minute, by the last line of the statistics log; None when that is older than two minutes."""
    try:
        with open(spool.statistics, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LINE))
            text = file.read().decode("ascii", "replace")
        line = text[: text.rindex("\n")].rpartition("\n")[2]
        facts = {name: float(value) for name, _, value in (word.partition("=") for word in line.split())}
        return facts["new"] * MINUTE / facts["seconds"] if 0 <= now - facts["time"] <= 2 * MINUTE else None
    except (OSError, ValueError, KeyError, ZeroDivisionError):
        return None  # there is none, or it is of another release


def failure_of(record: JobRecord) -> Ended:
    """A job that is held or did not end well."""
    host = ads.string(record.expression("LastRemoteHost")).rpartition("@")[2]
    return Ended(job_id(record.cluster, record.proc), _ended(record), _how(record), host)


def _ended(record: JobRecord) -> float:
    completed = ads.number(record.expression("CompletionDate"))
    return float(completed or ads.number(record.expression("EnteredCurrentStatus")))


def _how(record: JobRecord) -> str:
    if record.status == HELD:
        return f"held: {ads.string(record.expression('HoldReason'))}"
    if record.expression("ExitBySignal") == "true":
        return f"signal {ads.number(record.expression('ExitSignal'))}"
    code = ads.number(record.expression("ExitCode"))
    return f"exit status {code}" if code else ""
