"""Reading the queue: where jobs come from, and those that a selection names.

Values in, values out: what is printed of them is made by ``shims.format`` and the commands.
"""

from __future__ import annotations

import time

from spool.store.published_counts import vouched_counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shims.api.selection import Wanted
    from spool.classad.job_record import JobRecord
    from spool.settings import Settings
    from spool.store.layout import Spool


class QueueSource:
    """The queue of one spool, as ``me`` sees it at ``now`` (seconds since the epoch).

    ``shared``: it has the jobs of all users. ``label`` and ``place`` name a source that is no queue: a file.
    """

    __slots__ = ("_begun", "_ticks", "me", "now", "settings", "spool")
    shared = True
    label = "Schedd"
    place = ""

    def __init__(
        self, spool: Spool, settings: Settings, me: str, now: float, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._begun, self._ticks = ticks(), ticks
        self.spool = spool
        self.settings = settings
        self.me = me
        self.now = now

    @property
    def clock(self) -> float:
        """The time, as ``now`` was it at the beginning: reading a million jobs takes seconds, and counts are published meanwhile."""
        return self.now + self._ticks() - self._begun

    def by_status(self) -> Mapping[int, int]:
        """All jobs by JobStatus, as the master publishes them. NotVouched."""
        return vouched_counts(self.spool, self.settings.stale, self.clock).by_status

    def select(self, wanted: Wanted, needs_time: bool) -> list[JobRecord]:
        """The jobs asked for; ``needs_time``: with ServerTime in them. NotVouched, ConstraintError."""
        from shims.api.jobs import select
        from spool.store.queue_view import open_view

        view = open_view(self.spool, self.settings.stale, self.now)
        try:
            return select(view, wanted, self.now if needs_time else None)
        finally:
            view.close()
