"""Which jobs are asked for: ids, users, constraints; and getting them out of a view."""

from __future__ import annotations

from shims.api.constraints import simple
from shims.api.selection import ConstraintError
from spool.classad import ads, values
from spool.classad.lookup import fetcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from shims.api.constraints import Simple
    from shims.api.selection import Id, Wanted
    from spool.classad.job_record import JobRecord
    from spool.store.queue_view import View

    Test = Callable[[JobRecord], bool]


def select(view: View, wanted: Wanted, now: float | None = None) -> list[JobRecord]:
    """The jobs of the queue, by cluster and proc. ConstraintError, NotVouched, SpoolError; whole or not at all.

    With ``now`` the ads get the attribute ServerTime.
    """
    tests, ids, statuses = _plan(wanted)
    if ids is None:
        return []
    records: Iterable[JobRecord] = view.jobs(ids, statuses)
    if now is not None:
        records = _timed(records, f"ServerTime = {int(now)}\n")
    found = list(_passing(records, tests))
    # Those that wait in task files come last from the view.
    found.sort(key=lambda record: (record.cluster, record.proc))
    return found if wanted.limit is None else found[: wanted.limit]


def passing(records: Iterator[JobRecord], wanted: Wanted) -> Iterator[JobRecord]:
    """Those of the records that are asked for, in their order, without regard to the limit. ConstraintError."""
    tests, ids, _ = _plan(wanted)
    if ids is None:
        return iter(())
    if ids:
        tests.append(_id_or_user_test(ids, ()))
    return _passing(records, tests)


def _timed(records: Iterable[JobRecord], line: str) -> Iterator[JobRecord]:
    for record in records:
        record.text += line
        yield record


def _plan(wanted: Wanted) -> tuple[list[Test], Sequence[Id] | None, Sequence[int]]:
    """Tests of the records, and what narrows the reading: ids (None: no job can pass) and statuses."""
    tests: list[Test] = []
    ids: Sequence[Id] | None = tuple(dict.fromkeys(wanted.ids))
    statuses: Sequence[int] = ()
    if wanted.users:
        tests.append(_id_or_user_test(wanted.ids, wanted.users))
        ids = ()
    for text in wanted.constraints:
        known = simple(text)
        tests.append(_library_test(text) if known is None else _simple_test(text, known))
        if known is None:
            continue
        if known.statuses is not None and not statuses:
            statuses = known.statuses
        if known.clusters is not None:
            ids = _narrowed(ids, known.clusters)
    return tests, ids, statuses


def _narrowed(ids: Sequence[Id] | None, clusters: Sequence[int]) -> Sequence[Id] | None:
    """The ids that are in these clusters too; () stands for all jobs, None for none."""
    if ids is None:
        return None
    if not ids:
        return [(cluster, None) for cluster in clusters]
    return [one for one in ids if one[0] in clusters] or None


def _passing(records: Iterable[JobRecord], tests: Sequence[Test]) -> Iterator[JobRecord]:
    for test in tests:
        records = filter(test, records)
    return iter(records)


def _simple_test(text: str, known: Simple) -> Test:
    test = known.test
    if known.statuses is not None:
        passing = frozenset(known.statuses)
        return lambda record: record.status in passing
    if not known.owner_matters:
        return lambda record: test((record.cluster, record.proc, record.status, ""))
    owner = fetcher("Owner")
    by_library: list[Test] = []

    def decide(record: JobRecord) -> bool:
        name = ads.unquote(owner(record) or "")
        if name is not None:
            return test((record.cluster, record.proc, record.status, name))
        if not by_library:
            by_library.append(_library_test(text))
        return by_library[0](record)

    return decide


def _library_test(text: str) -> Test:
    from spool.classad import evaluate

    written = values.from_command_line(text)
    if not evaluate.is_expression(written):
        raise ConstraintError(text)
    return lambda record: values.truth(evaluate.evaluate(written, record))


def _id_or_user_test(ids: Sequence[Id], users: Sequence[str]) -> Test:
    names = {user.lower() for user in users}  # the ClassAd language compares strings without case
    wanted = frozenset(ids)
    owner = fetcher("Owner")

    def test(record: JobRecord) -> bool:
        if (record.cluster, None) in wanted or (record.cluster, record.proc) in wanted:
            return True
        name = ads.unquote(owner(record) or "")
        return name is not None and name.lower() in names

    return test
