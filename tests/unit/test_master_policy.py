"""What a job's own policy says, as time goes by and at its exit: texts and codes recorded from HTCondor 23.9.6."""

from __future__ import annotations

import pytest

from foremen.master import job_policy
from foremen.master.job_policy import HOLD, KEEP, LEAVE, RELEASE, REMOVE, REQUEUE, Verdict
from spool import job
from spool.classad import ads
from spool.classad.job_record import JobRecord

NOW = 1_800_000_000
JALIEN_HOLD = (
    "JobStatus == 1 && GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800 || "
    "JobStatus <= 2 && CurrentTime - EnteredCurrentStatus > 172800"
)


def record(status: int = job.RUNNING, **attributes: str) -> JobRecord:
    """A job that entered its state a minute ago."""
    ad = {"MyType": '"Job"', "JobStatus": str(status), "EnteredCurrentStatus": str(NOW - 60), **attributes}
    return JobRecord(12, 0, status, ads.dump(ad))


def expired(name: str, expression: str) -> str:
    """HTCondor's words."""
    return f"The job attribute {name} expression '{expression}' evaluated to TRUE"


@pytest.mark.parametrize("value", ["false", "0", "undefined", "error", '"text"', "NoSuch > 5", "time() < 5", "]"])
@pytest.mark.parametrize("name", ["PeriodicHold", "PeriodicRemove", "OnExitHold"])
def test_what_is_not_true_does_nothing(name: str, value: str) -> None:
    """False, undefined, error, a string, and what is no expression at all."""
    one = record(**{name: value})
    assert (job_policy.periodic(one, NOW), job_policy.at_exit(one, NOW)) == (Verdict(KEEP), Verdict(KEEP))


@pytest.mark.parametrize(
    "expression", ["time() - EnteredCurrentStatus > 5", "CurrentTime - EnteredCurrentStatus > 5", "true", "5"]
)
def test_hold_and_remove(expression: str) -> None:
    """Codes and words, for what waits and what runs; the hold comes first."""
    for status in (job.IDLE, job.RUNNING):
        hold = job_policy.periodic(record(status, PeriodicHold=expression, PeriodicRemove="true"), NOW)
        assert hold == Verdict(HOLD, expired("PeriodicHold", expression), 3, 0)
        remove = job_policy.periodic(record(status, PeriodicRemove=expression), NOW)
        assert remove == Verdict(REMOVE, expired("PeriodicRemove", expression))


def test_reason_and_subcode_may_be_expressions() -> None:
    """periodic_hold_reason and _subcode are evaluated; an empty reason counts as none."""
    one = record(PeriodicHold="true", PeriodicHoldReason='strcat("too ","long")', PeriodicHoldSubCode="3 + 4")
    assert job_policy.periodic(one, NOW) == Verdict(HOLD, "too long", 3, 7)
    one = record(PeriodicRemove="true", PeriodicRemoveReason='"because"')
    assert job_policy.periodic(one, NOW) == Verdict(REMOVE, "because")
    one = record(PeriodicHold="true", PeriodicHoldReason='""')
    assert job_policy.periodic(one, NOW).reason == expired("PeriodicHold", "true")


def test_release() -> None:
    """Only what is held, and not what a user holds; a held job is not held again but may be removed."""
    held = record(job.HELD, HoldReasonCode="3", PeriodicRelease="HoldReasonCode == 3", PeriodicHold="true")
    assert job_policy.periodic(held, NOW) == Verdict(RELEASE, expired("PeriodicRelease", "HoldReasonCode == 3"))
    by_user = record(job.HELD, HoldReasonCode="1", PeriodicRelease="true", PeriodicHold="true")
    assert job_policy.periodic(by_user, NOW) == Verdict(KEEP)
    assert job_policy.periodic(record(job.HELD, PeriodicRemove="JobStatus == 5"), NOW).action == REMOVE
    assert job_policy.periodic(record(job.IDLE, PeriodicRelease="true"), NOW) == Verdict(KEEP)


def test_durations() -> None:
    """Job duration from the start, execute duration from when it executes; of what runs only."""
    ran = {"JobCurrentStartDate": str(NOW - 3), "JobCurrentStartExecutingDate": str(NOW - 2)}
    exceeded = Verdict(HOLD, "The job exceeded allowed job duration of 00:03", 46)
    assert job_policy.periodic(record(AllowedJobDuration="3", **ran), NOW) == exceeded
    assert job_policy.periodic(record(AllowedJobDuration="4", **ran), NOW) == Verdict(KEEP)
    exceeded = Verdict(HOLD, "The job exceeded allowed execute duration of 00:01", 47)
    assert job_policy.periodic(record(AllowedExecuteDuration="1", **ran), NOW) == exceeded
    assert job_policy.periodic(record(AllowedExecuteDuration="2", **ran), NOW) == Verdict(KEEP)
    assert job_policy.periodic(record(job.IDLE, AllowedJobDuration="3", **ran), NOW) == Verdict(KEEP)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (3, "00:03"), (90, "01:30"), (3700, "1:01:40"), (36000, "10:00:00"), (172800, "2+00:00:00")],
)
def test_short_times(seconds: int, text: str) -> None:
    """As HTCondor's format_time_short gives them."""
    assert job_policy.short_time(seconds) == text


def test_at_the_exit() -> None:
    """OnExitHold, then OnExitRemove: false means again, what is not a truth means over."""
    assert job_policy.at_exit(record(), NOW) == Verdict(KEEP)
    hold = record(OnExitHold="ExitCode =!= 0", ExitCode="3", OnExitRemove="false")
    assert job_policy.at_exit(hold, NOW) == Verdict(HOLD, expired("OnExitHold", "ExitCode =!= 0"), 3, 0)
    hold = record(OnExitHold="true", OnExitHoldReason='"bad exit"', OnExitHoldSubCode="42")
    assert job_policy.at_exit(hold, NOW) == Verdict(HOLD, "bad exit", 3, 42)
    again = "The job attribute OnExitRemove expression 'NumJobStarts > 2' evaluated to FALSE"
    assert job_policy.at_exit(record(OnExitRemove="NumJobStarts > 2", NumJobStarts="2"), NOW) == Verdict(REQUEUE, again)
    assert job_policy.at_exit(record(OnExitRemove="NumJobStarts > 2", NumJobStarts="3"), NOW) == Verdict(KEEP)
    assert job_policy.at_exit(record(OnExitRemove="NoSuch > 2"), NOW) == Verdict(KEEP)


@pytest.mark.parametrize(
    ("completions", "code", "action"), [(1, 1, REQUEUE), (2, 1, REQUEUE), (3, 1, KEEP), (1, 0, KEEP)]
)
def test_max_retries(completions: int, code: int, action: str) -> None:
    """What condor_submit makes of max_retries = 2."""
    one = record(
        OnExitRemove="NumJobCompletions > JobMaxRetries || ExitCode =?= 0", JobMaxRetries="2",
        NumJobCompletions=str(completions), ExitCode=str(code),
    )  # fmt: skip
    assert job_policy.at_exit(one, NOW).action == action


def test_an_idle_pilot_of_jalien_is_not_held() -> None:
    """It has GridJobStatus "PENDING", so its periodic_hold waits two days, not half an hour; without it, it would not."""
    idle = record(job.IDLE, PeriodicHold=JALIEN_HOLD, GridJobStatus='"PENDING"')
    assert job_policy.periodic(idle, NOW + 7200) == Verdict(KEEP)
    assert job_policy.periodic(idle, NOW + 172800).action == HOLD
    assert job_policy.periodic(record(job.IDLE, PeriodicHold=JALIEN_HOLD), NOW + 7200).action == HOLD


@pytest.mark.parametrize("subcode", ['real("INF")', 'real("NaN")', "1e400", '"x"', "undefined"])
def test_a_subcode_that_is_no_number(subcode: str) -> None:
    """Counts as 0."""
    held = record(job.IDLE, PeriodicHold="true", PeriodicHoldSubCode=subcode)
    assert job_policy.periodic(held, NOW)[2:] == (3, 0)
    assert job_policy.at_exit(record(OnExitHold="true", OnExitHoldSubCode=subcode), NOW)[2:] == (3, 0)


def test_leave_in_queue() -> None:
    """A job that is over stays as long as the expression is true (BLAH's), then leaves; without one it leaves at once."""
    leave = "JobStatus == 4 && (CompletionDate =?= UNDEFINED || CompletionDate == 0 || ((CurrentTime - CompletionDate) < 1800))"
    over = record(job.COMPLETED, LeaveJobInQueue=leave, CompletionDate=str(NOW - 60))
    assert job_policy.stays(over, NOW)
    assert job_policy.periodic(over, NOW) == Verdict(KEEP)
    assert job_policy.periodic(over, NOW + 1800) == Verdict(LEAVE)
    assert not job_policy.stays(record(job.COMPLETED), NOW)
    assert job_policy.periodic(record(job.REMOVED, LeaveJobInQueue=leave), NOW) == Verdict(LEAVE)


@pytest.mark.parametrize(
    ("ending", "running", "share", "refused"),
    [
        (20, 20, 50, False),
        (21, 21, 50, True),
        (21, 42, 50, False),
        (22, 43, 50, True),
        (500, 500, 100, False),
        (21, 21, 0, True),
    ],
)
def test_the_share_that_one_round_may_end(ending: int, running: int, share: int, refused: bool) -> None:
    """More than 20 jobs and more than the share is too many."""
    assert job_policy.too_many(ending, running, share) == refused
