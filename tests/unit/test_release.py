"""One release, in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from foremen.operator import alien_work_queue, alien_wq_worker
from spool.release import RELEASE

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_the_projects() -> None:
    """As pyproject.toml says."""
    assert re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1] == RELEASE  # type: ignore[index]


@pytest.mark.parametrize("module", [alien_work_queue, alien_wq_worker])
def test_commands_tell_it(module) -> None:
    """By --version."""
    done = CliRunner().invoke(module.cli, ["--version"], prog_name="name")
    assert (done.exit_code, done.output) == (0, f"name {RELEASE}\n")
