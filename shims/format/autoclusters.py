"""Jobs that match alike, as one: ``condor_q -autocluster``, and ``SELECT UNIQUE`` of a print-format file."""

from __future__ import annotations

from spool.classad import ads, evaluate, values
from spool.classad.job_record import JobRecord
from spool.classad.lookup import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNIFICANT = (
    "FileSystemDomain",
    "Rank",
    "RequestCpus",
    "RequestDisk",
    "RequestGPUs",
    "RequestMemory",
    "Requirements",
)
"""What the slots of a partitionable pool refer to in a job; what these refer to counts as well."""


def clustered(records: Sequence[JobRecord], wanted: Sequence[str] = ()) -> list[JobRecord]:
    """One ad for the jobs whose ``wanted`` attributes (else those that matter for matching) are written alike.

    An ad has these attributes, AutoClusterId, JobCount and JobIds; they are in the order of their first jobs.
    """
    groups: dict[str, list[JobRecord]] = {}
    for record in records:
        groups.setdefault(_signature(record, wanted), []).append(record)
    return [_ad(number, text, jobs) for number, (text, jobs) in enumerate(groups.items(), 1)]


def _ad(number: int, text: str, jobs: Sequence[JobRecord]) -> JobRecord:
    first, last = jobs[0], jobs[-1]
    ids = f"{first.cluster}.{first.proc}"
    if len(jobs) > 1:
        ids += f" ... {last.cluster}.{last.proc}"
    own = {"AutoClusterId": str(number), "JobCount": str(len(jobs)), "JobIds": ads.quote(ids)}
    return JobRecord(0, 0, 0, ads.dump(own) + text)


def _signature(record: JobRecord, wanted: Sequence[str]) -> str:
    """The attributes that make jobs alike, in long form."""
    found: dict[str, str] = {}
    names = list(wanted or _SIGNIFICANT)
    while names:
        name = names.pop()
        text = None if name in found else spelled(record, name)
        if text is None:
            continue
        found[name] = text
        if not wanted and values.literal(text) is values.NO_LITERAL:
            names += [other for other in evaluate.needed(text) if other != "*"]
    return ads.dump(dict(sorted(found.items())))
