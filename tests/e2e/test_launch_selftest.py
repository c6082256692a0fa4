"""The foremen's self-test, on the installed CCTools and on foremen that lose something."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from test_launch_helpers import CCTOOLS, manager_binary, site  # noqa: F401 fixtures

from foremen.launch.selftest import judge

pytestmark = pytest.mark.engine
LOSING = Path(__file__).parent.parent / "losing_foreman.py"


def test_foremen_of_the_installed_release(tmp_path):
    """One way to start them is right, and the test says which release it was; nothing of it stays."""
    verdict = judge(f"{CCTOOLS}/bin/work_queue_worker", str(tmp_path))
    assert verdict.mode, verdict.trouble
    assert verdict.release.count(".") == 2
    assert os.listdir(tmp_path) == []


def test_foremen_that_lose_outputs_are_not_used(site, tmp_path):  # noqa: F811
    """start-foremen, count-foremen and status say what failed; after an upgrade to one that is right they start by themselves."""
    prefix = tmp_path / "cctools/bin"
    prefix.mkdir(parents=True)
    program = prefix / "work_queue_worker"
    shutil.copy(LOSING, program)
    site.environ["CCTOOLS"] = str(prefix.parent)
    failed = site.run("start-foremen", LOSES="folder")
    assert failed.returncode == 1
    assert "0 of 2 foremen run; the others do not" in failed.stderr
    assert "the foreman lost the task's output folder" in failed.stderr
    counted = site.run("count-foremen")
    assert (counted.stdout, counted.stderr.count("lost the task's output folder")) == ("0\n", 2)
    assert {row["pid"] for row in site.rows("foremen")} == {0}
    assert all("lost the task's output folder" in row["note"] for row in site.rows("foremen"))
    program.unlink()
    program.symlink_to(f"{CCTOOLS}/bin/work_queue_worker")
    site.ok("start-foremen")
    assert site.count("foremen") == 2
    assert site.run("count-foremen").stderr == ""
