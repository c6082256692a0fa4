"""Mixed sizes: real foremen and workers keep their cores busy with pilots of eight cores and of one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from benching import mixed
from sites import ROOT, eventually, install, site

pytestmark = pytest.mark.engine


def test_the_cores_are_busy_with_mixed_sizes(tmp_path: Path) -> None:
    """100 pilots of eight cores and 200 of one on nodes of 16 cores behind two foremen: 95 % of the cores work."""
    prefix, rows = install(), tmp_path / "rows.json"
    python = prefix / "lib/venv/bin/python"
    done = subprocess.run(
        [python, "-E", "-s", ROOT / "scripts/bench.py", prefix, "no-manager", "--only", "mixed", "--quick", "--json", rows],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(rows.read_text())["rows"]
    assert 0.95 <= row["value"] <= 1.0, row


def test_pilots_that_fit_nowhere_do_not_keep_others_out(tmp_path: Path) -> None:
    """300 pilots of eight cores and 300 of a terabyte wait for two workers of one core; the small pilot behind them runs."""
    with site(install(), tmp_path) as head:
        head.start_master()
        head.start_pool()
        for wish in ("request_cpus = 8", "request_memory = 1T"):
            head.command("condor_submit", text=f"executable = /bin/true\n{wish}\nqueue 300\n")
        small = head.submit("#!/bin/sh\nexit 3\n")
        eventually(lambda: head.done(small), 90, "the small pilot")
        assert head.af("condor_history", small, "ExitCode") == "3"
        assert (
            head.command("condor_q", "-totals")
            .stdout.splitlines()[-1]
            .startswith("Total for all users: 600 jobs; 0 completed, 0 removed, 600 idle")
        )


def test_jobs_that_no_worker_can_run_wait_with_their_reason(tmp_path: Path) -> None:
    """Requirements that rule the workers out keep jobs back and nobody else; condor_q says why; edited they run."""
    with site(install(), tmp_path) as head:
        head.start_master()
        head.start_pool()
        wish = 'executable = /bin/true\ntransfer_executable = false\nrequirements = TARGET.OpSys == "WINDOWS"\nqueue 3000\n'
        head.command("condor_submit", text=wish)
        behind = head.submit("#!/bin/sh\nexit 3\n")
        eventually(lambda: head.done(behind), 60, "the job behind them")
        waiting = head.command("condor_q", "-totals").stdout
        assert "Total for all users: 3000 jobs; 0 completed, 0 removed, 3000 idle" in waiting
        first = int(behind) - 1
        reason = 'Its Requirements want TARGET.OpSys == "WINDOWS", which no worker here satisfies'
        assert reason in head.command("condor_q", "-better-analyze", f"{first}.0").stdout
        head.command("condor_qedit", f"{first}.7", "Requirements", "true")
        eventually(lambda: head.command("condor_history", f"{first}.7", "-af", "ExitCode").stdout == "0\n", 60, "7")


def test_the_share_is_the_mean_of_busy_cores_over_the_time() -> None:
    """What began before counts from the beginning, what ends later to the end; a pilot in the middle for its life."""
    events = [(0.0, 8), (25.0, 1), (15.0, 4), (20.0, -4), (40.0, -8)]
    assert mixed.share(events, (10.0, 30.0)) == (8 * 20 + 4 * 5 + 1 * 5) / 20
