"""The account at the end of a soak: what was asked for, against what the history, the event log, the outputs and the ledger say. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

COMPLETED, REMOVED = 4, 3
_EVENT = re.compile(r"^(\d{3}) \((\d+)\.(\d+)\.000\)", re.MULTILINE)


@dataclass(frozen=True)
class Submission:
    """One condor_submit: its label, what it asked for, and how it went. ``cluster`` 0: it reported none; ``killed``: by us."""

    label: str
    count: int
    exit_code: int
    status: int
    cluster: int
    killed: bool


@dataclass
class Facts:
    """What is known at the end. ``history``: (job, JobStatus, ExitCode, label), oldest first."""

    submissions: list[Submission]
    removals: set[int]  # clusters that somebody tried to remove
    history: list[tuple[str, int, str, str]]
    events: str
    ledger: list[str]  # ``start JOB`` and ``end JOB``
    outputs: dict[str, str]
    history_file: list[str]  # jobs, in their order
    starts: Counter[str] = field(init=False)
    ends: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self.starts = Counter(line.split()[1] for line in self.ledger if line.startswith("start "))
        self.ends = Counter(line.split()[1] for line in self.ledger if line.startswith("end "))


def problems(facts: Facts) -> list[str]:
    """What is wrong, a line each; empty: the account is clean."""
    return [*_lost_or_strange(facts), *_twice(facts), *_ends(facts), *_logs(facts)]


def _lost_or_strange(facts: Facts) -> Iterable[str]:
    """Reported jobs that are not there, and jobs that are there though nobody submitted them."""
    by_label: dict[str, set[str]] = {}
    for job, _status, _exit, label in facts.history:
        by_label.setdefault(label, set()).add(job)
    for one in facts.submissions:
        found = by_label.pop(one.label, set())
        clusters = {job.partition(".")[0] for job in found}
        if one.cluster and found != {f"{one.cluster}.{proc}" for proc in range(one.count)}:
            yield f"{one.label}: submitted {one.count} jobs to cluster {one.cluster}, the history has {sorted(found)}"
        elif not one.cluster and one.killed and found and (len(clusters) != 1 or len(found) != one.count):
            yield f"{one.label}: condor_submit was killed, and only a part of its {one.count} jobs is there: {sorted(found)}"
        elif not one.cluster and not one.killed and found:
            yield f"{one.label}: condor_submit failed with {one.status}, but there is {sorted(found)}"
    for label, jobs in by_label.items():
        yield f"{label}: nobody submitted {sorted(jobs)}"


def _twice(facts: Facts) -> Iterable[str]:
    known = Counter(row[0] for row in facts.history)
    for job, times in known.items():
        if times > 1:
            yield f"{job}: {times} times in the history"
    written = Counter(facts.history_file)
    for job in sorted({*known, *written}):
        if written[job] != 1 or not known[job]:
            yield f"{job}: {written[job]} times in the history's file, {known[job]} times in condor_history"


def _ends(facts: Facts) -> Iterable[str]:
    """The end state is the right one, and a completed job has run to its end and has its output."""
    expected = {one.label: one.exit_code for one in facts.submissions}
    for job, status, exit_code, label in facts.history:
        if status == REMOVED:
            if int(job.partition(".")[0]) not in facts.removals:
                yield f"{job}: removed, but nobody asked for it"
        elif status != COMPLETED:
            yield f"{job}: ended with JobStatus {status}"
        else:
            if exit_code != str(expected.get(label)):
                yield f"{job}: exit code {exit_code}, not {expected.get(label)}"
            if not facts.ends[job]:
                yield f"{job}: completed, but its pilot never came to its end"
            if facts.outputs.get(job) != f"output of {job}\n":
                yield f"{job}: its output is {facts.outputs.get(job)!r}"


def _logs(facts: Facts) -> Iterable[str]:
    """Every job's events: submitted once, runs and evictions in turn, one end, nothing after it; no torn event."""
    found: dict[str, list[str]] = {}
    for number, cluster, proc in _EVENT.findall(facts.events):
        found.setdefault(f"{int(cluster)}.{int(proc)}", []).append(number)
    for job, status, _exit, _label in facts.history:
        wrong = wrong_events(found.pop(job, []), status)
        if wrong:
            yield f"{job}: {wrong}"
    for job in found:
        yield f"{job}: in the event log, but not in the history"
    ends, begins = facts.events.count("\n...\n"), len(_EVENT.findall(facts.events))
    if ends != begins:
        yield f"the event log has {begins} beginnings of events and {ends} ends"


def wrong_events(numbers: list[str], status: int) -> str:
    """What is wrong with a job's events; empty: nothing."""
    last = {COMPLETED: "005", REMOVED: "009"}.get(status, "")
    text = " ".join(numbers)
    if numbers[:1] != ["000"] or numbers[-1:] != [last] or numbers.count("000") != 1:
        return f"events {text}: not one 000 at the beginning and {last} at the end"
    if numbers.count("005") + numbers.count("009") != 1:
        return f"events {text}: more than one end"
    runs = False
    for number in numbers:
        if number == "001" and runs:
            return f"events {text}: started while it ran"
        if number in ("004", "005") and not runs:
            return f"events {text}: {number} while it did not run"
        runs = number == "001" or (runs and number not in ("004", "005"))
    return ""
