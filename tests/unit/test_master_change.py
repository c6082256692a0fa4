"""The table of moves: every move yields its events and attributes, and there is no other."""

from __future__ import annotations

import htcondor2
import pytest

from foremen.master import transitions
from foremen.master.transitions import MOVES, Ended, ImpossibleMove
from foremen.pilot.launch_script import Report
from spool import job
from spool.store.sqlite import JobRow

AT = 1_800_000_000.7
NOW = "1800000000"


def row(status=job.IDLE, given=0, state="", **more):
    """A job of the grid universe, that asked for something."""
    cluster_ad = 'Iwd = "/home/alice"\nUserLog = "log"\nRequestCpus = 2\nRequestDisk = 1024\nRequestMemory = 300\n'
    return JobRow(12, 3, status, given, 0, 1, 0, 0, "ProcId = 3\n", state, cluster_ad, 1)._replace(**more)


def started(**more):
    """The row of a job that began to run 10 s ago."""
    return transitions.started(row(given=1, **more), AT - 10, "node", 9094).row


def ended(**report):
    return Ended(Report(**{"host": "node", "user": 1.5, "system": 0.5, **report}), 10, 20)


def over(was, at, end):
    """The pilot ended by itself, and the job with it; its row as it is when the job stays in the queue."""
    done = transitions.completed(was, at, end)
    stays = transitions.staying(done)
    assert (transitions.full_ad(stays.row), stays.finished, stays.events) == (done.ad, False, done.events)
    return done._replace(row=stays.row)


def kinds(tmp_path, events):
    """The types of event texts, as HTCondor's reader sees them."""
    (tmp_path / "log").write_text("".join(events))
    with htcondor2.JobEventLog(str(tmp_path / "log")) as log:
        return [event.type.name for event in log.events(stop_after=0)]


WAYS = {
    job.RUNNING: lambda was: transitions.started(was, AT, "node", 9094),
    job.HELD: lambda was: transitions.held(was, AT, "why", 1, 0),
    job.REMOVED: lambda was: transitions.removing(was, AT, "why"),
    job.COMPLETED: lambda was: over(was, AT, ended(exit_code=0)),
}
EVENTS = {
    (job.IDLE, job.RUNNING): ["EXECUTE"],
    (job.IDLE, job.HELD): ["JOB_HELD"],
    (job.IDLE, job.REMOVED): ["JOB_ABORTED"],
    (job.IDLE, job.COMPLETED): ["JOB_TERMINATED"],
    (job.RUNNING, job.IDLE): ["JOB_EVICTED"],
    (job.RUNNING, job.HELD): ["JOB_EVICTED", "JOB_HELD"],
    (job.RUNNING, job.REMOVED): ["JOB_EVICTED", "JOB_ABORTED"],
    (job.RUNNING, job.COMPLETED): ["JOB_TERMINATED"],
    (job.HELD, job.IDLE): ["JOB_RELEASED"],
    (job.HELD, job.REMOVED): ["JOB_ABORTED"],
    (job.HELD, job.COMPLETED): ["JOB_TERMINATED"],
}


def move(was, status):
    if status == job.IDLE:
        if was.status == job.RUNNING:
            return transitions.evicted(was, AT, "vanished", given=False)
        return transitions.released(was, AT, "why")
    return WAYS[status](was)


@pytest.mark.parametrize("was", job.STATUSES)
@pytest.mark.parametrize("status", [job.IDLE, job.RUNNING, job.HELD, job.REMOVED, job.COMPLETED])
def test_every_move(tmp_path, was, status):
    """Those of the table yield their events and set the books; every other raises."""
    before = started() if was == job.RUNNING else row(was)
    if was == status:
        return
    if status not in MOVES.get(was, ()):
        with pytest.raises(ImpossibleMove, match=rf"job 12\.3 cannot go from state {was} to {status}"):
            move(before, status)
        return
    done = move(before, status)
    state = transitions.full_ad(done.row)
    assert (done.row.status, state["JobStatus"]) == (status, str(status))
    assert (state["LastJobStatus"], state["EnteredCurrentStatus"]) == (str(was), NOW)
    if (was, status) in EVENTS:
        assert kinds(tmp_path, done.events) == EVENTS[was, status]


def test_the_table_is_covered():
    """No move without its events; those out of COMPLETED never happen to a job in the queue."""
    moves = {(was, status) for was, targets in MOVES.items() for status in targets if was != status}
    assert moves == {*EVENTS, (job.COMPLETED, job.REMOVED)}
    assert set(MOVES) | {job.TRANSFERRING_OUTPUT, job.SUSPENDED} == set(job.STATUSES)


def test_started():
    """The first start and the second: dates, counters, where."""
    once = transitions.full_ad(started())
    assert once["JobStartDate"] == once["JobCurrentStartDate"] == once["JobCurrentStartExecutingDate"] == "1799999990"
    assert [once[name] for name in ("NumJobStarts", "NumShadowStarts", "JobRunCount", "NumJobMatches")] == ["1"] * 4
    assert (once["RemoteHost"], once["CurrentHosts"]) == ('"slot1@node"', "1")
    idle = transitions.evicted(started(), AT, "", given=False).row
    twice = transitions.full_ad(transitions.started(idle, AT + 5, "other", 9094).row)
    assert (twice["JobStartDate"], twice["JobLastStartDate"]) == ("1799999990", "1799999990")
    assert (twice["JobCurrentStartDate"], twice["NumJobStarts"]) == ("1800000005", "2")
    assert (twice["RemoteHost"], twice["LastRemoteHost"]) == ('"slot1@other"', '"slot1@node"')


def test_evicted():
    """Wall clock, host, and whether the engine still has it; what did not run has nothing to book."""
    done = transitions.evicted(started(), AT, "vanished", given=True)
    ad = transitions.full_ad(done.row)
    assert (ad["LastRemoteWallClockTime"], ad["RemoteWallClockTime"]) == ("10.0", "10.0")
    assert (ad["LastRemoteHost"], ad["CurrentHosts"]) == ('"slot1@node"', "0")
    assert "RemoteHost" not in ad
    assert done.row.given == 1
    assert "vanished" in done.events[0]
    for status in (job.IDLE, job.HELD, job.REMOVED):
        quiet = transitions.evicted(row(status, given=1), AT, "vanished", given=False)
        assert (quiet.row, quiet.events) == (row(status), ())


def test_clock_that_went_back():
    """No negative wall clock."""
    done = transitions.evicted(started(), AT - 1000, "", given=False)
    assert transitions.full_ad(done.row)["RemoteWallClockTime"] == "0.0"


def test_wall_clock_adds_up():
    """Over attempts."""
    idle = transitions.evicted(started(), AT, "", given=False).row
    again = transitions.started(idle, AT, "node", 9094).row
    done = over(again, AT + 7, ended(exit_code=0))
    ad = transitions.full_ad(done.row)
    assert (ad["LastRemoteWallClockTime"], ad["RemoteWallClockTime"]) == ("7.0", "17.0")


def test_held_and_released():
    """Reasons and codes now and afterwards; holds are counted, by reason too."""
    held = transitions.held(row(given=1), AT, 'no "file"', 6, 2).row
    ad = transitions.full_ad(held)
    assert (ad["HoldReason"], ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (r'"no \"file\""', "6", "2")
    assert (ad["NumHolds"], ad["NumHoldsByReason"], held.given) == ("1", "[ FailedToCreateProcess = 1 ]", 1)
    released = transitions.released(held._replace(lost=3), AT, "via condor_release").row
    ad = transitions.full_ad(released)
    assert not {"HoldReason", "HoldReasonCode", "HoldReasonSubCode"} & set(ad)
    assert (ad["LastHoldReason"], ad["LastHoldReasonCode"]) == (r'"no \"file\""', "6")
    assert (ad["ReleaseReason"], released.lost) == ('"via condor_release"', 0)
    ad = transitions.full_ad(transitions.held(released, AT, "user", job.HOLD_USER_REQUEST, 0).row)
    assert (ad["NumHolds"], ad["NumHoldsByReason"]) == ("2", "[ FailedToCreateProcess = 1; UserRequest = 1 ]")
    assert "NumSystemHolds" not in ad


def test_removing():
    """At once when nobody runs it; else when the engine confirms, and asking twice is one event."""
    done = transitions.removing(row(), AT, "why")
    assert (done.finished, transitions.full_ad(done.row)["RemoveReason"]) == (True, '"why"')
    waiting = transitions.removing(started(), AT, "why")
    assert (waiting.finished, waiting.row.status, waiting.row.given) == (False, job.REMOVED, 1)
    again = transitions.removing(waiting.row, AT, "other")
    assert (again.events, again.finished, transitions.full_ad(again.row)["RemoveReason"]) == ((), False, '"why"')
    gone = transitions.removed(again.row)
    assert (gone.finished, gone.row.given, gone.events) == (True, 0, ())


def test_completed():
    """Exit status, or signal; CPU, bytes, date and node."""
    done = over(started(), AT, ended(exit_code=3))
    ad = transitions.full_ad(done.row)
    assert (ad["ExitBySignal"], ad["ExitCode"], done.finished, done.row.given) == ("false", "3", True, 0)
    assert (ad["RemoteUserCpu"], ad["RemoteSysCpu"], ad["BytesSent"], ad["BytesRecvd"]) == (
        "1.5",
        "0.5",
        "10.0",
        "20.0",
    )
    assert (ad["CompletionDate"], ad["LastRemoteHost"]) == (NOW, '"slot1@node"')
    assert "return value 3" in done.events[0]
    done = over(started(), AT, ended(signal=9))
    ad = transitions.full_ad(done.row)
    assert (ad["ExitBySignal"], ad["ExitSignal"], "ExitCode" in ad) == ("true", "9", False)
    assert "signal 9" in done.events[0]


def test_memory_that_was_measured(tmp_path):
    """The most that the pilot had, rounded as a schedd rounds it, the image no smaller than it was; an event when it has grown."""
    change_ = transitions.measured(started(), AT, 75920)
    ad = transitions.full_ad(change_.row)
    assert (
        (ad["ResidentSetSize_RAW"], ad["ResidentSetSize"])
        == (ad["ImageSize_RAW"], ad["ImageSize"])
        == ("75920", "100000")
    )
    assert ad["MemoryUsage"] == "((ResidentSetSize + 1023) / 1024)"
    assert kinds(tmp_path, change_.events) == ["IMAGE_SIZE"]
    again = transitions.measured(change_.row, AT, 76000)
    assert (transitions.full_ad(again.row)["ResidentSetSize_RAW"], again.events) == ("76000", ())
    large = transitions.measured(started(cluster_ad="ImageSize = 200000\nRequestCpus = 2\n"), AT, 75920)
    ad = transitions.full_ad(large.row)
    assert (ad["ImageSize_RAW"], ad["ImageSize"], ad["ResidentSetSize_RAW"], large.events) == (
        "200000",
        "200000",
        "75920",
        (),
    )
    assert transitions.full_ad(transitions.measured(started(), AT, 712).row)["ResidentSetSize"] == "750"
    assert transitions.measured(started(), AT, 0) == transitions.Change(started(), ())


def test_completed_while_being_held():
    """It ended before the hold reached it: it is not remembered as held."""
    held = transitions.held(started(), AT, "why", 1, 0).row
    ad = transitions.full_ad(over(held, AT, ended(exit_code=0)).row)
    assert ("HoldReason" in ad, ad["LastHoldReason"], ad["JobStatus"]) == (False, '"why"', "4")


def test_grid_status():
    """Only of jobs that have the attribute (grid universe): AliEn counts by it."""
    grid = row(given=1, ad='GridJobStatus = "IDLE"\n')
    running = transitions.started(grid, AT, "node", 9094).row
    steps = [running, transitions.evicted(running, AT, "", True).row, transitions.held(running, AT, "", 1, 0).row]
    steps.append(over(running, AT, ended(exit_code=0)).row)
    told = [transitions.full_ad(step)["GridJobStatus"] for step in steps]
    assert told == ['"RUNNING"', '"PENDING"', '"PENDING"', '"COMPLETED"']
    assert "GridJobStatus" not in transitions.full_ad(started())


@pytest.mark.parametrize(
    ("own", "path"),
    [
        ("", "/home/alice/log"),
        ('UserLog = "/var/log/x"\n', "/var/log/x"),
        ('UserLog = "/dev/null"\n', ""),
        ('UserLog = ""\n', ""),
        ("UserLog = undefined\n", ""),
    ],
)
def test_log_path(own, path):
    """Absolute, or from the job's folder; none."""
    assert transitions.log_path(transitions.Change(row(ad=own), ())) == path


def test_usage():
    """Plain numbers only."""
    used = transitions.usage(transitions.record(row()).expression)
    assert (used.cpus, used.disk, used.memory) == (2, 1024, 300)
    assert transitions.usage(transitions.record(row(ad="RequestMemory = ifThenElse(1, 2, 3)\n")).expression).memory == 0
