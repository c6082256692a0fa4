"""The records of jobs that left the queue: from the spool, or from a file of ads in HTCondor's history form."""

from __future__ import annotations

from shims.api.selection import ConstraintError, parse_id
from spool.classad import ads, values
from spool.classad.job_record import JobRecord
from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from shims.api.selection import Wanted
    from spool.store.layout import Spool
    from spool.store.queue_view import View


class History:
    """``with History(...) as records``: the finished jobs of a spool, or those of the file at ``path``.

    What ``wanted`` says of ids narrows the reading only; the records still have to be tested.
    """

    def __init__(self, spool: Spool | None, path: str | None, wanted: Wanted, oldest_first: bool) -> None:
        self._view: View | None = None
        if spool is None:
            found = _file_records(path or "")
            self._records = iter(found if oldest_first else found[::-1])
            return
        from spool.store.queue_view import open_unvouched

        self._view = open_unvouched(spool)
        self._records = self._view.history(() if wanted.users else wanted.ids, oldest_first)

    def __enter__(self) -> Iterator[JobRecord]:
        return self._records

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view is not None:
            self._view.close()


def _file_records(path: str) -> list[JobRecord]:
    """The ads of a history file: long form, each ended by a line that begins with ``***``."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise AwqError(f"Error opening history file {path}: {error.strerror}") from None
    records: list[JobRecord] = []
    current: list[str] = []
    for line in lines:
        if line.startswith("***"):
            records.append(_record("".join(current)))
            current = []
        else:
            found = ads.assignment(line)
            current += [found + "\n"] if found is not None else []
    return records


def _record(text: str) -> JobRecord:
    record = JobRecord(0, 0, 0, text)
    record.cluster = ads.number(record.expression("ClusterId"))
    record.proc = ads.number(record.expression("ProcId"))
    record.status = ads.number(record.expression("JobStatus"))
    return record


def stopped(records: Iterator[JobRecord], stops: Sequence[tuple[str, str]]) -> Iterator[JobRecord]:
    """The records up to the one that an option ``since`` or ``completedsince`` stops at. ConstraintError."""
    tests = [_stop_test(name, text) for name, text in stops]
    for record in records:
        if any(test(record) for test in tests):
            return
        yield record


def _stop_test(name: str, text: str) -> Callable[[JobRecord], bool]:
    job = parse_id(text)
    if name == "since" and job is not None:
        return lambda record: record.cluster == job[0] and job[1] in (None, record.proc)
    from spool.classad import evaluate

    condition = values.from_command_line(text if name == "since" else f"CompletionDate <= {text}")
    if not evaluate.is_expression(condition):
        raise ConstraintError(condition)
    return lambda record: values.truth(evaluate.evaluate(condition, record))
