"""The way of events into their logs: posted with a transaction, appended after it, forgotten with the next one.

A log that has no room, or whose disk is out of order, is tried again every few seconds: its events wait in the outbox, and so do
later ones for any log of that folder, so that each log gets all of them, in order, once. A log that cannot be written for
another reason (no right to, its folder has gone, a folder itself) gets none, and the job goes on: so does HTCondor (23.9.6 with a
folder that went before the job's start, or while it ran). Events that have waited for a day are dropped, too.

Nobody's lock is waited for: the events of a log that another process has locked wait by themselves for up to ``LOCK_PATIENCE``, then they
are written all the same, and so are later ones for a while. The lock only keeps two writers of ours apart when a disk fills up.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foremen.master import userlog_recovery
from spool.store.sqlite import Database
from spool.userlog import writer

PASSING = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
        *(errno.ENOTCONN, errno.ENODEV),  # a mount that has ended and will be there again
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        *(errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH),
    }
)
"""Errors of the disk, the machine or a file server, that end by themselves or by the operator's hand."""
KEPT = 86400.0  # s that events wait for such an end
RETRY = 2.0  # s between two tries of a folder
LOCK_PATIENCE = 2.0  # s for which the events of a locked log wait
_UNLOCKED = 60.0  # s for which a lock that was held so long counts for nothing
_SILENCE = 3600.0  # s for which the same is not said again

Row = tuple[int, str, str]  # id, path, text


@dataclass
class _Wait:
    """A folder whose logs have no room: since when, and when it was tried last (ticks)."""

    since: float
    tried: float


@dataclass
class _Lock:
    """A log that another process has locked: since when, and the events that wait for it, all of them in the outbox."""

    since: float
    rows: list[Row]


class Posting:
    """The outbox, and which of its events are in their logs.

    ``ticks``: a clock that never steps; ``at_once``: how many events of a folder are tried in one turn.
    """

    def __init__(
        self, database: Database, say: Callable[[str], None], ticks: Callable[[], float], at_once: int = 2000
    ) -> None:
        self._at_once = at_once
        self._db = database
        self._say = say
        self._ticks = ticks
        self._first = 0
        self._done: list[int] = []
        self._waiting: dict[str, _Wait] = {}
        self._locks: dict[str, _Lock] = {}
        self._ignored: dict[str, float] = {}  # logs whose lock counts for nothing, and until when
        self._told: dict[tuple[str, int | None], float] = {}

    @property
    def done(self) -> bool:
        """Whether there is something to forget."""
        return bool(self._done)

    @property
    def waiting(self) -> int:
        """How many folders and locked logs there are for which events wait, or whose lock is passed over."""
        return len(self._waiting) + len(self._locks) + len(self._ignored)

    def begin(self) -> bool:
        """What an earlier master has left; whether there was anything. The end of each log is looked at first."""
        left = self._db.outbox()
        if left:
            self._append(left, userlog_recovery.missing(left))
        return bool(left)

    def post(self, events: Sequence[tuple[str, str]]) -> None:
        """In a transaction: these are to be appended when it is committed."""
        if events:
            self._first = self._db.post(events)

    def deliver(self, events: Sequence[tuple[str, str]]) -> None:
        """After the commit: append what was posted with it, but for logs for which others wait already."""
        rows = [(self._first + number, path, text) for number, (path, text) in enumerate(events)]
        if self._waiting:
            rows = [row for row in rows if _folder(row[1]) not in self._waiting]
        if self._locks:
            for row in rows:
                if row[1] in self._locks:
                    self._locks[row[1]].rows.append(row)
            rows = [row for row in rows if row[1] not in self._locks]
        self._append(rows, [row[1:] for row in rows])

    def forget(self) -> None:
        """In a transaction: what is in its log."""
        if self._done:
            self._db.posted(self._done if self._waiting or self._locks else None)

    def forgotten(self) -> None:
        """The transaction with ``forget`` was committed."""
        self._done = []

    def retry(self) -> None:
        """Try the folders that had no room anew, each every few seconds; give up on what has waited too long."""
        now = self._ticks()
        for folder, wait in list(self._waiting.items()):
            if now - wait.tried >= RETRY:
                wait.tried = now
                self._try(folder, wait)
        self._ignored = {path: until for path, until in self._ignored.items() if now < until}
        for path, lock in list(self._locks.items()):
            self._try_locked(path, lock, now)

    def _try_locked(self, path: str, lock: _Lock, now: float) -> None:
        del self._locks[path]
        if _folder(path) in self._waiting:
            return  # tried with the folder, from the outbox
        if now - lock.since >= LOCK_PATIENCE:
            self._ignored[path] = now + _UNLOCKED
        self._append(lock.rows, userlog_recovery.missing(lock.rows))
        if path in self._locks:
            self._locks[path].since = lock.since

    def _try(self, folder: str, wait: _Wait) -> None:
        for path in [path for path in self._locks if _folder(path) == folder]:
            del self._locks[path]  # among those of the folder
        forgotten = set(self._done)
        limit = self._at_once + len(forgotten)
        found = self._db.outbox(folder, limit)
        rows = [row for row in found if row[0] not in forgotten]
        if self._append(rows, userlog_recovery.missing(rows)):
            if wait.tried - wait.since >= KEPT:
                self._give_up(folder, wait)
        elif len(found) == limit:
            wait.tried -= RETRY  # the next ones in the next turn
        else:
            del self._waiting[folder]
            self._say(f"the job event logs in {folder} can be written again")

    def _give_up(self, folder: str, wait: _Wait) -> None:
        """What comes from now on may wait for a day again."""
        forgotten = set(self._done)
        lost = [row[0] for row in self._db.outbox(folder) if row[0] not in forgotten]
        self._done += lost
        wait.since = wait.tried
        self._say(f"given up: {len(lost)} events for job event logs in {folder} have waited for a day")

    def _append(self, rows: Sequence[Row], texts: Sequence[tuple[str, str]]) -> bool:
        """Append the texts of these rows; whether one of them must wait."""
        failed = self._appended(texts)
        locked = {path for path, number in failed.items() if number == errno.EAGAIN}
        waits = {path for path, number in failed.items() if number in PASSING}
        for path, number in failed.items():
            self._tell(path, number)
        now = self._ticks()
        for path in waits:
            self._waiting.setdefault(_folder(path), _Wait(now, now))
        for path in locked:
            self._locks[path] = _Lock(now, [row for row in rows if row[1] == path])
        kept = waits | locked
        self._done += [number for number, path, _text in rows if path not in kept] if kept else [row[0] for row in rows]
        return bool(waits)

    def _appended(self, texts: Sequence[tuple[str, str]]) -> dict[str, int | None]:
        """Append the texts; the logs that were not written, and why (EAGAIN: locked)."""
        if not texts:
            return {}
        if self._ignored:
            passed = [text for text in texts if text[0] in self._ignored]
            texts = [text for text in texts if text[0] not in self._ignored]
            failed = writer.append_each(passed, writer.IGNORE) + writer.append_each(texts, writer.TRY)
        else:
            failed = writer.append_each(texts, writer.TRY)
        return {path: error.errno for path, error in failed}

    def _tell(self, path: str, number: int | None) -> None:
        """Once an hour a folder."""
        now, key = self._ticks(), (_folder(path), number)
        if now - self._told.get(key, -_SILENCE) < _SILENCE:
            return
        self._told = {one: at for one, at in self._told.items() if now - at < _SILENCE}
        self._told[key] = now
        fate = "its events wait until it can" if number in PASSING else "its events are dropped"
        if number == errno.EAGAIN:
            self._say(
                f"the job event log {path} is locked by another process; its events wait {LOCK_PATIENCE:.0f} s for it"
            )
            return
        why = os.strerror(number) if number else "no name of a file"
        self._say(f"cannot write the job event log {path}: {why}; {fate}")


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
