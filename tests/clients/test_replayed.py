"""Clients that cannot be installed here: their command sequences, replayed on a site whose nodes see the users' folders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import Client
from replaying import Replay, play
from replays_grid import ALIEN, GRID, ODD
from replays_users import USERS
from sites import Site, install, site

REPLAYS = (*ALIEN, ODD, *GRID, *USERS)


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    """A master with AWQ_SHARED_FILESYSTEM=1, two foremen, four workers of one core."""
    with tempfile.TemporaryDirectory(prefix="awq.") as work, site(install(), Path(work)) as made:
        made.env.update(
            WQ_NUM_WORKERS="4", WQ_MEMORY="1100", WQ_DISK="2000", WQ_IDLETIMEOUT="600", AWQ_SHARED_FILESYSTEM="1"
        )
        made.start_master()
        made.start_pool()
        yield made


@pytest.mark.parametrize("replay", REPLAYS, ids=lambda replay: replay.name)
def test_replay(shared: Site, tmp_path: Path, replay: Replay) -> None:
    """Every step of the client is answered as it needs it."""
    client = Client(shared, replay.name, tmp_path)
    (tmp_path / "said").touch()
    try:
        play(client, replay)
    finally:
        client.close()
