"""Results on their way from the engine to the queue: outputs are unpacked first, in threads, since that can take long.

A result is acknowledged when it is committed, so whatever a crash cuts off is unpacked anew: that does no harm.
"""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Union

from foremen.engine.protocol import Result, StateChange
from foremen.master import file_transfer, internal_errors, task_builder, transitions
from foremen.master.unpack import NotUnpacked, unpack
from foremen.pilot.launch_script import parse_report
from spool import crashpoints, job
from spool.settings import Settings
from spool.store.layout import Spool
from spool.store.sqlite import Database

_THREADS = 4

Event = Union[StateChange, Result]


class Returns:
    """What is being unpacked. ``wake`` is called, by another thread, when something has been."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        settings: Settings,
        wake: Callable[[], None],
        errors: internal_errors.Mishaps,
    ) -> None:
        self._mishaps = errors
        self._db = database
        self._spool = spool
        self._settings = settings
        self._wake = wake
        self._busy: set[str] = set()
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(_THREADS, "unpack")

    def ready(self, events: Sequence[Event]) -> list[Event]:
        """Those that need no unpacking, and those that were unpacked meanwhile; what could not be is ``output-missing``."""
        found: list[Event] = []
        for event in events:
            if not isinstance(event, Result):
                found.append(event)
                continue
            try:
                if not self._held_back(event):
                    found.append(event)
            except Exception as error:
                if not internal_errors.of_one(error):
                    raise
                found.append(self._broken(event, error))
        while not self._done.empty():
            result = self._done.get()
            self._busy.discard(result.tag)
            found.append(result)
        return found

    def close(self) -> None:
        """Wait for what is being unpacked; the rest is unpacked when the engine tells of it again."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _held_back(self, result: Result) -> bool:
        """Whether its outputs are, or now begin to be, unpacked."""
        if result.tag in self._busy:
            return True
        report = parse_report(result.report)
        if result.outcome != "done" or report.plain or not report.complete:
            return False
        cluster, proc, attempt = task_builder.parse_tag(result.tag)
        archive = file_transfer.archive((cluster, proc, attempt), self._spool)
        if not _has_content(archive):
            return False
        row = self._db.job(cluster, proc)
        if row is None or row.attempt != attempt or row.status in (job.REMOVED, job.HELD):
            return False
        ad = transitions.full_ad(row)
        wanted = file_transfer.outputs(ad, file_transfer.in_place(ad, self._settings))
        if wanted is None:
            return False
        self._busy.add(result.tag)
        self._threads.submit(self._unpack, result, archive, wanted)
        return True

    def _unpack(self, result: Result, archive: str, wanted: file_transfer.Outputs) -> None:
        try:
            unpack(archive, wanted)
            crashpoints.point("result.unpacked")
        except NotUnpacked as error:
            result = replace(result, outcome="output-missing", exit=error.error, detail=str(error))
        except Exception as error:  # noqa: BLE001 - in a thread: nobody else would hear of it, and the job never end
            result = self._broken(result, error)
        self._done.put(result)
        self._wake()

    def _broken(self, result: Result, error: Exception) -> Result:
        why = self._mishaps.tell(f"the outputs of {result.tag} cannot be unpacked", error)
        return replace(result, outcome="output-missing", exit=0, detail=f"internal error of alien_work_queue: {why}")


def _has_content(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0
    except OSError:
        return False
