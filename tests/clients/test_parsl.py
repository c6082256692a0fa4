"""Parsl's CondorProvider."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_parsl_computes_on_the_blocks_that_it_submits(client: Callable[[str], Client]) -> None:
    """Two blocks by condor_submit compute 20 squares, condor_q tells Parsl that they run, condor_rm with -forcex ends them."""
    facts = client("parsl").program()
    assert facts == {"answers": "20", "blocks": "2", "states": "RUNNING RUNNING", "cancelled": "True True"}
