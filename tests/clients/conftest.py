"""One site for all clients."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from clients import Client
from sites import Site, install, site

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder drives the real Work Queue by a real client."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.clients)
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def at() -> Iterator[Site]:
    """A master, two foremen and four workers of one core.

    In a folder with a short name, as a site's is: clients make UNIX sockets in the sandbox, whose path has room for 107 characters.
    The workers stay while an environment is made.
    """
    with tempfile.TemporaryDirectory(prefix="awq.") as work, site(install(), Path(work)) as made:
        made.env.update(WQ_NUM_WORKERS="4", WQ_MEMORY="1000", WQ_DISK="2000", WQ_IDLETIMEOUT="3600")
        made.start_master()
        made.start_pool()
        yield made


@pytest.fixture
def client(at: Site, tmp_path: Path) -> Iterator[Callable[[str], Client]]:
    """Gives the client of that name, in its own environment where ``requirements/NAME.txt`` says what it needs."""
    made: list[Client] = []

    def give(name: str) -> Client:
        made.append(Client(at, name, tmp_path))
        if (HERE / f"requirements/{name}.txt").exists():
            made[-1].use_environment()
        return made[-1]

    yield give
    for one in made:
        one.close()
