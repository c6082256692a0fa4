"""``condor_submit`` from its arguments to the task file."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shims.commands.condor.condor_submit import main
from spool.classad import ads
from spool.store import task_file
from spool.store.layout import Spool, create_spool

ROOT = Path(__file__).resolve().parents[2]
SECRET = "#!/bin/sh\n# -----BEGIN PRIVATE KEY----- not to be shown\necho hi\n"


@pytest.fixture
def spool(tmp_path, monkeypatch) -> Spool:
    """A spool; the current folder holds an executable and two inputs."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "s.sh").write_text(SECRET)
    (work / "in1").write_text("one")
    (work / "in2").write_text("two")
    monkeypatch.chdir(work)
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "spool"))
    return create_spool(str(tmp_path / "spool"))


def submit(text: str, *options: str) -> int:
    """Run the command on a description in a file; its exit status."""
    Path("a.sub").write_text(text)
    return main([*options, "a.sub"])


def clusters(spool: Spool) -> list[task_file.Cluster]:
    """Every cluster in the spool's task files, oldest first."""
    found: list[task_file.Cluster] = []
    for name in sorted(os.listdir(spool.queue)):
        task = task_file.read(f"{spool.queue}/{name}")
        assert isinstance(task, task_file.Submission)
        found += task.clusters
    return found


def is_untouched(spool: Spool) -> bool:
    """Whether nothing but the counter is in the spool."""
    return not any(os.listdir(folder) for folder in (spool.queue, spool.tmp, f"{spool.root}/payload"))


def test_a_submission(spool, capfd):
    """One task file; the ad has what the master needs; the executable is in the spool, for its owner only."""
    assert submit("executable = s.sh\narguments = a b\noutput = o.$(Process)\nqueue 2\n") == 0
    assert capfd.readouterr() == ("Submitting job(s)..\n2 job(s) submitted to cluster 1.\n", "")
    (cluster,) = clusters(spool)
    assert (cluster.number, len(cluster.procs), cluster.payload) == (1, 2, True)
    ad = {**cluster.ad, **cluster.procs[1]}
    now, host = ad["QDate"], os.uname().nodename
    assert ads.string(ad["Cmd"]) == os.path.abspath("s.sh")
    assert (ad["Args"], ad["Out"], ad["JobStatus"], ad["RequestCpus"]) == ('"a b"', '"o.1"', "1", "1")
    assert ad["GlobalJobId"] == f'"{host}#1.1#{now}"'
    assert (ad["ClusterId"], ad["ProcId"], ad["TotalSubmitProcs"]) == ("1", "1", "2")
    assert ads.string(ad["User"]) == f"{ads.string(ad['Owner'])}@{host}"
    copy = Path(spool.payload(1)) / "executable"
    assert copy.read_text() == SECRET
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_the_copy_is_by_content(spool):
    """Rewriting the executable afterwards changes nothing."""
    assert submit("executable = s.sh\nqueue\n") == 0
    Path("s.sh").write_text("#!/bin/sh\nother\n")
    assert (Path(spool.payload(1)) / "executable").read_text() == SECRET


def test_content_is_never_shown(spool, capfd):
    """Neither the output nor any task file holds a word of the executable."""
    for options in ((), ("-verbose",), ("-terse",), ("-dry-run", "-")):
        assert submit("executable = s.sh\nqueue\n", *options) == 0
    out, err = capfd.readouterr()
    written = "".join(Path(spool.queue, name).read_text() for name in os.listdir(spool.queue))
    assert "PRIVATE KEY" not in out + err + written


def test_folders_are_copied(spool):
    """With all in them, links followed; a slash behind the name asks for the content; file: URLs of here are copied too."""
    Path("dir/sub").mkdir(parents=True)
    Path("dir/sub/run").write_text("#!")
    Path("dir/sub/run").chmod(0o755)
    Path("dir/link").symlink_to("sub/run")
    Path("dir/nowhere").symlink_to("missing")
    os.mkfifo("dir/fifo")
    url = f"file://{Path('in1').resolve()}"
    assert submit(f"executable = s.sh\ntransfer_input_files = dir, dir/, {url}, dir/sub/run\nqueue\n") == 0
    assert submit("executable = s.sh\ntransfer_input_files = dir/sub/run\npreserve_relative_paths = true\nqueue\n") == 0
    first, second = clusters(spool)
    assert first.ad["AwqInputs"] == '"in.0=dir,in.1=.,in.2=in1,in.3=run"'
    assert second.ad["AwqInputs"] == '"in.0=dir/sub/run"'
    for copy in ("in.0", "in.1"):
        assert sorted(os.listdir(f"{spool.payload(1)}/{copy}")) == ["link", "sub"]
        assert Path(spool.payload(1), copy, "link").stat().st_mode & 0o777 == 0o700
        assert not Path(spool.payload(1), copy, "link").is_symlink()


def test_a_folder_that_contains_itself_is_refused(spool, capfd):
    """The error names it, and nothing is left behind."""
    Path("dir").mkdir()
    Path("dir/loop").symlink_to("../dir")
    assert submit("executable = s.sh\ntransfer_input_files = dir\nqueue\n") == 1
    assert "dir/loop: Too many levels of symbolic links; nothing was submitted" in capfd.readouterr().err
    assert not os.listdir(f"{spool.root}/payload")


def test_inputs_are_copied_once(spool):
    """Inputs and standard input by value; AwqInputs says what is what; missing ones and URLs are left to the master."""
    text = "executable = s.sh\ninput = in2\ntransfer_input_files = in1, missing, http://h/x\nqueue\n"
    assert submit(text) == 0
    (cluster,) = clusters(spool)
    assert cluster.ad["AwqInputs"] == '"in.0=in1,in.1=in2"'
    payload = Path(spool.payload(1))
    assert [(payload / name).read_text() for name in ("in.0", "in.1")] == ["one", "two"]
    assert (payload / "in.0").stat().st_mode & 0o777 == 0o600


def test_jobs_that_differ_in_files(spool):
    """Every job's own executable and input are there, each file once."""
    Path("t.sh").write_text("#!/bin/sh\n")
    assert submit("executable = $(x).sh\ntransfer_input_files = in$(n)\nqueue x,n from (\ns 1\nt 2\ns 2\n)\n") == 0
    (cluster,) = clusters(spool)
    jobs = [{**cluster.ad, **proc} for proc in cluster.procs]
    assert [ads.string(job["AwqInputs"]) for job in jobs] == ["in.0=in1", "in.2=in2", "in.2=in2"]
    assert [job.get("AwqExecutable") for job in jobs] == [None, '"in.1"', None]
    assert sorted(os.listdir(spool.payload(1))) == ["executable", "in.0", "in.1", "in.2"]


def test_an_executable_that_is_not_transferred(spool):
    """Nothing is copied, and the command stays as it was given."""
    assert submit("executable = some/where\ntransfer_executable = false\nqueue\n") == 0
    (cluster,) = clusters(spool)
    assert (cluster.ad["Cmd"], cluster.payload) == ('"some/where"', False)
    assert os.listdir(f"{spool.root}/payload") == []


def test_held_and_grid_jobs(spool):
    """hold makes a held job with its reason; a grid job comes back with its resource and waits as PENDING."""
    resource_text = "condor ce.example.org  ce.example.org:9619"
    assert submit(f"executable = s.sh\nhold = True\nuniverse = grid\ngrid_resource = {resource_text}\nqueue\n") == 0
    (cluster,) = clusters(spool)
    ad = {**cluster.ad, **cluster.procs[0]}
    assert (ad["JobStatus"], ad["HoldReasonCode"], ad["JobUniverse"]) == ("5", "15", "9")
    assert ads.string(ad["GridResource"]) == resource_text
    assert (ads.string(ad["GridJobStatus"]), ads.string(ad["GridJobId"])) == ("PENDING", f"{resource_text} 1.0")


def test_a_proxy_is_insisted_on_when_it_is_named(spool, capfd, monkeypatch):
    """As by HTCondor; without a name the pilot runs anyway."""
    monkeypatch.delenv("X509_USER_PROXY", raising=False)
    assert submit("executable = s.sh\nuse_x509userproxy = true\nqueue\n") == 0
    assert submit("executable = s.sh\nx509userproxy = none\nqueue\n") == 1
    assert capfd.readouterr().err == "ERROR: unable to read proxy file\n"


def test_spooled_jobs_wait_like_others(spool):
    """-spool and -remote NAME: idle when the command returns, kept after the end for their output to be fetched."""
    assert submit("executable = s.sh\nqueue\n", "-remote", "-spool", "-pool", "x", "-name", "y") == 0
    (cluster,) = clusters(spool)
    assert (cluster.ad["JobStatus"], cluster.ad["StageInFinish"]) == ("1", cluster.ad["QDate"])
    assert "864000" in cluster.ad["LeaveJobInQueue"]


def test_an_old_and_a_new_syntax_in_one_cluster(spool):
    """A job that says its arguments in the other syntax does not see those of the first."""
    assert submit('executable = s.sh\narguments = a\nqueue\narguments = "b c"\nqueue\n') == 0
    (cluster,) = clusters(spool)
    from spool.classad.arguments import arguments_of

    assert [arguments_of({**cluster.ad, **proc}) for proc in cluster.procs] == [["a"], ["b", "c"]]


def test_several_clusters_in_one_task_file(spool, capfd):
    """Another executable begins another cluster; both become visible at once, each with its copy."""
    assert submit("executable = s.sh\nqueue\nexecutable = in1\nqueue 2\n") == 0
    assert capfd.readouterr().out.endswith("1 job(s) submitted to cluster 1.\n2 job(s) submitted to cluster 2.\n")
    assert len(os.listdir(spool.queue)) == 1
    assert [(Path(spool.payload(n)) / "executable").read_text() for n in (1, 2)] == [SECRET, "one"]


@pytest.mark.parametrize(
    "text",
    [
        "executable = s.sh\n",
        "executable = none\nqueue\n",
        "executable = .\nqueue\n",
        "executable = s.sh\nqueue\nexecutable = none\nqueue\n",
        "executable = s.sh\na = $(b)\nb = $(a)\narguments = $(a)\nqueue\n",
        "executable = s.sh\nenvironment = A\nqueue 3\n",
        "executable = s.sh\nqueue\nnot a line\n",
        "executable = s.sh\narguments = a\0b\nqueue\n",
        "executable = s.sh\nqueue 2000000000\n",
        "executable = s.sh\n+X = " + "(" * 100000 + "\nqueue\n",
    ],
)
def test_refused_descriptions_leave_nothing(spool, capfd, text):
    """An error on stderr, exit status 1, no task file, no copy, no traceback, no word of a cluster."""
    assert submit(text) == 1
    out, err = capfd.readouterr()
    assert "\nERROR: " in "\n" + err
    assert "Traceback" not in err
    assert "submitted" not in out
    assert is_untouched(spool)


def test_a_disk_that_is_full(spool, capfd):
    """Nothing becomes visible when the copy cannot be written, and the message says what could not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, hard))
    try:
        status = main(["executable=s.sh", "-queue", "1"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    err = capfd.readouterr().err
    assert status == 1
    assert "cannot copy into the spool" in err
    assert is_untouched(spool)


def test_a_task_file_that_cannot_be_written(spool, capfd):
    """The copy is taken back when the task file fails."""
    os.rmdir(spool.tmp)
    assert submit("executable = s.sh\nqueue\n") == 1
    assert "cannot write the task file" in capfd.readouterr().err
    assert os.listdir(f"{spool.root}/payload") == []
    assert os.listdir(spool.queue) == []


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_spool_that_others_can_write(spool, capfd, mode):
    """It is refused with the remedy."""
    os.chmod(spool.root, mode)
    assert submit("executable = s.sh\nqueue\n") == 1
    assert "chmod 700" in capfd.readouterr().err


def test_no_spool(spool, capfd, monkeypatch, tmp_path):
    """It is not made in passing: a mistyped AWQ_WORKDIR would swallow jobs."""
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "nowhere"))
    assert submit("executable = s.sh\nqueue\n") == 1
    assert "start alien_work_queue" in capfd.readouterr().err


def test_more_jobs_than_the_queue_takes(spool, capfd, monkeypatch):
    """AWQ_MAX_QUEUED counts what waits in task files too."""
    monkeypatch.setenv("AWQ_MAX_QUEUED", "3")
    assert submit("executable = s.sh\nqueue 2\n") == 0
    assert submit("executable = s.sh\nqueue 2\n") == 1
    assert "would exceed MAX_JOBS_SUBMITTED" in capfd.readouterr().err
    assert len(os.listdir(spool.queue)) == 1


def test_warnings_come_last(spool, capfd):
    """Lines nobody read are reported on stderr; the submission counts."""
    assert submit("executable = s.sh\nfoo = bar\nqueue\n") == 0
    assert capfd.readouterr().err == "WARNING: the line 'foo = bar' was unused by condor_submit. Is it a typo?\n"


def test_verbose(spool, capfd):
    """-verbose prints every ad whole, sorted, and no word of a cluster."""
    assert submit("executable = s.sh\nqueue 2\n", "-v") == 0
    out = capfd.readouterr().out
    assert out.count("\n** Proc 1.") == 2
    names = [line.partition(" = ")[0] for line in out.split("** Proc 1.0:\n")[1].split("\n\n")[0].split("\n")]
    assert names == sorted(names, key=str.lower)
    assert {"ClusterId", "ProcId", "Iwd", "Cmd"} <= set(names)
    assert "submitted" not in out


def test_usage_and_version(capfd):
    """-help and -version succeed, an unknown option is the usage on stderr."""
    assert main(["-help"]) == 0
    assert capfd.readouterr().out.startswith("Usage: condor_submit [options]")
    assert main(["-version"]) == 0
    assert capfd.readouterr().out.startswith("$CondorVersion: ")
    assert main(["a.sub", "--bogus"]) == 1
    assert capfd.readouterr().err.startswith("Usage: condor_submit [options]")


def run(script: str, spool: Spool, **options) -> subprocess.CompletedProcess[str]:
    """Run the command as the launcher does, through a line of shell; ``condor_submit`` is ``$0 "$@"``."""
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    start += "from shims.commands.condor.condor_submit import main; sys.exit(main(sys.argv[1:]))"
    command = f"condor_submit() {{ {sys.executable} -I -S -c '{start.replace(chr(39), chr(34))}' \"$@\"; }}; {script}"
    environment = {"PATH": os.environ["PATH"], "AWQ_WORKDIR": spool.root, "HOME": "/"}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, env=environment, **options
    )


def test_closed_streams(spool):
    """A closed stdin is an empty description; closed outputs do not end up in a file of ours, and the job is submitted."""
    assert run("condor_submit <&-", spool).returncode == 1
    Path("a.sub").write_text("executable = s.sh\nqueue\n")
    assert run("condor_submit a.sub <&- >&- 2>&-", spool).returncode == 0
    (cluster,) = clusters(spool)
    assert (Path(spool.payload(cluster.number)) / "executable").read_text() == SECRET


def test_nobody_keeps_the_output_open(spool):
    """The CE reads until everybody has closed stdout: no process may be left behind."""
    Path("a.sub").write_text("executable = s.sh\nqueue\n")
    done = run("condor_submit a.sub 2>&1 | cat", spool)
    assert done.stdout == "Submitting job(s).\n1 job(s) submitted to cluster 1.\n"


ALIEN = """executable = s.sh
arguments =
output = alien.$(Cluster).out
error = alien.err
log = alien.log
environment=CONDOR_ID=$(Cluster).$(Process);ALIEN_CM_AS_LDAP_PROXY=host:8084
queue
"""
JALIEN = """cmd = s.sh
log = jobagent.log
+TransferOutput = ""
periodic_hold = JobStatus == 1 && \\
  GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800
periodic_remove = CurrentTime - QDate > 259200
universe = grid
grid_resource = condor ce503.cern.ch ce503.cern.ch:9619
ShouldTransferFiles = YES
use_x509userproxy = true
environment = "ALIEN_CM_AS_LDAP_PROXY='host:8084'"

queue 1

"""
SLOW = ("re", "json", "typing", "enum", "dataclasses", "pathlib", "argparse", "subprocess", "socket", "shlex", "collections", "classad2",
        "functools", "signal", "sqlite3", "tempfile", "random", "contextlib", "datetime", "locale", "site")  # fmt: skip


@pytest.mark.parametrize("text", [ALIEN, JALIEN], ids=["alien", "jalien"])
def test_the_grids_submissions_import_nothing_slow(spool, text):
    """Importing re alone would take as long as all of HTCondor's condor_submit."""
    Path("a.sub").write_text(text)
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from shims.commands.condor.condor_submit import main\n"
        f"status = main(['a.sub'])\nprint([name for name in {SLOW!r} if name in sys.modules], file=sys.stderr)\nsys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert len(clusters(spool)) == 1


def test_two_at_the_same_time(spool):
    """Cluster numbers are never given twice."""
    Path("a.sub").write_text("executable = s.sh\nqueue\n")
    done = run("for i in 1 2 3 4 5 6 7 8; do condor_submit -terse a.sub & done; wait", spool)
    assert sorted(done.stdout.split("\n")) == ["", *[f"{n}.0 - {n}.0" for n in range(1, 9)]]


def test_the_current_folder_has_been_removed(spool, tmp_path, monkeypatch, capfd):
    """With an absolute initialdir that matters to nobody, as with HTCondor; without one it is refused with the remedy."""
    description, gone = tmp_path / "a.sub", tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    description.write_text(f"executable = {tmp_path}/work/s.sh\nqueue\n")
    assert main([str(description)]) == 1
    out, err = capfd.readouterr()
    assert (out, is_untouched(spool)) == ("Submitting job(s)", True)
    assert "the current folder is not there any more: go to another one, or set initialdir" in err
    description.write_text(f"executable = {tmp_path}/work/s.sh\ninitialdir = {tmp_path}\nqueue\n")
    assert main([str(description)]) == 0
    assert ads.string(clusters(spool)[0].ad["Iwd"]) == str(tmp_path)
