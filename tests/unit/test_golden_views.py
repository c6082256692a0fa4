"""Print-format files, job event logs and the analysis of matches against what a real HTCondor said (tests/golden/views)."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from shims.cli import stdio
from shims.commands.condor import condor_history, condor_q, condor_status

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
CASES = runpy.run_path(str(ROOT / "tests/golden/views/cases.py"))["CASES"]
from case import load  # noqa: E402

RECORDED = load("views")
USER = "u1"
"""Who asked HTCondor."""


def _condor_q(argv: list[str]) -> int:
    """condor_q as that user."""

    def asked(words: Sequence[str]) -> int:
        question = condor_q.ask(words, USER)
        return stdio.show(condor_q.reply(question, condor_q.source_of(question, USER)))

    return stdio.run(asked, "condor_q", argv)


COMMANDS = {"condor_q": _condor_q, "condor_history": condor_history.main, "condor_status": condor_status.main}


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """A case run here, in a folder with its files: exit status, stdout, stderr."""

    def ran(case) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        for name, content in case.files.items():
            Path(name).write_text(content)
        words = shlex.split(case.command)
        status = COMMANDS[words[0]](words[1:])
        told = capfd.readouterr()
        return status, told.out, told.err

    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield ran
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    time.tzset()


def _comparable(text: str) -> str:
    """Without the source's time, without the totals of users (HTCondor has none for files)."""
    text = re.sub(r"^(-- .*) @ .*", r"\1", text, flags=re.M)
    text = re.sub(r"^Total for (?!query).*\n", "", text, flags=re.M)
    text = re.sub(r"^(Total for query: .*?) +$", r"\1", text, flags=re.M)
    return re.sub(r"( suspended)\n+\Z", r"\1\n", text)


SAME = [case for case in CASES if not case.differs]
BETTER = [case for case in CASES if case.differs]


@pytest.mark.parametrize("case", SAME, ids=[f"{case.name} {case.command[7:60]}" for case in SAME])
def test_views_as_htcondor(case, run):
    """Text, errors and exit status are those of 23.9.6."""
    status, out, err = run(case)
    recorded = RECORDED[case.name]
    assert _comparable(out) == _comparable("\n".join(recorded["stdout"]))
    assert (status, sorted(err.split("\n"))) == (recorded["status"], sorted(recorded["stderr"]))


@pytest.mark.parametrize("case", BETTER, ids=[f"{case.name} {case.command[7:60]}" for case in BETTER])
def test_views_where_htcondor_fails(case, run):
    """What HTCondor crashes on, or answers otherwise than asked, is refused in one line or answered."""
    status, out, err = run(case)
    if status == 0:
        assert out
        assert not err
    else:
        assert not out
        assert err.strip()
