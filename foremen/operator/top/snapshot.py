"""One look at a site, frozen: all that ``top`` shows, and the one place that reads it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Optional

from foremen.node.host.port import Door
from foremen.node.status_rows import Row
from foremen.node.topology import look_above
from foremen.operator.top.past import MINUTE, Ended, Past, failure_of, noted
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.errors import AwqError
from spool.job import HELD, RUNNING, STATUS_NAMES, job_id
from spool.settings import Settings
from spool.store import published_counts, queue_view
from spool.store.layout import Spool, open_spool
from spool.store.published_counts import Counts
from spool.store.queue_view import View

SHOWN = 20  # pilots and failures that are kept: more than a screen has room for
_SHARE = 10  # reading the running jobs may take a tenth of the time
_MOST_HELD = 2000  # with more of them, only those that ended are shown as failures


@dataclass(frozen=True)
class Rates:
    """Jobs in the last minute; None is: not known (yet)."""

    submitted: Optional[float] = None
    started: Optional[float] = None
    finished: Optional[float] = None
    failed: Optional[float] = None


@dataclass(frozen=True)
class Pilot:
    """A job that runs, for ``seconds`` now; ``starts``: how often it was started."""

    id: str
    seconds: float
    starts: int
    host: str
    command: str


@dataclass(frozen=True)
class Snapshot:
    """The site ``at`` a time (epoch). ``trouble``: "" or why nobody vouches for it: then jobs, rates and pilots are not known."""

    at: float
    spool: str
    trouble: str = ""
    jobs: tuple[tuple[str, int], ...] = ()
    rates: Rates = Rates()
    master: Optional[Row] = None
    engine: Optional[Row] = None
    foremen: tuple[Row, ...] = ()
    slowest: tuple[Pilot, ...] = ()
    failures: tuple[Ended, ...] = ()


class Reader:
    """Looks again and again: what it has seen before gives the rates."""

    def __init__(self, settings: Settings, door: Door, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._door = door
        self._clock = clock
        self._past = Past()
        self._arrived: deque[tuple[float, int]] = deque()
        self._done: dict[str, deque[tuple[float, int]]] = {}
        self._running: tuple[float, float, list[JobRecord]] = (0.0, -1.0, [])  # read at, took, what

    def look(self) -> Snapshot:
        """As it is now. Never fails for want of a master: the trouble is in the snapshot."""
        rows = look_above(self._door, self._settings)
        now = self._clock()
        base = Snapshot(
            at=now,
            spool=self._settings.workdir,
            master=next((row for row in rows if row.kind == "master"), None),
            engine=next((row for row in rows if row.kind == "engine"), None),
            foremen=tuple(self._rated(row, now) for row in rows if row.kind == "foremen"),
        )
        try:
            return self._jobs(open_spool(self._settings.workdir), base)
        except AwqError as error:
            self._past, self._arrived = Past(), deque()  # what happens meanwhile is not seen
            return replace(base, trouble=str(error))

    def _jobs(self, spool: Spool, base: Snapshot) -> Snapshot:
        found = published_counts.vouched_counts(spool, self._settings.stale, base.at)
        opened = queue_view.open_view(spool, self._settings.stale, base.at)
        try:
            ended = self._past.look(opened, base.at)
            running = self._read_running(opened, base.at) if found.of(RUNNING) else []
            held = _held(opened, found)
        finally:
            opened.close()
        rates = Rates(
            submitted=self._submitted(spool, found, base.at),
            started=ended.started + sum(_started(record) > base.at - MINUTE for record in running),
            finished=ended.finished,
            failed=ended.failed,
        )
        failures = sorted([*held, *ended.failures], key=lambda one: one.at, reverse=True)[:SHOWN]
        return replace(
            base,
            jobs=tuple((STATUS_NAMES[status], count) for status, count in found.by_status.items()),
            rates=rates,
            slowest=_slowest(running, base.at),
            failures=tuple(failures),
        )

    def _read_running(self, opened: View, now: float) -> list[JobRecord]:
        """Those that run. Ten thousand take a while to read: as often as a tenth of the time allows."""
        at, took, records = self._running
        if took >= 0 and 0 <= now - at < took * _SHARE:
            return records
        begun = self._door.now()
        records = list(opened.jobs(statuses=(RUNNING,)))
        self._running = (now, self._door.now() - begun, records)
        return records

    def _submitted(self, spool: Spool, found: Counts, now: float) -> Optional[float]:
        """Who is there and was not before, and who has come and gone since; at the first look what the master has noted."""
        rate = _rate(self._arrived, now, found.total + self._past.left)
        return noted(spool, now) if rate is None else rate

    def _rated(self, row: Row, now: float) -> Row:
        key = f"{row.foreman} {row.pid}"
        if row.done is None:
            self._done.pop(key, None)
            return row
        return replace(row, per_minute=_rate(self._done.setdefault(key, deque()), now, row.done))


def _rate(points: deque[tuple[float, int]], now: float, value: int) -> Optional[float]:
    """How much ``value`` grows in a minute, by what it was up to a minute ago; None at the first look."""
    while len(points) > 1 and points[1][0] <= now - MINUTE:
        points.popleft()
    if points and (now <= points[-1][0] or value < points[-1][1]):
        points.clear()
    points.append((now, value))
    seconds = now - points[0][0]
    return (value - points[0][1]) * MINUTE / seconds if seconds else None


def _held(opened: View, found: Counts) -> list[Ended]:
    if not 0 < found.of(HELD) <= _MOST_HELD:
        return []
    return [failure_of(record) for record in opened.jobs(statuses=(HELD,))]


def _started(record: JobRecord) -> float:
    return float(ads.number(record.expression("JobCurrentStartDate")))


def _slowest(running: list[JobRecord], now: float) -> tuple[Pilot, ...]:
    """Those that run longest."""
    first = sorted(running, key=_started)[:SHOWN]
    return tuple(_pilot(record, now) for record in first)


def _pilot(record: JobRecord, now: float) -> Pilot:
    host = ads.string(record.expression("RemoteHost")).rpartition("@")[2]
    command = os.path.basename(ads.string(record.expression("Cmd")))
    starts = ads.number(record.expression("NumJobStarts"))
    started = _started(record)
    seconds = max(0.0, now - started) if started else 0.0
    return Pilot(job_id(record.cluster, record.proc), seconds, starts, host, command)
