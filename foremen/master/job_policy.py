"""What a job's own policy says about it: its ad and the time give a verdict. Pure; expressions are HTCondor's library's.

Order, texts and codes are those of HTCondor 23.9.6 (recorded from it; the order is that of its ``user_job_policy.cpp``): a
duration, PeriodicHold, PeriodicRelease, PeriodicRemove; at the exit OnExitHold, OnExitRemove. An expression counts when its
value is a number other than 0, or true; undefined and error do nothing. Other than there, a job that has just ended is not
asked for its periodic expressions once more: it is over, and keeps its result.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from foremen.master.evaluators import NotYet, Unfinished
from foremen.master.policy_expressions import Evaluates, Scope, literal
from spool import job
from spool.classad.job_record import JobRecord

KEEP, HOLD, RELEASE, REMOVE, REQUEUE, LEAVE = "keep", "hold", "release", "remove", "requeue", "leave"

_SMALL = 20  # running jobs that may be ended whatever their share: a small site must not wait for its operator


class Verdict(NamedTuple):
    """What is to become of the job (LEAVE: over, it leaves the queue for the history); ``code`` and ``subcode`` of a hold."""

    action: str
    reason: str = ""
    code: int = 0
    subcode: int = 0


_KEPT = Verdict(KEEP)


def periodic(record: JobRecord, now: float, evaluators: Evaluates | None = None) -> Verdict:
    """The verdict on a job in the queue as time goes by. NotYet; an expression that cannot be evaluated holds the job."""
    if record.status in (job.COMPLETED, job.REMOVED):
        return _KEPT if stays(record, now, evaluators) else Verdict(LEAVE)
    if not watched(record.text):
        return _KEPT
    try:
        return _of_living(Scope(record, now, evaluators=evaluators), record, now)
    except Unfinished as error:
        return _KEPT if record.status == job.HELD else unfinished(error)


def unfinished(error: Unfinished) -> Verdict:
    """The job is held, since what its policy says cannot be computed within the limits."""
    return Verdict(HOLD, f"The job's policy cannot be evaluated: {error}", job.HOLD_JOB_POLICY_UNDEFINED)


def _of_living(scope: Scope, record: JobRecord, now: float) -> Verdict:
    if record.status in (job.RUNNING, job.SUSPENDED):
        exceeded = _duration(scope, now)
        if exceeded:
            return exceeded
    if record.status == job.HELD:
        # Not what a user holds: that is the user's to release.
        if scope.value("HoldReasonCode") != job.HOLD_USER_REQUEST and _fires(scope, "PeriodicRelease"):
            return _verdict(RELEASE, scope, "PeriodicRelease")
    elif _fires(scope, "PeriodicHold"):
        return _verdict(HOLD, scope, "PeriodicHold")
    if _fires(scope, "PeriodicRemove"):
        return _verdict(REMOVE, scope, "PeriodicRemove")
    return _KEPT


def speaks_of_exit(record: JobRecord) -> bool:
    """Whether the ad has an expression for ``at_exit``; cheap."""
    return "\nOnExit" in record.text


def at_exit(record: JobRecord, now: float, evaluators: Evaluates | None = None) -> Verdict:
    """The verdict on a job that has ended by itself; its ad has ExitCode or ExitSignal and NumJobCompletions. KEEP: it is over.

    NotYet; an expression that cannot be evaluated holds the job.
    """
    try:
        return _at_exit(Scope(record, now, evaluators=evaluators))
    except Unfinished as error:
        return unfinished(error)


def _at_exit(scope: Scope) -> Verdict:
    if _fires(scope, "OnExitHold"):
        return _verdict(HOLD, scope, "OnExitHold")
    text = scope.text("OnExitRemove")
    if text and scope.true("OnExitRemove") is False:
        return Verdict(REQUEUE, f"The job attribute OnExitRemove expression '{text}' evaluated to FALSE")
    return _KEPT


def stays(record: JobRecord, now: float, evaluators: Evaluates | None = None) -> bool:
    """Whether a job that is over stays in the queue (LeaveJobInQueue; DIRAC, Parsl and BLAH count on it).

    It stays until that is known; what cannot be evaluated keeps nothing.
    """
    try:
        return bool(Scope(record, now, evaluators=evaluators).true("LeaveJobInQueue"))
    except NotYet:
        return True
    except Unfinished:
        return False


def watched(text: str) -> bool:
    """Whether the ad in long form has an expression that could give a verdict; cheap."""
    return "\nPeriodic" in text or "\nAllowed" in text


def too_many(ending: int, running: int, share: int) -> bool:
    """Whether one pass would end so many of the running jobs that rather the policy is wrong, or the clock."""
    return ending > _SMALL and ending * 100 > running * share


def short_time(seconds: int) -> str:
    """``00:03``, ``1:01:40``, ``2+00:00:00``: a duration as HTCondor's texts have it."""
    days, rest = divmod(max(0, seconds), 86400)
    text = f"{days}+{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}".lstrip("0+")
    return text[1:] if text[0] == ":" else text


def _duration(scope: Scope, now: float) -> Verdict | None:
    most, began = scope.value("AllowedJobDuration"), scope.value("JobCurrentStartDate")
    if isinstance(most, int) and isinstance(began, int) and now - began >= most:
        text = f"The job exceeded allowed job duration of {short_time(most)}"
        return Verdict(HOLD, text, job.HOLD_JOB_DURATION_EXCEEDED)
    most, began = scope.value("AllowedExecuteDuration"), scope.value("JobCurrentStartExecutingDate")
    if isinstance(most, int) and isinstance(began, int) and now - began > most:
        text = f"The job exceeded allowed execute duration of {short_time(most)}"
        return Verdict(HOLD, text, job.HOLD_JOB_EXECUTE_EXCEEDED)
    return None


def _fires(scope: Scope, name: str) -> bool:
    text = scope.text(name)
    known, value = literal(text)
    if known and not value:
        return False
    return bool(scope.true(name))


def _verdict(action: str, scope: Scope, name: str) -> Verdict:
    """HTCondor's own reason, or the one that the job gives, and its subcode."""
    given, subcode = scope.value(f"{name}Reason"), scope.value(f"{name}SubCode")
    reason = f"The job attribute {name} expression '{scope.text(name)}' evaluated to TRUE"
    code = job.HOLD_JOB_POLICY if action == HOLD else 0
    number = int(subcode) if isinstance(subcode, (int, float)) and isfinite(subcode) else 0
    return Verdict(action, given if isinstance(given, str) and given else reason, code, number)
