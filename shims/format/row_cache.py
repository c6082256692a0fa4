"""Records that have looked up beforehand what a table needs: one sweep over an ad's text instead of a dozen searches.

Worth the import of ``re`` (5 ms) from some hundred jobs on. Jobs of one cluster begin with the same text: it is swept once.
Jobs that have the same in all that a table looks at have the same row but for their ids: it is made once.
"""

from __future__ import annotations

from spool.classad import values
from spool.classad.job_record import JobRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    Sweep = Callable[[str], "list[tuple[str, str]]"]

_WORTH_IT = 400


class Extract(JobRecord):
    """A record that answers ``expression`` for the attributes it was made for, and for no others.

    ``key``: the same in records that have the same status and the same expressions, most of the time.
    """

    __slots__ = ("expression", "found", "key")  # ``expression`` in place of the method: no call in between

    def __init__(self, record: JobRecord, found: dict[str, str], key: Hashable) -> None:
        self.cluster = record.cluster
        self.proc = record.proc
        self.status = record.status
        self.text = record.text
        self.found = found
        self.key = key
        self.expression = found.get  # type: ignore[assignment, method-assign]


def extracts(records: Sequence[JobRecord], names: str) -> Sequence[JobRecord]:
    """The records, quick to ask for the attributes of these names (separated by blanks, in canonical spelling)."""
    if len(records) < _WORTH_IT:
        return records
    import re

    sweep: Sweep = re.compile(f"\n({'|'.join(names.split())}) = (.*)").findall
    return list(_swept(records, sweep))


def distinct(records: Sequence[JobRecord], computed: str) -> Sequence[JobRecord]:
    """Of those extracts that look the same in every cell one each; ``computed`` is an expression that may be in them."""
    seen: dict[Hashable, bool] = {}
    found = []
    for record in records:
        if not isinstance(record, Extract):
            return records
        fixed = seen.get(record.key)
        if fixed is None:
            fixed = seen[record.key] = _is_fixed(record, computed)
            found.append(record)
        elif not fixed:
            found.append(record)
    return found


def remembered(cell: Callable[[JobRecord], str], computed: str) -> Callable[[JobRecord], str]:
    """The cell, made once for extracts that look the same; ``computed`` as in ``distinct``."""
    known: dict[Hashable, str] = {}

    def quick(record: JobRecord) -> str:
        if not isinstance(record, Extract):
            return cell(record)
        text = known.get(record.key)
        if text is None:
            text = cell(record)
            if _is_fixed(record, computed):
                known[record.key] = text
        return text

    return quick


def _is_fixed(record: Extract, computed: str) -> bool:
    """Whether its cells depend on nothing but its key: other expressions than literals may look at any attribute."""
    texts = record.found.values()
    return all(text == computed or values.literal(text) is not values.NO_LITERAL for text in texts)


def _swept(records: Sequence[JobRecord], sweep: Sweep) -> Iterator[Extract]:
    numbers: dict[tuple[tuple[str, str], ...], int] = {}  # instead of long keys
    for cluster in _clusters(records):
        common = _common(cluster[0].text, cluster[-1].text)
        pairs = tuple(sweep("\n" + common))
        shared, number = dict(pairs), numbers.setdefault(pairs, len(numbers))
        for record in cluster:
            if record.text.startswith(common):
                own = sweep("\n" + record.text[len(common) :])
                yield Extract(record, {**shared, **dict(own)} if own else shared, (record.status, number, *own))
            else:
                own = sweep("\n" + record.text)
                yield Extract(record, dict(own), (record.status, -1, *own))


def _clusters(records: Sequence[JobRecord]) -> Iterator[Sequence[JobRecord]]:
    """The records cluster by cluster, where those of one stand together."""
    begin = 0
    for at, record in enumerate(records):
        if record.cluster != records[begin].cluster:
            yield records[begin:at]
            begin = at
    if records:
        yield records[begin:]


def _common(one: str, other: str) -> str:
    """Whole lines with which both texts begin."""
    if one == other:
        return one
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one.startswith(other[:middle]):
            least = middle
        else:
            most = middle - 1
    return one[: one.rfind("\n", 0, least) + 1]
