"""The tables of ``condor_status``, in HTCondor's columns (``prettyPrint.cpp``, ``totals.cpp``; recorded from 23.9.6)."""

from __future__ import annotations

from shims.format.times import duration_text
from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spool.classad.job_record import JobRecord

_STATES = (
    ("Owner", 5),
    ("Claimed", 7),
    ("Unclaimed", 9),
    ("Matched", 7),
    ("Preempting", 10),
    ("Drain", 6),
    ("Backfill", 8),
    ("BkIdle", 6),
)
_BY_ACTIVITY = ("Owner", "Unclaimed", "Claimed", "Preempting", "Matched", "Drain", "Backfill", "BkIdle")
_ROOMY = 80  # columns from which on names are as wide as the longest
_UNKNOWN_LOAD, _UNKNOWN_IDLE = "[????]", "[??????????]"


def slots(records: Sequence[JobRecord], wide: bool = False, cut: int | None = None) -> str:
    """The default table, and its ``wide`` form; its rows are cut at the column ``cut``, where names are not made wider either."""
    if not records:
        return ""
    width = _width(records, "Name", 34 if wide else 12 if (cut or 0) > _ROOMY else 18)
    state, activity = _width(records, "State", 9), _width(records, "Activity", 8)
    memory = max([4, *[len(_number(record, "Memory")) for record in records]])
    since, gap = ("ActivityTime", " ") if wide else ("  ActvtyTime", "")
    lines = [
        f"{'Name':<{width}} {'OpSys':<10} {'Arch':<6} {'State':<{state}} {'Activity':<{activity}}"
        f" LoadAv {'Mem':<{memory}}{gap}{since}"
    ]
    for record in records:
        lines.append(
            f"{_text(record, 'Name'):<{width}} {_text(record, 'OpSys'):<10} {_text(record, 'Arch'):<6}"
            f" {_text(record, 'State'):<{state}} {_text(record, 'Activity'):<{activity}} {_load(record)}"
            f" {_number(record, 'Memory'):>{memory}}{gap}{_since(record, 'EnteredCurrentActivity', 'MyCurrentTime', 'LastHeardFrom')}"
        )
    if cut is not None:
        lines = [line[: cut - 1] for line in lines]
    return "\n".join([lines[0], "", *lines[1:]]) + "\n" + totals(records)


def totals(records: Sequence[JobRecord]) -> str:
    """``-total``: slots by state for each platform."""
    return _totals(records, [name for name, _ in _STATES], _platform)


def compact(records: Sequence[JobRecord]) -> str:
    """``-compact``: one line for each partitionable slot, its dynamic slots rolled up; ads without one have no line."""
    whole = [record for record in records if record.expression("PartitionableSlot") == "true"]
    if not whole:
        return ""
    width = _width(whole, "Machine", 12)
    head = "Slots Cpus Gpus  TotalGb FreCpu  FreeGb  CpuLoad ST Jobs/Min MaxSlotGb"
    lines = [f"{'Machine':<{width}} {'Platform':<9} {head}\n\n"]
    for record in whole:
        memory = [
            ads.number(one) for one in (record.expression("ChildMemory") or "").strip("{ }").split(",") if one.strip()
        ]
        largest = f"{max(memory) / 1024:>9.2f}" if memory else f"{'*':<9}"
        state = "C " if memory and not _amount(record, "Cpus") else "*i" if memory else "Ui"
        total, free = (_amount(record, name) / 1024 for name in ("TotalSlotMemory", "Memory"))
        lines.append(
            f"{_text(record, 'Machine'):<{width}} {_short_platform(record):<9} {_number(record, 'NumDynamicSlots'):>4}  "
            f"{_amount(record, 'TotalCpus'):>4} {'':4} {total:>8.2f} {_number(record, 'Cpus'):>6} {free:>8.2f} {'':7}"
            f" {state} {'_':<8} {largest}\n"
        )
    used_up = [one for one in whole if one.expression("Cpus") == "0" and _amount(one, "NumDynamicSlots")]
    counted = [one for one in records if one not in used_up]
    return "".join(lines) + _totals(counted, [name for name, _ in _STATES], _short_platform)


def _amount(record: JobRecord, name: str) -> int:
    return ads.number(record.expression(name))


def _short_platform(record: JobRecord) -> str:
    arch = {"X86_64": "x64", "INTEL": "x86"}.get(_text(record, "Arch"), _text(record, "Arch"))
    return f"{arch}/{_text(record, 'OpSysAndVer')}"


def states(records: Sequence[JobRecord]) -> str:
    """``-state``."""
    if not records:
        return ""
    width = _width(records, "Name", 12)
    state, activity = _width(records, "State", 5), _width(records, "Activity", 5)
    memory = max([5, *[len(_number(record, "Memory")) for record in records]])
    lines = [
        f"{'Name':<{width}} Cpu  {'Mem':<{memory - 1}} LoadAv  KbdIdle    {'State':<{state}}   StateTime "
        f" {'Activ':<{activity}}   ActvtyTime\n\n"
    ]
    for record in records:
        idle = record.expression("KeyboardIdle")
        keyboard = _UNKNOWN_IDLE if idle is None else duration_text(ads.number(idle))
        lines.append(
            f"{_text(record, 'Name'):<{width}} {_number(record, 'Cpus'):>3} {_number(record, 'Memory'):>{memory}} {_load(record)}{keyboard}"
            f" {_text(record, 'State'):<{state}} {_since(record, 'EnteredCurrentState')}"
            f" {_text(record, 'Activity'):<{activity}} {_since(record, 'EnteredCurrentActivity')}\n"
        )
    return "".join(lines) + _totals(records, _BY_ACTIVITY, lambda record: _text(record, "Activity"))


def claimed(records: Sequence[JobRecord]) -> str:
    """``-claimed``."""
    if not records:
        return ""
    width = _width(records, "Name", 12)
    lines = [f"{'Name':<{width}} {'OpSys':<11} {'Arch':<6} LoadAv {'RemoteUser':<20} {'ClientMachine':<16}\n\n"]
    for record in records:
        user, client = (ads.string(record.expression(name), "undefined") for name in ("RemoteUser", "ClientMachine"))
        lines.append(
            f"{_text(record, 'Name'):<{width}} {_text(record, 'OpSys'):<11} {_text(record, 'Arch'):<6} {_load(record)}"
            f" {user:<20} {client:<16}\n"
        )
    return "".join(lines) + claimed_totals(records)


def claimed_totals(records: Sequence[JobRecord]) -> str:
    """``-claimed -total``: speeds that no ad has are said to be missing, as HTCondor says it."""
    if not records:
        return ""
    groups: dict[str, list[JobRecord]] = {}
    for record in records:
        groups.setdefault(_platform(record), []).append(record)
    lines = [f"\n{'':14} Machines         MIPS       KFLOPS   AvgLoadAvg\n\n"]
    lines += [_speeds(name, groups[name]) for name in sorted(groups)]
    lines += ["\n", _speeds("Total", records)]
    malformed = [one for one in records if one.expression("Mips") is None or one.expression("KFlops") is None]
    if malformed:
        lines.append(f"\n{'':14}(Omitted {len(malformed)} malformed ads in computed attribute totals)\n\n")
    return "".join(lines)


def _speeds(label: str, records: Sequence[JobRecord]) -> str:
    mips, kflops = (sum([ads.number(one.expression(name)) for one in records]) for name in ("Mips", "KFlops"))
    load = sum([float(one.expression("LoadAvg") or 0) for one in records]) / len(records)
    return f"{label:>14} {len(records):>8} {mips:>12} {kflops:>12}   {load:.3f}\n"


def schedds(records: Sequence[JobRecord]) -> str:
    """``-schedd``."""
    if not records:
        return ""
    record = records[0]
    name = _text(record, "Name")
    running, idle, held = (_number(record, f"Total{state}Jobs") for state in ("Running", "Idle", "Held"))
    wide, narrow = max(15, len(name)), max(12, len(name))
    return (
        f"{'Name':<{wide}} {'Machine':<{narrow}} RunningJobs   IdleJobs   HeldJobs\n\n"
        f"{name:<{wide}} {name:<{narrow}} {running:>11} {idle:>10} {held:>10}\n\n"
        f"{'':15} TotalRunningJobs      TotalIdleJobs      TotalHeldJobs\n\n{'':14}\n"
        f"{'Total':>14} {running:>17} {idle:>18} {held:>18}\n"
    )


def masters(records: Sequence[JobRecord]) -> str:
    """``-master``."""
    if not records:
        return ""
    width = _width(records, "Name", 12)
    lines = [f"{'Name':<{width}} {'Version':<14} Cpus   Memory      Uptime    \n\n"]
    for record in records:
        words = _text(record, "CondorVersion").split()
        version = f"{words[1]}.{words[3]}"[:14] if len(words) > 3 else ""
        memory = f"{ads.number(record.expression('DetectedMemory')) / 1024:.1f} GB"
        uptime = _since(record, "DaemonStartTime")
        lines.append(
            f"{_text(record, 'Name'):<{width}} {version:<14} {_number(record, 'DetectedCpus'):>4} {memory:>10} {uptime:>13}\n"
        )
    return "".join(lines)


def collectors(records: Sequence[JobRecord]) -> str:
    """``-collector``."""
    lines = [f"{'Name':<28} {'Machine':<18} RunningJobs IdleJobs HostsTotal\n\n"] if records else []
    for record in records:
        lines.append(
            f"{_text(record, 'Name'):<28} {_text(record, 'Machine'):<18} {_number(record, 'RunningJobs'):>11}"
            f" {_number(record, 'IdleJobs'):>8} {_number(record, 'HostsTotal'):>10}\n"
        )
    return "".join(lines)


def _totals(records: Sequence[JobRecord], columns: Sequence[str], label: Callable[[JobRecord], str]) -> str:
    if not records:
        return ""
    widths = dict(_STATES)
    counts: dict[str, dict[str, int]] = {}
    for record in records:
        row = counts.setdefault(label(record), dict.fromkeys(columns, 0))
        state = {"Drained": "Drain"}.get(_text(record, "State"), _text(record, "State"))
        row[state] = row.get(state, 0) + 1
    every = {name: sum([row[name] for row in counts.values()]) for name in columns}
    head = "".join([f" {name:>{widths[name]}}" for name in columns])
    lines = [f"\n{'':14} Total{head}\n\n"]
    lines += [_total(name, counts[name], columns) for name in sorted(counts)]
    return "".join([*lines, "\n", _total("Total", every, columns)])


def _total(label: str, row: dict[str, int], columns: Sequence[str]) -> str:
    widths = dict(_STATES)
    return f"{label:>14} {sum(row.values()):>5}{''.join([f' {row[name]:>{widths[name]}}' for name in columns])}\n"


def _platform(record: JobRecord) -> str:
    return f"{_text(record, 'Arch')}/{_text(record, 'OpSys')}"


def _text(record: JobRecord, name: str) -> str:
    return ads.string(record.expression(name))


def _number(record: JobRecord, name: str) -> str:
    return str(ads.number(record.expression(name)))


def _width(records: Sequence[JobRecord], name: str, least: int) -> int:
    return max([least, *[len(_text(record, name)) for record in records]])


def _load(record: JobRecord) -> str:
    text = record.expression("CondorLoadAvg")
    return _UNKNOWN_LOAD if text is None else f"{float(text):>6.3f}"


def _since(record: JobRecord, name: str, now: str = "LastHeardFrom", otherwise: str = "MyCurrentTime") -> str:
    start = record.expression(name)
    if start is None:
        return "[?????]"
    at = ads.number(record.expression(now) or record.expression(otherwise))
    return duration_text(max(0, at - ads.number(start)))
