"""The smaller commands against what a real HTCondor said (tests/golden/commands)."""

from __future__ import annotations

import importlib
import os
import runpy
import shlex
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
_FOUND = runpy.run_path(str(ROOT / "tests/golden/commands/cases.py"))
from case import load  # noqa: E402

RECORDED = load("commands")


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    """Dates are those of the recording."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.slow
@pytest.mark.parametrize("case", _FOUND["CASES"], ids=[case.command for case in _FOUND["CASES"]])
def test_as_htcondor(case, tmp_path, monkeypatch, capfd):
    """Text, errors and exit status are those of 23.9.6."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "spool"))
    for name in [name for name in os.environ if name.lower().startswith("_condor_")]:
        monkeypatch.delenv(name)
    for name, content in case.files.items():
        Path(name).write_text(content)
    words = shlex.split(case.command)
    status = importlib.import_module(f"shims.commands.condor.{words[0]}").main(words[1:])
    told = capfd.readouterr()
    recorded = RECORDED[case.name]
    errors = [line for line in recorded["stderr"] if "init_local_hostname" not in line]
    out = "\n".join(recorded["stdout"])
    if case.differs:
        assert told.out.partition("Total Owner")[0] == out.partition("Total Owner")[0]
    else:
        assert told.out == out
    assert (status, told.err) == (recorded["status"], "\n".join(errors))
