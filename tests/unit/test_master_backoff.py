"""Crash loops: an engine that cannot be started, or dies at once, is started with growing pauses, whatever comes meanwhile."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mastering import HELLO, Site

from foremen.engine.client import EngineClient, connect
from foremen.engine.errors import EngineError
from foremen.master.loop import Doors, Master, run
from spool.store import published_counts
from spool.store.layout import create_spool
from spool.store.queue_view import open_view


class Starter:
    """Starts engines; while ``broken`` it fails, and counts."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.broken = False
        self.failures = 0

    def __call__(self) -> EngineClient:
        if self.broken:
            self.failures += 1
            raise EngineError("the engine does not start")
        return connect(self.site.spool)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A spool with an engine."""
    made = Site(create_spool(str(tmp_path / "spool")), tmp_path)
    yield made
    made.engine.stop()


@pytest.mark.slow
def test_an_engine_that_does_not_start(site: Site) -> None:
    """Submissions do not hurry the master: about five tries in three seconds, each said; then it goes on with what came."""
    starter = Starter(site)
    master = Master(site.spool, site.settings, Doors(starter, time.time, site.said.append), "tester", "here")
    master.begin()
    starter.broken = True
    site.engine.die()
    deadline = time.monotonic() + 3
    numbers: list[int] = []

    def submit() -> bool:
        numbers.append(site.submit(HELLO))
        return time.monotonic() > deadline

    run(master, submit, site.said.append)
    assert 3 <= starter.failures <= 6
    assert site.said.count("the engine does not start") == starter.failures
    site.new_engine()
    starter.broken = False
    site.master = master
    site.turn_until(lambda: all(site.history(number) for number in numbers), 60)


def test_a_database_that_fails_withdraws_the_counts(site: Site) -> None:
    """Somebody holds its lock: the master says so, withdraws its counts, and publishes again when the lock has gone."""
    other = sqlite3.connect(site.spool.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    site.turn_until(lambda: "database is locked" in site.said)
    with pytest.raises(published_counts.NotVouched):
        open_view(site.spool, 20, time.time())
    assert not Path(site.spool.stat).exists()
    other.execute("ROLLBACK")
    other.close()
    site.turn_until(Path(site.spool.stat).exists)
