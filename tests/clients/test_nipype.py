"""nipype's Condor plugin."""

from __future__ import annotations

from typing import Callable

from clients import Client
from sites import Site


def test_nipype_runs_a_workflow_by_condor_qsub(at: Site, client: Callable[[str], Client]) -> None:
    """Three nodes, each a script for /bin/sh with options in comments, under the names that nipype gave by -N."""
    nipype = client("nipype")
    nipype.env.update(LOGNAME="awq", NO_ET="1")  # NO_ET: do not ask for a newer release
    assert nipype.program()["total"] == "25"
    assert at.command("condor_history", "-limit", "3", "-af", "ExitCode").stdout.split() == ["0", "0", "0"]
