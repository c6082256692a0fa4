"""RADICAL-SAGA's HTCondor adaptor (its gateway is this node: no ssh)."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_saga_runs_a_bulk_and_cancels_a_job(client: Callable[[str], Client]) -> None:
    """A bulk by condor_submit -verbose, asked for by -autoformat:, in queue and history; a job asked for by -long; condor_rm."""
    facts = client("saga").program()
    assert facts == {"bulk": "Done 0 Failed 3", "output": "hello", "slow": "Running", "cancelled": "Canceled"}
