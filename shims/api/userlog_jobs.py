"""``condor_q -userlog FILE``: the jobs of a job event log as their events tell of them (``userlog_to_classads.cpp``).

What a log does not tell is made up as HTCondor does it: the owner is who asks, the command is ``???``.
"""

from __future__ import annotations

import time

from shims.api.ad_files import FileSource
from shims.cli.stdio import Answer
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.job import COMPLETED, HELD, IDLE, REMOVED, RUNNING, SUSPENDED
from spool.userlog import reader
from spool.userlog.reader import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from spool.settings import Settings

_STATUS = {
    reader.EXECUTING: RUNNING,
    reader.EVICTED: IDLE,
    reader.TERMINATED: COMPLETED,
    reader.SHADOW_EXCEPTION: IDLE,
    reader.ABORTED: REMOVED,
    reader.SUSPENDED: SUSPENDED,
    reader.UNSUSPENDED: RUNNING,
    reader.HELD: HELD,
    reader.RELEASED: IDLE,
}
_AT_FIRST = {
    "MyType": '"Job"', "TargetType": '"Machine"', "JobPrio": "0", "ImageSize": "0", "Cmd": '"???"', "JobStatus": str(IDLE),
    "LastJobStatus": "0", "LastSuspensionTime": "0", "CompletionDate": "0", "NumJobStarts": "0", "TotalSuspensions": "0",
    "NumSystemHolds": "0", "LocalUserCpu": "0.0", "RemoteUserCpu": "0.0", "LocalSysCpu": "0.0", "RemoteSysCpu": "0.0",
    "RemoteWallClockTime": "0.0",
}  # fmt: skip
_USAGES = {"Run Remote": "LastRemote", "Run Local": "LastLocal", "Total Remote": "Remote", "Total Local": "Local"}


class UserLogSource(FileSource):
    """The jobs of one job event log. Answer when it cannot be read."""

    label = "Userlog"

    def __init__(self, path: str, settings: Settings, me: str, now: float) -> None:
        try:
            records = jobs_of(path, me, int(now))
        except CannotOpen:
            raise Answer(1, err=f"\nCan't open user log: {path}\n") from None
        super().__init__(path, settings, me, now, records)


class CannotOpen(Exception):
    """The log cannot be read."""


def jobs_of(path: str, me: str, now: int) -> list[JobRecord]:
    """The jobs of a job event log, by cluster and proc. CannotOpen; Answer when it is no such log."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            text = file.read().replace("\0", " ")
    except OSError:
        raise CannotOpen from None
    jobs: dict[tuple[int, int], dict[str, str]] = {}
    read = False
    for event in _events(text):
        read = True
        cluster, proc, _ = event.job
        if event.number == reader.SUBMITTED and proc >= 0:
            jobs[cluster, proc] = _submitted(event, path, me, now)
        elif (cluster, proc) in jobs:
            _tell(jobs[cluster, proc], event)
    if text.strip() and not read:
        raise Answer(1, err=f"\n{path} is no job event log: it holds no event that can be read\n")
    return [_record(cluster, proc, ad) for (cluster, proc), ad in sorted(jobs.items())]


def _events(text: str) -> Iterator[Event]:
    """What is whole and can be read; the rest is passed over, as HTCondor's reader does it."""
    lines: list[str] = []
    for line in text.split("\n"):
        if line != "...":
            lines.append(line)
            continue
        event = _event(lines)
        if event is not None:
            yield event
        lines = []


def _event(lines: Sequence[str]) -> Event | None:
    try:
        return Event(lines)
    except (ValueError, IndexError, OverflowError):
        return None


def _record(cluster: int, proc: int, ad: dict[str, str]) -> JobRecord:
    return JobRecord(cluster, proc, int(ad["JobStatus"]), ads.dump(ad))


def _submitted(event: Event, path: str, me: str, now: int) -> dict[str, str]:
    cluster, proc, _ = event.job
    at = _at(event)
    return {
        **_AT_FIRST,
        "ClusterId": str(cluster),
        "ProcId": str(proc),
        "UserLog": ads.quote(path),
        "QDate": at,
        "EnteredCurrentStatus": at,
        "GlobalJobId": ads.quote(f"localhost#{cluster}.{proc}#{at}"),
        "ServerTime": str(now),
        "SubmitHost": ads.quote(event.text.partition(": ")[2]),
        "Owner": ads.quote(me),
    }


def _at(event: Event) -> str:
    return str(int(time.mktime(event.stamp)))


def _tell(ad: dict[str, str], event: Event) -> None:
    """Take what an event tells over into the job's ad."""
    before = int(ad["JobStatus"])
    if event.number in _STATUS:
        ad["LastJobStatus"] = ad["JobStatus"]
        ad["JobStatus"] = str(_STATUS[event.number])
        ad["EnteredCurrentStatus"] = _at(event)
    more = _MORE.get(event.number)
    if more is not None:
        more(ad, event, before)


def _executing(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["JobCurrentStartDate"] = _at(event)
    ad["NumJobStarts"] = str(int(ad["NumJobStarts"]) + 1)
    ad["StartdIpAddr"] = ad["RemoteHost"] = ads.quote(event.text.partition(": ")[2])


def _terminated(ad: dict[str, str], event: Event, _before: int) -> None:
    if "RemoteHost" in ad:
        ad["LastRemoteHost"] = ad.pop("RemoteHost")
    ad["CompletionDate"] = _at(event)
    how = event.lines[1].strip() if len(event.lines) > 1 else ""
    number = str(ads.number(how.rpartition(" ")[2].rstrip(")")))
    ad["ExitBySignal"] = "false" if how.startswith("(1)") else "true"
    ad["ExitCode" if how.startswith("(1)") else "ExitSignal"] = number
    for line in event.lines[2:]:
        _usage(ad, line.strip())
    if "JobCurrentStartDate" in ad:
        ran = float(int(ad["CompletionDate"]) - int(ad["JobCurrentStartDate"]))
        ad["LastRemoteWallClockTime"] = f"{ran}"
        ad["RemoteWallClockTime"] = f"{float(ad['RemoteWallClockTime']) + ran}"


def _usage(ad: dict[str, str], line: str) -> None:
    """``Usr 0 00:00:01, Sys 0 00:00:00  -  Run Remote Usage``."""
    times, _, what = line.partition("  -  ")
    name = _USAGES.get(what.replace(" Usage", ""))
    if name is None or not times.startswith("Usr "):
        return
    user, _, system = times[4:].partition(", Sys ")
    ad[f"{name}UserCpu"], ad[f"{name}SysCpu"] = f"{_seconds(user):.1f}", f"{_seconds(system):.1f}"


def _seconds(text: str) -> int:
    """``1 02:03:04``: days, hours, minutes, seconds; 0 when it is something else."""
    days, _, clock = text.partition(" ")
    parts = clock.split(":")
    if len(parts) != 3 or not all(part.isdecimal() for part in (days, *parts)):
        return 0
    hours, minutes, seconds = map(int, parts)
    return ((int(days) * 24 + hours) * 60 + minutes) * 60 + seconds


def _image_size(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["ImageSize"] = str(ads.number(event.text.partition(": ")[2]))
    for name in ("ResidentSetSize", "ProportionalSetSize"):
        found = [line for line in event.lines if name in line]
        ad[name] = str(ads.number(found[0].split()[0])) if found else "-1"


def _vacated(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["LastVacateTime"] = _at(event)
    reason = next((line.strip() for line in event.lines[1:] if _is_reason(line.strip())), "")
    if reason:
        ad["LastVacateReason"] = ads.quote(reason)


def _is_reason(line: str) -> bool:
    return bool(line) and line[0] != "(" and "  -  " not in line and " : " not in line and " = " not in line


def _suspended(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["LastSuspensionTime"] = _at(event)
    ad["TotalSuspensions"] = str(int(ad["TotalSuspensions"]) + 1)


def _held(ad: dict[str, str], event: Event, before: int) -> None:
    reason = _reason(event)
    if before != IDLE:
        ad["LastVacateTime"], ad["LastVacateReason"] = _at(event), reason
    ad["HoldReason"] = reason
    codes = event.lines[2].split() if len(event.lines) > 2 else []
    if len(codes) == 4:
        ad["HoldReasonCode"], ad["HoldReasonSubCode"] = str(ads.number(codes[1])), str(ads.number(codes[3]))
    if ad.get("HoldReasonCode") != "1":  # not at the user's request
        ad["NumSystemHolds"] = str(int(ad["NumSystemHolds"]) + 1)


def _released(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["ReleaseReason"] = _reason(event)


def _aborted(ad: dict[str, str], event: Event, _before: int) -> None:
    ad["RemoveReason"] = _reason(event)


def _reason(event: Event) -> str:
    return ads.quote(event.lines[1].strip() if len(event.lines) > 1 else "")


def _information(ad: dict[str, str], event: Event, _before: int) -> None:
    """028: attributes of the job, one a line."""
    passing: Sequence[str] = ("MyType", "Cluster", "Proc", "Subproc", "EventTypeNumber")
    for line in event.lines[1:]:
        name, equals, expression = line.strip().partition(" = ")
        if equals and ads.is_name(name) and name not in passing and not name.startswith("TriggerEventType"):
            ad[name] = expression


_MORE: dict[int, Callable[[dict[str, str], Event, int], None]] = {
    reader.EXECUTING: _executing,
    reader.TERMINATED: _terminated,
    reader.IMAGE_SIZE: _image_size,
    reader.EVICTED: _vacated,
    reader.SHADOW_EXCEPTION: _vacated,
    reader.SUSPENDED: _suspended,
    reader.HELD: _held,
    reader.RELEASED: _released,
    reader.ABORTED: _aborted,
    reader.AD_INFORMATION: _information,
}
