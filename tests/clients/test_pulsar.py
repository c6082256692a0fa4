"""Pulsar's queued_condor, which reads the job event log as Galaxy's condor runner does."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_pulsar_follows_jobs_by_their_event_logs(client: Callable[[str], Client]) -> None:
    """Three jobs: their states from events 001, 005 and 009, their return codes and streams; one is removed by condor_rm."""
    assert client("pulsar").program() == {
        "good": "complete 0",
        "bad": "complete 3",
        "stdout": "hello from its folder",
        "stderr": "moan",
        "slow": "running",
        "killed": "complete",
    }
