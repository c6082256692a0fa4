"""What the commands see of the jobs: database and waiting task files, as of one moment, vouched for by the master."""

from __future__ import annotations

import os
from sqlite3 import Error as DatabaseFailed

from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.errors import DamagedTaskFile, NotVouched, SpoolError
from spool.job import IDLE
from spool.store import task_file
from spool.store.layout import Spool
from spool.store.published_counts import pending_files, published, vouch
from spool.store.sqlite import Database, no_database, open_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spool.store.sqlite import HistoryRow, Id


class View:
    """Vouched readings of one spool, NotVouched when the database fails under them. Close it."""

    def __init__(self, spool: Spool, database: Database) -> None:
        self._spool = spool
        self._database = database

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def jobs(self, ids: Sequence[Id] = (), statuses: Sequence[int] = ()) -> Iterator[JobRecord]:
        """Jobs in the queue by cluster and proc; ``ids`` and ``statuses`` narrow them ((12, None) is the whole cluster 12).

        Task files are read before the database, so that a job on its way between them is not missed.
        """
        pending = list(self._pending(ids, statuses))
        clusters = {record.cluster for record in pending}
        try:
            # Of one moment: a cluster whose jobs are not in the list must not be known a moment later.
            with self._database.snapshot():
                for row in self._database.texts(ids, statuses):
                    yield JobRecord(*row)
                waiting = {cluster for cluster in clusters if not self._database.has_cluster(cluster)}
        except DatabaseFailed as error:
            raise self._failed(error) from None
        for record in pending:
            if record.cluster in waiting:
                yield record

    def history(self, ids: Sequence[Id] = (), oldest_first: bool = False) -> Iterator[JobRecord]:
        """Jobs that left the queue, the latest first."""
        try:
            for row in self._database.history(ids, oldest_first):
                yield _of_history(row)
        except DatabaseFailed as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> NotVouched:
        return NotVouched(
            f"cannot read the job database {self._spool.database}: {error}; the state of the jobs is unknown"
        )

    def _pending(self, ids: Sequence[Id], statuses: Sequence[int]) -> Iterator[JobRecord]:
        for name in pending_files(self._spool):
            if not name.endswith(".submit"):
                continue
            try:
                task = task_file.read(f"{self._spool.queue}/{name}")
            except FileNotFoundError:
                continue  # the master has just taken it up: the database, read later, has it
            except DamagedTaskFile:
                continue  # the master will set it aside; it brings no job
            except OSError as error:
                raise NotVouched(f"cannot read the task file {name}: {error.strerror}") from None
            if isinstance(task, task_file.Submission):
                yield from _records(task, ids, statuses)


def open_view(spool: Spool, stale: int, now: float) -> View:
    """A view of the queue that a living master vouches for; NotVouched otherwise."""
    vouch(spool, published(spool), stale, now)
    return _open(spool)


def open_unvouched(spool: Spool) -> View:
    """A view that nobody needs to vouch for: history, and finding the jobs to remove.

    Where no master ever ran there is no database, and the waiting task files are all there is.
    """
    return _open(spool) if os.path.exists(spool.database) else View(spool, no_database())


def _open(spool: Spool) -> View:
    try:
        return View(spool, open_reader(spool))
    except SpoolError as error:
        raise NotVouched(str(error)) from None


def _of_history(row: HistoryRow) -> JobRecord:
    record = JobRecord(row.cluster, row.proc, 0, row.ad)
    record.status = ads.number(record.expression("JobStatus"))
    return record


def _records(task: task_file.Submission, ids: Sequence[Id], statuses: Sequence[int]) -> Iterator[JobRecord]:
    for cluster in task.clusters:
        common = ads.dump(cluster.ad)
        for number, proc in enumerate(cluster.procs):
            if ids and (cluster.number, None) not in ids and (cluster.number, number) not in ids:
                continue
            status = ads.number(proc.get("JobStatus") or cluster.ad.get("JobStatus"), IDLE)
            if statuses and status not in statuses:
                continue
            yield JobRecord(cluster.number, number, status, common + ads.dump(proc))
