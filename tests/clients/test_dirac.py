"""DIRAC's Condor batch system."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_dirac_runs_and_fetches_pilots(client: Callable[[str], Client]) -> None:
    """Three spooled pilots of one cluster are told done, done and aborted (held by on_exit_hold); outputs are there; one is killed."""
    assert client("dirac").program() == {
        "jobs": "0 1 2",
        "states": "Done Done Aborted",
        "output 0": "abc its id",
        "output 1": "def its id",
        "gateway": "0 waiting, 1 running",
        "killed": "0",
        "then": "Aborted",
    }
