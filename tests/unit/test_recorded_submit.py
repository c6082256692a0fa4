"""Submit descriptions as people write them, and what HTCondor 23.9.6 made of each by ``condor_submit -dry-run -``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shims.commands.condor import condor_submit
from spool.store.layout import create_spool

Run = Callable[..., tuple[int, list[str], str]]
PROXY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Exit status, lines of stdout and stderr of a dry run, in a folder with a file of items and a proxy."""
    create_spool(str(tmp_path / "spool"))
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "spool"))
    monkeypatch.setenv("FOO1", "1")
    monkeypatch.setenv("FOOX", "2")
    monkeypatch.chdir(tmp_path)
    Path("items").write_text("a\n# b\n\n  # c\nd # e\n")
    Path("proxy").write_text(PROXY)
    Path("junk").write_text("junk\n")

    def dry_run(text: str, *more: str) -> tuple[int, list[str], str]:
        Path("job.sub").write_text(f"executable = /bin/echo\n{text}")
        status = condor_submit.main(["-dry-run", "-", "job.sub", *more])
        said = capfd.readouterr()
        return status, said.out.splitlines(), said.err

    return dry_run


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("Cluster=96\nProcess=5\nStep=91\narguments=$(Step) $(Row) $(Cluster) $(process) $(ClusterId)\nqueue 2",
         ["91 0 1 0 1", "91 0 1 1 1"]),
        ("arguments=[$(x)]\nqueue x from items\n", ["[a]", "[# b]", "[]", "[# c]", "[d # e]"]),
        ("arguments=[$(x)]\nqueue x from (\na\n# b\nc\n)\n", ["[a]", "[c]"]),
        ("arguments=[$(x)]\nqueue x in (\na\n# b\nc\n)\n", ["[a]", "[c]"]),
        ("arg=z\nx=file\ny=file\narguments=$(arg) x=$(x) y=$(y)\nqueue arg,x,y from (\np1\np2 a\np3 a b c\n)\n",
         ["p1 x= y=", "p2 x=a y=", "p3 x=a y=b c"]),
        ("x=f\ny=g\narguments=[$(arg)] [$(x)] [$(y)]\nqueue arg,x,y from (\np2 a b\np1\n\np3 c\n)\n"
         "queue arg,x,y from (\nq1\nq2 d\n)\n",
         ["[p2] [a] [b]", "[p1] [a] [b]", "[] [a] [b]", "[p3] [c] [b]", "[q1] [] []", "[q2] [d] []"]),
    ],
)  # fmt: skip
def test_jobs_of_a_queue_statement(run: Run, text: str, arguments: list[str]) -> None:
    """Automatic names cannot be assigned; a ``#`` in a file is no comment; a short row keeps what was in the row before."""
    status, lines, _err = run(text)
    assert (status, [line[6:-1] for line in lines if line.startswith("Args=")]) == (0, arguments)


def test_automatic_names_on_the_command_line(run: Run) -> None:
    """They win there too."""
    _status, lines, _err = run("arguments=$(Process)\nqueue 2\n", "Process=7", "Cluster=9")
    assert [line for line in lines if line.startswith("Args=")] == ['Args="0"', 'Args="1"']


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("", ["-append", "queue 2"], "2 job(s) dry-run to cluster 1."),
        ("", ["-a", "arguments = x", "-a", "queue"], "1 job(s) dry-run to cluster 1."),
        ("", ["-a", "queue y in (a b)"], "2 job(s) dry-run to cluster 1."),
        ("", ["-queue", "x from -"], "2 job(s) dry-run to cluster 1."),
    ],
)  # fmt: skip
def test_queue_statements_of_the_command_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, more: list[str], said: str
) -> None:
    """By -append as by -queue; items from the standard input."""
    (tmp_path / "stdin").write_text("s 1\ns 2\n")
    kept = os.dup(0)
    with (tmp_path / "stdin").open("rb") as file:
        os.dup2(file.fileno(), 0)
        try:
            status, lines, _err = run(text, *more)
        finally:
            os.dup2(kept, 0)
            os.close(kept)
    assert (status, lines[-1]) == (0, said)


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("queue\n", ["-append", "queue 2"],
         "\nERROR: on Line 2 of submit file: -queue argument conflicts with queue statement in submit file\n\n"
         "ERROR: Failed to parse command file (line 2).\n"),
        ("max_idle=3\nqueue 2\nqueue 1\n", [],
         "\nERROR: on Line 4 of submit file: Extra data found after queue statement\n\nERROR: Failed to parse command file (line 4).\n"),
        ("materialize_max_idle=x\nqueue\n", [], "ERROR: materialize_max_idle=x is invalid, must eval to an integer.\n"),
        ("x509userproxy=none\nqueue\n", [], "ERROR: unable to read proxy file\n"),
        ("x509userproxy=junk\nqueue\n", [], "ERROR: unable to read proxy file\n"),
        ("x509userproxy=/tmp\nqueue\n", [], "ERROR: unable to read proxy file\n"),
        ("container_image=instance://x\nqueue\n", [], "ERROR: 'instance://x' is not a valid container image\n"),
    ],
)  # fmt: skip
def test_refused(run: Run, text: str, more: list[str], said: str) -> None:
    """With HTCondor's words."""
    status, _lines, err = run(text, *more)
    assert (status, err.lstrip("\n")) == (1, said.lstrip("\n"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("env = A=1|B=2;C=3\nqueue\n", ['Env="A=1|B=2;C=3"', 'EnvDelim=";"']),
        ("environment = A=1|B=2\nqueue\n", ['Environment="A=1|B=2"']),
        ("getenv = FOO*, !*X\nqueue\n", ['Environment="FOO1=1"']),
        ("materialize_max_idle=3\nqueue\n", ["JobMaterializeMaxIdle=3"]),
        ("remote_initialdir=/tmp/rr\nqueue\n", ['RemoteIwd="/tmp/rr"']),
        ("arguments = $Fn(.hidden) $Fx(.hidden) $Fnx(a/.b.c) $Fn(.a.b)\nqueue\n", ['Args=".hidden .b.c .a"']),
        ("request_gpus=1\nrequire_gpus = A || B\ngpus_minimum_memory=10G\nqueue\n",
         ["RequireGPUs=(A || B) && GlobalMemoryMb >= GPUsMinMemory"]),
        ("+BIG = 9223372036854775807\n+NEG = -9223372036854775807\nqueue\n", ["BIG=9223372036854775807", "NEG=-9223372036854775807"]),
        ("arguments=$$(CondorScratchDir)/x\nqueue\n", ['Args="$$(CondorScratchDir)/x"']),
    ],
)  # fmt: skip
def test_attributes(run: Run, text: str, wanted: list[str]) -> None:
    """Of the ad that is made."""
    status, lines, err = run(text)
    assert status == 0, err
    assert set(wanted) <= set(lines)


def test_the_ads_of_a_dry_run_are_read(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """``Attr=value`` without blanks, as -dry-run writes it, by condor_q -jobads; the sums of jobs and states are those of the file."""
    from shims.commands.condor import condor_history, condor_q

    assert run("+BIG = 9223372036854775807\nqueue\n", "-terse")[0] == 0
    condor_submit.main(["-dry-run", "out.ads", "job.sub"])
    capfd.readouterr()
    text = "\n".join(line for line in (tmp_path / "out.ads").read_text().splitlines() if "=" in line)
    (tmp_path / "one.ads").write_text(text + "\nProcId=0\n")
    (tmp_path / "history").write_text(text + "\nProcId=0\n*** Offset = 0\n")
    for main, words in ((condor_q.main, ["-jobads", "one.ads"]), (condor_history.main, ["-file", "history"])):
        assert main([*words, "-af", "ClusterId", "ProcId", "BIG", "Cmd"]) == 0
        assert capfd.readouterr().out == "1 0 9223372036854775807 /bin/echo\n"


def test_small_words_of_other_commands(run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder as a log has no jobs; a file of edits that is not there."""
    from shims.commands.condor import condor_qedit, condor_wait

    assert condor_wait.main([str(tmp_path)]) == 0
    assert condor_qedit.main(["1.0", "-edits", "none"]) == 1
    assert capfd.readouterr() == ("All jobs done.\n", "Can't open file of edits: none\n")
