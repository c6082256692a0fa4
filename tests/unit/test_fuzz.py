"""The fuzzer itself: it runs, counts, and would say what it finds. Long runs are scripts/fuzz's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the script."""
    return subprocess.run(
        [str(ROOT / "scripts/fuzz"), *arguments], capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.slow
def test_a_moment_of_every_target_finds_nothing() -> None:
    """One batch of each: no finding, exit status 0, a line with executions per second for each."""
    done = fuzz("--minutes", "0", "--seed", "1")
    names = fuzz("--list").stdout.split()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == names
    assert all(" executions," in line and " 0 findings" in line for line in done.stdout.splitlines())


def test_an_unknown_target_is_refused() -> None:
    """With the way to the known ones."""
    done = fuzz("--only", "nothing")
    assert done.returncode == 2
    assert "--list" in done.stderr
