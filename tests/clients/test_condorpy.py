"""condorpy's Job."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_condorpy_submits_and_removes(client: Callable[[str], Client]) -> None:
    """Two jobs of one cluster seen completed in the history; one is removed while it runs."""
    assert client("condorpy").program() == {
        "status": "Completed 2",
        "outputs": "hello 0 hello 1",
        "slow": "Running",
        "removed": "Removed",
    }
