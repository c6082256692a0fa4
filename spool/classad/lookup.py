"""Looking attributes up in a job's record without parsing the ad.

``ClusterId``, ``ProcId`` and ``JobStatus`` come from the record itself. Names in ClassAds have no case.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from spool.classad.job_record import JobRecord

    Fetch = Callable[[JobRecord], "str | None"]

_NAMES = """
Args Arguments Cmd CompletionDate CurrentHosts EnteredCurrentStatus Environment Err ExitBySignal ExitCode ExitSignal
ExitStatus GlobalJobId GridJobId GridJobStatus GridResource HoldReason HoldReasonCode HoldReasonSubCode ImageSize In Iwd
JobBatchName JobCurrentStartDate JobDescription JobPrio JobStartDate JobUniverse LastJobStatus LastRemoteHost
LeaveJobInQueue MemoryUsage MyType NumJobStarts Out Owner QDate RemoteHost RemoteSysCpu RemoteUserCpu
RemoteWallClockTime RemoveReason RequestCpus RequestDisk RequestMemory Requirements ResidentSetSize TotalSubmitProcs
User UserLog
"""
_KNOWN = {name.lower(): name for name in _NAMES.split()}


def fetcher(name: str) -> Fetch:
    """What gives the expression of that attribute of a record, whatever the case of its name; None where there is none."""
    lowered = name.lower()
    special = _SPECIAL.get(lowered)
    if special is not None:
        return special
    exact = _KNOWN.get(lowered, name)

    def fetch(record: JobRecord) -> str | None:
        found = record.expression(exact)
        return found if found is not None else _search(record.text, lowered)

    return fetch


def spelled(record: JobRecord, name: str) -> str | None:
    """The expression of an attribute of a record, whatever the case of its name."""
    fetch = _fetchers.get(name)
    if fetch is None:
        fetch = _fetchers[name] = fetcher(name)
    return fetch(record)


def _search(text: str, lowered: str) -> str | None:
    """Lower case has the same length only for ASCII, so that others are searched line by line."""
    if not text.isascii():
        return _search_lines(text, lowered)
    folded = text.lower()
    start = folded.rfind(f"\n{lowered} = ") + 1
    if start == 0 and not folded.startswith(f"{lowered} = "):
        return None
    start += len(lowered) + 3
    return text[start : text.index("\n", start)]


def _search_lines(text: str, lowered: str) -> str | None:
    found = None
    for line in text.split("\n"):
        name, equals, expression = line.partition(" = ")
        if equals and name.lower() == lowered:
            found = expression
    return found


_SPECIAL: dict[str, Fetch] = {
    "clusterid": lambda record: str(record.cluster),
    "procid": lambda record: str(record.proc),
    "jobstatus": lambda record: str(record.status),
}
_fetchers: dict[str, Fetch] = {}
