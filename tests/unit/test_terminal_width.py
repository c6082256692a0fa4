"""Tables on terminals: cut as HTCondor cuts them, by the size of the terminal that stdout is, whatever COLUMNS says."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOB = 'ClusterId = 5\nProcId = 0\nJobStatus = 1\nOwner = "x"\nQDate = 1795179749\nJobPrio = 0\nImageSize = 45\nCmd = "/bin/{}"\n'.format(
    "y" * 90
)
SLOT = (
    'Name = "slot1@a"\nMachine = "a"\nOpSys = "LINUX"\nArch = "X86_64"\nState = "Unclaimed"\nActivity = "Idle"\n'
    "CondorLoadAvg = 0.0\nMemory = 100\nEnteredCurrentActivity = 5\nMyCurrentTime = 9\n"
)


def row(command: str, *argv: str, columns: int | None) -> str:
    """The row of the job or the slot that a command prints on a terminal of so many columns; None: into a pipe."""
    program = f"import sys\nfrom shims.commands.condor import {command}\nsys.exit({command}.main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, *argv]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "33"}
    if columns is None:
        done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        return _row(done.stdout)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=theirs) as running:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # how Linux says that nobody holds the other side any more
            pass
        assert running.wait() == 0
    os.close(ours)
    return _row(text.decode().replace("\r", ""))


def _row(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(("   5.0", "slot1@a")))


@pytest.fixture
def ads(tmp_path):
    """Files of ads: a job with a long command, a slot."""
    (tmp_path / "jobs").write_text(JOB)
    (tmp_path / "slots").write_text(SLOT)
    return tmp_path


WHOLE = 61 + 90
"""Columns of the job's whole row."""


@pytest.mark.parametrize(
    ("columns", "options", "expected"),
    [
        (60, [], 59),
        (130, [], 129),
        (0, [], 79),
        (None, [], WHOLE),
        (60, ["-wide"], WHOLE),
        (60, ["-wide:70"], 69),
        (None, ["-wide:70"], 69),
    ],
)
def test_jobs_on_a_terminal(ads, columns, options, expected):
    """One column less than the terminal has; 80 when it does not say; all of it in a pipe, and with -wide."""
    assert len(row("condor_q", "-jobads", str(ads / "jobs"), "-nobatch", *options, columns=columns)) == expected


@pytest.mark.parametrize(("columns", "length", "name"), [(60, 59, 18), (80, 79, 18), (90, 73, 12), (None, 79, 18)])
def test_slots_on_a_terminal(ads, columns, length, name):
    """The rows are cut; on a terminal with room the names take what they need."""
    found = row("condor_status", "-ads", str(ads / "slots"), columns=columns)
    assert (len(found), found.index("LINUX")) == (length, name + 1)
