"""The smaller commands on a queue with a master: what they do to jobs. Texts as recorded from HTCondor 23.9.6."""

from __future__ import annotations

import importlib
import shlex
import threading
from pathlib import Path

import pytest
from mastering import SLEEP, Site

from shims.cli import identity
from spool.classad import ads
from spool.errors import SpoolError
from spool.job import COMPLETED, HELD, IDLE, RUNNING
from spool.store import cluster_ids, task_file
from spool.store.task_file import Act, Cluster, Submission

NO_WAY = "Work Queue has no way to suspend a task (condor_hold ends it, condor_release starts it anew)"


@pytest.fixture
def site(spool, tmp_path, monkeypatch):
    """A master with a fake engine on a spool that the commands find."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    made = Site(spool, tmp_path)
    yield made
    made.engine.__exit__(None, None, None)


def run(site: Site, capfd, line: str) -> tuple[int, str, str]:
    """Status and texts of a command line, while the master takes up what it puts into the queue."""
    words = shlex.split(line)
    status: list[int] = []
    main = importlib.import_module(f"shims.commands.condor.{words[0]}").main
    thread = threading.Thread(target=lambda: status.append(main(words[1:])))
    thread.start()
    site.turn_until(lambda: not thread.is_alive())
    told = capfd.readouterr()
    return status[0], told.out, told.err


def held(site: Site, count: int = 2) -> int:
    """A cluster that stays where it is."""
    cluster = site.submit(
        count=count, JobStatus="5", HoldReasonCode="15", HoldReason='"x"', Owner=ads.quote(identity.user_name())
    )
    site.turn_until(lambda: site.row(cluster, count - 1))
    return cluster


def test_priority_is_set_and_adjusted(site, capfd):
    """condor_prio -p sets, + and - adjust; the next job to run is chosen by it, and the log says it."""
    cluster = held(site)
    assert run(site, capfd, f"condor_prio -p 5 {cluster}") == (0, "", "")
    assert run(site, capfd, f"condor_prio +3 {cluster}.0") == (0, "", "")
    assert run(site, capfd, f"condor_prio -2 {cluster}.1") == (0, "", "")
    site.turn_until(lambda: [site.ad(cluster, proc)["JobPrio"] for proc in (0, 1)] == ["8", "3"])
    assert [site.row(cluster, proc).prio for proc in (0, 1)] == [8, 3]
    assert f"033 ({cluster:03d}.000.000)" in site.log()
    assert "Changing job attribute JobPrio from 5 to 8\n...\n" in site.log()


@pytest.mark.parametrize(
    ("line", "status", "err"),
    [
        ("condor_prio -p 5 99.0", 0, "Couldn't retrieve current priority for 99.0.\n"),
        ("condor_prio -p 5 99", 0, ""),
        ("condor_prio -p 5", 0, ""),
        ("condor_prio -p 3 .", 0, 'Warning: unrecognized "." skipped\n'),
    ],
)
def test_priority_of_nobody(site, capfd, line, status, err):
    """Jobs that are not there cost a line, not the exit status."""
    assert run(site, capfd, line) == (status, "", err)


def test_priority_without_a_number_is_refused(site, capfd):
    """HTCondor's usage."""
    status, out, err = run(site, capfd, "condor_prio 3")
    assert (status, out) == (1, "")
    assert err.startswith("You must specify a new priority or priority adjustment.\nUsage: condor_prio")


def test_attributes_are_edited(site, capfd):
    """Sorted lines, a count of jobs, and the job's own ad has it; names keep the ad's spelling."""
    cluster = held(site)
    answer = run(site, capfd, f"condor_qedit {cluster} Foo=4 Bar '\"x\"'")
    assert answer == (0, 'Set attribute "Bar" for 2 matching jobs.\nSet attribute "Foo" for 2 matching jobs.\n', "")
    assert run(site, capfd, f"condor_qedit {cluster}.0 requestmemory 77")[0] == 0
    site.turn_until(lambda: "requestmemory" in site.ad(cluster) or "RequestMemory" in site.ad(cluster))
    assert (site.ad(cluster, 1)["Foo"], site.ad(cluster, 1)["Bar"]) == ("4", '"x"')
    assert run(site, capfd, "condor_qedit -constraint ProcId==1 JOBPRIO 9")[0] == 0
    assert run(site, capfd, f"condor_qedit {cluster}.0 cmd '\"/bin/x\"'")[0] == 0
    site.turn_until(lambda: site.ad(cluster, 0)["Cmd"] == '"/bin/x"')


def test_edits_come_from_a_file(site, capfd, tmp_path):
    """-edits reads the long form."""
    cluster = held(site)
    (tmp_path / "edits").write_text('Zed = 3\nYak = "s"\n')
    answer = run(site, capfd, f"condor_qedit {cluster}.0 -edits {tmp_path}/edits")
    assert answer == (0, 'Set attribute "Yak" for 1 matching jobs.\nSet attribute "Zed" for 1 matching jobs.\n', "")


REFUSED = [
    (
        "99 Foo 3",
        'Failed to set attribute "Foo" by constraint: ( (ClusterId == 99 ) )\nQueue transaction failed.  No attributes were set.\n',
    ),
    ("99.0 Foo 3", 'Failed to set attribute "Foo" for job 99.0.\nQueue transaction failed.  No attributes were set.\n'),
    (
        "nobody Foo 3",
        'Failed to set attribute "Foo" by constraint: ( (Owner=="nobody") )\nQueue transaction failed.  No attributes were set.\n',
    ),
    (
        "-constraint ClusterId==99 Foo 3",
        'Failed to set attribute "Foo" by constraint: ( (ClusterId==99) )\nQueue transaction failed.  No attributes were set.\n',
    ),
    ("-constraint '1 +' Foo 3", "condor_qedit: invalid constraint: 1 +\n"),
    ("1.0 Foo '1 +'", "Update aborted, illegal value for : Foo\nTransaction failed.  No attributes were set.\n"),
    ("1.0 Foo ''", "Update aborted, illegal value for : Foo\nTransaction failed.  No attributes were set.\n"),
    ("1.0 Foo '\"a'", "Update aborted, illegal value for : Foo\nTransaction failed.  No attributes were set.\n"),
    (
        "1.0 Owner 3",
        'Update of immutable attribute "Owner" is not allowed.\nTransaction failed.  No attributes were set.\n',
    ),
    (
        "1.0 ClusterId 3",
        'Update of immutable attribute "ClusterId" is not allowed.\nTransaction failed.  No attributes were set.\n',
    ),
    (
        "1.0 'a b' 3",
        'Update aborted, illegal attribute-name specified for attribute "a b".\nTransaction failed.  No attributes were set.\n',
    ),
    (
        "1.0 a.b 3",
        'Update aborted, illegal attribute-name specified for attribute "a.b".\nTransaction failed.  No attributes were set.\n',
    ),
]


@pytest.mark.parametrize(("line", "err"), REFUSED, ids=[line for line, _ in REFUSED])
def test_edits_that_are_refused(site, capfd, line, err):
    """Nothing is written, and HTCondor's words say why."""
    held(site)
    assert run(site, capfd, f"condor_qedit {line}") == (1, "", err)


@pytest.mark.parametrize("line", ["1.0", "1.0 Foo", "Foo 3", "-foo 1.0 Foo 3", ""])
def test_edits_that_make_no_sense(site, capfd, line):
    """The usage, and exit status 1."""
    status, out, err = run(site, capfd, f"condor_qedit {line}")
    assert (status, out) == (1, "")
    assert "Usage: condor_qedit" in err


def test_an_edit_cannot_break_a_task_file(spool):
    """An expression of two lines is refused before anything is written."""
    with pytest.raises(SpoolError):
        task_file.write_act(spool, Act("edit", [(1, 0)], edits={"Foo": "1\nall"}))
    path = task_file.write_act(spool, Act("edit", [(1, 0)], edits={"Foo": "a = b", "Bar": '"x"'}))
    assert task_file.read(path).edits == {"Foo": "a = b", "Bar": '"x"'}


def test_a_running_job_gives_its_place_up(site, capfd):
    """condor_vacate_job: event 004, idle again, then a second start."""
    cluster = site.submit(SLEEP)
    site.turn_until(lambda: site.starts(cluster) == 1 and site.status(cluster) == RUNNING)
    assert run(site, capfd, f"condor_vacate_job {cluster}.0") == (0, f"Job {cluster}.0 vacated\n", "")
    site.turn_until(lambda: site.starts(cluster) == 2 and site.status(cluster) == RUNNING)
    assert f"004 ({cluster:03d}.000.000)" in site.log()
    assert site.row(cluster).lost == 0
    status, out, _ = run(site, capfd, "condor_vacate -all")
    assert (status, out.startswith('Sent "Vacate-All-Claims" command to startd ')) == (0, True)
    site.turn_until(lambda: site.starts(cluster) == 3 and site.status(cluster) == RUNNING)


def test_only_running_jobs_are_vacated(site, capfd):
    """HTCondor's words for the others."""
    cluster = held(site)
    assert run(site, capfd, f"condor_vacate_job {cluster}.0") == (
        1,
        "",
        f"\nJob {cluster}.0 not running to be vacated\n",
    )
    fast = run(site, capfd, f"condor_vacate_job -fast {cluster}.0")
    assert fast == (1, "", f"\nJob {cluster}.0 not running to be fast-vacated\n")
    assert run(site, capfd, f"condor_vacate_job {cluster}") == (
        1,
        "",
        f"\nCouldn't find/vacate all jobs in cluster {cluster}\n",
    )
    assert run(site, capfd, "condor_vacate nowhere") == (1, "", "condor_vacate: no job runs on nowhere\n")


def test_suspending_is_refused(site, capfd):
    """It says that it cannot, and nothing happens to the job; other jobs get HTCondor's words."""
    cluster = site.submit(SLEEP)
    site.turn_until(lambda: site.starts(cluster) == 1 and site.status(cluster) == RUNNING)
    answer = run(site, capfd, f"condor_suspend {cluster}.0")
    assert answer == (1, "", f"\nJob {cluster}.0 not running to be suspended: {NO_WAY}\n")
    assert run(site, capfd, f"condor_suspend {cluster}") == (1, "", f"condor_suspend: {NO_WAY}\n")
    assert run(site, capfd, "condor_suspend 99.0") == (1, "", "\nJob 99.0 not found\n")
    assert run(site, capfd, f"condor_continue {cluster}.0") == (
        1,
        "",
        f"\nJob {cluster}.0 not running to be continued\n",
    )
    assert site.status(cluster) == RUNNING


def test_spooled_jobs_stay_when_fetched(site, capfd):
    """A spooled job that is over stays in state C, also after condor_transfer_data, until its LeaveJobInQueue or condor_rm lets it go."""
    cluster = site.submit(StageInStart="1", LeaveJobInQueue="JobStatus == 4")
    site.turn_until(lambda: site.status(cluster) == COMPLETED)
    assert run(site, capfd, f"condor_transfer_data {cluster}") == (0, "Fetching data files...\n", "")
    site.turn_until(lambda: "StageOutFinish" in site.ad(cluster))
    assert site.status(cluster) == COMPLETED
    assert run(site, capfd, f"condor_rm {cluster}")[0] == 0
    site.turn_until(lambda: site.history(cluster))
    assert run(site, capfd, "condor_transfer_data 99.0 ''") == (0, "Fetching data files...\n", "")


def test_fetching_leaves_other_jobs_alone(site, capfd):
    """A spooled job that is not over stays, and so does one that was not spooled."""
    cluster, waits = site.submit(LeaveJobInQueue="JobStatus == 4"), held(site)
    site.turn_until(lambda: site.status(cluster) == COMPLETED)
    assert run(site, capfd, f"condor_transfer_data {cluster} {waits}")[0] == 0
    assert (site.status(cluster), site.status(waits)) == (COMPLETED, 5)


@pytest.mark.parametrize("alone", [False, True])
def test_a_job_that_was_submitted_on_hold_is_released(site, capfd, alone):
    """It, or its whole cluster: the reason becomes its last one, and counts for one (recorded from 23.9.6)."""
    hold = {"JobStatus": "5", "HoldReason": '"submitted on hold"', "HoldReasonCode": "15"}
    if alone:
        number = cluster_ids.take_clusters(site.spool, 1)
        text = {"ClusterId": str(number), "Requirements": "false", "Owner": ads.quote(identity.user_name())}
        task_file.write_submission(site.spool, Submission([Cluster(number, text, [{}, hold], False)]))
        cluster = number
    else:
        cluster = site.submit(Requirements="false", count=2, Owner=ads.quote(identity.user_name()), **hold)
    site.turn_until(lambda: site.status(cluster, 1) == HELD)
    assert {name: site.ad(cluster, 1)[name] for name in hold} == hold
    assert run(site, capfd, f"condor_release {cluster}.1")[0] == 0
    site.turn_until(lambda: site.status(cluster, 1) == IDLE)
    ad = site.ad(cluster, 1)
    assert not [name for name in ad if name.startswith("HoldReason")]
    assert (ad["LastHoldReason"], ad["LastHoldReasonCode"]) == (hold["HoldReason"], "15")
    assert (ad["NumHolds"], ad["NumHoldsByReason"]) == ("1", "[ SubmittedOnHold = 1 ]")
    assert ("HoldReason" in site.ad(cluster)) is not alone


def test_the_history_file(site, capfd):
    """Every finished job's ad once, with the banner, for condor_history -file and grep."""
    clusters = []
    for own in ({"GlobalJobId": '"h#1"'}, {}):  # one after the other: the first is to stand first
        clusters.append(site.submit(Owner='"u"', **own))
        site.turn_until(lambda: site.history(clusters[-1]))
    path = run(site, capfd, "condor_config_val HISTORY")[1].strip()
    text = Path(path).read_text()
    assert next(line for line in text.splitlines() if line.startswith("***")).startswith(
        f'*** Offset = 0 ClusterId = {clusters[0]} ProcId = 0 Owner = "u"'
    )
    assert 'GlobalJobId = "h#1"\n' in text
    answer = run(
        site, capfd, f"condor_history -l -f {path} -backwards -match 1 {clusters[1]} -attributes ClusterId,JobStatus"
    )
    assert answer == (0, f"ClusterId = {clusters[1]}\nJobStatus = 4\n\n", "")


def test_output_that_is_here_is_shown(site, capfd):
    """condor_tail shows the end of a finished job's output, and says what is not here."""
    cluster = site.submit()
    site.turn_until(lambda: site.history(cluster))
    assert run(site, capfd, f"condor_tail {cluster}.0") == (0, "hello\n", "")
    assert run(site, capfd, f"condor_tail -maxbytes 3 {cluster}.0") == (0, "lo\n", "")
    assert run(site, capfd, f"condor_tail -no-stdout -stderr {cluster}") == (0, "oops\n", "")
    assert run(site, capfd, "condor_tail 99.0") == (1, "", "No such job: 99.0\n")
    waits = held(site)
    status, out, err = run(site, capfd, f"condor_tail {waits}.0")
    assert (status, out) == (1, "")
    assert err.endswith(f"{waits}.out is not here: it comes when the job ends\n")


def test_ping_needs_a_master(spool, monkeypatch, capfd):
    """Without one it fails; it never says that a dead queue works."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    assert (
        importlib.import_module("shims.commands.condor.condor_ping").main(
            ["-verbose", "-name", "x", "-pool", "y", "WRITE"]
        )
        == 1
    )
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", ["condor_drain", "condor_ssh_to_job", "condor_submit_dag", "condor_advertise"])
def test_what_is_not_offered_says_so(name, capfd):
    """One line on stderr, nothing on stdout, exit status 1."""
    assert importlib.import_module(f"shims.commands.condor.{name}").main(["x"]) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{name}: not offered here: ")
    assert told.err.count("\n") == 1


def test_nothing_waits_for_ever(site, capfd):
    """An idle job is not touched by a suspension."""
    cluster = held(site, 1)
    assert run(site, capfd, f"condor_suspend -constraint ClusterId=={cluster}")[0] == 1
    assert site.status(cluster) != IDLE


def test_a_hold_has_a_subcode_and_replaces_the_jobs_own(site, capfd):
    """condor_hold of a job that was submitted on hold, or held by its policy: reason, codes and event are the user's; once only."""
    cluster = held(site, 1)
    assert run(site, capfd, f"condor_hold -reason mine -subcode 3 {cluster}")[0] == 0
    site.turn_until(lambda: site.ad(cluster)["HoldReasonCode"] == "1")
    ad = site.ad(cluster)
    assert (ads.string(ad["HoldReason"]).partition(" (")[0], ad["HoldReasonSubCode"]) == ("mine", "3")
    assert run(site, capfd, f"condor_hold -reason other {cluster}")[0] == 1
    assert (site.ad(cluster), site.log().count("012 (")) == (ad, 1)
