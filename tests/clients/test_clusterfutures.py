"""clusterfutures' CondorExecutor."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_clusterfutures_computes_and_waits(client: Callable[[str], Client]) -> None:
    """Three calls as jobs by condor_submit -v on stdin, seen to end in the event log; a fourth job is waited for by condor_wait."""
    assert client("clusterfutures").program() == {"squares": "0 1 4", "output": "hey"}
