"""The default table of condor_q: one line per batch, that is per cluster, or per batch name of one owner.

Counting and widths follow ``reduce_procs``, ``reduce_results`` and their helpers in HTCondor's ``queue.cpp``.
"""

from __future__ import annotations

from shims.format.job_tables import shown
from shims.format.row_cache import extracts
from shims.format.times import date_text
from spool.classad import values
from spool.job import HELD, IDLE, RUNNING, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value


class Batch:
    """One line: owner, name, submission date, counts and ids. ``total`` 0 and ``done`` 0 are printed as ``_``."""

    __slots__ = ("by_status", "done", "first", "last", "name", "owner", "submitted", "total", "unknown_total")

    def __init__(self, head: JobRecord, owner: str | None, name: str | None) -> None:
        self.owner = owner
        self.name = name if name is not None else f"ID: {head.cluster}"
        date = values.integer(_value(head, "QDate"))
        self.submitted = "" if date is None else date_text(date)
        self.by_status: dict[int, int] = {}
        self.done = self.total = 0
        self.unknown_total = False
        self.first = (head.cluster, head.proc)
        self.last = self.first

    def add_cluster(self, records: Sequence[JobRecord], whole: bool) -> None:
        """Count the jobs of one cluster; what is missing of a cluster asked for as a whole is done."""
        for record in records:
            self.by_status[record.status] = self.by_status.get(record.status, 0) + 1
        self.last = (records[-1].cluster, records[-1].proc)
        total = values.integer(_value(records[0], "TotalSubmitProcs"))
        if not total:
            self.unknown_total = True
            return
        self.total += total
        if whole:
            self.done += total - len(records)

    @property
    def counts(self) -> tuple[int, int, int, int, int]:
        """Done, running, idle, held, total."""
        count = self.by_status.get
        return (
            0 if self.unknown_total else self.done,
            count(RUNNING, 0) + count(TRANSFERRING_OUTPUT, 0),
            count(IDLE, 0) + count(SUSPENDED, 0),
            count(HELD, 0),
            0 if self.unknown_total else self.total,
        )

    @property
    def ids(self) -> str:
        """``58.0``, ``58.0-5`` or ``58.0 ... 60.1``."""
        cluster, proc = self.first
        if self.first == self.last:
            return f"{cluster}.{proc}"
        if cluster == self.last[0]:
            return f"{cluster}.{proc}-{self.last[1]}"
        return f"{cluster}.{proc} ... {self.last[0]}.{self.last[1]}"


def batches(records: Sequence[JobRecord], whole: bool) -> list[Batch]:
    """The batches of jobs that are sorted by cluster and proc. ``whole``: the query took clusters as a whole."""
    found: list[Batch] = []
    named: dict[tuple[str, str | None], Batch] = {}
    for cluster in _clusters(extracts(records, "Owner JobBatchName QDate TotalSubmitProcs")):
        head = cluster[0]
        name, owner = _string(head, "JobBatchName"), _string(head, "Owner")
        batch = named.get((name, owner)) if name is not None else None
        if batch is None:
            batch = Batch(head, owner, name)
            found.append(batch)
            if name is not None:
                named[name, owner] = batch
        batch.add_cluster(cluster, whole)
    return found


def table(found: Sequence[Batch], terminal: int | None) -> list[str]:
    """Heading and rows; the column HOLD is there only when a job is held."""
    if not found:
        return ["OWNER BATCH_NAME      SUBMITTED   DONE   RUN    IDLE   HOLD  TOTAL JOB_IDS\n"]
    owner, name = _widths(found, terminal)
    held = any(batch.counts[3] for batch in found)
    headings = ["  DONE", "  RUN ", "  IDLE", "  HOLD", " TOTAL"]
    if not held:
        headings.remove("  HOLD")
    lines = [f"{'OWNER':<{owner}} {'BATCH_NAME':<{name}}    SUBMITTED {' '.join(headings)} JOB_IDS"]
    lines += [_row(batch, owner, name, held) for batch in found]
    if terminal:
        return [line[: terminal - 1] + "\n" for line in lines]
    return [line.rstrip() + "\n" for line in lines]


def _row(batch: Batch, owner: int, name: int, held: bool) -> str:
    who = "[" + "?" * (owner - 2) + "]" if batch.owner is None else shown(batch.owner)[:owner]
    counts = [f"{count:6d}"[:6] if count > 0 else "     _" for count in batch.counts]
    if not held:
        del counts[3]
    what = shown(batch.name)[:name]
    return f"{who:<{owner}} {what:<{name}} {batch.submitted:>12} {' '.join(counts)} {batch.ids}"


def _widths(found: Sequence[Batch], terminal: int | None) -> tuple[int, int]:
    owner = max([len(shown(batch.owner or "")) for batch in found])
    name = max([len(shown(batch.name)) for batch in found])
    ids = max([len(batch.ids) for batch in found])
    room = (terminal or 0) - 50
    column = max(5, owner)
    if terminal and owner + name + ids > room:
        owner, name = _squeezed(owner, name, ids, room)
    return (max(8, owner) if owner < column else owner), max(10, name)


def _squeezed(owner: int, name: int, ids: int, room: int) -> tuple[int, int]:
    """What owner and name get of a terminal that is too narrow (the arithmetic of ``reduce_results``)."""
    share = _quotient(room - (8 + 10 + 9), 3)
    more_owner = more_name = share
    if share < ids and (name + owner) - (2 * share + 18) > 7 and more_name < 10:
        ids //= 2
    if share + 9 > ids:
        rest = share + 9 - ids
        more_owner += rest // 2
        more_name += rest - rest // 2
    if more_name + 10 > name:
        more_owner = min(8 + more_owner + more_name + 10 - name, owner) - 8
    if more_owner + 8 > owner:
        more_name = min(10 + more_name + more_owner + 8 - owner, name) - 10
    return min(owner, more_owner + 8), min(name, more_name + 10)


def _quotient(number: int, by: int) -> int:
    """Division that cuts towards zero, as C does it."""
    return number // by if number >= 0 else -(-number // by)


def _clusters(records: Sequence[JobRecord]) -> list[list[JobRecord]]:
    found: list[list[JobRecord]] = []
    for record in records:
        if found and found[-1][0].cluster == record.cluster:
            found[-1].append(record)
        else:
            found.append([record])
    return found


def _value(record: JobRecord, name: str) -> Value:
    expression = record.expression(name)
    if expression is None:
        return values.UNDEFINED
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return found
    from spool.classad.evaluate import evaluate_own

    return evaluate_own(expression, record)


def _string(record: JobRecord, name: str) -> str | None:
    found = _value(record, name)
    return found if isinstance(found, str) else None
