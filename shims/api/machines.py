"""The ads of ``condor_status``: what Work Queue has as machines, and the daemons that clients look for.

Work Queue's library says what all workers have together, through any number of foremen, and not what each one has: so the pool is
one partitionable slot, ``slot1@HOST`` of the master's host, with what is free. Each running job is a dynamic slot of it, on the
host that the job runs on.
"""

from __future__ import annotations

import os

from shims.cli import identity, stdio
from spool.classad import ads, matchmaking
from spool.classad.job_record import JobRecord
from spool.job import HELD, IDLE, REMOVED, RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spool.settings import Settings
    from spool.store.published_counts import Counts

_KIB = 1024  # of a MB: HTCondor counts disk in KiB


class Pool:
    """What is known at one moment: the published counts, the jobs that run, the time."""

    __slots__ = ("counts", "now", "running", "settings")

    def __init__(self, counts: Counts, running: Sequence[JobRecord], settings: Settings, now: float) -> None:
        self.counts = counts
        self.running = running
        self.settings = settings
        self.now = now


def record(attributes: Mapping[str, str]) -> JobRecord:
    """The ad as what the printers take."""
    return JobRecord(0, 0, 0, ads.dump(attributes))


def machines(pool: Pool) -> list[dict[str, str]]:
    """The slots: the pool's free part, then one for each running job; none when there are neither workers nor running jobs."""
    claimed = [_claimed(pool, number, job) for number, job in enumerate(pool.running, 1)]
    extra = pool.counts.extra
    used = {name: sum([ads.number(slot[name]) for slot in claimed]) for name in ("Cpus", "Memory", "Disk")}
    # A foreman tells of a worker that came back a moment after it gave it a job: what is used is there.
    cores = max(extra.get("CORES", 0), used["Cpus"])
    memory, disk = max(extra.get("MEMORY", 0), used["Memory"]), max(extra.get("DISK", 0) * _KIB, used["Disk"])
    if not cores:
        return []
    free = max(0, cores - max(used["Cpus"], extra.get("CORES_USED", 0)))
    host = identity.host_name()
    whole = {
        "TotalCpus": f"{cores}.0",
        "TotalDisk": str(disk),
        "TotalMemory": str(memory),
        "TotalSlots": str(1 + len(claimed)),
    }
    slot = {
        **_slot(pool, f"slot1@{host}", host, (free, memory - used["Memory"], disk - used["Disk"])),
        "AwqWorkers": str(extra.get("WORKERS", 0)),
        "ChildCpus": _list([slot["Cpus"] for slot in claimed]),
        "ChildMemory": _list([slot["Memory"] for slot in claimed]),
        "ChildState": _list(['"Claimed"' for _ in claimed]),
        "NumDynamicSlots": str(len(claimed)),
        "PartitionableSlot": "true",
        "SlotType": '"Partitionable"',
        "TotalSlotCpus": str(cores),
        "TotalSlotDisk": f"{disk}.0",
        "TotalSlotMemory": str(memory),
        **whole,
    }
    for one in claimed:
        if one["Machine"] == slot["Machine"]:  # only there: ARC adds up what the machines have
            one.update(whole)
    return [slot, *claimed]


def _claimed(pool: Pool, number: int, job: JobRecord) -> dict[str, str]:
    host = ads.string(job.expression("RemoteHost")).partition("@")[2] or identity.host_name()
    amounts = tuple(
        [
            ads.number(job.expression(name), least)
            for name, least in (("RequestCpus", 1), ("RequestMemory", 0), ("RequestDisk", 0))
        ]
    )
    since = job.expression("JobCurrentStartDate") or str(int(pool.now))
    who = ads.quote(f"{ads.string(job.expression('Owner'))}@{identity.host_name()}")
    return {
        **_slot(pool, f"slot1_{number}@{host}", host, amounts),
        "Activity": '"Busy"',
        "ClientMachine": ads.quote(identity.host_name()),
        "CondorLoadAvg": "1.0",
        "DSlotId": str(number),
        "DynamicSlot": "true",
        "EnteredCurrentActivity": since,
        "EnteredCurrentState": since,
        "GlobalJobId": job.expression("GlobalJobId") or '""',
        "JobId": ads.quote(f"{job.cluster}.{job.proc}"),
        "JobStart": since,
        "LoadAvg": "1.0",
        "RemoteOwner": who,
        "RemoteUser": who,
        "SlotType": '"Dynamic"',
        "State": '"Claimed"',
        "TotalSlotCpus": str(amounts[0]),
        "TotalSlotDisk": f"{amounts[2]}.0",
        "TotalSlotMemory": str(amounts[1]),
    }


def _slot(pool: Pool, name: str, host: str, amounts: Sequence[int]) -> dict[str, str]:
    """What all slots have; ``amounts`` are cores, MB of memory, KiB of disk."""
    started = pool.counts.timestamp
    return {
        "Activity": '"Idle"',
        **matchmaking.facts(),
        "CondorLoadAvg": "0.0",
        "CondorPlatform": ads.quote(stdio.PLATFORM_LINE),
        "CondorVersion": ads.quote(stdio.VERSION_LINE),
        "Cpus": str(amounts[0]),
        "Disk": str(amounts[2]),
        "EnteredCurrentActivity": str(started),
        "EnteredCurrentState": str(started),
        "FileSystemDomain": ads.quote(identity.host_name()),
        "LastHeardFrom": str(started),
        "LoadAvg": "0.0",
        "Machine": ads.quote(host),
        "Memory": str(amounts[1]),
        "MyAddress": ads.quote(identity.address(pool.settings)),
        "MyCurrentTime": str(int(pool.now)),
        "MyType": '"Machine"',
        "Name": ads.quote(name),
        "OpSysAndVer": '"LINUX"',
        "Requirements": "START && (WithinResourceLimits)",
        "SlotID": "1",
        "Start": "true",
        "State": '"Unclaimed"',
        "TargetType": '"Job"',
        "WithinResourceLimits": _limits(pool),
    }


def _limits(pool: Pool) -> str:
    """What a job must fit into, as a partitionable slot of HTCondor says it; of what is not known nothing is said."""
    known = [
        name for name, fact in (("Cpus", "CORES"), ("Memory", "MEMORY"), ("Disk", "DISK")) if fact in pool.counts.extra
    ]
    return f"({' && '.join([f'MY.{name} > 0 && TARGET.Request{name} <= MY.{name}' for name in known]) or 'true'})"


def schedd(pool: Pool) -> dict[str, str]:
    """The one schedd there is."""
    counts = pool.counts
    return {
        **_daemon(pool, "Scheduler"),
        "NumUsers": "1",
        "TotalHeldJobs": str(counts.of(HELD)),
        "TotalIdleJobs": str(counts.of(IDLE)),
        "TotalJobAds": str(counts.total),
        "TotalRemovedJobs": str(counts.of(REMOVED)),
        "TotalRunningJobs": str(counts.of(RUNNING)),
    }


def master(pool: Pool) -> dict[str, str]:
    """The master daemon: alien_work_queue."""
    extra = pool.counts.extra
    ad = {
        **_daemon(pool, "DaemonMaster"),
        "DetectedCpus": str(extra.get("CORES", 0)),
        "DetectedMemory": str(extra.get("MEMORY", 0)),
    }
    try:
        ad["DaemonStartTime"] = str(int(os.stat(f"/proc/{extra.get('MASTER_PID', 0)}").st_ctime))
    except OSError:
        return ad  # another host's process number, or /proc is hidden
    return ad


def collector(pool: Pool) -> dict[str, str]:
    """The collector, which is the master as well."""
    counts = pool.counts
    return {
        **_daemon(pool, "Collector"),
        "HostsClaimed": str(len(pool.running)),
        "HostsTotal": str(counts.extra.get("WORKERS", 0)),
        "HostsUnclaimed": str(max(0, counts.extra.get("WORKERS", 0) - len(pool.running))),
        "IdleJobs": str(counts.of(IDLE)),
        "RunningJobs": str(counts.of(RUNNING)),
    }


def _daemon(pool: Pool, kind: str) -> dict[str, str]:
    name = ads.quote(identity.host_name())
    return {
        "CondorPlatform": ads.quote(stdio.PLATFORM_LINE),
        "CondorVersion": ads.quote(stdio.VERSION_LINE),
        "Machine": name,
        "MyAddress": ads.quote(identity.address(pool.settings)),
        "MyCurrentTime": str(int(pool.now)),
        "MyType": ads.quote(kind),
        "Name": name,
    }


def _list(items: Sequence[str]) -> str:
    return f"{{ {','.join(items)} }}" if items else "{  }"
