"""``condor_history`` from the spool; its forms are compared with HTCondor in the golden tests."""

from __future__ import annotations

import json

import pytest
from query_rig import fill_queue

from shims.commands.condor import condor_history
from spool.classad import ads
from spool.store.sqlite import open_writer


def finished(cluster: int, proc: int, status: int = 4, **more: str) -> dict[str, str]:
    """The ad of a job that left the queue."""
    return {"ClusterId": str(cluster), "ProcId": str(proc), "JobStatus": str(status), "Owner": '"u1"', "ExitCode": "0",
            "QDate": "1795179749", "CompletionDate": "1795179800", "RemoteWallClockTime": "50.0", "Cmd": '"/bin/true"', **more}  # fmt: skip


@pytest.fixture
def history(spool, monkeypatch):
    """A spool with a history of three jobs, and no master."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    jobs = [finished(1, 0), finished(1, 1, 3, RemoveReason='"via condor_rm"'), finished(2, 0, ExitCode="7")]
    fill_queue(spool, [{name: job[name] for name in ("ClusterId", "ProcId", "JobStatus", "Owner")} for job in jobs])
    database = open_writer(spool)
    with database.transaction():
        for job in jobs:
            database.finish(int(job["ClusterId"]), int(job["ProcId"]), ads.dump(job))
    database.close()
    return spool


def run(capfd, *argv: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    status = condor_history.main(list(argv))
    told = capfd.readouterr()
    return status, told.out, told.err


def test_latest_first_and_without_a_master(history, capfd):
    """Finished jobs are told whoever lives."""
    assert run(capfd, "-af", "ClusterId", "ProcId", "ExitCode") == (0, "2 0 7\n1 1 0\n1 0 0\n", "")
    assert run(capfd, "-forwards", "-limit", "1", "-af", "ClusterId", "ProcId")[1] == "1 0\n"
    assert run(capfd, "-backwards", "-match", "1", "-af", "ClusterId")[1] == "2\n"


def test_which_jobs(history, capfd):
    """Ids, users and constraints, as b2luigi, BLAH and ARC ask."""
    assert run(capfd, "1", "-af", "ProcId")[1] == "1\n0\n"
    assert run(capfd, "1.1", "2", "-af:j", "JobStatus")[1] == "2.0 4\n1.1 3\n"
    assert run(capfd, "", "2.0", "-af", "ClusterId")[1] == "2\n"
    assert run(capfd, "-constraint", "ClusterId==1 || ClusterId==9", "-af", "ProcId")[1] == "1\n0\n"
    assert run(capfd, "-const", "ExitCode > 0", "-af", "ClusterId")[1] == "2\n"
    assert run(capfd, "u1", "-limit", "1", "-af", "ClusterId")[1] == "2\n"
    assert run(capfd, "nobody", "-af", "ClusterId") == (0, "", "")
    assert run(capfd, "99", "-json") == (0, "[\n]\n", "")
    assert run(capfd, "99", "-l") == (0, "", "")


def test_documents(history, capfd):
    """JSON has numbers, -l has the reason."""
    found = json.loads(run(capfd, "-json", "-attributes", "ClusterId,JobStatus,ExitCode", "-match", "1", "2")[1])
    assert found == [{"ClusterId": 2, "JobStatus": 4, "ExitCode": 7}]
    assert 'RemoveReason = "via condor_rm"\n' in run(capfd, "-l", "1.1")[1]
    assert "RemoteWallClockTime = 50.0\n" in run(capfd, "-name", "x", "-pool", "y", "-l", "1.0")[1]


def test_spool_without_a_database(spool, monkeypatch, capfd):
    """Where no master ever ran there is no history: an empty table."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    status, out, err = run(capfd)
    assert (status, err) == (0, "") and out.startswith(" ID     OWNER ") and out.count("\n") == 1


def test_no_spool(tmp_path, monkeypatch, capfd):
    """A spool that is not there is an error."""
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "none"))
    status, out, err = run(capfd, "-af", "ClusterId")
    assert (status, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-frob"], "Error: Unknown argument -frob\nUsage: condor_history "),
        (["-match"], "Error: Argument -match requires a number value as a parameter.\n"),
        (["-af"], "Error: Argument -af requires at least one attribute parameter\n\t\te.g. condor_history -af ClusterId\n"),
        (["-const", "1 +"], "Error:  could not parse constraint ( (1 +) )\n"),
        (["-userlog", "x"], "Error: Can't open userlog x"),
        (["-file", "/nonexistent"], "condor_history: Error opening history file /nonexistent: No such file or directory\n"),
    ],
)  # fmt: skip
def test_wrong_usage(history, capfd, argv, message):
    """HTCondor's messages on stderr, exit status 1."""
    status, out, err = run(capfd, *argv)
    assert (status, out) == (1, "")
    assert err.startswith(message)


def test_of_a_submitter(history, capfd):
    """As DIRAC 8 asks; HTCondor 23.9.6 has only a bare name for that."""
    asked = ("-af:j", "JobStatus", "HoldReasonCode", "-submitter")
    assert run(capfd, *asked, "u1") == (0, "2.0 4 undefined\n1.1 3 undefined\n1.0 4 undefined\n", "")
    assert run(capfd, *asked, "u1@example.org")[1] == run(capfd, *asked, "u1")[1]
    assert run(capfd, *asked, "u2") == (0, "", "")
