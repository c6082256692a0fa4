"""Jobs that mean harm or make no sense: what a fuzzer found, path tricks, and names that talk to terminals."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from query_rig import fill_queue, publish_counts
from spool_rig import LivingMaster

from foremen.engine.errors import ProtocolError
from foremen.engine.protocol import TaskSpec, decode_event, decode_request, encode
from foremen.master import intake, task_builder, unpack
from foremen.master.file_transfer import Outputs
from foremen.master.job_queue import Jobs
from foremen.master.policy_expressions import Scope
from shims.commands.condor import condor_history, condor_q, condor_submit
from spool import settings
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.classad.matchmaking import Totals
from spool.store import task_file
from spool.store.layout import Spool
from spool.store.sqlite import JobRow, open_writer
from spool.store.task_file import Cluster, Submission

EVIL = "a\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eb\u2028c\x7f"
HUGE = "9" * 5000


@pytest.fixture
def work(tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with an executable in it, and the environment that the commands need."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "s.sh").write_text("#!/bin/sh\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    monkeypatch.delenv("ALIEN_WORKQUEUE", raising=False)
    return folder


def submit(text: str) -> int:
    """``condor_submit`` of one job of s.sh with these lines."""
    Path("a.sub").write_text(f"executable = s.sh\n{text}\nqueue\n")
    return condor_submit.main(["a.sub"])


def prepare(spool: Spool, **attributes: str) -> object:
    """The task, or the hold, of a job with these attributes and copies in the spool."""
    folder = Path(spool.payload(12))
    folder.mkdir(exist_ok=True)
    (folder / "executable").write_text("#!/bin/sh\n")
    ad = {"Cmd": '"/home/agent"', "Iwd": ads.quote(spool.root), **attributes}
    row = JobRow(12, 0, 1, 0, 0, 0, 0, 0, "", "", ads.dump(ad), 1)
    return task_builder.prepare(row, spool, settings.load({"HOME": "/h"}, {"workdir": spool.root}), 1e9)


# --- what the toolkit's own attributes could be used for ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AwqInputs", "AwqExecutable", "awqinputs", "AwqAnything"])
def test_nobody_sets_the_toolkits_attributes(
    work: Path, spool: Spool, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """A description that names files of the spool as its inputs would carry the password out: refused."""
    assert submit(f'+{name} = "../../password=pw"') == 1
    assert "cannot be set" in capfd.readouterr().err
    assert submit(f'queue\n+{name} = "../../password=pw"') == 1
    assert os.listdir(spool.queue) == []


@pytest.mark.parametrize("status", ["0", "2", "3", "4", "7", "99"])
def test_a_status_that_no_job_begins_with_is_refused_at_once(
    work: Path, spool: Spool, capfd: pytest.CaptureFixture[str], status: str
) -> None:
    """The master would set such a task file aside when nobody reads the answer any more."""
    assert submit(f"MY.JobStatus = {status}") == 1
    assert "JobStatus" in capfd.readouterr().err
    assert os.listdir(spool.queue) == []


@pytest.mark.parametrize(
    "copy", ["../../password", "/etc/passwd", "in.0/../../../password", "in.", "in.x", ".", "..", "executable"]
)
def test_a_task_file_cannot_hand_out_other_files(spool: Spool, copy: str) -> None:
    """Only copies made at the submission are inputs, whatever a task file says."""
    Path(spool.root, "password").write_text("secret")
    task = prepare(spool, AwqInputs=ads.quote(f"{copy}=x,in.7=y"))
    assert isinstance(task, TaskSpec)
    folder = spool.payload(12)
    assert [local for local, _remote, _cache in task.inputs] == [f"{folder}/in.7", f"{folder}/executable"]
    task = prepare(spool, AwqExecutable=ads.quote(copy))
    assert isinstance(task, TaskSpec)
    assert [local for local, _remote, _cache in task.inputs] == [f"{folder}/executable"]


def test_nothing_but_copies_becomes_executable(spool: Spool) -> None:
    """The master makes copies executable by name: a name that leads elsewhere is none."""
    password = Path(spool.root, "password")
    password.write_text("secret")
    password.chmod(0o600)
    os.makedirs(spool.payload(3))
    ad = {"Cmd": '"/x"', "AwqExecutable": '"../../password"'}
    task_file.write_submission(spool, Submission([Cluster(3, ad, [{}], True)]))
    database = open_writer(spool)
    intake.read(spool, os.listdir(spool.queue), database, "me")
    database.close()
    assert password.stat().st_mode & 0o777 == 0o600


# --- paths ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remote", ["../x", "/etc/x", "a/../../x", "a\nb", "a\x1bb", "a\0b", "\udcff", "é", ""])
def test_no_remote_path_leaves_the_sandbox(remote: str) -> None:
    """The engine takes names within the sandbox only, of printable ASCII; the task is refused by its tag."""
    for field in ({"inputs": [["/a", remote, False]]}, {"outputs": [[remote, "/a"]]}):
        line = json.dumps({"op": "submit", "tag": "1.0#1", "command": "true", **field}).encode()
        with pytest.raises(ProtocolError) as caught:
            decode_request(line)
        assert caught.value.tag == "1.0#1"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "./../x", ".."])
def test_no_output_leaves_the_jobs_folder(name: str, tmp_path: Path) -> None:
    """Names in the archive that a node sends lead nowhere but below the job's folder."""
    for wanted in ((), (name,), ("a",)):
        for target in unpack.targets(name, Outputs(wanted, None, False, {}, str(tmp_path))):
            assert os.path.realpath(target.path).startswith(f"{tmp_path}/")


@pytest.mark.parametrize("name", ["a=b", "a b", "a'b", 'a"b', "$(x)", "a;b", "a`b`", "-rf", "agent.sh", ".job.ad", "*"])
def test_inputs_of_any_name_arrive_or_are_refused(
    work: Path, spool: Spool, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """A transferred input of an odd name is copied under a plain one, and keeps its own in the sandbox."""
    (work / name).write_text("content")
    assert submit(f"should_transfer_files = YES\ntransfer_input_files = {name}") == 0, capfd.readouterr().err
    database = open_writer(spool)
    (found,) = intake.read(spool, os.listdir(spool.queue), database, "me")
    assert isinstance(found, intake.Read)
    assert isinstance(found.task, Submission)
    cluster = found.task.clusters[0]
    row = JobRow(cluster.number, 0, 1, 0, 0, 0, 0, 0, "", "", ads.dump({**cluster.ad, **cluster.procs[0]}), 1)
    task = task_builder.prepare(row, spool, settings.load({"HOME": "/h"}, {"workdir": spool.root}), 1e9)
    database.close()
    assert isinstance(task, TaskSpec)
    if name != "$(x)":  # an empty macro
        assert (f"{spool.payload(cluster.number)}/in.0", name, False) in task.inputs
    assert decode_request(encode(task)) == task


# --- values that made no sense to somebody ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ad",
    [
        {"JobPrio": HUGE}, {"JobPrio": "9" * 30}, {"QDate": HUGE}, {"QDate": "-1"}, {"QDate": "9" * 18}, {"RequestCpus": HUGE},
        {"Requirements": "(" * 3000}, {"Requirements": "a" + ".a" * 2000}, {"Requirements": "Foo", "Foo": "Bar", "Bar": "Foo"},
        {"Requirements": 'Foo == "x"', "Foo": '"\udcd3\udca8 \udcff"'}, {"Requirements": "Foo", "Foo": "(" * 3000},
        {"RequestMemory": "1e400"}, {"JobUniverse": HUGE}, {"ImageSize": HUGE}, {"RequestCpus": "(" * 3000}, {"Cmd": "(" * 3000},
        {"RequestCpus": "eval(Foo)", "Foo": '"\udcd3\udca8 \udcff"'}, {"RequestCpus": "eval(Foo)", "Foo": HUGE},
        {"RequestCpus": "RequestMemory", "RequestMemory": "RequestCpus"}, {"PeriodicHold": "a" + ".a" * 2000},
        {"Arguments": '"\'"'}, {"Environment": "Cmd"}, {"Out": "1 + 1"}, {"Iwd": "{}"}, {"UserLog": '"/dev/null"', "QDate": HUGE},
    ],
    ids=lambda ad: ",".join(f"{name}={text[:12]}" for name, text in ad.items()),
)  # fmt: skip
def test_no_value_stops_the_master_or_condor_q(
    work: Path, spool: Spool, capfd: pytest.CaptureFixture[str], ad: dict[str, str]
) -> None:
    """Admitted, given or held, shown by every form of condor_q: before and after the master has taken it up."""
    base = {
        "ClusterId": "5",
        "Cmd": '"/bin/true"',
        "Owner": '"me"',
        "JobStatus": "1",
        "QDate": "1700000000",
        "JobUniverse": "5",
    }
    submission = Submission([Cluster(5, {**base, "Iwd": '"/"', **ad}, [{"ProcId": "0"}], False)])
    task_file.write_submission(spool, submission)
    database = open_writer(spool)
    master = LivingMaster(spool)
    master.publish()
    try:
        assert_shown(capfd)
        jobs = Jobs(database, spool, settings.load({"HOME": "/h"}, {"workdir": spool.root}), ("me", "here"))
        with database.transaction():
            jobs.admit(submission, 1.7e9)
            jobs.give(1, 1.7e9, Totals(8, 8000))
        for name in os.listdir(spool.queue):
            os.unlink(f"{spool.queue}/{name}")
        for message in jobs.take_effects().messages:
            decode_request(encode(message))
        assert_shown(capfd)
    finally:
        database.close()
        master.die()


def assert_shown(capfd: pytest.CaptureFixture[str]) -> None:
    """Every form of condor_q works: one job that makes no sense must not hide the others."""
    for argv in (
        [],
        ["-nobatch"],
        ["-l"],
        ["-json"],
        ["-xml"],
        ["-run"],
        ["-hold"],
        ["-af", "JobStatus", "Cmd", "RequestCpus"],
    ):
        assert condor_q.main(argv) == 0, (argv, capfd.readouterr().err)
        assert capfd.readouterr().err == ""


def test_bytes_that_are_no_text_do_not_end_the_process() -> None:
    """classad2 24 dies (SIGSEGV) of a str that cannot be UTF-8: such an attribute is an error there, as an unreadable one."""
    record = JobRecord(1, 0, 1, 'Foo = "\udcd3"\nBar = 2\n')
    assert Scope(record, 0.0).evaluate('eval("Bar") + 1') == 3
    assert Scope(record, 0.0).evaluate('strcat(Foo, "x")') is None


@pytest.mark.parametrize(
    "argv",
    [
        ["-format", "%999999999d", "ClusterId"], ["-format", "%.999999999d", "ClusterId"], ["-format", "%999999999s", "Cmd"],
        ["-const", "(" * 3000], ["-const", "a" + ".a" * 4000], ["-const", "!" * 3000 + "true"], ["-limit", HUGE], ["-af", "[" * 5000],
        [HUGE], ["\u00b2"], ["-const", f"ClusterId == {HUGE}"],
    ],
    ids=lambda argv: argv[-1][:20],
)  # fmt: skip
def test_no_question_takes_long_or_all_memory(
    work: Path, spool: Spool, capfd: pytest.CaptureFixture[str], argv: list[str]
) -> None:
    """Answered or refused within a second, in little memory; never with a traceback."""
    job = {"ClusterId": "1", "ProcId": "0", "JobStatus": "1", "Owner": '"me"', "Cmd": '"/x"', "QDate": "1"}
    fill_queue(spool, [job])
    master = publish_counts(spool, [job], time.time())
    begin = time.process_time()
    for main in (condor_q.main, condor_history.main):
        assert main(argv) in (0, 1)
    assert time.process_time() - begin < 1.0
    assert len(capfd.readouterr().out) < 100_000
    master.die()


@pytest.mark.parametrize(
    "change",
    [
        {"tries": None}, {"tries": "1"}, {"tries": True}, {"tries": 2**70}, {"at": None}, {"at": 6.7e16}, {"at": -1.0}, {"host": None},
        {"host": "a\0b"}, {"tag": 7}, {"state": []}, {"at": float("nan")}, {"host": "\ud800"},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_of_wrong_types_is_no_event(change: dict[str, object]) -> None:
    """The master adds, compares and stores what the engine says: a message that cannot be that is refused whole."""
    good = {"ev": "state", "tag": "1.0#1", "state": "running", "tries": 1, "host": "h", "at": 1.0}
    decode_event(json.dumps(good).encode())
    with pytest.raises(ProtocolError):
        decode_event(json.dumps({**good, **change}).encode())


@pytest.mark.parametrize(
    "tasks_", [[["1.0#1", "running", 1]], [["1.0#1", "running", "1", "h"]], [1], {}, [[None, "running", 1, "h"]]]
)
def test_a_hello_of_wrong_types_is_no_hello(tasks_: object) -> None:
    """The list of tasks is checked row by row."""
    hello = {"ev": "hello", "version": 1, "pid": 1, "port": 1, "cctools": "9", "started": 1.0, "tasks": tasks_}
    with pytest.raises(ProtocolError):
        decode_event(json.dumps(hello).encode())


# --- names that talk to terminals -------------------------------------------------------------------------------------------


def test_no_table_sends_control_characters(work: Path, spool: Spool, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever a job calls itself: condor_q's and condor_history's tables and ads hold no control characters, C1 included."""
    evil = ads.quote(EVIL)
    names = ("Owner", "Cmd", "Args", "HoldReason", "JobBatchName", "JobDescription", "RemoteHost", "LastRemoteHost", "GridResource",
             "GridJobId", "GridJobStatus", "DAGNodeName")  # fmt: skip
    facts = {
        "QDate": "1700000000",
        "ShadowBday": "1700000000",
        "JobPrio": "0",
        "ImageSize": "1",
        **dict.fromkeys(names, evil),
    }
    rows = [(1, "5"), (2, "5"), (5, "5"), (1, "9"), (2, "9")]
    jobs = [
        {"ClusterId": str(at), "ProcId": "0", "JobStatus": str(status), "JobUniverse": universe, **facts}
        for at, (status, universe) in enumerate(rows, 1)
    ]
    fill_queue(spool, jobs)
    master = publish_counts(spool, jobs, time.time())
    database = open_writer(spool)
    with database.transaction():
        database.finish(
            5, 0, ads.dump({**jobs[4], "JobStatus": "4", "CompletionDate": "1700000000", "RemoteWallClockTime": "5"})
        )
    database.close()
    asked = ([], ["-nobatch"], ["-run"], ["-hold"], ["-idle"], ["-grid"], ["-totals"], ["-wide"], ["-batch"], ["-l"])
    for argv in asked:
        assert condor_q.main(argv) == 0
    assert condor_history.main([]) == 0
    told = capfd.readouterr()
    assert told.err == ""
    strange = {char for char in told.out if not char.isprintable() and char != "\n"}
    assert not {char for char in strange if ord(char) < 32 or 127 <= ord(char) < 160}, strange
    assert "\x1b" not in told.out
    master.die()
