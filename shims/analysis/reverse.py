"""The other forms of condor_q's analysis: from the slots' side, a line a job, and the jobs that nothing takes (``jobmatch.cpp``)."""

from __future__ import annotations

from shims.analysis.jobs import Match, new_form, table, wrapped
from shims.analysis.match import Party, accepts, references
from shims.format.columns import raw
from spool.job import IDLE, RUNNING, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.analysis.analyze import Request
    from spool.classad.job_record import JobRecord

_HEAD = (
    ("", " Autocluster", "   Matches  ", "  Machine  ", "  Running  ", "  Serving ", "", ""),
    (" JobId", "Members/Idle", "Requirements", "Rejects Job", " Users Job ", "Other User", "Available", "Owner"),
    ("-------------", "------------", "------------", "-----------", "-----------", "----------", "---------", "-----"),
)
_SLOT_HEAD = (
    ("", "Slot", "Slot's Req ", "  Job's Req ", "Both   "),
    ("Name", "Type", "Matches Job", "Matches Slot", "Match %"),
    ("------------------------", "----", "------------", "------------", "----------"),
)


class _Row:
    """How many jobs a slot takes, how many take it, and how many do both; of jobs that are alike one is looked at."""

    def __init__(self, slot: Party, jobs: Sequence[Sequence[JobRecord]]) -> None:
        self.takes = self.taken = self.both = 0
        for alike in jobs:
            job = Party(alike[0])
            takes, taken = accepts(slot, job), accepts(job, slot)
            self.takes += takes * len(alike)
            self.taken += taken * len(alike)
            self.both += (takes and taken) * len(alike)
        count = sum(map(len, jobs))
        self.share = 100.0 * self.both / count if count else 0.0


def text(records: Sequence[JobRecord], slots: Sequence[Party], asked: Request, width: int) -> str:
    """Each slot's Requirements against the jobs: in full with ``-better-analyze`` or for a single slot, else a line a slot."""
    jobs = _groups(records)
    if not asked.summary and (asked.better or len(slots) == 1):
        return "".join([_slot(slot, jobs, width) for slot in slots])
    names = max(
        [16, *[len(slot.string("Name")) for slot in slots], *[len(slot.string("Machine")) + 7 for slot in slots]]
    )
    lines = [f"Analyzing matches for {len(records)} jobs\n"]
    if len(records) == 1:
        lines = [f"{records[0].cluster}.{records[0].proc}: Analyzing matches for 1 job\n"]
    for name, kind, mine, theirs, both in _SLOT_HEAD:
        lines.append(f"{name[:names]:<{names}} {kind:>4} {mine[:12]:>12} {theirs[:12]:>12} {both[:10]:>10}\n")
    for slot in slots:
        row = _Row(slot, jobs)
        name = slot.string("Name")[:names]
        lines.append(f"{name:<{names}} {_kind(slot):<4} {row.takes:>12} {row.taken:>12} {row.share:>10.2f}\n")
    return "".join(lines)


def _kind(slot: Party) -> str:
    return "Dyn" if slot.true("DynamicSlot") else "Part" if slot.true("PartitionableSlot") else "Stat"


def _slot(slot: Party, jobs: Sequence[Sequence[JobRecord]], width: int) -> str:
    name, written = slot.string("Name"), slot.text("Requirements")
    ones, count = [Party(alike[0]) for alike in jobs], sum(map(len, jobs))
    out = f"\n-- Slot: {name} : Analyzing matches for {count} Jobs in {len(ones)} autoclusters\n"
    requirements = new_form(written or "true")
    if written is not None:
        out += _described(slot, requirements, ones, width)
    row = _Row(slot, jobs)
    return (
        f"{out}{table(requirements, slot, ones, 'Cluster')}\n{name}: Run analysis summary of {count} jobs.\n"
        f"{row.both:>5} ({row.share:.2f} %) match both slot and job requirements.\n"
        f"{row.takes:>5} match the requirements of this slot.\n"
        f"{row.taken:>5} have job requirements that match this slot.\n"
    )


def _described(slot: Party, requirements: str, jobs: Sequence[Party], width: int) -> str:
    """The slot's Requirements with the parts they are made of, and its attributes that they refer to."""
    shown = wrapped(requirements, 4, width)
    for part in ("START", "WithinResourceLimits"):
        found = slot.text(part)
        if found is not None:  # HTCondor breaks what stands before once more
            shown = wrapped(f"{shown}\n\n  {part} is\n    {new_form(found)}", 4, width)
    out = f"\nThe Requirements expression for this slot is\n\n    {shown}\n\nThis slot defines the following attributes:\n\n"
    own, others = references(requirements, slot)
    hidden = ("requirements", "start", "withinresourcelimits")
    out += "".join([f"    {one} = {raw(slot.text(one) or '')}\n" for one in own if one.lower() not in hidden])
    if len(jobs) == 1:
        out += _attributes(jobs[0], others)
    return f"{out}\nThe Requirements expression for this slot reduces to these conditions:\n\n"


def _attributes(job: Party, names: Sequence[str]) -> str:
    lines = [f"    TARGET.{name} = {job.value(name)}\n" for name in names if job.text(name) is not None]
    title = f"Job {job.record.cluster}.{job.record.proc}"
    return f"\n{title} has the following attributes:\n\n{''.join(lines)}" if lines else ""


def summary(records: Sequence[JobRecord], slots: Sequence[Party], asked: Request) -> str:
    """A line for each job, or for the jobs of one AutoClusterId."""
    title = f"{asked.machine}: " if asked.machine is not None else ""
    lines = [f"{title}Analyzing matches for {len(slots)} slots\n"]
    for words in _HEAD:
        job, members, matches, rejects, mine, others, available, owner = words
        lines.append(
            f"{job:<13} {members:>12} {matches:>12} {rejects:>11} {mine:>11} {others:>10} {available:>9} {owner}\n"
        )
    for jobs in _groups(records):
        lines.append(_line(jobs, slots))
    return "".join(lines)


def _groups(records: Sequence[JobRecord]) -> list[list[JobRecord]]:
    groups: dict[str, list[JobRecord]] = {}
    for record in records:
        cluster = record.expression("AutoClusterId")
        groups.setdefault(f"{record.cluster}.{record.proc}" if cluster is None else f"#{cluster}", []).append(record)
    return list(groups.values())


def _line(records: Sequence[JobRecord], slots: Sequence[Party]) -> str:
    job = Party(records[0])
    found = Match(job, slots, as_they_are=True)
    running = len([one for one in records if one.status in (RUNNING, TRANSFERRING_OUTPUT, SUSPENDED)])
    idle = len([one for one in records if one.status == IDLE])
    members = "" if job.text("AutoClusterId") is None else f"{len(records)}/{idle}"
    mine = f"{running}/{found.running}" if running else f"{found.running}"
    return (
        f"{f'{records[0].cluster}.{records[0].proc}':<13} {members:<12} {found.total - len(found.rejected):>12}"
        f" {len(found.refusing):>11} {mine:>11} {len(found.others):>10} {found.available:>9} {job.string('Owner')}\n"
    )


def unmatched(records: Sequence[JobRecord], slots: Sequence[Party]) -> str:
    """The jobs that no slot takes, or that take no slot."""
    lines = []
    for jobs in _groups(records):
        found = Match(Party(jobs[0]), slots)
        if not found.both:
            why = "All slots reject" if found.total > len(found.rejected) else "No slots match"
            cluster = jobs[0].expression("AutoClusterId") or "-1"
            ids = "".join([f" {one.cluster}.{one.proc}" for one in jobs])
            lines.append(f"{why} autocluster {cluster}, jobs :{ids}\n")
    return "".join(lines)
