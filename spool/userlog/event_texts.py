"""What the master writes into the job event log (`log = ...`), as HTCondor 23.9.6 words it (recorded from it)."""

from __future__ import annotations

import time
from typing import NamedTuple

from spool.userlog.writer import aborted, address, submitted
from spool.userlog.writer import event as _event
from spool.userlog.writer import line_of as _line

__all__ = [
    "Usage", "aborted", "address", "edited", "evicted", "executing", "held", "image_size", "released", "requeued", "submitted",
    "terminated",
]  # fmt: skip


class Usage(NamedTuple):
    """What an attempt used: seconds of CPU, bytes moved, seconds of wall clock, what it had asked for (cores, KiB, MB),
    and the most memory that it had at a time (KiB, 0: unknown)."""

    user: float = 0.0
    system: float = 0.0
    sent: int = 0
    received: int = 0
    wall: int = 0
    cpus: int = 1
    disk: int = 0
    memory: int = 0
    rss: int = 0

    @property
    def rss_mb(self) -> int:
        """As HTCondor's MemoryUsage has it."""
        return (self.rss + 1023) // 1024


def executing(job: tuple[int, int], at: float, host: str, slot: str, usage: Usage) -> str:
    """001: the job runs. ``host`` in HTCondor's ``<address>`` form."""
    details = [
        f"SlotName: {slot}",
        f"Cpus = {usage.cpus}",
        f"Disk = {usage.disk}",
        f"Memory = {usage.memory}",
    ]
    return _event(1, job, at, f"Job executing on host: {host}", _tabbed(details))


def evicted(job: tuple[int, int], at: float, usage: Usage, reason: str = "") -> str:
    """004: the attempt ended without result (worker vanished, held, removed); no checkpoint, not requeued by itself."""
    details = [
        "(0) CPU times",
        f"\t{_times(usage)}  -  Run Remote Usage",
        "\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage",
        f"{usage.sent}  -  Run Bytes Sent By Job",
        f"{usage.received}  -  Run Bytes Received By Job",
        *([_line(reason)] if reason else []),
        *_resources(usage),
    ]
    return _event(4, job, at, "Job was evicted.", _tabbed(details))


def requeued(job: tuple[int, int], at: float, usage: Usage, end: tuple[int | None, int | None], reason: str) -> str:
    """004: the job ended by itself (exit status, or signal) and is to run again."""
    code, signal = end
    normal = f"(1) Normal termination (return value {code})"
    details = [
        "(0) Job terminated and was requeued",
        f"\t{_times(usage)}  -  Run Remote Usage",
        "\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage",
        f"{usage.sent}  -  Run Bytes Sent By Job",
        f"{usage.received}  -  Run Bytes Received By Job",
        *([normal] if signal is None else [f"(0) Abnormal termination (signal {signal})", "(0) No core file"]),
        _line(reason),
    ]
    return _event(4, job, at, "Job was evicted.", _tabbed(details))


def terminated(job: tuple[int, int], at: float, usage: Usage, exit_code: int | None, signal: int | None) -> str:
    """005: the job ended by itself with ``exit_code``, or by ``signal``."""
    if signal is None:
        how, end = [f"(1) Normal termination (return value {exit_code})"], f"exit-code {exit_code}"
    else:
        how, end = [f"(0) Abnormal termination (signal {signal})", "(0) No core file"], f"signal {signal}"
    remote, local = _times(usage), "Usr 0 00:00:00, Sys 0 00:00:00"
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    details = [
        *how,
        f"\t{remote}  -  Run Remote Usage",
        f"\t{local}  -  Run Local Usage",
        f"\t{remote}  -  Total Remote Usage",
        f"\t{local}  -  Total Local Usage",
        f"{usage.sent}  -  Run Bytes Sent By Job",
        f"{usage.received}  -  Run Bytes Received By Job",
        f"{usage.sent}  -  Total Bytes Sent By Job",
        f"{usage.received}  -  Total Bytes Received By Job",
        *_resources(usage),
        "",
        f"Job terminated of its own accord at {when} with {end}.",
    ]
    return _event(5, job, at, "Job terminated.", _tabbed(details))


def image_size(job: tuple[int, int], at: float, image: int, usage: Usage) -> str:
    """006: how large the job was; ``image`` in KiB."""
    details = [f"{usage.rss_mb}  -  MemoryUsage of job (MB)", f"{usage.rss}  -  ResidentSetSize of job (KB)"]
    return _event(6, job, at, f"Image size of job updated: {image}", _tabbed(details))


def held(job: tuple[int, int], at: float, reason: str, code: int, subcode: int) -> str:
    """012: the job was held."""
    return _event(12, job, at, "Job was held.", _tabbed([_line(reason), f"Code {code} Subcode {subcode}"]))


def released(job: tuple[int, int], at: float, reason: str) -> str:
    """013: the job was released."""
    return _event(13, job, at, "Job was released.", _tabbed([_line(reason)]))


def edited(job: tuple[int, int], at: float, name: str, before: str, after: str) -> str:
    """033: an attribute was changed by condor_prio or condor_qedit."""
    return _event(33, job, at, f"Changing job attribute {name} from {before} to {_line(after)}", [])


def _tabbed(lines: list[str]) -> list[str]:
    return [f"\t{line}" if line else "" for line in lines]


def _times(usage: Usage) -> str:
    return f"Usr {_clock(usage.user)}, Sys {_clock(usage.system)}"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 86400} {whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _resources(usage: Usage) -> list[str]:
    return [
        "Partitionable Resources :    Usage  Request Allocated ",
        f"   Cpus                 : {'':>8} {usage.cpus:>8} {usage.cpus:>9} ",
        f"   Disk (KB)            : {'':>8} {usage.disk:>8} {usage.disk:>9} ",
        f"   Memory (MB)          : {usage.rss_mb or '':>8} {usage.memory:>8} {usage.memory:>9} ",
        f"   TimeExecute (s)      : {usage.wall:>8} {'':>8} {'':>9} ",
    ]
