"""``condor_q -analyze`` and ``-better-analyze``: why jobs do not run, in HTCondor's forms (``jobmatch.cpp``).

The jobs' Requirements are evaluated against the slots, those of the slots against the jobs. The pool is one slot here: Work
Queue's library says what all workers have together, and counts foremen among them; what a single worker has is not known, and
nothing is claimed about it. What else keeps a job waiting stands behind HTCondor's warning.
"""

from __future__ import annotations

import time

from shims.analysis.conditions import TooDeep, clauses
from shims.analysis.match import Party, accepts, constant, holds, references
from shims.analysis.reduce import reduced
from shims.format.columns import raw
from spool.classad import ads
from spool.job import COMPLETED, GRID, HELD, IDLE, REMOVED, RUNNING, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.analysis.idle_reasons import Reason
    from spool.classad.job_record import JobRecord

_STATES = {
    RUNNING: "Job is running.",
    TRANSFERRING_OUTPUT: "Job is running.",
    SUSPENDED: "Job is running.",
    REMOVED: "Job is removed.",
    COMPLETED: "Job is completed.",
}
_UNITS = {"requestdisk": " (kb)", "requestmemory": " (mb)", "disk": " (kb)", "memory": " (mb)"}
_NO_MATCH = "   No machines matched the jobs's constraints\n"
_REFUSED = (
    "   Job did not match any machines's constraints\n   To see why, pick a machine that you think should match and add\n"
    "     -reverse -machine <name>\n   to your query.\n"
)
_LONGEST_LIST = 100


class Match:
    """How the slots answer a job; the lists hold their names. ``as_they_are``: with what they have left, dynamic ones too."""

    def __init__(self, job: Party, slots: Sequence[Party], as_they_are: bool = False) -> None:
        self.total = self.running = self.available = 0
        self.rejected: list[str] = []
        self.refusing: list[str] = []
        self.others: list[str] = []
        for slot in slots:
            if as_they_are or not slot.true("DynamicSlot"):
                self.total += 1
                self._look(job, slot if as_they_are else _restored(job, slot))

    def _look(self, job: Party, slot: Party) -> None:
        name = slot.string("Name")
        if not accepts(job, slot):
            self.rejected.append(name)
        elif not accepts(slot, job):
            self.refusing.append(name)
        elif not slot.string("RemoteUser"):
            self.available += 1
        elif slot.string("RemoteUser") == job.string("User"):
            self.running += 1
        else:
            self.others.append(name)

    @property
    def both(self) -> int:
        """Slots that take the job and that the job takes."""
        return self.total - len(self.rejected) - len(self.refusing)


def _restored(job: Party, slot: Party) -> Party:
    """A partitionable slot as it would be empty, when the job does not fit into what it has left."""
    limits = slot.text("WithinResourceLimits")
    if not slot.true("PartitionableSlot") or limits is None or holds(limits, slot, job):
        return slot
    names = (slot.string("MachineResources") or "Cpus Memory Disk").split()
    whole = {name: slot.text(f"TotalSlot{name}") for name in names}
    return slot.with_changes({name: written for name, written in whole.items() if written is not None})


def text(
    jobs: Sequence[tuple[JobRecord, Sequence[Reason]]], slots: Sequence[Party], better: bool, verbose: bool, width: int
) -> str:
    """The texts of the jobs. With each come the reasons that the slots' ads do not know of."""
    return "".join([_job(Party(record), slots, reasons, better, verbose, width) for record, reasons in jobs])


def _job(job: Party, slots: Sequence[Party], reasons: Sequence[Reason], better: bool, verbose: bool, width: int) -> str:
    record = job.record
    state = _state(record)
    found = Match(job, slots)
    out = ""
    if better or found.rejected:
        out = f"{conditions(job, slots, width) if better else requirements(job, width)}{_universe(job)}\n"
    if state:
        out += f"\n{_title(record)}:  {state}\n\n"
    out += _matched(job)
    if found.total:
        out += _summary(record, found, reasons, verbose)
    return f"{out}{_advice(found, reasons)}\n"


def _title(record: JobRecord) -> str:
    return f"{record.cluster:03d}.{record.proc:03d}"


def _state(record: JobRecord) -> str:
    if record.status == HELD:
        reason = ads.string(record.expression("HoldReason"))
        return f"Job is held.\n\nHold reason: {reason}" if reason else "Job is held."
    return "" if record.status == IDLE else _STATES.get(record.status, "Job is in no known state.")


def _matched(job: Party) -> str:
    """When the job was last matched, for ads that say it."""
    last, failed = (ads.number(job.text(name)) for name in ("LastMatchTime", "LastRejMatchTime"))
    out = ""
    if last:
        out += f"Last successful match: {time.ctime(last)}\n\n"
    elif failed:
        out += "No successful match recorded.\n"
    if failed > last:
        out += f"Last failed match: {time.ctime(failed)}\n\n"
        reason = job.string("LastRejMatchReason")
        out += f"Reason for last match failure: {reason}\n" if reason else ""
    return out


def _summary(record: JobRecord, found: Match, reasons: Sequence[Reason], verbose: bool) -> str:
    never = any(not reason.maybe for reason in reasons)
    rejected = found.total if any(reason.never for reason in reasons) else len(found.rejected)
    rows = (
        (rejected, "are rejected by your job's requirements", found.rejected),
        (len(found.refusing), "reject your job because of their own requirements", found.refusing),
        (found.running, "match and are already running your jobs", ()),
        (len(found.others), "match but are serving other users", found.others),
        (0 if never else found.available, "are able to run your job", ()),
    )
    lines = [f"{count:>7} {words}{_names(names) if verbose else ''}\n" for count, words, names in rows]
    head = f"\n{_title(record)}:  Run analysis summary ignoring user priority.  Of {found.total} machines,\n"
    return head + "".join(lines)


def _names(names: Sequence[str]) -> str:
    joined = ", ".join(names)
    if len(joined) > _LONGEST_LIST:
        joined = joined[: _LONGEST_LIST - 3] + "..."
    return f" [{joined}]" if joined else ""


def _advice(found: Match, reasons: Sequence[Reason]) -> str:
    lines = [f"   {reason.text}\n" for reason in reasons]
    if found.total and not found.both:
        lines.insert(0, _REFUSED if found.total > len(found.rejected) else _NO_MATCH)
    return f"\nWARNING:  Be advised:\n{''.join(lines)}" if lines else ""


# --- the conditions of an expression ------------------------------------------------------------------------------------


def requirements(job: Party, width: int) -> str:
    """The job's Requirements, on lines of this width."""
    text = new_form(job.text("Requirements") or "true")
    return f"The Requirements expression for job {_name(job)} is\n\n    {wrapped(text, 4, width)}\n\n"


def conditions(job: Party, slots: Sequence[Party], width: int) -> str:
    """What the job's Requirements are made of, and how many slots satisfy each part."""
    name = _name(job)
    text = new_form(job.text("Requirements") or "true")
    own, others = references(text, job)
    out = f"{requirements(job, width)}Job {name} defines the following attributes:\n\n"
    out += "".join([f"    {one} = {raw(job.text(one) or '')}{_unit(one, 'request')}\n" for one in own])
    if len(slots) == 1:
        slot = slots[0]
        known = [one for one in others if slot.text(one) is not None]
        lines = [f"    TARGET.{one} = {slot.value(one)}{_unit(one, '')}\n" for one in known]
        if lines:
            out += f"\n{slot.string('Name')} has the following attributes:\n\n{''.join(lines)}"
    out += f"\nThe Requirements expression for job {name} reduces to these conditions:\n\n"
    return out + table(text, job, slots, "Slot")


def _name(job: Party) -> str:
    return f"{job.record.cluster}.{job.record.proc:03d}"


def _universe(job: Party) -> str:
    if ads.number(job.text("JobUniverse"), 5) == GRID and "$$" not in job.string("GridResource"):
        return "\nWARNING: Analysis is only meaningful for Grid universe jobs using matchmaking.\n"
    return ""


def table(text: str, mine: Party, targets: Sequence[Party], what: str) -> str:
    """The conditions that matter, numbered in the order of evaluation, each with the number of targets that satisfy it."""
    lines = [
        f"{' ' * (7 + (8 - len(what)) // 2)}{what}s\n",
        "Step    Matched  Condition\n",
        "-----  --------  ---------\n",
    ]

    def inline(name: str) -> str | None:
        found = mine.text(name) if name.lower() in ("requirements", "start", "withinresourcelimits") else None
        return None if found is None else new_form(found)

    def count(condition: str) -> int:
        return len([target for target in targets if holds(condition, mine, target, strictly=True)])

    try:
        found = clauses(text, inline)
    except TooDeep as error:
        return f"{''.join(lines)}{'':5} {count(text):9d}  ({error})\n"
    steps = reduced(found, lambda condition: constant(condition, mine), count, len(targets))
    return "".join(lines + [step.line(number) for number, step in steps])


def new_form(expression: str) -> str:
    """As the library writes it, with ``is``."""
    from spool.classad import evaluate

    return evaluate.new_form(expression)


def _unit(name: str, prefix: str) -> str:
    return _UNITS.get(name.lower(), "") if name.lower().startswith(prefix) else ""


def wrapped(text: str, indent: int, width: int) -> str:
    """The expression on lines of this width, broken after ``&&`` and ``||``, each line indented as deep as it is nested."""
    out: list[str] = []
    place = break_at = line_start = 0
    column, break_indent = indent, indent
    before, joint = "", False
    for char in text:
        is_joint = char in "&|" and char == before
        indent += 0 if is_joint else (char == "(") * 2 - (char == ")") * 2
        if column >= width and break_at != line_start:
            out[break_at : break_at + 1] = ["\n", *" " * break_indent]
            line_start = break_at + 1
            place = len(out)
            break_at, column = line_start, place - line_start
            break_indent = indent
        if joint:
            break_at, break_indent = place, indent
        out.append(char)
        before, joint = char, is_joint
        place, column = place + 1, column + 1
    return "".join(out)
