"""Rows about filling a pool: from nothing to ten thousand running pilots, against the bare manager."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benching import bare, load
from benching.bench import Bench
from benching.rig import Shape, say, wait
from benching.table import Aim, Row, alone, compared


def running(bench: Bench) -> Iterator[Row]:
    """From no pilot to 10,000 running ones, on 12 large workers, direct and through 12 foremen, against the bare manager."""
    scale = bench.scale
    shapes = [Shape(foremen, scale.nodes, scale.cores) for foremen in (0, scale.nodes)]
    return _ramps(bench, "running", shapes, scale.turns)


def many_workers(bench: Bench) -> Iterator[Row]:
    """The same on 10,000 workers of one core (some GB of memory, ten minutes); only when asked for."""
    scale = bench.scale
    return _ramps(bench, "many-workers", [Shape(foremen, scale.running, 1) for foremen in (0, scale.nodes)], 1)


def _ramps(bench: Bench, group: str, shapes: list[Shape], turns: int) -> Iterator[Row]:
    jobs = bench.scale.running
    for shape in shapes:
        ours, theirs = [], []
        for turn in range(turns):
            say(f"{group}: 0 -> {jobs} pilots, {shape}: turn {turn + 1} of {turns}")
            theirs.append(bare.ramp(bench.rig, shape, jobs, bench.scale.patience))
            ours.append(_ramp(bench, shape))
        row = alone(group, f"0 -> {jobs} running, {shape}", "s", ours)
        yield compared(row, "bare C manager", theirs, Aim(1.2))


def _ramp(bench: Bench, shape: Shape) -> float:
    with bench.rig.site() as site:
        bench.rig.pool(site.port, site.password, shape)
        site.has_cores(shape.total, bench.scale.patience)
        return fill(bench, bench.scale.running)


def fill(bench: Bench, jobs: int) -> float:
    """Seconds from before the condor_submit of ``jobs`` staying pilots until all of them run, by their own word."""
    rig = bench.rig
    marks = rig.work / "marks"
    marks.touch()
    text = load.description(rig, load.staying(marks), jobs, output="/dev/null", error="/dev/null")
    began = time.monotonic()
    rig.timed([rig.tool("condor_submit")], text)
    wait(lambda: load.started(marks) >= jobs, bench.scale.patience, f"{jobs} running pilots")
    return time.monotonic() - began
