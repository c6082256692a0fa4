"""What ``-analyze``, ``-better-analyze``, ``-reverse-analyze`` and ``-unmatchable`` ask for, and the slots that they look at."""

from __future__ import annotations

from shims.analysis.match import Party, accepts, holds
from shims.cli.stdio import Answer
from spool.classad import ads, values
from spool.classad.evaluate import is_expression
from spool.classad.job_record import JobRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.analysis.idle_reasons import Reason
    from shims.api.query import QueueSource
    from shims.cli.options import Given
    from spool.store.published_counts import Counts

OPTIONS = ("better-analyze", "better-analyse", "analyze", "analyse", "reverse-analyze", "unmatchable")
_WITH = ("verbose", "machine", "mconstraint", "slotconstraint", "slotads", *OPTIONS)
_QUALIFIERS = (("summary", 1), ("reverse", 1), ("priority", 2))


class Request:
    """``wanted``: an analysis at all, or only the jobs that no slot takes. ``machine``: a slot's or a host's name; else ``constraint``."""

    def __init__(self, options: Sequence[Given]) -> None:
        names = [given.name for given in options]
        self.better = any(name.startswith("better") for name in names)
        self.reverse = "reverse-analyze" in names
        self.unmatchable = "unmatchable" in names
        self.verbose = "verbose" in names
        self.wanted = any(name in OPTIONS[:-1] for name in names)
        self.summary = False
        self.machine: str | None = None
        self.constraint: str | None = None
        self.slotads: str | None = None
        for given in options:
            self._take(given)

    def _take(self, given: Given) -> None:
        if given.name == "slotads":
            self.slotads = given.value
        elif given.name in ("machine", "mconstraint", "slotconstraint"):
            named = all(char.isalnum() or char in "-.@_" for char in given.value)
            self.machine, self.constraint = (given.value, None) if named else (None, given.value)
        elif given.name in OPTIONS[:4]:
            for word in (given.modifiers or "").replace(":", ",").split(","):
                self._qualify(given.name, word)

    def _qualify(self, option: str, word: str) -> None:
        found = next((name for name, least in _QUALIFIERS if len(word) >= least and name.startswith(word)), None)
        if found == "priority":
            raise Answer(1, err=f"Error: -{option}:priority is not offered: there are no user priorities here\n")
        if word and found is None:
            raise Answer(1, err=f"Error: -{option}:{word} is not offered\n")
        self.summary = self.summary or found == "summary"
        self.reverse = self.reverse or found == "reverse"


def request(given: Sequence[Given]) -> Request | None:
    """What these options ask for; None when it is no analysis. Answer."""
    options = [one for one in given if one.name in _WITH]
    return Request(options) if any(one.name in OPTIONS for one in options) else None


def slots(asked: Request, source: QueueSource, counts: Counts | None) -> list[Party]:
    """The slots to look at: those of a file, or the pool as it is with nothing in it. Answer."""
    found: list[Party] = []
    if asked.slotads is not None:
        found = _of_file(asked.slotads)
    elif counts is not None:
        found = _of_pool(source, counts)
    if asked.machine is not None:
        return [
            slot
            for slot in found
            if asked.machine.lower() in (slot.string("Name").lower(), slot.string("Machine").lower())
        ]
    if asked.constraint is not None:
        text = values.from_command_line(asked.constraint)
        if not is_expression(text):
            raise Answer(1, err=f"Error: Invalid machine constraint: {asked.constraint}\n")
        return [slot for slot in found if holds(text, slot, None)]
    return found


def _of_file(path: str) -> list[Party]:
    from shims.api.ad_files import read_ads

    try:
        found = [Party(record) for record in read_ads(path)]
    except OSError:
        raise Answer(1, err=f"Can't open file of ClassAds: {path}\n") from None
    return sorted(
        found, key=lambda slot: (slot.string("Machine"), ads.number(slot.text("SlotID")), slot.string("Name"))
    )


def _of_pool(source: QueueSource, counts: Counts) -> list[Party]:
    from shims.api import machines

    pool = machines.Pool(counts, (), source.settings, source.now)
    whole = [Party(machines.record(ad)) for ad in machines.machines(pool)]
    return [
        slot.with_changes({name: slot.text(f"TotalSlot{name}") or "0" for name in ("Cpus", "Memory", "Disk")})
        for slot in whole
    ]


def _asking(record: JobRecord) -> JobRecord:
    """The job with what it is taken to ask for when its ad does not say: descriptions of the older project ask for cores only."""
    defaults = {"RequestCpus": "1", "RequestMemory": "0", "RequestDisk": "0"}
    absent = [f"{name} = {text}\n" for name, text in defaults.items() if record.expression(name) is None]
    return JobRecord(record.cluster, record.proc, record.status, record.text + "".join(absent))


def unmatchable(asked: Request, records: Sequence[JobRecord], source: QueueSource) -> list[JobRecord]:
    """The jobs that no slot takes, or that take no slot. Answer, NotVouched."""
    from shims.analysis.jobs import Match

    looked_at = slots(asked, source, _counts(asked, source))
    return [record for record in records if not Match(Party(_asking(record)), looked_at).both]


def _counts(asked: Request, source: QueueSource) -> Counts | None:
    """What the master publishes; None when the slots come from a file."""
    from spool.store.published_counts import vouched_counts

    return None if asked.slotads else vouched_counts(source.spool, source.settings.stale, source.clock)


def answer(asked: Request, records: Sequence[JobRecord], source: QueueSource, title: str) -> str:
    """The whole text, below a line that names the source. Answer, NotVouched."""
    from shims.analysis import jobs, reverse
    from shims.cli.stdio import columns

    counts = _counts(asked, source)
    looked_at = slots(asked, source, counts)
    records = [_asking(record) for record in records] if counts is not None else records
    head = f"\n\n{title}\n"
    width = columns() or 80
    if asked.unmatchable:
        return head + reverse.unmatched(records, looked_at)
    if asked.reverse:
        return head + reverse.text(records, looked_at, asked, width)
    if asked.summary:
        return head + reverse.summary(records, looked_at, asked)
    reasons = [_reasons(record, counts, looked_at, source) for record in records]
    return head + jobs.text(list(zip(records, reasons)), looked_at, asked.better, asked.verbose, width)


def _reasons(record: JobRecord, counts: Counts | None, looked_at: Sequence[Party], source: QueueSource) -> list[Reason]:
    """Why a job of the pool waits, beside what the slots' ads say."""
    from shims.analysis import idle_reasons
    from spool.job import IDLE

    if counts is None or record.status != IDLE:
        return []
    rejects = bool(looked_at) and not any(accepts(Party(record), slot) for slot in looked_at)
    return idle_reasons.reasons(record, counts, source.settings, rejects)
