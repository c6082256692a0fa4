"""The starter: what it leaves to the shell, what it measures. What it does as the launch script does is in test_pilot.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foremen.pilot import launch_script
from foremen.pilot.launch_script import Redirections

# Of characters, and of bytes that are none.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=200) | st.binary(
    max_size=50
).map(lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


@pytest.fixture(scope="session")
def program(starter_program):
    """It, built."""
    return starter_program


def start(program, text, folder, **environment):
    """Its exit status and what it said."""
    env = {"PATH": os.environ["PATH"], launch_script.TEXT: text, **environment}
    done = subprocess.run([program], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(errors="surrogateescape")


def launch(words, ad=""):
    """The launch script for /usr/bin/printf."""
    facts = {"AWQ_CPUS": "1", "AWQ_MEMORY": "2", "AWQ_DISK": "3", "AWQ_JOB_ID": "4.5", "AWQ_JOB_AD": ad}
    return launch_script.assignments(facts) + launch_script.command(
        ["%s\\0", *words], Redirections("", "out", ""), False, "/usr/bin/printf"
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20), TEXTS)
@example(["'", '"', "'\"'\"'", "\n", "set -- x\n", ""], "set -- ./agent.sh\nAWQ_CPUS=7\n")
@example([" " * 50, "\n" * 50, "'" * 50], "'" * 100)
def test_any_words_and_any_ad(tmp_path_factory, program, words, ad):
    """They arrive as they were given, byte for byte, and nothing is left to the shell."""
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    status, said = start(program, launch(words, ad), folder)
    assert status == 0
    assert "\nexit=0\n" in said
    assert "started=1" not in said  # the script says that
    assert (folder / "out").read_bytes() == b"".join(os.fsencode(word) + b"\0" for word in words)
    assert (folder / ".job.ad").read_bytes() == os.fsencode(ad)


@pytest.mark.parametrize("change", [
    lambda text: "AWQ_NEW=1\n" + text,
    lambda text: text.replace("AWQ_CPUS=1", "AWQ_CPUS=$((1))"),
    lambda text: text.replace("AWQ_CPUS=1\n", "AWQ_CPUS=1 \n"),
    lambda text: text.replace("set -- /usr/bin/printf", "set --  /usr/bin/printf"),
    lambda text: text.replace("set -- /usr/bin/printf", "set -- \"/usr/bin/printf\""),
    lambda text: text.replace("set -- /usr/bin/printf", "set -- printf"),
    lambda text: "true\n" + text,
], ids=["fact", "expression", "blank", "gap", "quotes", "name", "command"])  # fmt: skip
def test_what_it_does_not_know_the_shell_does(tmp_path, program, change):
    """A launch script of another form runs all the same."""
    status, said = start(program, change(launch(["a b"])), tmp_path)
    assert (status, (tmp_path / "out").read_bytes()) == (0, b"a b\0")
    assert "started=1\n" in said and "\nexit=0\n" in said


def test_memory_is_told(tmp_path, program):
    """The most that the pilot had at a time, in KiB."""
    _status, said = start(program, launch(["x"]), tmp_path)
    assert 100 < int(said.partition("\nrss=")[2].split()[0]) < 100000


def measured(program, folder, script):
    """`--run` of a script: how it ended, and what it left."""
    env = {"PATH": os.environ["PATH"], "_CONDOR_SCRATCH_DIR": str(folder)}
    done = subprocess.run(
        [program, "--run", "sh", "-c", script, "sh", "a b"], cwd="/", env=env, capture_output=True, check=False
    )
    return done, (folder / ".awq_rss").read_text()


@pytest.mark.parametrize(("script", "status"), [
    ("exit 0", 0), ("exit 77", 77), ("exit 137", 137), ("kill -KILL $$", -signal.SIGKILL), ("kill -TERM $$", -signal.SIGTERM),
    ("kill -SEGV $$", -signal.SIGSEGV), ("trap 'exit 5' TERM; kill -TERM $PPID; kill -TERM $$", 5),
])  # fmt: skip
def test_measured_for_the_script(tmp_path, program, script, status):
    """It ends as the pilot did, is deaf to what is for the pilot, and leaves the memory in a file; the rest is the pilot's."""
    done, rss = measured(program, tmp_path, f'echo "$1"; echo err >&2; {script}')
    assert (done.returncode, done.stdout, done.stderr) == (status, b"a b\n", b"err\n")
    assert 100 < int(rss) < 100000


def test_measured_although_it_cannot_be_started(tmp_path, program):
    """Its errno in a file for the script, and the status that a shell has."""
    env = {"PATH": os.environ["PATH"], "_CONDOR_SCRATCH_DIR": str(tmp_path)}
    done = subprocess.run([program, "--run", "/no/such"], env=env, capture_output=True, check=False)
    assert done.returncode == 126 and (tmp_path / ".awq_unstarted").read_text() == "2\n"


BROKEN = {
    "missing": (None, 0o755, 2), "no interpreter": (b"#! /no/such -x\n", 0o755, 2), "not executable": (b"#!/bin/sh\n", 0o644, 13),
    "damaged": (b"\x7fELF" + bytes(60), 0o755, 8), "no format": (b"exit 0\n", 0o755, 8),
}  # fmt: skip


@pytest.mark.parametrize(("content", "mode", "error"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("way", ["plain", "--run"])
def test_a_program_that_cannot_be_started(tmp_path, program, way, content, mode, error):
    """Is told apart from one that ends with 126 or 127: as the job's, with its errno and its interpreter."""
    path = tmp_path / "program"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    if way == "plain":
        report = launch_script.parse_report(
            start(program, launch(["x"]).replace("/usr/bin/printf", str(path)), tmp_path)[1]
        )
    else:
        env = {"PATH": os.environ["PATH"], "_CONDOR_SCRATCH_DIR": str(tmp_path)}
        assert subprocess.run([program, "--run", str(path)], env=env, check=False).returncode == 126
        said = f"started=1\nawq=1\nhost=h\nexit=126\nunstarted={(tmp_path / '.awq_unstarted').read_text()}\n"
        report = launch_script.parse_report(said)
    assert (report.unstarted, report.complete) == (error, False)
    assert report.interpreter == ("/no/such" if way == "plain" and content and b"/no/such" in content else "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGPIPE, signal.SIGTERM])
def test_the_signal_is_told_to_the_script(tmp_path, program, number):
    """Shells are silent about some: the status alone would be that of an exit."""
    code = f"import os, signal; signal.signal({number.value}, signal.SIG_DFL); os.kill(os.getpid(), {number.value})"
    measured(program, tmp_path, f"exec {sys.executable} -c '{code}'")
    assert (tmp_path / ".awq_signal").read_text().strip() == str(number.value)
    report = launch_script.parse_report(f"started=1\nawq=1\nhost=h\nexit={128 + number}\nsignal={number.value}\n")
    assert (report.exit_code, report.signal) == (None, number)


def test_streams_that_were_closed(tmp_path, program):
    """A worker without stdin: the pilot's streams are what they should be."""
    env = {"PATH": os.environ["PATH"], launch_script.TEXT: launch(["x"]), "AWQ": program}
    done = subprocess.run(["sh", "-c", '"$AWQ" <&- 2>&-'], cwd=tmp_path, env=env, capture_output=True, check=False)
    assert (done.returncode, (tmp_path / "out").read_bytes()) == (0, b"x\0")
    assert b"exit=0\n" in done.stdout


def test_by_hand(program):
    """Started without anything to do it says what it is."""
    done = subprocess.run([program], env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "AWQ_LAUNCH" in done.stderr
