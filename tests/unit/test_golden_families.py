"""The submit language against what a real HTCondor made of some hundred descriptions (tests/golden/families)."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_golden_submit import FOLDER, comparable

from shims.commands.condor.condor_submit import main

ROOT = Path(__file__).resolve().parents[2]
_FOUND = runpy.run_path(str(ROOT / "tests/golden/families/cases.py"))
sys.path.insert(0, str(ROOT / "tests/golden"))
from case import load  # noqa: E402

RECORDED = load("families")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files that descriptions name."""
    folder = tmp_path_factory.mktemp("work")
    prepare = _FOUND["PREPARE"].partition("condor_submit")[0]
    subprocess.run(["bash", "-c", prepare], cwd=folder, check=True)
    return folder


@pytest.fixture
def told(work, monkeypatch, capfd):
    """Runs condor_submit in that folder: its exit status, and what it says."""
    monkeypatch.chdir(work)
    monkeypatch.setenv("GOLDEN", "value")
    for name in ("BEARER_TOKEN_FILE", "X509_USER_PROXY"):
        monkeypatch.delenv(name, raising=False)
    os.environ.pop("GOLDEN_NONE", None)

    def run(text: str) -> tuple[int, list[str], list[str]]:
        (work / "a.sub").write_text(text)
        status = main(["-dry-run", "-", "a.sub"])
        said = capfd.readouterr()
        return status, said.out.split("\n"), said.err.split("\n")

    return run


def _changes(plain: list[str], got: list[str], folder: str) -> Counter[str]:
    """What a description makes other than the plain one."""
    return _signed(*[Counter(filter(_counts, comparable(lines, folder))) for lines in (plain, got)])


def _recorded(lines: list[str]) -> Counter[str]:
    """The lines of ``diff``, without those that only have another place."""
    found = [[line[2:] for line in lines if line[:1] == sign] for sign in "<>"]
    return _signed(*[Counter(filter(_counts, comparable(each, FOLDER))) for each in found])


def _counts(line: str) -> bool:
    return bool(line) and not line.startswith("JobSubmitFile=")


def _signed(before: Counter[str], after: Counter[str]) -> Counter[str]:
    gone, new = before - after, after - before
    return Counter({f"< {line}": n for line, n in gone.items()}) + Counter({f"> {line}": n for line, n in new.items()})


@pytest.mark.parametrize(
    "case", _FOUND["CASES"], ids=[f"{case.name}-{case.files['a.sub']!r:.60}" for case in _FOUND["CASES"]]
)
def test_as_htcondor(case, told, work):
    """Attributes, refusals, warnings and exit status are those of 23.9.6, but for what belongs to the machine."""
    recorded = RECORDED[case.name]
    _, plain, _ = told(_FOUND["PLAIN"])
    status, out, err = told(case.files["a.sub"])
    assert _changes(plain, out, str(work)) == _recorded(recorded["stdout"]), (
        "record anew with: scripts/record-golden families"
    )
    assert comparable(err, str(work)) == comparable(recorded["stderr"], FOLDER)
    assert status == recorded["status"]
