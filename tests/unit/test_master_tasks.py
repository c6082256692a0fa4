"""From a job to its task, or to HTCondor's reason why it cannot be started."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from pathlib import Path

import pytest

from foremen.engine.protocol import LONGEST_VARIABLE, decode_request, encode
from foremen.master import hold_reasons, task_builder
from foremen.master.hold_reasons import Hold
from foremen.native import starter
from foremen.pilot import launch_script
from spool import job, settings
from spool.classad import ads
from spool.store.sqlite import JobRow

HOST = socket.gethostname()


class Maker:
    """Makes a job with a payload, and its task."""

    def __init__(self, spool, tmp_path):
        self.spool = spool
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.options = {"workdir": spool.root}
        os.mkdir(spool.payload(12))
        self.copy("executable")

    def copy(self, name, content=b"#!/bin/sh\n"):
        Path(self.spool.payload(12), name).write_bytes(content)

    def prepare(self, payload=1, prio=0, **attributes):
        ad = {"Cmd": '"/home/agent"', "Iwd": ads.quote(str(self.home)), **attributes}
        row = JobRow(12, 3, 1, 0, prio, 4, 0, 0, "", "", ads.dump(ad), payload)
        return task_builder.prepare(row, self.spool, settings.load({"HOME": str(self.home)}, self.options), 1e9)


@pytest.fixture
def maker(spool, tmp_path):
    """One of cluster 12."""
    return Maker(spool, tmp_path)


def joining(task):
    """What the task's command does before it runs the launch script, on a node without a starter."""
    before, line, after = task.command.partition(starter.FIRST_LINE)
    begin = launch_script.start().removeprefix(starter.FIRST_LINE)
    command = after if line else before
    assert command.endswith(begin)
    return command.removesuffix(begin)


def launch(task):
    """The launch script, as it arrives on the worker."""
    script = f'{joining(task)}printf %s "$AWQ_LAUNCH"'
    env = {os.fsencode(name): os.fsencode(text) for name, text in task.env.items()}
    return os.fsdecode(subprocess.run(["/bin/sh", "-c", script], env=env, capture_output=True, check=True).stdout)


def fact(task, name):
    """What the launch script knows by this name."""
    begin = launch(task).partition("exec 3>&-")[0]
    env = {os.fsencode(one): os.fsencode(text) for one, text in task.env.items() if one != launch_script.TEXT}
    script = os.fsencode(f'{begin}printf %s "${name}"')
    return os.fsdecode(subprocess.run(["/bin/sh"], input=script, env=env, capture_output=True, check=True).stdout)


def test_plain(maker):
    """The next attempt's tag, the copy as agent.sh, the defaults, no streams."""
    task = maker.prepare(prio=7)
    assert task.tag == "12.3#5"
    assert task.inputs == ((f"{maker.spool.payload(12)}/executable", "agent.sh", False),)
    assert (task.outputs, task.cores, task.memory, task.disk, task.gpus, task.priority) == ((), 1, 128, 1, 0, 7.0)
    assert "set -- ./agent.sh\n" in launch(task)
    assert [fact(task, name) for name in ("awq_in", "awq_out", "awq_err")] == ["", "", ""]
    assert " 2>&1 )" in launch(task)
    assert decode_request(encode(task)) == task


@pytest.mark.parametrize("wish", ["WantContainer", "WantDocker"])
def test_no_containers(maker, wish):
    """A job that wants a container is held, and not run without."""
    hold = maker.prepare(**{wish: "true"})
    assert isinstance(hold, Hold)
    assert "containers" in hold.reason
    assert maker.prepare(**{wish: "false"}).tag


def test_tags():
    """There and back; what is none is zeros."""
    assert task_builder.parse_tag(task_builder.tag(12, 0, 3)) == (12, 0, 3)
    for text in ("", "12.0", "12.0#", "12#1", "a.b#c", "12.0#1#2", "12.0#²"):
        assert task_builder.parse_tag(text) == (0, 0, 0)


def test_streams(maker):
    """Apart, together, relative to the job's folder or not, /dev/null for none."""
    task = maker.prepare(Out='"out"', Err=f'"{maker.home}/err"')
    assert task.outputs == (("_condor_stdout", f"{maker.home}/out"), ("_condor_stderr", f"{maker.home}/err"))
    task = maker.prepare(Out='"./log"', Err='"log"')
    assert task.outputs == (("_condor_stdout", f"{maker.home}/log"),)
    assert " 2>&1 )" in launch(task)
    assert fact(task, "awq_out") == "_condor_stdout"
    task = maker.prepare(Out='"/dev/null"', Err='"err"')
    assert task.outputs == (("_condor_stderr", f"{maker.home}/err"),)


def test_resources(maker):
    """What gives no number was not asked for; the disk is the job's to know (KiB), the engine gets a nominal one."""
    task = maker.prepare(RequestCpus="4", RequestMemory="2000", RequestDisk="1025", RequestGPUs="1")
    assert (task.cores, task.memory, task.disk, task.gpus) == (4, 2000, 1, 1)
    assert [fact(task, name) for name in ("AWQ_CPUS", "AWQ_MEMORY", "AWQ_DISK")] == ["4", "2000", "1025"]
    task = maker.prepare(RequestCpus="0", RequestMemory="NoSuch * 2", RequestDisk="-5")
    assert (task.cores, task.memory, task.disk) == (1, 128, 1)


def test_environment_and_ad(maker):
    """The job's variables, their names for a wrapper, the ad; ours win. Beside them only the launch script: each is a message."""
    task = maker.prepare(Environment=ads.quote("A=1 B='2 3' AWQ_CPUS=99"), Note='"it\'s x"')
    assert (task.env["A"], task.env["B"], fact(task, "AWQ_CPUS")) == ("1", "2 3", "1")
    assert sorted(task.env) == [
        "A",
        launch_script.TEXT,
        "B",
    ]  # a name of ours in the job's environment leads nobody astray
    assert 'Note = "it\'s x"\n' in fact(task, "AWQ_JOB_AD")
    maker.options["job_wrapper"] = "/bin/true"
    task = maker.prepare(Environment=ads.quote("A=1 B='2 3' AWQ_CPUS=99"))
    assert task.env["AWQ_JOB_ENV"].split() == ["A", "B"]


def test_wrapper(maker):
    """Sent with every task, and kept on the worker."""
    maker.options["job_wrapper"] = "/etc/wrap.sh"
    task = maker.prepare(Arguments='"a b"')
    assert task.inputs[-1] == ("/etc/wrap.sh", "awq_job_wrapper.sh", True)
    assert "set -- ./awq_job_wrapper.sh ./agent.sh a b\n" in launch(task)


def test_inputs(maker):
    """The copies under the names that the job knows; one called as the executable makes that take another name."""
    folder = maker.spool.payload(12)
    task = maker.prepare(AwqInputs='"in.0=data.txt,in.3=conf=1"')
    assert task.inputs == (
        (f"{folder}/in.0", "data.txt", False),
        (f"{folder}/in.3", "conf=1", False),
        (f"{folder}/executable", "agent.sh", False),
    )
    task = maker.prepare(AwqInputs='"in.0=agent.sh"')
    assert task.inputs[1] == (f"{folder}/executable", "condor_exec.exe", False)
    assert "set -- ./condor_exec.exe\n" in launch(task)
    task = maker.prepare(AwqInputs='"in.0=same,in.1=same"')
    assert [remote for _, remote, _ in task.inputs] == ["same", "agent.sh"]


def test_executable_of_its_own(maker):
    """A job whose executable differs from its cluster's."""
    maker.copy("in.2", b"\x7fELF...")
    task = maker.prepare(AwqExecutable='"in.2"')
    assert task.inputs == ((f"{maker.spool.payload(12)}/in.2", "agent.sh", False),)


@pytest.mark.parametrize("payload", [0, 1])
def test_executable_on_the_node(maker, payload):
    """transfer_executable = false, with or without inputs that are transferred: the path as it is."""
    task = maker.prepare(payload, TransferExecutable="false", Cmd='"/bin/e cho"')
    assert (task.inputs, "set -- '/bin/e cho'\n" in launch(task)) == ((), True)


def test_stdin(maker):
    """The copy made at submission when there is one; else the file as it is now."""
    (maker.home / "in").write_text("now")
    task = maker.prepare(In='"in"')
    assert task.inputs[-1] == (f"{maker.home}/in", "_condor_stdin", False)
    assert fact(task, "awq_in") == "_condor_stdin"
    task = maker.prepare(In='"in"', AwqInputs='"in.0=in"')
    assert [remote for _, remote, _ in task.inputs] == ["in", "agent.sh"]
    assert fact(task, "awq_in") == "in"
    os.unlink(maker.home / "in")
    assert maker.prepare(In='"in"', AwqInputs='"in.0=in"') == task


def failed(path, error):
    return Hold(
        f"Error from slot1@{HOST}: Failed to execute '{path}': (errno={error}: '{os.strerror(error)}')", 6, error
    )


def test_executable_that_has_gone(maker):
    """No copy: code 6, subcode ENOENT."""
    os.unlink(f"{maker.spool.payload(12)}/executable")
    assert maker.prepare() == failed("/home/agent", errno.ENOENT)
    assert maker.prepare(AwqExecutable='"in.7"') == failed("/home/agent", errno.ENOENT)
    assert maker.prepare(payload=0, Cmd='""') == failed("", errno.ENOENT)


@pytest.mark.parametrize("content", [b"", b"echo hello\n", b"PK\3\4"])
def test_executable_that_is_none(maker, content):
    """Neither a script nor a program: ENOEXEC."""
    maker.copy("executable", content)
    assert maker.prepare() == failed("/home/agent", errno.ENOEXEC)


@pytest.mark.parametrize(
    "attributes",
    [
        {"Arguments": ads.quote("x" * 200000)},
        {"Environment": ads.quote(f"A={'x' * 140000}")},
        {"Environment": ads.quote(" ".join(f"A{number}={'x' * 60000}" for number in range(20)))},
    ],
)
def test_too_much_for_a_command(maker, attributes):
    """More than Linux takes: E2BIG, as HTCondor's starter says it, and not a task that fails everywhere."""
    assert maker.prepare(**attributes) == failed("/home/agent", errno.E2BIG)


@pytest.mark.parametrize("value", ["x" * 100000, "é" * 50000, "'" * 90000])
def test_long_ads(maker, value):
    """The sandbox's copy of the ad leaves the longest expressions out; no variable is longer than Linux takes."""
    many = {f"Attr{number}": ads.quote("é" * 400) for number in range(200)}
    for attributes in ({"Note": ads.quote(value)}, many):
        task = maker.prepare(**attributes)
        text = fact(task, "AWQ_JOB_AD")
        assert len(text.encode()) <= 96 * 1024
        assert 'Cmd = "/home/agent"\n' in text


@pytest.mark.parametrize(("name", "stream"), [("Out", "standard output"), ("Err", "standard error")])
@pytest.mark.parametrize(
    ("path", "error"), [("none/out", errno.ENOENT), ("sub", errno.EISDIR), ("file/out", errno.ENOENT)]
)
def test_outputs_that_cannot_be_written(maker, name, stream, path, error):
    """Code 7 and the errno, before anything runs."""
    (maker.home / "sub").mkdir()
    (maker.home / "file").touch()
    hold = maker.prepare(**{name: ads.quote(path)})
    reason = f"Failed to open '{maker.home}/{path}' as {stream}: {os.strerror(error)} (errno {error})"
    assert hold == Hold(f"Error from slot1@{HOST}: {reason}", 7, error)


@pytest.mark.parametrize(("kind", "error"), [("none", errno.ENOENT), ("folder", errno.EISDIR), ("fifo", errno.EINVAL)])
def test_stdin_that_cannot_be_read(maker, kind, error):
    """Code 8; a FIFO does not hold the master up."""
    (maker.home / "folder").mkdir()
    os.mkfifo(maker.home / "fifo")
    hold = maker.prepare(In=ads.quote(kind))
    assert (hold.code, hold.subcode) == (job.HOLD_UNABLE_TO_OPEN_INPUT, error)
    assert f"Failed to open '{maker.home}/{kind}' as standard input: {os.strerror(error)}" in hold.reason


def test_damaged_arguments(maker):
    """Held with the parser's words."""
    hold = maker.prepare(Arguments=ads.quote("'a"))
    assert (hold.code, hold.subcode) == (6, errno.EINVAL)
    assert "Unbalanced quote" in hold.reason


def test_transfers_that_failed():
    """HTCondor's codes 12 and 13."""
    assert hold_reasons.output_lost("x")[1:] == (job.HOLD_TRANSFER_OUTPUT, errno.ENOENT)
    assert hold_reasons.input_lost("x")[1:] == (job.HOLD_TRANSFER_INPUT, errno.ENOENT)
    assert hold_reasons.output_lost("x").reason.endswith("Details: x")


def test_requests_that_are_expressions(maker):
    """Dask's: evaluated in the job's ad; HTCondor's own defaults mean that nothing was asked for."""
    task = maker.prepare(
        RequestCpus="MY.DaskWorkerCores", DaskWorkerCores="3",
        RequestMemory="floor(MY.DaskWorkerMemory / 1048576)", DaskWorkerMemory="2147483648",
        RequestDisk="floor(MY.DaskWorkerDisk / 1024)", DaskWorkerDisk="4096",
    )  # fmt: skip
    assert (task.cores, task.memory, fact(task, "AWQ_DISK")) == (3, 2048, "4")
    default = "ifthenelse(MemoryUsage =!= undefined,MemoryUsage,(ImageSize + 1023) / 1024)"
    task = maker.prepare(RequestMemory=default, ImageSize="9000000", RequestDisk="DiskUsage", DiskUsage="7")
    assert (task.cores, task.memory) == (1, 128)
    measured = {"MemoryUsage": "((ResidentSetSize + 1023) / 1024)", "ResidentSetSize": "3072000"}  # when it ran before
    assert maker.prepare(RequestMemory=default, ImageSize="3072000", **measured).memory == 128
    more = "ifThenElse(isUndefined(MemoryUsage), 2000, MemoryUsage * 3 / 2)"
    assert [maker.prepare(RequestMemory=more, **had).memory for had in ({}, measured)] == [2000, 4500]
    task = maker.prepare(RequestCpus="ifThenElse(1 > TotalSlotCpus,1,TotalSlotCpus)", RequestMemory="512.0")
    assert (task.cores, task.memory) == (1, 512)


def test_what_is_expanded_at_match_time(maker):
    """The worker factory's arguments: the machine has what the job asked for; defaults; the job's own attributes."""
    task = maker.prepare(
        Args='"--cores $$([TARGET.Cpus]) --memory $$([TARGET.Memory]) --disk $$([TARGET.Disk/1024]) $$(Nothing:plain) $$(Mine)"',
        Environment='"ON=$$(Machine)"', Mine='"own"', RequestCpus="4", RequestMemory="2000", RequestDisk="2048000",
    )  # fmt: skip
    assert "set -- ./agent.sh --cores 4 --memory 2000 --disk 2000 plain own\n" in launch(task)
    assert task.env["ON"] == "unknown"
    task = maker.prepare(Args='"$$([TARGET.Disk/1024])"')
    assert "set -- ./agent.sh 1024\n" in launch(task)


@pytest.mark.parametrize("text", ["(NoSuchAtAll)", "([NoSuchAtAll])"])
def test_what_cannot_be_expanded_is_held(maker, text):
    """HTCondor's words."""
    assert maker.prepare(Args=ads.quote(f"a $${text}")) == Hold(f"Cannot expand $$ expression {text}.", 0, 0)


def test_an_executable_that_depends_on_the_machine(maker):
    """It was not copied at the submission: the file of that name is taken when the job is started."""
    program = maker.home / f"prog.{os.uname().machine.upper()}"
    program.write_text("#!/bin/sh\n")
    os.unlink(f"{maker.spool.payload(12)}/executable")
    task = maker.prepare(payload=0, Cmd=ads.quote(f"{maker.home}/prog.$$(Arch)"))
    assert task.inputs == ((str(program), "agent.sh", False),)


def test_a_variable_that_work_queue_cannot_carry_goes_in_pieces(maker):
    """A long variable and a long ad: no variable of the task is longer than Work Queue takes, and a pilot sees it whole."""
    value = "x" * 30000
    task = maker.prepare(Environment=ads.quote(f"LONG={value} SHORT=y"), Note=ads.quote(value))
    assert max(len(f"{name}={text}") for name, text in task.env.items()) <= LONGEST_VARIABLE
    assert task.command.startswith(starter.FIRST_LINE)  # so that the shortcut knows it
    done = subprocess.run(
        ["sh", "-c", f'{joining(task)}printf %s "$LONG$SHORT"'],
        env={"PATH": "/usr/bin:/bin", **task.env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{value}y"
    assert f'Note = "{value}"\n' in fact(task, "AWQ_JOB_AD")
