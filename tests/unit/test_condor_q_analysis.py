"""``condor_q -analyze``, ``-better-analyze`` and ``-jobads``."""

from __future__ import annotations

import os

import pytest
from query_rig import fill_queue

from shims.cli import identity
from shims.commands.condor import condor_q


@pytest.fixture
def ask(spool, living_master, monkeypatch, capfd):
    """What condor_q says of one job, with these facts of the pool."""

    def asked(line: str, job: dict[str, str], **pool: int) -> tuple[int, str, str]:
        monkeypatch.setenv("AWQ_WORKDIR", spool.root)
        ad = {
            "ClusterId": "3",
            "ProcId": "0",
            "JobStatus": "1",
            "Owner": f'"{identity.user_name()}"',
            "RequestCpus": "1",
            "RequestMemory": "100",
            "RequestDisk": "100",
            "JobUniverse": "5",
            "Requirements": "(TARGET.Memory >= RequestMemory)",
            **job,
        }
        if not os.path.exists(spool.database):
            fill_queue(spool, [ad])
        living_master.publish(
            {int(ad["JobStatus"]): 1}, **{"WORKERS": 4, "CORES": 8, "MEMORY": 8000, "CORES_USED": 2, **pool}
        )
        status = condor_q.main(line.split())
        told = capfd.readouterr()
        return status, told.out, told.err

    return asked


CASES = [
    ({"RequestCpus": "64"}, {}, "The job asks for 64 cores, all workers together have 8: none can run it"),
    (
        {"RequestMemory": "9000"},
        {},
        "The job asks for 9000 MB of memory, all workers together have 8000: none can run it",
    ),
    ({}, {"WORKERS": 0, "CORES": 0}, "No workers are connected: alien_wq_worker.sh start-workers starts some"),
    ({}, {"CORES_USED": 8}, "All 8 cores are in use: the job waits for its turn"),
]


@pytest.mark.parametrize(("job", "pool", "reason"), CASES, ids=[reason[:30] for _, _, reason in CASES])
@pytest.mark.parametrize("option", ["-analyze", "-better-analyze"])
def test_why_a_job_waits(ask, option, job, pool, reason):
    """The reason stands behind HTCondor's warning, and no machine is said to be able to run it."""
    status, out, err = ask(f"{option} 3.0", job, **pool)
    assert (status, err) == (0, "")
    assert f"   {reason}\n" in out.partition("WARNING:  Be advised:\n")[2]
    assert ("      0 are able to run your job\n" in out) == bool(pool.get("WORKERS", 4))
    assert ("reduces to these conditions:" in out) == (option == "-better-analyze")


def test_a_job_that_can_run(ask):
    """Nothing is advised."""
    out = ask("-better-analyze", {})[1]
    assert "WARNING" not in out
    assert "Of 1 machines," in out
    assert "      1 are able to run your job\n" in out
    assert "[0]           1  TARGET.Memory >= RequestMemory\n" in out


def test_requirements_are_evaluated(ask):
    """A condition that the pool does not satisfy is the one that is left over, and the slot is said to be rejected."""
    out = ask(
        "-better-analyze",
        {"Requirements": '(TARGET.OpSys == "LINUX") && (TARGET.Memory > 9000) && TARGET.HasFileTransfer'},
    )[1]
    assert "[1]           0  TARGET.Memory > 9000\n" in out
    assert "      1 are rejected by your job's requirements\n" in out
    assert "   No machines matched the jobs's constraints\n" in out
    kept = "Its Requirements want TARGET.Memory > 9000, all workers together have 8000 MB of memory: alien_work_queue keeps the job back"
    assert f"   {kept} until they have more\n" in out


def test_what_the_master_keeps_back(ask):
    """The condition that no worker satisfies is named, with and without workers; what is not known of single workers is no reason."""
    words = "alien_work_queue keeps the job back (condor_qedit changes its Requirements)\n"
    never = {"Requirements": '(TARGET.Memory >= RequestMemory) && (OpSys == "WINDOWS")'}
    out = ask("-analyze", never)[1]
    assert f'   Its Requirements want OpSys == "WINDOWS", which no worker here satisfies: {words}' in out
    out = ask("-analyze", never, WORKERS=0, CORES=0)[1]
    assert words in out
    assert "   No workers are connected" in out
    assert words in ask("-analyze", never, WORKERS=1, CORES=0)[1]  # a foreman without workers


def test_what_single_workers_have(ask):
    """A condition that the pool as one machine does not satisfy, but that some worker may: the job is given out."""
    out = ask("-better-analyze", {"Requirements": 'TARGET.Machine == "node1" && TARGET.Memory < 4000'})[1]
    assert "   No machines matched the jobs's constraints\n" in out
    assert (
        "   What single workers have is not known, and its Requirements speak of that: the job may run all the same\n"
        in out
    )
    assert "keeps the job back" not in out


def test_a_busy_pool_matches(ask):
    """What the pool has in all counts, and not what is free at the moment."""
    out = ask("-better-analyze", {}, CORES_USED=8)[1]
    assert "[0]           1  TARGET.Memory >= RequestMemory\n" in out
    assert "      0 are rejected by your job's requirements\n" in out


def test_jobs_that_nothing_takes(ask):
    """-unmatchable keeps those jobs only; -reverse-analyze says it from the slot's side; a line a job with :summary."""
    never = {"Requirements": 'TARGET.OpSys == "WINDOWS"'}
    assert ask("-unmatchable -af ClusterId", never)[1] == "3\n"
    assert ask("-unmatchable -af ClusterId -constraint false", never)[1] == ""
    assert "    0 have job requirements that match this slot.\n" in ask("-reverse-analyze", never)[1]
    summary = ask("-analyze:summary", never)[1].splitlines()[-1]
    assert summary.split() == ["3.0", "0", "0", "0", "0", "0", identity.user_name()]


def test_qualifiers_that_are_not_known(ask):
    """They are refused in one line: priorities of users do not exist here."""
    for line in ("-analyze:priority", "-better-analyze:nonsense", "-analyze -mconstraint 1+"):
        status, out, err = ask(line, {})
        assert (status, out, err.count("\n")) == (1, "", 1)


def test_a_worker_must_have_them_all(ask):
    """What single workers have is not known: the request is pointed out, and nothing is claimed."""
    out = ask("-analyze", {"RequestCpus": "3"})[1]
    assert "   The job asks for 3 cores of one worker; all workers together have 8\n" in out
    assert "      0 are rejected by your job's requirements\n" in out


def test_jobs_that_do_not_wait(ask):
    """A held job says its reason, a running one that it runs."""
    held = {"JobStatus": "5", "HoldReason": '"of this"', "HoldReasonCode": "1"}
    assert "\n003.000:  Job is held.\n\nHold reason: of this\n\n" in ask("-analyze", held)[1]


def test_nobody_can_vouch(ask, living_master):
    """A dead master's workers are no reason."""
    living_master.die()
    status, out, err = ask("-analyze", {})
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_jobs_of_a_file(tmp_path, capfd):
    """-jobads needs no spool and no master; ids, constraints and forms work."""
    path = tmp_path / "ads"
    path.write_text(
        'ClusterId = 5\nProcId = 0\nJobStatus = 2\nOwner = "x"\n\nClusterId = 6\nProcId = 1\nJobStatus = 1\nOwner = "y"\n'
    )
    assert condor_q.main(["-jobads", str(path), "-allusers", "-af:j", "JobStatus"]) == 0
    assert capfd.readouterr().out == "5.0 2\n6.1 1\n"
    assert condor_q.main(["-jobads", str(path), "6", "-nobatch"]) == 0
    table = capfd.readouterr().out
    assert table.startswith(f"\n\n-- Jobads: {path} @ ")
    assert "Total for query: 1 jobs; 0 completed, 0 removed, 1 idle" in table
    assert condor_q.main(["-jobads", str(tmp_path / "none")]) == 1
    assert capfd.readouterr().err.startswith("condor_q: Can't open file of job ads: ")
