"""The foremen's self-test, on the installed CCTools and on foremen that lose something."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from test_launch_helpers import CCTOOLS, manager_binary, site  # noqa: F401 fixtures

from foremen.node.probe.protocols import Speech, accepts, misfit, spoken_by
from foremen.node.self_test.run import judge

pytestmark = pytest.mark.engine
LOSING = Path(__file__).parent.parent / "losing_foreman.py"


def losing(folder):
    """A prefix of CCTools whose program is the one of losing_foreman.py."""
    program = folder / "cctools/bin/work_queue_worker"
    program.parent.mkdir(parents=True)
    shutil.copy(LOSING, program)
    return program


def test_foremen_of_the_installed_release(tmp_path):
    """One way to start them is right, and the test says which release it was; nothing of it stays."""
    verdict = judge(f"{CCTOOLS}/bin/work_queue_worker", str(tmp_path))
    assert verdict.mode, verdict.trouble
    assert verdict.release.count(".") == 2
    assert os.listdir(tmp_path) == []


def test_foremen_that_lose_outputs_are_not_used(site, tmp_path):  # noqa: F811
    """start-foremen, count-foremen and status say what failed; after an upgrade to one that is right they start by themselves."""
    program = losing(tmp_path)
    site.environ["CCTOOLS"] = str(program.parents[1])
    site.environ["PROTOCOL"] = str(spoken_by(f"{CCTOOLS}/bin/work_queue_worker", str(tmp_path)).protocol)
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


def test_who_speaks_what(site, tmp_path):  # noqa: F811
    """The installed worker and manager speak with each other, another protocol is found out; who is not there is not judged."""
    speech = spoken_by(f"{CCTOOLS}/bin/work_queue_worker", str(tmp_path))
    address, password = f"127.0.0.1:{site.port}", str(tmp_path / "password")
    assert accepts(address, password, speech) is True
    assert accepts(address, password, Speech(77, "0.0.7")) is False
    assert "does not speak protocol 77" in misfit(address, password, Speech(77, "0.0.7"))
    assert (misfit(address, password, speech), misfit(address, password, None)) == ("", "")
    assert accepts("127.0.0.1:1", password, speech) is None
    (tmp_path / "password").write_text("another")
    assert accepts(address, password, speech) is None
    (tmp_path / "password").write_text("to be seen nowhere")


def test_workers_of_another_protocol_are_refused(site, tmp_path):  # noqa: F811
    """start-workers fails with one line that names both sides, instead of waiting for ever."""
    site.ok("start-foremen")
    site.environ["PROTOCOL"] = "77"
    failed = site.run("start-workers", CCTOOLS=str(losing(tmp_path).parents[1]))
    assert failed.returncode == 1
    assert "2 workers are not let in: 127.0.0.1:" in failed.stderr
    assert "does not speak protocol 77 of this node's work_queue_worker (CCTools 0.0.7)" in failed.stderr
