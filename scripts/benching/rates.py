"""Rows about tasks a second: against the bare manager, with a deep queue, with few large or many small workers."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benching import bare, load
from benching.bench import Bench
from benching.rig import BenchError, Rig, Shape, Site, cpu, memory, say, share_of_memory
from benching.table import Aim, Row, alone, compared
from spool.store import published_counts

_FOREMEN = Shape(2, 4, 50)
_DIRECT = Shape(0, 4, 50)
_SMALL = Shape(2, 200, 1)
_SETTLED = 2.0  # s after which a master that was told everything holds what it keeps
_LEFT = 0.1  # of the tasks are left out at both ends, where the pool fills and empties


class Rate(NamedTuple):
    """Tasks a second, and seconds of CPU of master and engine for each."""

    rate: float
    master: float
    engine: float


def tasks(bench: Bench) -> Iterator[Row]:
    """AliEn-like tasks a second and CPU of a job against a bare C manager on the same library, in turn."""
    for shape in (_FOREMEN, _DIRECT):
        ours: list[Rate] = []
        theirs: list[bare.Rate] = []
        for turn in range(bench.scale.turns):
            say(f"tasks a second, {shape}: turn {turn + 1} of {bench.scale.turns}")
            theirs.append(bare.rate(bench.rig, shape, bench.scale.tasks))
            ours.append(site_rate(bench, shape))
        row = alone("tasks", f"AliEn-like tasks/s, {shape}", "/s", [one.rate for one in ours])
        yield compared(row, "bare C manager", [one.rate for one in theirs], Aim(0.9, most=False))
        small = "foremen" if shape.foremen else "direct"
        used = [one.cpu for one in theirs]
        yield compared(
            alone("tasks", f"CPU of a job in the engine, {small}", "us", [one.engine for one in ours]),
            "bare C manager",
            used,
        )
        yield alone("tasks", f"CPU of a job in the master, {small}", "us", [one.master for one in ours])


def site_rate(bench: Bench, shape: Shape) -> Rate:
    """Tasks a second of the whole toolkit, which finds all of them as task files."""
    rig, jobs = bench.rig, bench.scale.tasks
    with rig.site() as site:
        rig.pool(site.port, site.password, shape)
        site.has_cores(shape.total)
        return site_rate_of(rig, site, jobs)


def site_rate_of(rig: Rig, site: Site, jobs: int) -> Rate:
    """The same of a site whose pool is there."""
    Path(site.spool.drain).touch()
    load.pilots(rig, site.spool, jobs)
    master, engine, began = cpu(site.master), cpu(site.engine), time.time()
    os.unlink(site.spool.drain)
    site.spool.wake_master()
    site.empty()
    used = (cpu(site.master) - master) / jobs, (cpu(site.engine) - engine) / jobs
    return Rate(_rate(rig, jobs, began), *used)


def _rate(rig: Rig, jobs: int, since: float) -> float:
    """From the first end to the last, as the bare manager counts: an end is when the log has come back."""
    ends = sorted([end for log in rig.folder("logs").iterdir() if (end := log.stat().st_mtime) >= since])
    if len(ends) != jobs:
        raise BenchError(f"of {jobs} pilots {len(ends)} have brought their logs back")
    return (jobs - 1) / (ends[-1] - ends[0])


class Deep(NamedTuple):
    """Tasks a second with a number of jobs waiting; bytes that each added to master and engine, and to the master's peak."""

    rate: float
    master: float
    engine: float
    peak: float


def depth(bench: Bench) -> Iterator[Row]:
    """Tasks a second with few and with very many jobs waiting behind them; memory of a waiting job."""
    few, many = bench.scale.few, bench.scale.many
    found: dict[int, list[Deep]] = {few: [], many: []}
    for turn in range(bench.scale.turns):
        for waiting, samples in found.items():
            say(f"depth: {waiting} jobs waiting, turn {turn + 1} of {bench.scale.turns}")
            samples.append(_deep(bench, waiting))
    deep = found[many]
    row = alone("depth", f"AliEn-like tasks/s with {many} more waiting, {_FOREMEN}", "/s", [one.rate for one in deep])
    yield compared(row, f"with {few} waiting", [one.rate for one in found[few]], Aim(0.9, most=False))
    name, least = f"memory of a waiting job, {many} waiting", Aim(1000, of_ratio=False)
    yield alone("depth", f"{name}: master", "B", [one.master for one in deep], least)
    yield alone("depth", f"{name}: engine", "B", [one.engine for one in deep], least)
    yield alone("depth", f"{name}: master's peak while it takes them up", "B", [one.peak for one in deep])


def _deep(bench: Bench, waiting: int) -> Deep:
    rig, jobs = bench.rig, bench.scale.tasks
    total = jobs + waiting
    with rig.site() as site:
        before = _sizes(site)
        load.queue(rig, site.spool, jobs, waiting)
        site.spool.wake_master()
        site.waits(total)
        time.sleep(_SETTLED)
        master, engine, peak = [(size - old) / total for size, old in zip(_sizes(site), before)]
        rig.pool(site.port, site.password, _FOREMEN)
        return Deep(_passing(site, total, jobs), master, engine, peak)


def _sizes(site: Site) -> list[int]:
    return [memory(site.master), memory(site.engine), memory(site.master, "VmHWM")]


def _passing(site: Site, total: int, jobs: int) -> float:
    """Tasks a second while the first ``jobs`` of ``total`` end, without the first and the last few of them."""
    times = []
    for left in (total - jobs * _LEFT, total - jobs * (1 - _LEFT)):
        now = published_counts.published(site.spool).total
        while now > left:
            time.sleep(0.02)
            now = site.counts().total
        times.append((time.monotonic(), now))
    (begin, first), (end, last) = times
    return (first - last) / (end - begin)


def workers(bench: Bench) -> Iterator[Row]:
    """The same cores as few large workers or as many of one core: tasks a second, and memory of the workers."""
    large: list[tuple[float, int]] = []
    small: list[tuple[float, int]] = []
    for turn in range(bench.scale.turns):
        say(f"workers: few large or many small, turn {turn + 1} of {bench.scale.turns}")
        for shape, samples in ((_FOREMEN, large), (_SMALL, small)):
            samples.append(_with_memory(bench, shape))
    row = alone("workers", f"AliEn-like tasks/s, {_SMALL}", "/s", [rate for rate, _ in small])
    yield compared(row, str(_FOREMEN), [rate for rate, _ in large])
    row = alone("workers", f"memory of all workers, {_SMALL}", "kB", [size for _, size in small])
    yield compared(row, str(_FOREMEN), [size for _, size in large])


def _with_memory(bench: Bench, shape: Shape) -> tuple[float, int]:
    rig = bench.rig
    with rig.site() as site:
        pool = rig.pool(site.port, site.password, shape)
        site.has_cores(shape.total)
        rate = site_rate_of(rig, site, bench.scale.tasks).rate
        return rate, share_of_memory(pool.workers)
