"""``condor_q`` as a whole: what it prints, where, and with which exit status; never "0 jobs" when nobody can vouch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from query_rig import fill_queue, publish_counts

from shims.cli import identity
from shims.commands.condor import condor_q
from spool.store.task_file import Cluster, Submission, write_submission

ROOT = Path(__file__).resolve().parents[2]
ME = identity.user_name()


def ad(cluster: int, proc: int = 0, status: int = 1, **more: str) -> dict[str, str]:
    """A small job ad."""
    return {
        "ClusterId": str(cluster), "ProcId": str(proc), "JobStatus": str(status), "Owner": f'"{ME}"', "QDate": "1795179749",
        "Cmd": '"/bin/sleep"', "Args": '"60"', "JobPrio": "0", "ImageSize": "45", "TotalSubmitProcs": "1", "JobUniverse": "5", **more,
    }  # fmt: skip


JOBS = [ad(1), ad(2, 0, 2), ad(3, 0, 5, HoldReason='"because"')]


@pytest.fixture
def queue(spool, monkeypatch):
    """A spool with three jobs and a living master."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    monkeypatch.delenv("ALIEN_WORKQUEUE", raising=False)
    fill_queue(spool, JOBS)
    master = publish_counts(spool, JOBS, time.time())
    yield spool
    master.die()


def run(capfd, *argv: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    status = condor_q.main(list(argv))
    told = capfd.readouterr()
    return status, told.out, told.err


QUESTIONS = [[], ["-totals"], ["-nobatch"], ["-af", "ClusterId"], ["-json"], ["-l"], ["-xml"], ["1"], ["-totals", "-json"],
             ["-const", "JobStatus<3", "-af", "JobStatus"], ["nobody"], ["-global"], ["-run"]]  # fmt: skip


def broken(spool, how: str) -> None:
    """Break what the answers come from."""
    if how == "damaged counts":
        Path(spool.stat).write_text("WAITING=many\n")
    elif how == "no counts":
        os.unlink(spool.stat)
    elif how == "stale counts":
        lines = Path(spool.stat).read_text().splitlines()
        kept = [line for line in lines if not line.startswith("TIMESTAMP")]
        Path(spool.stat).write_text("\n".join([*kept, "TIMESTAMP=5", ""]))
    elif how == "queue unreadable":
        os.rename(spool.queue, spool.queue + ".away")
    elif how == "no spool":
        os.rename(spool.root, spool.root + ".away")


@pytest.mark.parametrize("how", ["damaged counts", "no counts", "stale counts", "queue unreadable", "no spool"])
@pytest.mark.parametrize("argv", QUESTIONS, ids=" ".join)
def test_nobody_can_vouch(queue, capfd, argv, how):
    """Nothing on stdout, one line on stderr, exit status 1: a count nobody vouches for is not 0."""
    broken(queue, how)
    status, out, err = run(capfd, *argv)
    assert (status, out) == (1, "")
    assert err.startswith("condor_q: ") and err.count("\n") == 1


@pytest.mark.parametrize("argv", QUESTIONS, ids=" ".join)
def test_no_master(spool, monkeypatch, capfd, argv):
    """Without a living master there is no answer, though the counts are fresh."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    fill_queue(spool, JOBS)
    publish_counts(spool, JOBS, time.time()).die()
    status, out, err = run(capfd, *argv)
    assert (status, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    "argv", [["-nobatch"], ["-af", "ClusterId"], ["-json"], ["-l"], ["-const", "ClusterId > 0"]], ids=" ".join
)
def test_damaged_database(queue, capfd, argv):
    """A database that cannot be read is no empty queue."""
    for suffix in ("-wal", "-shm"):
        Path(queue.database + suffix).unlink(missing_ok=True)
    Path(queue.database).write_bytes(b"this is no database, whatever it was" * 100)
    status, out, err = run(capfd, *argv)
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_totals_line_is_the_last(queue, capfd):
    """AliEn reads the last line of -totals; no empty line follows it."""
    status, out, err = run(capfd, ME, "-totals")
    assert (status, err) == (0, "")
    last = "Total for all users: 3 jobs; 0 completed, 0 removed, 1 idle, 1 running, 1 held, 0 suspended"
    assert out.split("\n")[-2:] == [last, ""]
    assert run(capfd, "-totals")[1].count("Total for ") == 3
    assert f"Total for {ME}: 3 jobs" in run(capfd, "-totals")[1]


def test_totals_of_some(queue, capfd):
    """Totals of a constraint or of ids are of those jobs; the others' line is of all."""
    out = run(capfd, "-totals", "-const", "JobStatus == 5")[1]
    assert "Total for query: 1 jobs; 0 completed, 0 removed, 0 idle, 0 running, 1 held, 0 suspended \n" in out
    assert "Total for all users: 3 jobs" in out
    assert "Total for query: 2 jobs" in run(capfd, "1", "2", "-totals")[1]
    assert "Total for query: 0 jobs" in run(capfd, "somebody_else", "-totals")[1]


def test_summary_ad(queue, capfd):
    """DIRAC reads the counts of -totals -json."""
    import json

    found = json.loads(run(capfd, "-totals", "-json")[1])
    assert len(found) == 1
    assert (found[0]["Idle"], found[0]["Running"], found[0]["Held"], found[0]["AllusersJobs"], found[0]["MyJobs"]) == (
        1,
        1,
        1,
        3,
        3,
    )
    assert found[0]["MyName"] == ME and found[0]["MyType"] == "Summary"


def test_waiting_task_files_count(queue, capfd):
    """A submission that the master has not taken up is in the queue, idle."""
    own = [{"ProcId": str(proc), "JobStatus": "1"} for proc in range(2)]
    common = {name: text for name, text in ad(9).items() if name not in ("ProcId", "JobStatus")}
    write_submission(queue, Submission([Cluster(9, common, own, payload=False)]))
    assert "Total for query: 5 jobs; 0 completed, 0 removed, 3 idle" in run(capfd, "-totals")[1]
    assert run(capfd, "-af:j", "JobStatus")[1] == "1.0 1\n2.0 2\n3.0 5\n9.0 1\n9.1 1\n"
    assert run(capfd, "9.1", "-af", "ProcId")[1] == "1\n"
    assert run(capfd, "-const", "ClusterId == 9 && JobStatus < 3", "-af", "ProcId")[1] == "0\n1\n"


def test_empty_words_and_pool_options_mean_nothing(queue, capfd):
    """Clients pass '' for an option that is not set, and names of schedds and pools."""
    plain = run(capfd, "-af", "ClusterId")
    for argv in (["", "-af", "ClusterId"], ["-name", "x", "-pool", "y:9619", "-af", "ClusterId"], ["-g", "--allusers", "-af", "ClusterId"],
                 ["-submitter", ME, "-af", "ClusterId"], ["-af", "ClusterId", "-"], ["-all", "-af", "ClusterId"]):  # fmt: skip
        assert run(capfd, *argv) == plain


def test_batch_table_unless_the_environment_says_otherwise(queue, capfd, monkeypatch):
    """ARC and Nextflow want one line a job."""
    assert "BATCH_NAME" in run(capfd)[1]
    monkeypatch.setenv("_condor_CONDOR_Q_DASH_BATCH_IS_DEFAULT", "false")
    lines = run(capfd)[1].split("\n")
    assert lines[:2] == ["", ""] and lines[2].startswith("-- Schedd: ")
    assert lines[3] == " ID      OWNER            SUBMITTED     RUN_TIME ST PRI SIZE CMD"
    assert [line.split()[0] for line in lines[4:7]] == ["1.0", "2.0", "3.0"]
    assert lines[7] == ""
    monkeypatch.delenv("_condor_CONDOR_Q_DASH_BATCH_IS_DEFAULT")
    assert run(capfd, "-nobatch")[1].split("\n")[3] == lines[3]


def test_someone_else_has_no_jobs(queue, capfd):
    """A user without jobs gets an empty answer in HTCondor's form; a submitter nobody knows is an error."""
    out = run(capfd, "somebody_else", "-nobatch")[1]
    assert "Total for query: 0 jobs" in out and "Total for all users: 3 jobs" in out
    assert run(capfd, "somebody_else", "-af", "ClusterId") == (0, "", "")
    assert run(capfd, "-submitter", "somebody_else") == (1, "", "Error: Collector has no record of schedd/submitter\n")


def test_empty_queue(spool, living_master, monkeypatch, capfd):
    """An empty queue is an answer: 0 jobs, exit status 0."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    fill_queue(spool, [])
    assert run(capfd, "-af", "ClusterId") == (0, "", "")
    assert run(capfd, "-json") == (0, "", "")
    assert run(capfd, "-totals")[1].endswith("0 idle, 0 running, 0 held, 0 suspended\n")
    assert run(capfd, "-global") == (0, "All queues are empty\n", "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-frob"], "Error: unrecognized argument -frob\nUsage: condor_q "),
        (["--tot"], "Error: unrecognized argument --tot\nUsage: condor_q "),
        (["-limit"], "Error: -limit requires the max number of results as an argument.\n"),
        (["-limit", "x"], "Error: Unable to convert (x) to a number for -limit.\n"),
        (["-limit", "0"], "Error: 0 is not a valid for -limit.\n"),
        (["-af"], "Error: -autoformat requires at least one attribute parameter\n"),
        (["-format", "%d"], "Error: -format requires format and attribute parameters\n"),
        (["-xml", "-json"], "Error: Cannot print as both XML and JSON\n"),
        (["-run", "-hold"], "-run and -hold/held or -idle are incompatible\nUsage: condor_q "),
        (["-const", "JobStatus <"], '\n-- Parse error in constraint expression "JobStatus <"\n'),
        (["-const", "", "-totals"], '\n-- Parse error in constraint expression ""\n'),
        (["-factory"], "Error: -factory is not offered"),
    ],
)  # fmt: skip
def test_wrong_usage(queue, capfd, argv, message):
    """HTCondor's message on stderr, exit status 1, nothing on stdout that could be counted as jobs."""
    status, out, err = run(capfd, *argv)
    assert (status, out) == (1, "")
    assert err.startswith(message)


def test_help_topics(capfd):
    """-help names the codes that are asked for."""
    out = run(capfd, "-help", "Universe", "st")[1]
    assert "\n    JobUniverse codes:\n" in out
    assert "\t 5 H HELD\n" in out
    assert "codes" not in run(capfd, "-help")[1]


def test_help_and_version_need_no_spool(monkeypatch, tmp_path, capfd):
    """-help and -version answer without anything else."""
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "none"))
    status, out, _ = run(capfd, "-help")
    assert status == 0 and out.startswith("Usage: condor_q ")
    status, out, _ = run(capfd, "-version")
    assert status == 0 and out.startswith("$CondorVersion: 23.9.6 ")


def test_control_characters_do_not_reach_the_terminal(spool, monkeypatch, capfd):
    """Escape sequences in names are shown, not sent."""
    evil = '"\\033[2Jx\\nTotal\\237"'
    jobs = [ad(1, Cmd=evil, Args=evil, JobBatchName=evil), ad(2, 0, 5, HoldReason=evil, Owner=evil)]
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    from spool.classad import ads
    from spool.store.sqlite import open_writer

    database = open_writer(spool)
    with database.transaction():
        for job in jobs:
            database.add_cluster(int(job["ClusterId"]), ads.dump(job), payload=False)
            database.add_jobs([(int(job["ClusterId"]), 0, int(job["JobStatus"]), 0, "ProcId = 0\n", "")])
    database.close()
    master = publish_counts(spool, jobs, time.time())
    for argv in ([], ["-nobatch"], ["-hold"], ["-batch", "-wide"], ["-l"], ["-json"], ["-xml"]):
        out = run(capfd, *argv)[1]
        assert "\033" not in out and "\x9f" not in out, argv
        assert "\nTotal\\237" not in out
    master.die()


def test_attributes_in_the_users_spelling(queue, capfd):
    """HTCondor prints a projected attribute as it was asked for; a job without it is an empty ad in JSON."""
    assert run(capfd, "1", "-json", "-attributes", "cmd,CMD") == (0, '[\n{\n  "cmd": "/bin/sleep"\n}\n]\n', "")
    assert run(capfd, "1", "-json", "-attributes", "nothere") == (0, "[\n{\n}\n]\n", "")
    assert run(capfd, "1", "-l", "-attributes", "nothere") == (0, "", "")
    assert run(capfd, "1", "2", "3", "-limit", "2", "-af", "ClusterId")[1] == "1\n2\n"


def test_server_time(queue, capfd):
    """ServerTime is in whole ads and where it is asked for, and it is now."""
    before = int(time.time())
    for argv in (["1", "-af", "servertime"], ["1", "-l", "-attributes", "ServerTime"]):
        found = int(run(capfd, *argv)[1].split()[-1])
        assert before <= found <= time.time() + 1


def command(spool_root: str, *argv: str) -> list[str]:
    """A process of its own that runs condor_q."""
    code = "import sys; from shims.commands.condor.condor_q import main; sys.exit(main(sys.argv[1:]))"
    return ["env", f"AWQ_WORKDIR={spool_root}", sys.executable, "-c", code, *argv]


def test_totals_need_neither_database_nor_library(queue):
    """-totals is answered from the published counts alone, whatever the number of jobs."""
    after = "print([name for name in ('sqlite3', 'classad2', 're', 'json', 'typing') if name in sys.modules], file=sys.stderr)"
    code = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "
    code += f"from shims.commands.condor.condor_q import main; status = main(sys.argv[1:]); {after}"
    done = subprocess.run(
        [sys.executable, "-IS", "-c", code, str(ROOT), "-totals"],
        capture_output=True, text=True, check=True, env={"AWQ_WORKDIR": queue.root, "HOME": "/"},
    )  # fmt: skip
    assert done.stderr == "[]\n"


def test_reader_that_leaves(queue):
    """``condor_q | head -n 1`` is silent and orderly."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(queue.root, "-l"), cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_answer_that_cannot_be_written(queue):
    """A full disk is an error."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command(queue.root, "-l"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1 and done.stderr == "cannot write the answer: No space left on device\n"


def test_print_format_file(queue, tmp_path, capfd):
    """-print-format chooses columns, jobs and totals; the totals of the user and of all are the queue's."""
    path = tmp_path / "columns"
    path.write_text("SELECT NOTITLE\n ClusterId AS C\n HoldReason AS WHY OR ?\nWHERE JobStatus > 1\nSUMMARY STANDARD\n")
    status, out, err = run(capfd, "-print-format", str(path))
    assert (status, err) == (0, "")
    assert out.startswith(
        "C WHY    \n2 undefined\n3 because  \n\nTotal for query: 2 jobs; 0 completed, 0 removed, 0 idle, 1 running"
    )
    assert f"Total for {ME}: 3 jobs; " in out
    found = json.loads(run(capfd, "-pr", str(path), "-json", "-limit", "1")[1])
    assert found == [{"ClusterId": 2, "JobStatus": 2, "JobUniverse": 5, "ProcId": 0}]


def test_unique_rows(queue, tmp_path, capfd):
    """SELECT UNIQUE prints each combination of the columns once."""
    path = tmp_path / "unique"
    path.write_text("SELECT UNIQUE NOTITLE\n Owner AS O\n JobUniverse AS U\nSUMMARY NONE\n")
    assert run(capfd, "-pr", str(path))[1].splitlines()[1:] == [f"{ME} 5"]


def test_autoclusters(queue, tmp_path, capfd):
    """Jobs that match alike are one, with how many they are and which."""
    assert run(capfd, "-autocluster", "-af", "AutoClusterId", "JobCount", "JobIds")[1] == "1 3 1.0 ... 3.0\n"
    assert (
        run(capfd, "-autocluster")[1]
        .splitlines()[3]
        .startswith("   ID COUNT UINVERSE CPUS MEMORY     DISK REQUIREMENTS")
    )
    assert run(capfd, "-autocluster", "-totals")[0] == 1
    path = tmp_path / "clusters"
    path.write_text("SELECT FROM AUTOCLUSTER NOTITLE\n JobCount AS N\nSUMMARY NONE\n")
    assert run(capfd, "-pr", str(path))[1] == "N\n3\n"


def test_totals_as_columns(queue, capfd):
    """-totals -af prints what the summary ad says."""
    assert run(capfd, "-totals", "-af", "Jobs", "Idle", "Running")[1] == "3 1 1\n"


def test_functions_of_htcondor(queue, capfd):
    """Functions that HTCondor adds to the ClassAd language are known in constraints and columns."""
    assert run(capfd, "-const", 'stringListMember(string(ClusterId), "1,3")', "-af", "ClusterId")[1] == "1\n3\n"
    assert run(capfd, "2", "-af", 'stringListSize("a,b")')[1] == "2\n"


def test_lone_dash_ends_the_columns(queue, capfd):
    """What stands behind it are ids again."""
    assert run(capfd, "-af", "ClusterId", "-", "2.0", "3.0")[1] == "2\n3\n"


def test_idle_table_grows(spool, living_master, monkeypatch, capfd):
    """A request with more digits than its column makes the heading wider too."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    fill_queue(spool, [ad(1, RequestMemory="99999999", RequestCpus="1")])
    living_master.publish({1: 1})
    lines = run(capfd, "-idle")[1].splitlines()
    assert lines[3].index("STARTS") == lines[4].index(" 99999999") + 10
