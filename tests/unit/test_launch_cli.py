"""The command's face: verbs, help, table, and what it says when nothing was started."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from foremen.errors import LaunchError
from foremen.node.drain.files import end_drain
from foremen.node.status_rows import Row
from foremen.node.status_table import duration, status_json, status_table
from foremen.operator.alien_wq_worker import cli

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VERBS = "start-foremen stop-foremen count-foremen start-workers stop-workers count-workers drain undrain status"
ROWS = [
    Row("foremen", 0, 41, ":9080", 1000.0, "connected", 0, ""),
    Row("workers", 11, 0, "head:9080", 0.0, "waiting", 3, "left after 1 s, waits 30 s"),
]


@pytest.fixture
def environ(tmp_path):
    """A user who has started nothing."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": ROOT}


def run(environ, *arguments):
    """Run the command within this process."""
    return CliRunner(env={**dict.fromkeys(os.environ), **environ}).invoke(cli, arguments)


def test_verbs():
    """The older project's verbs, and status."""
    assert sorted(cli.commands) == sorted(VERBS.split())


def test_nothing_started(environ, tmp_path):
    """Counts are 0, stop has nothing to do, and no folder is made."""
    assert run(environ, "count-workers").output == "0\n"
    assert run(environ, "count-foremen").output == "0\n"
    assert run(environ, "stop-workers").output.startswith("no workers of this installation")
    assert run(environ, "status").output == "nothing of this installation runs here\n"
    assert run(environ, "status", "--json").output == "[]\n"
    assert os.listdir(tmp_path) == []


def test_drain_makes_the_file(environ, tmp_path):
    """A folder, as the older project made; twice is fine."""
    for _time in range(2):
        assert "0 foremen and 0 workers" in run(environ, "drain").output
    assert (tmp_path / ".alien_wq_drain").is_dir()


def test_error_is_one_line(environ):
    """No password: exit 1, one line on stderr, with the remedy."""
    command = [sys.executable, "-m", "foremen.operator.alien_wq_worker", "start-workers"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "WQ_PASSWORD_FILE" in done.stderr


def test_help_shows_variables_with_their_values(environ):
    """--help teaches: every WQ_ variable with what it is now."""
    text = run({**environ, "WQ_NUM_FOREMEN": "7"}, "--help").output
    assert "WQ_NUM_FOREMEN=7\n    how many foremen" in text
    assert "WQ_SINGLETASK=0" in text
    assert all(verb in text for verb in VERBS.split())


def test_program_name_is_the_verb(environ, tmp_path):
    """A launcher called count-workers is alien_wq_worker.sh count-workers."""
    launcher = tmp_path / "count-workers"
    launcher.write_text("from foremen.operator.alien_wq_worker import main\nmain()\n")
    done = subprocess.run([sys.executable, str(launcher)], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


def test_supervisor_needs_the_standard_library_only():
    """It lives on execute nodes: no click, no jinja2, nothing of the engine or the master."""
    code = "import sys, foremen.node.supervisor, foremen.node.host.linux; print(*sys.modules)"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": ROOT}, capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert not [name for name in names if name.split(".")[0] in ("click", "jinja2", "classad2", "sqlite3", "shims")]
    assert not [name for name in names if name.startswith(("foremen.engine", "foremen.master"))]


def test_table():
    """Columns wide enough for what is in them."""
    assert status_table(ROWS, 1190.0).splitlines() == [
        "KIND     SLOT  PID  FOREMAN    UP     STATE      RESTARTS  NOTE",
        "foremen  0     41   :9080      3m10s  connected  0",
        "workers  11    -    head:9080  -      waiting    3         left after 1 s, waits 30 s",
    ]
    assert json.loads(status_json(ROWS))[0]["since"] == 1000.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (60, "1m00s"), (3600, "1h00m"), (90000, "1d01h")]
)
def test_duration(seconds, text):
    """Two units at most."""
    assert duration(seconds) == text


def test_end_drain(tmp_path):
    """A file, an empty folder, a link, or nothing; a folder with something in it is not ours to remove."""
    path = tmp_path / "drain"
    end_drain(str(path))
    path.touch()
    end_drain(str(path))
    path.mkdir()
    end_drain(str(path))
    assert not path.exists()
    (path / "data").mkdir(parents=True)
    with pytest.raises(LaunchError, match="cannot remove the drain file"):
        end_drain(str(path))


def test_documented_members():
    """docs/operations.md explains every member of status --json, and no other."""
    with open(f"{ROOT}/docs/operations.md") as file:
        table = file.read().partition("| member | type | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0]
    named = [name.strip(" `") for line in table.splitlines() for name in line.split("|")[1].split(",")]
    assert named == list(json.loads(status_json(ROWS))[0])
