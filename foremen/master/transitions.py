"""What can happen to a job, as pure functions: a row of the queue and a fact give the new row and the events.

HTCondor's job states are a table of allowed moves (``MOVES``); every move yields the events that the job's log gets.
The attributes and texts are those that HTCondor 23.9.6 sets.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Callable, NamedTuple, Optional

from foremen.pilot.launch_script import Report
from spool import job
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.errors import AwqError
from spool.store.sqlite import JobRow
from spool.userlog import event_texts, writer
from spool.userlog.event_texts import Usage

pass

MOVES: Mapping[int, frozenset[int]] = {
    job.IDLE: frozenset({job.RUNNING, job.HELD, job.REMOVED, job.COMPLETED}),
    job.RUNNING: frozenset({job.IDLE, job.HELD, job.REMOVED, job.COMPLETED}),
    job.HELD: frozenset({job.IDLE, job.REMOVED, job.COMPLETED}),
    job.REMOVED: frozenset({job.REMOVED}),
    job.COMPLETED: frozenset({job.REMOVED}),
}
_ONLY_WHILE_RUNNING = ("RemoteHost",)
_HOLD = ("HoldReason", "HoldReasonCode", "HoldReasonSubCode")
_Look = Callable[[str], Optional[str]]


class ImpossibleMove(AwqError):
    """A move that the table of states does not have: an error of ours, never of a user."""


class Change(NamedTuple):
    """A job's new row, the texts for its event log, and whether it leaves the queue for the history.

    ``ad``: its whole ad, when that is known already; then the row's state is as old as it was (``staying``).
    """

    row: JobRow
    events: tuple[str, ...]
    finished: bool = False
    ad: Optional[dict[str, str]] = None


_NOOP = "IsNoopJob"


class Ended(NamedTuple):
    """How an attempt ended, for the record: what the launch script reported, and what the engine measured."""

    report: Report
    sent: int
    received: int


def record(row: JobRow) -> JobRecord:
    """The row as readers see it, for looking attributes up."""
    return JobRecord(row.cluster, row.proc, row.status, row.cluster_ad + row.ad + row.state)


def full_ad(row: JobRow) -> dict[str, str]:
    """The job's effective ad."""
    return record(row).ad()


def ad_after(change: Change) -> dict[str, str]:
    """The effective ad of the job that has changed."""
    return full_ad(change.row) if change.ad is None else change.ad


def without_hold(ad: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The ad of a task file without what says why it is held, and that: it is the state's, which loses it when the hold ends."""
    hold = {name: ad[name] for name in _HOLD if name in ad}
    return ({name: text for name, text in ad.items() if name not in hold} if hold else ad), hold


def submitted_on_hold(hold: dict[str, str]) -> str:
    """The state of a job that was, by what said why in its task file."""
    counted = _one_more("", ads.number(hold.get("HoldReasonCode")))
    return ads.dump({**hold, "NumHolds": "1", "NumHoldsByReason": counted})


def started(row: JobRow, at: float, host: str, port: int) -> Change:
    """The engine handed the job to a worker or foreman on ``host``."""
    state = _state(row)
    now = str(int(at))
    state.setdefault("JobStartDate", now)
    if "JobCurrentStartDate" in state:
        state["JobLastStartDate"] = state["JobCurrentStartDate"]
    state["JobCurrentStartDate"] = state["JobCurrentStartExecutingDate"] = now
    for counter in ("NumJobStarts", "NumShadowStarts", "JobRunCount", "NumJobMatches"):
        state[counter] = str(ads.number(state.get(counter)) + 1)
    state["RemoteHost"] = ads.quote(f"slot1@{host}")
    state["CurrentHosts"] = "1"
    _grid_status(row, state, "RUNNING")
    text = event_texts.executing(
        _id(row), at, event_texts.address(host, port), f"slot1@{host}", usage(record(row).expression)
    )
    return _moved(row, state, job.RUNNING, at, (text,))


def evicted(row: JobRow, at: float, reason: str, given: bool) -> Change:
    """An attempt ended without a result: the job is idle again. ``given``: the engine still has it."""
    if row.status != job.RUNNING:
        return Change(row._replace(given=int(given)), ())
    state = _state(row)
    events = _stop_running(row, state, at, reason)
    _grid_status(row, state, "PENDING")
    return _moved(row._replace(given=int(given)), state, job.IDLE, at, events)


def held(row: JobRow, at: float, reason: str, code: int, subcode: int) -> Change:
    """The job is held; an attempt that runs is being ended (``given`` stays until the engine confirms)."""
    state = _state(row)
    events = _stop_running(row, state, at, "") if row.status == job.RUNNING else ()
    return _held(row, state, at, (reason, code, subcode), events)


def held_bare(row: JobRow, at: float, reason: str, code: int) -> Change:
    """Held although its state cannot be read as one: what can be read of it is kept. Its log gets nothing."""
    state: dict[str, str] = {}
    for line in row.state.split("\n"):
        with contextlib.suppress(ValueError):
            state.update(ads.load([line]))
    state.update(HoldReason=ads.quote(reason), HoldReasonCode=str(code), HoldReasonSubCode="0", JobStatus=str(job.HELD))
    state.update(LastJobStatus=str(row.status), EnteredCurrentStatus=str(int(at)))
    return Change(row._replace(status=job.HELD, state=ads.dump(state)), ())


def held_by_policy(row: JobRow, at: float, why: tuple[str, int, int]) -> Change:
    """Held by its own policy: reason, code, subcode. Its log gets no eviction (recorded from 23.9.6)."""
    state = _state(row)
    if row.status == job.RUNNING:
        _stop_clock(row, state, at)
    return _held(row, state, at, why, ())


def held_at_exit(out: Change, at: float, why: tuple[str, int, int]) -> Change:
    """Held by OnExitHold; ``out`` as ``exited`` gave it. Its log gets no termination (recorded from 23.9.6)."""
    return _held(out.row, _state(out.row), at, why, out.events)


def released(row: JobRow, at: float, reason: str) -> Change:
    """A held job is idle again; the count of vanished workers starts anew."""
    state = _state(row)
    _end_hold(state)
    state["ReleaseReason"] = ads.quote(reason)
    text = event_texts.released(_id(row), at, reason)
    return _moved(row._replace(lost=0), state, job.IDLE, at, (text,))


def removing(row: JobRow, at: float, reason: str, by_policy: bool = False) -> Change:
    """The job is to go: at once when nobody runs it, else when the engine confirms (until then it is in state X).

    Of a running job that its own policy removes, the log gets no eviction (recorded from 23.9.6).
    """
    state = _state(row)
    events = _stop_running(row, state, at, "") if row.status == job.RUNNING else ()
    events = () if by_policy else events
    if row.status != job.REMOVED:
        state["RemoveReason"] = ads.quote(reason)
        events = (*events, event_texts.aborted(_id(row), at, reason))
    change = _moved(row, state, job.REMOVED, at, events)
    return change if row.given else change._replace(finished=True)


def removed(row: JobRow) -> Change:
    """The engine confirmed that a job in state X no longer runs."""
    return Change(row._replace(given=0), (), finished=True)


def measured(row: JobRow, at: float, rss: int) -> Change:
    """How much memory the pilot had (KiB; 0: unknown), of one that does not end by itself: else that is noted with its end."""
    if not rss:
        return Change(row, ())
    ad = full_ad(row)
    events = _note_memory(row, ad, at, rss)
    return Change(row._replace(state=_state_with(row, ad)), events)


def exited(row: JobRow, at: float, ended: Ended) -> Change:
    """The pilot ended by itself, with an exit status (0 or not) or by a signal: the books of its run are closed.

    For the job's own policy to look at, and when that says so, for ``requeued`` or ``held_at_exit``. Else it is ``completed``.
    """
    ad = full_ad(row)
    events = _close(row, ad, at, ended)
    return Change(row._replace(given=0, state=_state_with(row, ad)), events)


def completed(row: JobRow, at: float, ended: Ended) -> Change:
    """The pilot ended by itself, and the job is over."""
    ad = full_ad(row)
    events = _close(row, ad, at, ended)
    _end_hold(ad)  # it ended before it could be ended
    ad["CompletionDate"] = str(int(at))
    _grid_status(row, ad, "COMPLETED")
    text = event_texts.terminated(_id(row), at, _used(ad.get, ended), ended.report.exit_code, ended.report.signal)
    _enter(row, ad, job.COMPLETED, at)
    return Change(row._replace(status=job.COMPLETED, given=0), (*events, text), finished=True, ad=ad)


def noop_end(row: JobRow) -> Ended | None:
    """How a job with ``noop_job`` ends, which is not run: as it says itself, else with 0. None: it is to run."""
    if _NOOP not in row.cluster_ad and _NOOP not in row.ad:
        return None
    look = record(row).expression
    if (look(_NOOP) or "").lower() != "true":
        return None
    signal = ads.number(look("NoopJobExitSignal"), 0)
    code = None if signal else ads.number(look("NoopJobExitCode"), 0)
    return Ended(Report(exit_code=code, signal=signal or None), 0, 0)


def staying(change: Change) -> Change:
    """A job that is over, but stays in the queue."""
    row = change.row
    if change.ad is not None:
        row = row._replace(state=_state_with(row, change.ad))
    return Change(row, change.events)


def _close(row: JobRow, ad: dict[str, str], at: float, ended: Ended) -> tuple[str, ...]:
    """Close the books of a run that ended by itself."""
    report = ended.report
    events = _note_memory(row, ad, at, report.rss)
    if row.status == job.RUNNING:
        _stop_clock(row, ad, at)
    by_signal = report.signal is not None
    ad["ExitBySignal"] = "true" if by_signal else "false"
    ad.pop("ExitCode" if by_signal else "ExitSignal", None)  # of an earlier run
    ad["ExitSignal" if by_signal else "ExitCode"] = str(report.signal if by_signal else report.exit_code)
    ad["NumJobCompletions"] = str(ads.number(ad.get("NumJobCompletions")) + 1)
    ad["RemoteUserCpu"], ad["RemoteSysCpu"] = f"{report.user:.1f}", f"{report.system:.1f}"
    ad["BytesSent"], ad["BytesRecvd"] = f"{ended.sent}.0", f"{ended.received}.0"
    if report.host:
        ad["LastRemoteHost"] = ads.quote(f"slot1@{report.host}")
    return events


def requeued(out: Change, at: float, ended: Ended, reason: str) -> Change:
    """The job ended and is to run again (OnExitRemove is false); ``out`` as ``exited`` gave it."""
    row = out.row
    state = _state(row)
    state["RequeueReason"] = ads.quote(reason)
    _grid_status(row, state, "PENDING")
    end = (ended.report.exit_code, ended.report.signal)
    text = event_texts.requeued(_id(row), at, _used(record(row).expression, ended), end, reason)
    return _moved(row, state, job.IDLE, at, (*out.events, text))


def _note_memory(row: JobRow, ad: dict[str, str], at: float, rss: int) -> tuple[str, ...]:
    """The log gets 006 when the job has become larger than it was.

    HTCondor looks while the job runs, too; Work Queue tells of a task when it is over.
    """
    if not rss:
        return ()
    before = ads.number(ad.get("ImageSize_RAW") or ad.get("ImageSize"))
    for name, size in (("ImageSize", max(rss, before)), ("ResidentSetSize", rss)):
        ad[name], ad[f"{name}_RAW"] = str(_rounded(size)), str(size)
    ad["MemoryUsage"] = "((ResidentSetSize + 1023) / 1024)"
    grown = _rounded(rss) > _rounded(before)
    return (event_texts.image_size(_id(row), at, rss, Usage(rss=rss)),) if grown else ()


def _rounded(size: int) -> int:
    """As a schedd shows sizes: up to the next quarter of their order of magnitude (SCHEDD_ROUND_ATTR; 75920 is 100000 in 23.9.6)."""
    if size < 50:
        return size
    quarter = int(10 ** len(str(size // 5))) // 4
    return -(-size // quarter) * quarter


def _used(look: _Look, ended: Ended) -> Usage:
    return usage(look)._replace(
        user=ended.report.user,
        system=ended.report.system,
        sent=ended.sent,
        received=ended.received,
        wall=ads.number(look("LastRemoteWallClockTime")),
        rss=ended.report.rss,
    )


def usage(look: _Look) -> Usage:
    """What the job asked for, as far as its ad says so in plain numbers. ``look``: gives its attributes."""
    return Usage(
        cpus=ads.number(look("RequestCpus"), 1),
        disk=ads.number(look("RequestDisk")),
        memory=ads.number(look("RequestMemory")),
    )


def log_path(change: Change) -> str:
    """Where the job's events go; empty: nowhere."""
    if change.ad is not None:
        return writer.log_path(change.ad)
    look = record(change.row).expression
    return writer.log_path({name: look(name) or "" for name in ("UserLog", "Iwd")})


def _moved(row: JobRow, state: dict[str, str], status: int, at: float, events: tuple[str, ...]) -> Change:
    _enter(row, state, status, at)
    return Change(row._replace(status=status, state=ads.dump(state)), events)


def _enter(row: JobRow, state: dict[str, str], status: int, at: float) -> None:
    """Note a new status, if the table of states has the move."""
    if status != row.status:
        if status not in MOVES.get(row.status, ()):
            raise ImpossibleMove(f"job {row.cluster}.{row.proc} cannot go from state {row.status} to {status}")
        state["LastJobStatus"] = str(row.status)
        state["EnteredCurrentStatus"] = str(int(at))
    state["JobStatus"] = str(status)


def _stop_running(row: JobRow, state: dict[str, str], at: float, reason: str) -> tuple[str, ...]:
    wall = _stop_clock(row, state, at)
    return (event_texts.evicted(_id(row), at, usage(record(row).expression)._replace(wall=wall), reason),)


def _stop_clock(row: JobRow, state: dict[str, str], at: float) -> int:
    """Close the books of a run; its wall clock seconds."""
    wall = max(0, int(at) - ads.number(state.get("JobCurrentStartDate"), int(at)))
    state["LastRemoteWallClockTime"] = f"{wall}.0"
    state["RemoteWallClockTime"] = f"{ads.number(state.get('RemoteWallClockTime')) + wall}.0"
    if "RemoteHost" in state:
        state["LastRemoteHost"] = state["RemoteHost"]
    for name in _ONLY_WHILE_RUNNING:
        state.pop(name, None)
    state["CurrentHosts"] = "0"
    return wall


def _held(row: JobRow, state: dict[str, str], at: float, why: tuple[str, int, int], events: tuple[str, ...]) -> Change:
    reason, code, subcode = why
    state["HoldReason"] = ads.quote(reason)
    state["HoldReasonCode"], state["HoldReasonSubCode"] = str(code), str(subcode)
    state["NumHolds"] = str(ads.number(state.get("NumHolds")) + 1)
    state["NumHoldsByReason"] = _one_more(state.get("NumHoldsByReason", ""), code)
    _grid_status(row, state, "PENDING")
    return _moved(row, state, job.HELD, at, (*events, event_texts.held(_id(row), at, reason, code, subcode)))


def _one_more(counts: str, code: int) -> str:
    """``[ JobPolicy = 1 ]`` with one more of the HoldReasonCode ``code``."""
    name = job.HOLD_NAMES.get(code, f"Code{code}")
    found: dict[str, int] = {}
    for pair in counts.strip("[ ]").split(";"):
        key, equals, number = pair.partition("=")
        if equals:
            found[key.strip()] = ads.number(number.strip())
    found[name] = found.get(name, 0) + 1
    return "[ " + "; ".join([f"{key} = {number}" for key, number in found.items()]) + " ]"


def _end_hold(state: dict[str, str]) -> None:
    for name in _HOLD:
        if name in state:
            state[f"Last{name}"] = state.pop(name)


def _grid_status(row: JobRow, state: dict[str, str], status: str) -> None:
    """AliEn counts grid-universe jobs by this attribute, and JAliEn's periodic_hold looks at it."""
    if "GridJobStatus = " in row.cluster_ad or "GridJobStatus = " in row.ad:
        state["GridJobStatus"] = ads.quote(status)


def _state(row: JobRow) -> dict[str, str]:
    return ads.parse(row.state)


def _state_with(row: JobRow, ad: dict[str, str]) -> str:
    """The state with which the row has this whole ad."""
    submitted = ads.parse(row.cluster_ad + row.ad)
    return ads.dump({name: text for name, text in ad.items() if submitted.get(name) != text})


def _id(row: JobRow) -> tuple[int, int]:
    return row.cluster, row.proc


# What condor_qedit, condor_prio, condor_vacate_job and condor_transfer_data do to a job: pure
# functions like those of ``change``.

_FIXED = frozenset({"clusterid", "procid", "owner", "user", "mytype", "targettype", "jobstatus", "globaljobid"})
_LOGGED = "JobPrio"  # HTCondor writes an event 033 when it changes


def edited(row: JobRow, edits: Mapping[str, str], at: float) -> Change:
    """The job with other attributes; what names the job, or says what the master alone may say, stays (condor_qedit refuses it)."""
    state = ads.parse(row.state)
    have = {name.lower(): name for name in record(row).ad()}
    events: tuple[str, ...] = ()
    for name, expression in edits.items():
        if name.lower() in _FIXED:
            continue
        spelled = have.get(name.lower(), name)  # names have no case; the ad has each once
        if spelled == _LOGGED and expression != str(row.prio):
            events = (event_texts.edited((row.cluster, row.proc), at, spelled, str(row.prio), expression),)
            row = row._replace(prio=ads.number(expression, row.prio))
        state[spelled] = expression
    return Change(row._replace(state=ads.dump(state)), events)


def vacated(row: JobRow, at: float) -> Change:
    """A running job gives its place up and is idle again; the engine still has the attempt until it confirms the end."""
    return evicted(row, at, "", given=True)


def fetched(row: JobRow, at: float) -> Change:
    """Somebody fetched the output of a job submitted with -spool. It stays as long as its LeaveJobInQueue says, as in HTCondor."""
    state = ads.parse(row.state)
    state["StageOutStart"] = state["StageOutFinish"] = str(int(at))
    return Change(row._replace(state=ads.dump(state)), ())
