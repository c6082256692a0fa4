"""The job event log, read back by HTCondor's own reader."""

from __future__ import annotations

import time

import htcondor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spool.userlog import event_texts
from spool.userlog.event_texts import Usage

AT = 1_800_000_000
JOB = (123, 4)
HOST = event_texts.address("node", 9094)
USAGE = Usage(user=90061.5, system=2, sent=10, received=20, wall=3605, cpus=8, disk=1024, memory=2000)


@pytest.fixture
def events(tmp_path):
    """What HTCondor's reader makes of texts: type, job, time and attributes of each."""

    def read(*texts):
        path = tmp_path / "log"
        path.write_text("".join(texts), encoding="utf-8", errors="surrogateescape")
        with htcondor2.JobEventLog(str(path)) as log:
            found = list(log.events(stop_after=0))
        return [(event.type.name, (event.cluster, event.proc), event.timestamp, dict(event)) for event in found]

    return read


def every():
    """One event of every kind."""
    return {
        "SUBMIT": event_texts.submitted(JOB, AT, HOST),
        "EXECUTE": event_texts.executing(JOB, AT, HOST, "slot1@node", USAGE),
        "JOB_EVICTED": event_texts.evicted(JOB, AT, USAGE, "the worker vanished"),
        "IMAGE_SIZE": event_texts.image_size(JOB, AT, 90000, USAGE),
        "JOB_TERMINATED": event_texts.terminated(JOB, AT, USAGE, 7, None),
        "JOB_ABORTED": event_texts.aborted(JOB, AT, "via condor_rm (by user alice)"),
        "JOB_HELD": event_texts.held(JOB, AT, "no such file", 6, 2),
        "JOB_RELEASED": event_texts.released(JOB, AT, "via condor_release (by user alice)"),
    }


def test_types_jobs_and_times(events):
    """All kinds in one log, in order."""
    texts = every()
    found = events(*texts.values())
    assert [kind for kind, *_ in found] == list(texts)
    assert {job for _, job, *_ in found} == {JOB}
    assert {at for _, _, at, _ in found} == {AT}


def test_submitted(events):
    """Host and notes."""
    ((_, _, _, found),) = events(event_texts.submitted(JOB, AT, HOST, "my notes\nhere"))
    assert (found["SubmitHost"], found["LogNotes"].strip()) == (HOST, "my notes here")


def test_executing(events):
    """Host and slot."""
    ((_, _, _, found),) = events(event_texts.executing(JOB, AT, HOST, "slot1@node", USAGE))
    assert (found["ExecuteHost"], found["SlotName"]) == (HOST, "slot1@node")


def test_image_size(events):
    """006 as 23.9.6 writes it: image and resident set in KiB, MemoryUsage in whole MB; and the usage in the end of the job."""
    used = USAGE._replace(rss=61500)
    text = event_texts.image_size(JOB, AT, 75920, used)
    assert text.split("\n")[0].endswith(" Image size of job updated: 75920")
    assert text.split("\n")[1:] == [
        "\t61  -  MemoryUsage of job (MB)",
        "\t61500  -  ResidentSetSize of job (KB)",
        "...",
        "",
    ]
    ((_, _, _, found),) = events(text)
    assert (found["Size"], found["MemoryUsage"], found["ResidentSetSize"]) == (75920, 61, 61500)
    ((_, _, _, found),) = events(event_texts.terminated(JOB, AT, used, 0, None))
    assert found["MemoryUsage"] == 61


def test_evicted(events):
    """Not checkpointed, not terminated, with what it used and why."""
    ((_, _, _, found),) = events(event_texts.evicted(JOB, AT, USAGE, "the worker vanished"))
    assert (found["Checkpointed"], found["TerminatedAndRequeued"]) == (False, False)
    assert (found["SentBytes"], found["ReceivedBytes"], found["Reason"]) == (10, 20, "the worker vanished")
    ((_, _, _, found),) = events(event_texts.evicted(JOB, AT, USAGE))
    assert "Reason" not in found


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_terminated_by_itself(events, code):
    """The return value, CPU seconds, bytes, and the resources."""
    ((_, _, _, found),) = events(event_texts.terminated(JOB, AT, USAGE, code, None))
    assert (found["TerminatedNormally"], found["ReturnValue"]) == (True, code)
    assert found["RunRemoteUsage"] == found["TotalRemoteUsage"] == "Usr 1 01:01:01, Sys 0 00:00:02"
    assert (found["SentBytes"], found["TotalReceivedBytes"]) == (10, 20)
    assert (found["RequestCpus"], found["Cpus"], found["Memory"], found["Disk"]) == (8, 8, 2000, 1024)


@pytest.mark.parametrize("signal", [1, 9, 15])
def test_terminated_by_signal(events, signal):
    """The signal and no return value."""
    ((_, _, _, found),) = events(event_texts.terminated(JOB, AT, USAGE, None, signal))
    assert (found["TerminatedNormally"], found["TerminatedBySignal"]) == (False, signal)
    assert "ReturnValue" not in found


def test_reasons_and_codes(events):
    """Of removal, hold and release."""
    removed, held, released = (found for _, _, _, found in events(*list(every().values())[-3:]))
    assert removed["Reason"] == "via condor_rm (by user alice)"
    assert (held["HoldReason"], held["HoldReasonCode"], held["HoldReasonSubCode"]) == ("no such file", 6, 2)
    assert released["Reason"] == "via condor_release (by user alice)"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    reason=st.one_of(
        st.text(st.characters(exclude_categories=("Cs",)), max_size=200),
        st.sampled_from(["...", "\n...\n", "005 (1.0.000) x", "\udcff"]),
    )
)
def test_any_reason(events, reason):
    """No reason ends its event early, or swallows the next."""
    texts = [
        event_texts.held(JOB, AT, reason, 1, 0),
        event_texts.aborted(JOB, AT, reason),
        event_texts.evicted(JOB, AT, USAGE, reason),
        event_texts.submitted(JOB, AT, HOST, reason),
        event_texts.released(JOB, AT, reason),
    ]
    found = [kind for kind, *_ in events(*texts)]
    assert found == ["JOB_HELD", "JOB_ABORTED", "JOB_EVICTED", "SUBMIT", "JOB_RELEASED"]


def test_as_htcondor_writes_it():
    """Recorded from HTCondor 23.9.6 (its own addresses and resources left out)."""
    assert event_texts.submitted((87, 0), 0, "<a>", "my notes here").split("\n")[1:] == ["    my notes here", "...", ""]
    text = event_texts.terminated((87, 0), AT, Usage(cpus=1, disk=150, memory=1, wall=18), 3, None)
    assert text.startswith("005 (087.000.000) ")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(AT))
    recorded = [
        "\t(1) Normal termination (return value 3)",
        "\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage",
        "\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage",
        "\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Remote Usage",
        "\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage",
        "\t0  -  Run Bytes Sent By Job",
        "\t0  -  Run Bytes Received By Job",
        "\t0  -  Total Bytes Sent By Job",
        "\t0  -  Total Bytes Received By Job",
        "\tPartitionable Resources :    Usage  Request Allocated ",
        "\t   Cpus                 :                 1         1 ",
    ]
    assert text.split("\n")[1:12] == recorded
    assert "\t   TimeExecute (s)      :       18                    " in text.split("\n")
    assert text.split("\n")[-4:] == ["", f"\tJob terminated of its own accord at {when} with exit-code 3.", "...", ""]
    assert event_texts.aborted((87, 2), 0, "via condor_rm (by user u1)").split("\n")[1:] == [
        "\tvia condor_rm (by user u1)",
        "...",
        "",
    ]
