"""The launch script, run by the shells that workers have, or by the starter; and what is read from the report."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import classad2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foremen.native import starter
from foremen.pilot import launch_script
from foremen.pilot.launch_script import Redirections, Report, parse_report

SHELLS = ("dash", "bash")
BOTH = Redirections("", "out", "err")
BASE = {"PATH": os.environ["PATH"]}
FACTS = {
    "AWQ_CPUS": "2",
    "AWQ_MEMORY": "300",
    "AWQ_DISK": "4096",
    "AWQ_JOB_ID": "12.0",
    "AWQ_JOB_AD": 'Cmd = "a\\"b"\nSecret = "hunter2"\nOwner = "it\'s é"\n',
}
EVAL = 'eval "$AWQ_LAUNCH"'


@pytest.fixture(params=[*SHELLS, "starter"])
def shell(request):
    """What runs the launch script: each shell that /bin/sh can be, and the starter."""
    if request.param == "starter":
        return request.getfixturevalue("starter_program")
    path = shutil.which(request.param)
    if path is None:
        pytest.fail(f"{request.param} is missing: install it (apt-get install {request.param})")
    return path


HEED = ("env", "--default-signal=HUP,INT,QUIT")  # also when the tests themselves run in the background, or under nohup


class Sandbox:
    """A worker's sandbox with an agent; ``run`` gives the report, as the engine would."""

    def __init__(self, folder, shell):
        self.folder = folder
        self.shell = shell
        self.is_starter = "starter" in os.path.basename(shell)

    def agent(self, text, name=launch_script.EXECUTABLE):
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def start(self, arguments=(), streams=BOTH, wrapped=False, **environment):
        """Start it; bytes travel as they do through a worker."""
        text = launch_script.assignments(FACTS) + launch_script.command(arguments, streams, wrapped)
        program = [self.shell] if self.is_starter else [self.shell, "-c", EVAL]
        return subprocess.Popen(
            [*HEED, *program],
            cwd=self.folder,
            env={**BASE, launch_script.TEXT: text, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, arguments=(), streams=BOTH, wrapped=False, **environment):
        out = self.start(arguments, streams, wrapped, **environment).communicate(timeout=60)[0]
        return parse_report(out.decode())

    def read(self, name):
        return (self.folder / name).read_bytes()


@pytest.fixture
def sandbox(tmp_path, shell):
    """An empty one."""
    folder = tmp_path / "sand box"
    folder.mkdir()
    return Sandbox(folder, shell)


def test_arguments_arrive(sandbox):
    """Every character that a shell could take for its own, every byte, the empty word."""
    nasty = ["", " ", "a b", "'", '"', "\\", "$HOME", "`id`", "$(id)", "*", "?", "~", ";", "&", "|", "<", ">", "(", "#"]
    nasty += ["!", "{a,b}", "[a]", "\n", "\t", "-n", "--", "%s", "\\n", "a'b'c", "''", "é", "\udcff", "$$", "=", "\x01"]
    nasty += [chr(code) for code in range(1, 128)]
    sandbox.agent('for word; do printf "%s\\0" "$word"; done')
    assert sandbox.run(nasty).exit_code == 0
    assert sandbox.read("out") == b"".join(os.fsencode(word) + b"\0" for word in nasty)


def test_exit_codes(sandbox):
    """0 to 255; 128 + n by exiting is no signal."""
    sandbox.agent("exit $1")
    for code in (*range(0, 256, 17), 1, 2, 126, 127, 128, 129, 130, 137, 139, 141, 143, 254):
        report = sandbox.run([str(code)])
        assert (report.exit_code, report.signal, report.bounced) == (code, None, False)
        assert report.complete


@pytest.mark.parametrize("name", ["KILL", "TERM", "SEGV", "HUP", "ABRT", "USR1", "QUIT"])
def test_signals(sandbox, name):
    """A pilot that a signal ended, whether it did that itself or somebody else."""
    sandbox.agent("ulimit -c 0; kill -$1 $$")
    report = sandbox.run([name])
    assert (report.exit_code, report.signal) == (None, getattr(signal, f"SIG{name}"))
    assert report.complete


def test_streams_apart(sandbox):
    """stdout and stderr in files of their own, stdin empty."""
    sandbox.agent("echo out; echo err >&2; cat")
    assert sandbox.run().exit_code == 0
    assert (sandbox.read("out"), sandbox.read("err")) == (b"out\n", b"err\n")


def test_streams_together(sandbox):
    """The same file for both: in the order written, nothing overwritten."""
    sandbox.agent("echo 1; echo 2 >&2; echo 3")
    assert sandbox.run(streams=Redirections("", "log", "log")).exit_code == 0
    assert sandbox.read("log") == b"1\n2\n3\n"


def test_streams_absent(sandbox):
    """What nobody wants goes nowhere: not into the report either."""
    sandbox.agent("echo exit=99; echo exit=98 >&2; exit 3")
    assert sandbox.run(streams=Redirections("", "", "")).exit_code == 3
    assert sandbox.run(streams=Redirections("", "", "err")).exit_code == 3
    assert sandbox.read("err") == b"exit=98\n"


def test_stdin(sandbox):
    """From a file with a name that needs quoting."""
    (sandbox.folder / "it's in").write_text("hello\n")
    sandbox.agent("cat")
    assert sandbox.run(streams=Redirections("it's in", "out", "")).exit_code == 0
    assert sandbox.read("out") == b"hello\n"


@pytest.mark.parametrize(
    "streams", [Redirections("none", "out", "err"), Redirections("", "no/out", ""), Redirections("", "out", "no/err")]
)
def test_streams_that_cannot_be_opened(sandbox, streams):
    """The pilot was not started: neither an exit status nor a signal, so it runs again elsewhere."""
    sandbox.agent("touch started")
    report = sandbox.run(streams=streams)
    assert not report.complete
    assert (report.bounced, report.host) == (False, socket.gethostname())
    assert not (sandbox.folder / "started").exists()


def test_node_without_room(small_disk, shell):
    """A disk that is full: not started either."""
    sandbox = Sandbox(small_disk, shell)
    sandbox.agent("exit 0")
    (small_disk / "filler").write_bytes(b"")
    with open(small_disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            assert file.tell()
    out = sandbox.start().communicate(timeout=60)[0]
    assert not parse_report(out.decode()).complete


def test_executable_that_cannot_be_started(sandbox):
    """The starter tells its errno; a shell ends with 127 for none, 126 for one that may not be executed."""
    report = sandbox.run()
    assert (report.unstarted == 2) if sandbox.is_starter else (report.exit_code == 127)
    sandbox.agent("exit 0")
    (sandbox.folder / launch_script.EXECUTABLE).chmod(0o644)
    report = sandbox.run()
    assert (report.unstarted == 13) if sandbox.is_starter else (report.exit_code == 126)


def test_wrapper(sandbox):
    """The site's wrapper gets the pilot and its arguments; what it does not pass on is its own business."""
    sandbox.agent('echo "wrapped: $*"; exec "$@"', launch_script.WRAPPER)
    sandbox.agent('echo "pilot: $*"')
    assert sandbox.run(["a b"], wrapped=True).exit_code == 0
    assert sandbox.read("out") == b"wrapped: ./agent.sh a b\npilot: a b\n"


def test_executable_on_the_node(tmp_path, shell):
    """A path instead of the copy."""
    script = launch_script.command(["a b"], Redirections("", "out", ""), False, "/bin/echo")
    script = launch_script.assignments(FACTS) + script
    program = [shell] if "starter" in os.path.basename(shell) else [shell, "-c", EVAL]
    subprocess.run(program, cwd=tmp_path, env={**BASE, launch_script.TEXT: script}, check=True, capture_output=True)
    assert (tmp_path / "out").read_text() == "a b\n"


def test_ads_and_environment(sandbox):
    """Both ads in the sandbox, readable by HTCondor's library and by us alone; the house's own variables are gone."""
    sandbox.agent('env; echo "umask=$(umask)"; cat "$_CONDOR_JOB_AD" > job; cat "$_CONDOR_MACHINE_AD" > machine')
    environment = {"AWQ_WORKER_STATE": str(sandbox.folder / "none"), "AWQ_SINGLETASK": "0", "MINE": "a b\n'c'"}
    assert sandbox.run(**environment).exit_code == 0
    assert sandbox.read("job") == FACTS["AWQ_JOB_AD"].encode()
    machine = classad2.parseOne((sandbox.folder / "machine").read_text())
    assert (machine["Cpus"], machine["Memory"], machine["Disk"]) == (2, 300, 4096)
    assert machine["Name"] == f"slot1@{socket.gethostname()}"
    seen = sandbox.read("out").decode()
    assert "\nMINE=a b\n'c'\n" in "\n" + seen
    for name in ("AWQ_WORKER_STATE", "AWQ_SINGLETASK", "AWQ_LAUNCH", "AWQ_STARTER2", *FACTS, "awq_in"):
        assert f"{name}=" not in seen
    for line in (f"TMPDIR={sandbox.folder}", f"_CONDOR_SCRATCH_DIR={sandbox.folder}", "umask=0022"):
        assert line in seen.split("\n")
    for name in (".job.ad", ".machine.ad"):
        assert os.stat(sandbox.folder / name).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["s", "n", "h", "rc", "state", "host"])
def test_names_of_the_script_are_its_own(sandbox, name):
    """A job may have any variable; the script does not spoil it."""
    sandbox.agent(f'echo "${name}"')
    assert sandbox.run(**{name: "mine"}).exit_code == 0
    assert sandbox.read("out") == b"mine\n"


def test_nothing_secret_on_a_command_line(sandbox):
    """While it runs: neither ad nor environment can be seen in /proc by others."""
    sandbox.agent("touch ready; read -r line < go")
    os.mkfifo(sandbox.folder / "go")
    launch = sandbox.start(["argument"], SECRET="hunter3")
    try:
        wait_for((sandbox.folder / "ready").exists)
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family(launch.pid)]
    finally:
        (sandbox.folder / "go").write_text("now\n")
        launch.communicate(timeout=60)
    assert len(lines) >= 2
    assert any(b"argument" in line for line in lines)
    assert not any(b"hunter" in line for line in lines)


def family(pid):
    """The process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def wait_for(condition):
    """Until it holds; the test fails after a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came"
        os.sched_yield()


def test_times(sandbox):
    """CPU seconds of the pilot, not of the shell."""
    sandbox.agent("i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done")
    report = sandbox.run()
    assert 0.01 < report.user + report.system < 60


# --- the contract with the worker's supervisor


@pytest.fixture
def state(tmp_path):
    """The supervisor's folder."""
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_open_worker(sandbox, state):
    """Nothing there: it starts, and leaves no trace."""
    sandbox.agent("exit 4")
    assert sandbox.run(AWQ_WORKER_STATE=str(state)).exit_code == 4
    assert os.listdir(state) == []


def test_bounced_when_told_to_leave(sandbox, state):
    """``closed`` and ``leave``: back at once, nothing started."""
    (state / "closed").touch()
    (state / "leave").touch()
    sandbox.agent("touch started")
    report = sandbox.run(AWQ_WORKER_STATE=str(state))
    assert (report.bounced, report.complete) == (True, False)
    assert not (sandbox.folder / "started").exists()
    assert sorted(os.listdir(state)) == ["closed", "leave"]


def test_waits_and_bounces(sandbox, state):
    """While it waits the supervisor sees it by its file; then ``leave`` comes."""
    (state / "closed").touch()
    launch = sandbox.start(AWQ_WORKER_STATE=str(state))
    wait_for((state / f"bounce.{launch.pid}").exists)
    (state / "leave").touch()
    assert parse_report(launch.communicate(timeout=60)[0].decode()).bounced
    assert sorted(os.listdir(state)) == ["closed", "leave"]


def test_waits_and_starts(sandbox, state):
    """``closed`` goes away: it starts after all."""
    (state / "closed").touch()
    sandbox.agent("exit 5")
    launch = sandbox.start(AWQ_WORKER_STATE=str(state))
    wait_for((state / f"bounce.{launch.pid}").exists)
    (state / "closed").unlink()
    assert parse_report(launch.communicate(timeout=60)[0].decode()).exit_code == 5
    assert os.listdir(state) == []


def test_single_task(sandbox, state):
    """The first launch closes the worker and runs, the second bounces."""
    (state / "leave").touch()
    sandbox.agent("exit 6")
    environment = {"AWQ_WORKER_STATE": str(state), "AWQ_SINGLETASK": "1"}
    assert sandbox.run(**environment).exit_code == 6
    assert (state / "closed").exists()
    assert sandbox.run(**environment).bounced


def test_state_folder_that_is_gone(sandbox, state):
    """The supervisor's folder was removed: the pilot runs."""
    sandbox.agent("exit 7")
    gone = str(state / "gone")
    launch = sandbox.start(AWQ_WORKER_STATE=gone, AWQ_SINGLETASK="1")
    assert parse_report(launch.communicate(timeout=60)[0].decode()).exit_code == 7


def test_state_folder_that_cannot_be_written(sandbox, small_disk):
    """No bounce file can be made: it bounces all the same, and reports it."""
    for name in ("closed", "leave"):
        (small_disk / name).touch()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    out = sandbox.start(AWQ_WORKER_STATE=str(small_disk)).communicate(timeout=60)[0]
    assert parse_report(out.decode()).bounced


# --- the process group that a worker kills


def as_worker_does(sandbox, arguments, **more):
    """Started as ``sh -c`` of the command of a task, in the group of its parent unless ``more`` says otherwise."""
    text = launch_script.assignments(FACTS) + launch_script.command(arguments, BOTH, False)
    environment = {
        **BASE,
        launch_script.TEXT: text,
        **({starter.VARIABLE: sandbox.shell} if sandbox.is_starter else {}),
    }
    return subprocess.Popen(
        ["sh", "-c", launch_script.start()], executable="/bin/sh" if sandbox.is_starter else sandbox.shell,
        cwd=sandbox.folder, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more,
    )  # fmt: skip


@pytest.mark.parametrize("leads", [True, False])
def test_it_leads_its_group(sandbox, leads):
    """Also when the worker was too late to say so, and whatever its arguments are."""
    nasty = ["".join(map(chr, range(1, 128))), "é\udcff", "", "\n\n", "."]
    sandbox.agent('read -r a b c d group rest < /proc/$PPID/stat; echo "$PPID $group"; printf "%s\\0" "$@"')
    process = as_worker_does(sandbox, nasty, start_new_session=leads)
    report = parse_report(process.communicate(timeout=60)[0].decode(errors="surrogateescape"))
    assert (report.exit_code, process.returncode) == (0, 0)
    first, _, rest = sandbox.read("out").partition(b"\n")
    assert first == b"%d %d" % (process.pid, process.pid)
    assert rest == b"".join(os.fsencode(word) + b"\0" for word in nasty)


def test_the_starter_stays_in_the_session(sandbox):
    """Linux shares the CPU among sessions: a pilot in one of its own would have as much as its worker with all the others."""
    sandbox.agent("read -r a b c d group session rest < /proc/$PPID/stat; echo $session")
    as_worker_does(sandbox, []).communicate(timeout=60)
    assert (int(sandbox.read("out")) == os.getsid(0)) == sandbox.is_starter  # the shell has setsid only


def test_a_kill_of_the_group_ends_the_pilot(sandbox):
    """As a worker kills, seconds after the start: launch script and pilot are gone."""
    sandbox.agent("echo $$; exec sleep 300")
    process = as_worker_does(sandbox, [])
    deadline = time.monotonic() + 30
    while not (sandbox.folder / "out").exists() or not sandbox.read("out").endswith(b"\n"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    agent = int(sandbox.read("out"))
    while os.path.exists(f"/proc/{agent}") and " Z " not in Path(f"/proc/{agent}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- what it knows of the node, and the deadline


def features(sandbox, agent='cd "$JOBFEATURES" && for f in *; do echo "$f=$(cat "$f")"; done', **environment):
    """JOBFEATURES as the pilot sees them, in the folder that the worker makes for a task."""
    temporary = sandbox.folder / "cctools-temp-t.1.abc"
    temporary.mkdir(exist_ok=True)
    sandbox.agent(agent)
    node = {"MACHINEFEATURES": str(sandbox.folder / "none"), "TMPDIR": str(temporary)}
    sandbox.run(**{**node, **environment})
    return dict(line.split("=", 1) for line in sandbox.read("out").decode().splitlines())


def test_job_features(sandbox, tmp_path):
    """Cores, id and start; with a shutdown of the node the limits too. The pilot's own TMPDIR stays its sandbox."""
    assert features(sandbox) == {"allocated_cpu": "2", "job_id": "12.0"}
    found = features(sandbox, AWQ_BOOTED=str(int(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))))
    assert sorted(found) == ["allocated_cpu", "job_id", "jobstart_secs"]
    start = int(found["jobstart_secs"])
    assert abs(start - time.time()) < 30
    (tmp_path / "shutdowntime").write_text(f"{start + 1000}\n")
    found = features(sandbox, AWQ_BOOTED="1000000000", MACHINEFEATURES=str(tmp_path))
    wall = start + 1000 - int(found["jobstart_secs"])
    assert (found["wall_limit_secs"], found["cpu_limit_secs"]) == (str(wall), str(2 * wall))
    assert features(sandbox, 'echo "TMPDIR=$TMPDIR"')["TMPDIR"] == str(sandbox.folder)


@pytest.mark.parametrize("text", ["", "0", "08", "soon", "1; exit 1", "-5", "1\n2", "$(exit 1)"])
def test_numbers_that_are_none(sandbox, tmp_path, text):
    """What others have put there stops no pilot."""
    (tmp_path / "shutdowntime").write_text(text)
    assert features(sandbox, AWQ_BOOTED=text, MACHINEFEATURES=str(tmp_path))["job_id"] == "12.0"


@pytest.mark.parametrize(("temporary", "machine"), [("", "machine"), ("cctools-temp-t.1.abc", "")])
def test_no_features_without_a_folder_for_them(sandbox, temporary, machine):
    """A worker that makes none, or a node without the machine's: the variable is not there, rather than wrong."""
    (sandbox.folder / temporary).mkdir(exist_ok=True)
    sandbox.agent('echo "${JOBFEATURES-none}"')
    assert sandbox.run(TMPDIR=f"{sandbox.folder}/{temporary}", MACHINEFEATURES=machine).exit_code == 0
    assert sandbox.read("out") == b"none\n"


@pytest.mark.parametrize("end", ["exit 0", "exit 3", "kill -TERM $$"])
def test_ended_at_the_deadline(sandbox, state, end):
    """Whatever the pilot makes of its SIGTERM: the job goes back."""
    sandbox.agent(f"touch {state}/over; {end}")
    report = sandbox.run(AWQ_WORKER_STATE=str(state))
    assert (report.bounced, report.complete) == (True, False)


# --- the text


@pytest.mark.parametrize("checker", [["bash", "-n"], ["dash", "-n"], ["shellcheck", "-s", "sh"]])
def test_rendered_script_is_clean(tmp_path, checker):
    """By both shells and by shellcheck."""
    if shutil.which(checker[0]) is None:
        pytest.fail(f"{checker[0]} is missing: install it (apt-get install {checker[0]})")
    path = tmp_path / "script.sh"
    for streams in (BOTH, Redirections("in", "log", "log"), Redirections("", "", "")):
        path.write_text("#!/bin/sh\n" + launch_script.command(["it's", "a\nb"], streams, True))
        done = subprocess.run([*checker, str(path)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


# --- the report


@given(st.text())
@example("awq=1\nexit=" + "9" * 5000)
@example("awq=1\nexit=٣\nsignal=²")
@example("awq=1\ntimes=\n" + "9" * 400 + "m1s 1minfs")
@example("awq=1\ntimes=\n0mnans 0m1e308s")
@example("awq=1\nhost=a\0b\nexit=0")
def test_any_text_gives_a_report(text):
    """Never an exception, and nothing in it that the database or a log could choke on."""
    for whole in (text, f"awq=1\n{text}", f"awq=1\nhost={text}\nexit=1"):
        report = parse_report(whole)
        assert report.exit_code is None or 0 <= report.exit_code <= 255
        assert report.signal is None or 0 < report.signal < 128
        assert 0 <= report.user < 1e12
        assert 0 <= report.system < 1e12
        assert report.host.isprintable()


@given(st.sampled_from(["exit", "signal"]), st.integers(-300, 300))
def test_numbers_in_range_only(key, number):
    """What no system reports is not believed."""
    report = parse_report(f"awq=1\n{key}={number}\n")
    least, most = (0, 255) if key == "exit" else (1, 127)
    found = report.exit_code if key == "exit" else report.signal
    assert found == (number if least <= number <= most else None)
    assert report.complete == (found is not None)


def test_report_forms():
    """Of bash, of dash, with a decimal comma; of another version; of a script that was killed."""
    times = "times=0m0.001s 0m0.002s\n1m2.500s 0m0.250s\n"
    assert parse_report(f"awq=1\nhost=n\nexit=3\n{times}") == Report("n", 3, None, 62.5, 0.25, plain=True)
    assert parse_report("awq=1\nexit=3\ntimes=0m0,1s 0m0,2s\n0m0,500s 0m1s\n").user == 0.5
    assert parse_report("awq=2\nexit=3\n") == parse_report("exit=3\n") == parse_report("") == Report()
    assert parse_report("awq=1\nhost=n\n") == Report("n")
    assert parse_report("awq=1\nexit=3\nexit=4\n").exit_code == 3
    assert not parse_report("started=1\nawq=1\nexit=3\n").plain
    assert parse_report("started=1\n(exec)\nawq=1\nexit=9\nKilled\nawq=1\nexit=137\n") == Report(signal=9)
    assert not parse_report("started=1\ncannot create log\nawq=1\nexit=2\n").complete


def test_what_tells_programs_their_number_of_threads(sandbox):
    """The job's cores and the batch system, as HTCondor's starter says them; what the job says itself stays."""
    sandbox.agent("env")
    assert sandbox.run(OMP_NUM_THREADS="7", BATCH_SYSTEM="mine", AWQ_THREADS=" ".join(starter.THREADS)).exit_code == 0
    found = dict(line.split("=", 1) for line in sandbox.read("out").decode().splitlines() if "=" in line)
    assert {name: found[name] for name in starter.THREADS} == {
        **dict.fromkeys(starter.THREADS, FACTS["AWQ_CPUS"]), "OMP_NUM_THREADS": "7",
    }  # fmt: skip
    assert found["BATCH_SYSTEM"] == "mine"
    assert sandbox.run().exit_code == 0
    assert "BATCH_SYSTEM=HTCondor\n" in sandbox.read("out").decode()


def test_the_starter_has_the_same_names():
    """In its source."""
    source = (Path(starter.__file__).parent / "starter.c").read_text()
    listed = source.partition("threads[] = {")[2].partition("0};")[0]
    assert tuple(word.strip(' \n\t"') for word in listed.split(",")[:-1]) == starter.THREADS
