"""``condor_qsub``: options become a submit description; what is not offered is refused."""

from __future__ import annotations

import pytest

from shims.commands.condor import condor_qsub


@pytest.fixture
def told(tmp_path, monkeypatch, capfd):
    """The description that a command line makes, without submitting it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.sh").write_text("echo hi\n")

    def run(*words: str) -> tuple[int, list[str], str]:
        status = condor_qsub.main(["--print", "--test", *words])
        said = capfd.readouterr()
        return status, said.out.splitlines(), said.err

    return run


def test_options_of_nipype(told):
    """-N, -o, -e as nipype gives them, in HTCondor's words."""
    status, lines, err = told("-N", "nm", "-o", "o.txt", "-e", "e.txt", "job.sh", "a", "b")
    assert (status, err) == (0, "")
    assert lines[-1] == 'Your job 0 ("nm") has been submitted'
    assert {"executable = /bin/sh", "arguments = job.sh a b", "output = o.txt", "error = e.txt", "Queue"} <= set(lines)


def test_everything_else(told, tmp_path):
    """Recorded from HTCondor's condor_qsub 0.2."""
    lines = told(
        "-cwd",
        "-p",
        "5",
        "-V",
        "-v",
        "A=1,B",
        "-l",
        "mem=2gb,procs=4",
        "-m",
        "e",
        "-M",
        "x@y",
        "-h",
        "-r",
        "n",
        "job.sh",
    )[1]
    assert {
        f"initialdir = {tmp_path}", "priority = 5", "getenv = True", 'environment = "A=1 B=True"', "request_memory = 2GB",
        "request_cpus = 4", "notification = Complete", "notify_user = x@y", "hold = True",
        "periodic_remove = ( JobStatus == 1 && NumJobStarts > 0)", "output = job.sh.o$(Cluster)", "error = job.sh.e$(Cluster)",
    } <= set(lines)  # fmt: skip
    assert "arguments = \"-c '/bin/echo a b'\"" in told("-b", "y", "/bin/echo", "a", "b")[1]


def test_task_ids(told):
    """One job for each, with SGE's variables."""
    lines = told("-t", "1-5:2", "-o", "o", "job.sh")[1]
    assert lines.count("Queue") == 3
    assert 'environment = "SGE_TASK_ID=3 SGE_TASK_FIRST=1 SGE_TASK_STEPSIZE=2 SGE_TASK_LAST=5"' in lines
    assert "output = o.5" in lines


@pytest.mark.parametrize(
    "words",
    [
        ["-hold_jid", "3", "job.sh"],
        ["-zz", "job.sh"],
        ["-l", "nodes=2", "job.sh"],
        ["-t", "x", "job.sh"],
        ["none"],
        ["-N"],
    ],
)
def test_what_is_refused(told, words):
    """A line that says what, exit status 1, and no job said to be submitted."""
    status, lines, err = told(*words)
    assert status == 1
    assert not any("has been submitted" in line for line in lines)
    assert err.startswith("condor_qsub: ")


def test_the_current_folder_has_been_removed(told, tmp_path, monkeypatch):
    """One line with the remedy when the folder matters."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in (("-cwd", "-b", "y", "/bin/true"), ()):
        status, lines, err = told(*words)
        assert (status, lines) == (1, [])
        assert err == "condor_qsub: the current folder is not there any more: go to another one\n"
    assert told("-b", "y", "/bin/true")[0] == 0
