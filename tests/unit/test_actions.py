# ruff: noqa: E501 - HTCondor's texts are long
"""``condor_rm``, ``condor_hold``, ``condor_release``: HTCondor's texts and exit statuses, and the action file they write.

The texts were recorded from HTCondor 23.9.6, where the same jobs were in the same states.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from query_rig import fill_queue

from shims.cli import identity
from shims.commands.condor import condor_hold, condor_release, condor_rm
from spool.store import task_file
from spool.store.task_file import Act, Cluster, Submission, write_submission

ME = identity.user_name()
COMMANDS = {"condor_rm": condor_rm.main, "condor_hold": condor_hold.main, "condor_release": condor_release.main}


def ad(cluster: int, proc: int, status: int, **more: str) -> dict[str, str]:
    """A small job ad."""
    return {"ClusterId": str(cluster), "ProcId": str(proc), "JobStatus": str(status), "Owner": f'"{ME}"', **more}


JOBS = [
    *[ad(5, proc, 1) for proc in range(3)],
    *[ad(6, proc, 5, HoldReasonCode="1", HoldReason='"x"') for proc in range(2)],
    ad(7, 0, 3),
    ad(7, 1, 4),
    ad(8, 0, 5, HoldReasonCode="15", HoldReason='"x"'),
]


@pytest.fixture
def queue(spool, monkeypatch):
    """A spool with jobs in several states, and no master."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    fill_queue(spool, JOBS)
    return spool


def run(capfd, line: str | list[str]) -> tuple[int, str, str]:
    """Exit status, stdout, stderr of a command line."""
    words = line.split() if isinstance(line, str) else line
    status = COMMANDS[words[0]](words[1:])
    told = capfd.readouterr()
    return status, told.out, told.err


def acts(spool) -> list[Act]:
    """The actions in the queue."""
    return [
        task_file.read(f"{spool.queue}/{name}") for name in sorted(os.listdir(spool.queue)) if name.endswith(".act")
    ]


ANSWERS = [
    ("condor_rm 5.0", 0, "Job 5.0 marked for removal\n", "", "remove", [(5, 0)], []),
    ("condor_rm 5.0 99.0", 0, "Job 5.0 marked for removal\n", "Job 99.0 not found\n", "remove", [(5, 0)], []),
    ("condor_rm 99.0", 1, "", "\nJob 99.0 not found\n", "", [], []),
    ("condor_rm 7.0", 1, "", "\nJob 7.0 already marked for removal\n", "", [], []),
    ("condor_rm 7.1", 0, "Job 7.1 marked for removal\n", "", "remove", [(7, 1)], []),
    ("condor_rm 5", 0, "All jobs in cluster 5 have been marked for removal\n", "", "remove", [], [5]),
    ("condor_rm 99", 1, "", "\nCouldn't find/remove all jobs in cluster 99\n", "", [], []),
    ("condor_rm 5 99", 0, "All jobs matching constraint (ClusterId == 5 || ClusterId == 99) have been marked for removal\n", "", "remove", [],
     [5, 99]),
    ("condor_rm 98 99", 1, "", "\nCouldn't find/remove all jobs matching constraint (ClusterId == 98 || ClusterId == 99)\n", "", [], []),
    ("condor_rm nobody", 1, "", '\nCouldn\'t find/remove all jobs of user "nobody"\n', "", [], []),
    (["condor_rm", "", "5.1"], 0, "Job 5.1 marked for removal\n", "", "remove", [(5, 1)], []),
    (["condor_rm", "-constraint", "ClusterId == 5 && ProcId > 0"], 0,
     "All jobs matching constraint (ClusterId == 5 && ProcId > 0) have been marked for removal\n", "", "remove", [(5, 1), (5, 2)], []),
    (["condor_rm", "-const", "ClusterId == 5", "-const", "ProcId == 2"], 0,
     "All jobs matching constraint ((ClusterId == 5) && (ProcId == 2)) have been marked for removal\n", "", "remove", [(5, 2)], []),
    (["condor_rm", "-const", "ClusterId == 5", "99"], 1, "",
     "\nCouldn't find/remove all jobs matching constraint ((ClusterId == 5) && (ClusterId == 99))\n", "", [], []),
    (["condor_rm", "-const", "ClusterId == 99", "5.0"], 1, "Job 5.0 marked for removal\n",
     "Warning, -constraint is ignored for fully qualified job ids\n\nCouldn't find/remove all jobs matching constraint (ClusterId == 99)\n",
     "remove", [(5, 0)], []),
    (["condor_rm", "-const", "1 +"], 1, "",
     "DCSchedd::actOnJobs:1:Can't insert constraint into ClassAd\nCouldn't find/remove all jobs matching constraint (1 +)\n", "", [], []),
    ("condor_rm -name x -pool y 5.0", 0, "Job 5.0 marked for removal\n", "", "remove", [(5, 0)], []),
    ("condor_rm -forcex 7.0", 0, "Job 7.0 removed locally (remote state unknown)\n", "", "remove-forcex", [(7, 0)], []),
    ("condor_rm -forcex 5.0", 1, "", "\nJob 5.0 not in `X' state to be forcibly removed\n", "", [], []),
    ("condor_rm -forcex 7", 0, "All jobs in cluster 7 have been removed locally (remote state unknown)\n", "", "remove-forcex", [], [7]),
    ("condor_rm -forcex 5", 1, "", "\nCouldn't find/remove all jobs in cluster 5\n", "", [], []),
    ("condor_rm 5.0 5", 0, "Job 5.0 marked for removal\nAll jobs in cluster 5 have been marked for removal\n", "", "remove", [(5, 0)], [5]),
    ("condor_rm 5.0 -totals", 0,
     "1 Succeeded, 0 Failed, 0 Not Found, 0 Bad Status, 0 Already Done, 0 Permission Denied\nJob 5.0 marked for removal\n", "", "remove",
     [(5, 0)], []),
    ("condor_hold 5.0", 0, "Job 5.0 held\n", "", "hold", [(5, 0)], []),
    ("condor_hold 6.0", 1, "", "\nJob 6.0 already held\n", "", [], []),
    ("condor_hold 8.0", 0, "Job 8.0 held\n", "", "hold", [(8, 0)], []),
    ("condor_hold 7.0", 1, "", "\nPermission denied to hold job 7.0\n", "", [], []),
    ("condor_hold 6", 1, "", "\nCouldn't find/hold all jobs in cluster 6\n", "", [], []),
    ("condor_hold 5", 0, "All jobs in cluster 5 have been held\n", "", "hold", [], [5]),
    ("condor_release 6.0 5.0", 0, "Job 6.0 released\n", "Job 5.0 not held to be released\n", "release", [(6, 0)], []),
    ("condor_release 5", 1, "", "\nCouldn't find/release all jobs in cluster 5\n", "", [], []),
    ("condor_release 6", 0, "All jobs in cluster 6 have been released\n", "", "release", [], [6]),
]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer[0]))
def test_answers(queue, capfd, answer):
    """Texts, exit status, and one action file that names what matched, or none."""
    line, status, out, err, action, jobs, clusters = answer
    assert run(capfd, line) == (status, out, err)
    found = acts(queue)
    assert [act.action for act in found] == ([action] if action else [])
    for act in found:
        assert (list(act.jobs), list(act.clusters), act.everything) == (jobs, clusters, False)


def test_all_jobs(queue, capfd):
    """-all acts on everything, in one word of the action file."""
    assert run(capfd, "condor_rm -all") == (0, "All jobs have been marked for removal\n", "")
    assert [(act.everything, act.jobs) for act in acts(queue)] == [(True, ())]


def test_own_jobs_by_name(queue, capfd):
    """One's own name stands for the jobs that can be acted on."""
    assert run(capfd, ["condor_rm", ME]) == (0, f'All jobs of user "{ME}" have been marked for removal\n', "")
    assert acts(queue)[0].jobs == ((5, 0), (5, 1), (5, 2), (6, 0), (6, 1), (7, 1), (8, 0))


def test_reason(queue, capfd):
    """The reason names the user, as HTCondor's schedd writes it."""
    run(capfd, ["condor_rm", "5.0"])
    run(capfd, ["condor_hold", "-reason", "my reason\nof two lines", "5.1"])
    assert [act.reason for act in acts(queue)] == [
        f"via condor_rm (by user {ME})",
        f"my reason\nof two lines (by user {ME})",
    ]


def test_empty_queue(spool, monkeypatch, capfd):
    """With no job at all a constraint is no failure, also where no master has ever run."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    message = "condor_rm:0:There are no jobs in the queue\n"
    assert run(capfd, "condor_rm 5") == (0, "", message)
    assert run(capfd, "condor_rm -all") == (0, "", message)
    assert run(capfd, "condor_rm 5.0") == (1, "", "\nJob 5.0 not found\n")
    fill_queue(spool, [])
    assert run(capfd, "condor_rm 5") == (0, "", message)


def test_jobs_in_task_files(spool, monkeypatch, capfd):
    """A submission that no master has taken up can be removed."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    write_submission(
        spool,
        Submission(
            [Cluster(9, {"ClusterId": "9", "Owner": f'"{ME}"'}, [{"ProcId": "0", "JobStatus": "1"}], payload=False)]
        ),
    )
    assert run(capfd, "condor_rm 9.0") == (0, "Job 9.0 marked for removal\n", "")
    assert acts(spool)[0].jobs == ((9, 0),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("condor_rm", "You did not specify any jobs\nUsage: condor_rm "),
        ("condor_rm -frob", "Unrecognized option: -frob\nUsage: condor_rm "),
        ("condor_rm -constraint", "condor_rm: -constraint requires another argument\n"),
        ("condor_rm -constraint -all", "condor_rm: -constraint requires another argument\n"),
        ("condor_rm -name", "condor_rm: -name requires another argument\n"),
        ("condor_rm -all 5", "Usage: condor_rm "),
        ("condor_rm 5 -all", "condor_rm: can't mix -all with other constraints\n"),
        ("condor_rm 0", "Invalid cluster # from 0.\nYou did not specify any jobs\nUsage: condor_rm "),
        ("condor_hold -forcex 1", "-forcex is only valid with condor_rm\nUsage: condor_hold "),
        ("condor_hold -subcode x 1", "Invalid -subcode x!\n"),
        ("condor_hold", "You did not specify any jobs\nUsage: condor_hold "),
    ],
)
def test_wrong_usage(queue, capfd, line, message):
    """HTCondor's messages on stderr, exit status 1, and nothing is done."""
    status, out, err = run(capfd, line)
    assert (status, out) == (1, "")
    assert err.startswith(message)
    assert acts(queue) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_version(name, capfd, monkeypatch, tmp_path):
    """-help is on stderr, as HTCondor's, and both need no spool."""
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "none"))
    status, out, err = run(capfd, [name, "-help"])
    assert (status, out) == (0, "") and err.startswith(f"Usage: {name} ")
    assert run(capfd, [name, "-version"])[1].startswith("$CondorVersion: 23.9.6 ")


def test_waits_for_a_living_master(queue, living_master, capfd):
    """With a living master the command ends when the action file is gone."""

    def take() -> None:
        while not (names := [name for name in os.listdir(queue.queue) if name.endswith(".act")]):
            time.sleep(0.001)
        taken.extend(names)
        os.unlink(f"{queue.queue}/{names[0]}")

    taken: list[str] = []
    master = threading.Thread(target=take)
    master.start()
    assert run(capfd, "condor_rm 5.0")[0] == 0
    master.join()
    assert len(taken) == 1 and os.listdir(queue.queue) == []


def test_spool_that_cannot_be_written(queue, capfd, monkeypatch):
    """An action that cannot be made durable is an error, and nothing is claimed to be done."""
    os.rename(queue.tmp, queue.tmp + ".away")
    status, out, err = run(capfd, "condor_rm 5.0")
    assert (status, out) == (1, "") and err.startswith("condor_rm: ")


def test_damaged_database_is_no_empty_queue(queue, capfd):
    """Where the jobs cannot be read the command fails and does nothing."""
    for suffix in ("-wal", "-shm"):
        Path(queue.database + suffix).unlink(missing_ok=True)
    Path(queue.database).write_bytes(b"this is no database" * 200)
    status, out, err = run(capfd, "condor_rm 5")
    assert (status, out, err.count("\n")) == (1, "", 1)
