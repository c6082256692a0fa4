"""The statistics log: what a line says, when it comes, and what a bad disk does to it."""

from __future__ import annotations

import os
import stat
from collections import Counter
from pathlib import Path

import pytest
from mastering import HELLO, Site

from foremen.engine.protocol import Pool
from foremen.master.statistics import KEPT, NEW, Statistics, line
from spool.job import COMPLETED, HELD, IDLE, RUNNING
from spool.store.layout import Spool, create_spool

POOL = Pool(workers=4, cores=200, cores_used=150, memory=1, disk=1, waiting=3, running=150, at=0.0, links=2)


def facts(text: str) -> dict[str, str]:
    """A line's values by their names."""
    return dict(word.split("=") for word in text.split())


def lines(spool: Spool) -> list[dict[str, str]]:
    """What is in the log."""
    with open(spool.statistics, encoding="ascii") as file:
        return [facts(text) for text in file.read().splitlines()]


def test_a_line_says_time_states_what_happened_and_the_pool() -> None:
    """Names and order are documented; states that nobody is in are 0."""
    text = line(1760000000.9, 60.04, {IDLE: 12, RUNNING: 8, HELD: 1}, {NEW: 40, RUNNING: 38, COMPLETED: 35}, POOL)
    assert text == (
        "time=1760000000 seconds=60.0 waiting=12 running=8 held=1 completed=0 removed=0 suspended=0"
        " new=40 starts=38 ends=35 removals=0 holds=0 workers=4 links=2 cores=200 cores_used=150\n"
    )


def test_one_line_an_interval_with_what_happened_in_it(spool: Spool) -> None:
    """The first look begins the first interval; what happened is counted once, and a clock that steps back does not matter."""
    log, happened = Statistics(spool, 60, print), Counter({NEW: 2})
    for now, ticks in ((1000.0, 5.0), (1059.0, 64.0)):
        log.note((now, ticks), {IDLE: 2}, happened, POOL)
    assert not os.path.exists(spool.statistics)
    log.note((1060.0, 65.5), {IDLE: 2}, happened, POOL)
    log.note((400.0, 125.4), {IDLE: 2}, happened, POOL)
    log.note((401.0, 125.6), {IDLE: 2}, happened, POOL)
    assert [(row["time"], row["seconds"], row["new"]) for row in lines(spool)] == [
        ("1060", "60.5", "2"), ("401", "60.1", "0"),
    ]  # fmt: skip
    assert stat.S_IMODE(os.stat(spool.statistics).st_mode) == 0o600


def test_no_interval_no_log(spool: Spool) -> None:
    """AWQ_STATISTICS=0 switches it off."""
    log = Statistics(spool, 0, print)
    for ticks in (0.0, 1e6):
        log.note((ticks, ticks), {}, Counter(), POOL)
    assert not os.path.exists(spool.statistics)


def test_a_long_log_is_put_aside_and_the_oldest_goes(spool: Spool) -> None:
    """Renamed with the time, so many are kept; the next line begins a new one."""
    older = [f"{spool.statistics}.2020010{day}T000000" for day in range(1, KEPT + 2)]
    for path in older:
        Path(path).touch()
    log = Statistics(spool, 1, print, longest=300)
    for ticks in range(4):
        log.note((ticks, ticks), {}, Counter(), POOL)
    assert len(lines(spool)) == 1
    found = sorted(name for name in os.listdir(spool.root) if name.startswith("statistics."))
    assert len(found) == KEPT
    assert os.path.basename(older[0]) not in found


def test_a_full_disk_costs_lines_never_the_master(small_disk: Path) -> None:
    """It is said once; there are whole lines only; with room again it goes on."""
    spool = create_spool(str(small_disk / "spool"))
    said: list[str] = []
    log = Statistics(spool, 1, said.append)
    for ticks in range(3):
        log.note((ticks, ticks), {}, Counter(), POOL)
    with pytest.raises(OSError, match="No space"), (small_disk / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    for ticks in range(3, 60):
        log.note((ticks, ticks), {}, Counter(), POOL)
    assert [text.split(" the statistics log ")[0] for text in said] == ["cannot write"]
    before = len(lines(spool))
    assert all(len(row) == len(facts(line(0, 0, {}, {}, POOL))) for row in lines(spool))
    (small_disk / "filling").unlink()
    log.note((60, 60), {}, Counter(), POOL)
    assert len(lines(spool)) == before + 1


def test_a_link_in_its_place_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    """Nothing is written elsewhere, and the operator is told."""
    os.symlink(tmp_path / "elsewhere", spool.statistics)
    said: list[str] = []
    log = Statistics(spool, 1, said.append)
    for ticks in range(3):
        log.note((ticks, ticks), {}, Counter(), POOL)
    assert len(said) == 1
    assert not (tmp_path / "elsewhere").exists()


def test_the_master_counts_what_its_jobs_do(spool: Spool, tmp_path: Path) -> None:
    """Three pilots: three came, started and ended, one was held; each is counted in one line only."""
    site = Site(spool, tmp_path, statistics=1)
    try:
        number = site.submit(HELLO, count=3)
        site.act("hold", (site.submit(HELLO, Requirements="false", JobStatus="5"), 0))
        site.turn_until(lambda: len(site.history(number)) == 3)
        site.turn_until(lambda: os.path.exists(spool.statistics) and sum(int(row["ends"]) for row in lines(spool)) == 3)
    finally:
        site.engine.stop()
    total = {name: sum(int(row[name]) for row in lines(spool)) for name in ("new", "starts", "ends", "removals")}
    assert total == {"new": 4, "starts": 3, "ends": 3, "removals": 0}
    assert lines(spool)[-1]["held"] == "1"
