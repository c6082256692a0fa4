"""The master when the time of day steps: what waits goes by a clock that does not, what others read goes by the new time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mastering import HELLO, SLEEP, Site

from foremen.engine.client import connect
from foremen.master.loop import Doors, Master
from spool.job import RUNNING
from spool.store import published_counts
from spool.store.layout import create_spool

HOUR = 3600.0


class Stepping:
    """A time of day that the test sets back and forth."""

    def __init__(self) -> None:
        self.step = 0.0

    def __call__(self) -> float:
        return time.time() + self.step


@pytest.fixture
def clock() -> Stepping:
    """The master's time of day."""
    return Stepping()


@pytest.fixture
def site(tmp_path: Path, clock: Stepping) -> Iterator[Site]:
    """A master with that clock."""
    made = Site(create_spool(str(tmp_path / "spool")), tmp_path)
    doors = Doors(lambda: connect(made.spool), clock, made.said.append)
    made.master = Master(made.spool, made.settings, doors, "tester", "here")
    made.master.begin()
    yield made
    made.engine.stop()


def published(site: Site) -> int:
    """The time in the published counts."""
    return published_counts.published(site.spool).timestamp


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_publishing_goes_on_with_the_new_time(site: Site, clock: Stepping, step: float) -> None:
    """An hour back or forth: within two seconds the counts carry the new time, and are believed."""
    clock.step = step
    site.turn_until(lambda: abs(published(site) - clock()) < 2, 3)
    first = published(site)
    site.turn_until(lambda: published(site) > first, 3)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_pilots_go_on(site: Site, clock: Stepping, step: float) -> None:
    """What ran ends, what is submitted then runs; each once, nothing is lost."""
    before = site.submit(b"#!/bin/sh\necho started >> $OUT\nwhile [ ! -e $OUT.go ]; do sleep 0.05; done\n")
    site.turn_until(lambda: site.status(before) == RUNNING and site.starts(before) == 1)
    clock.step = step
    after = site.submit(HELLO)
    site.turn_until(lambda: site.history(after))
    (site.work / f"{before}.starts.go").touch()
    site.turn_until(lambda: site.history(before))
    assert site.starts(before) == 1
    (ad,) = site.history(before)
    assert ad["NumJobStarts"] == "1"
    assert float(ad.get("RemoteWallClockTime", "0")) >= 0


def test_removals_go_on(site: Site, clock: Stepping) -> None:
    """A pilot that runs is removed while the clock is an hour back."""
    number = site.submit(SLEEP)
    site.turn_until(lambda: site.status(number) == RUNNING)
    clock.step = -HOUR
    site.act("remove", (number, 0))
    site.turn_until(lambda: site.history(number))


def test_the_pause_between_commits_does_not_grow(site: Site, clock: Stepping) -> None:
    """After a step back a turn does not wait for the old time to come again."""
    number = site.submit(HELLO)
    site.turn_until(lambda: site.history(number))
    clock.step = -HOUR
    begun = time.monotonic()
    site.master.more = True
    site.master.wait(0.0)
    assert time.monotonic() - begun < 1
