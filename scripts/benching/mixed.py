"""Rows about mixed sizes: how many of the cores of 16-core nodes are busy when pilots of eight cores and of one wait, 1 to 2.

What counts is what the pilots say themselves. Work Queue's own count of cores in use holds what waits in a foreman too: a
foreman may be given a task of eight cores when eight are free on two of its nodes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benching.bench import Bench
from benching.rig import BenchError, Rig, Shape, Site, say, wait
from benching.scale import QUICK
from benching.table import Aim, Row, alone
from spool.job import IDLE

_SCRIPT = """#!/bin/bash
echo "$1 $EPOCHREALTIME" >> {marks}
sleep "$2"
echo "-$1 $EPOCHREALTIME" >> {marks}
"""
_SEED = 4
_FULL = 0.99  # of the cores are given out: from then on it is measured
_DEEP = 0.25  # of the cores, in waiting jobs, must be left at the end, or the queue was not deep


class Mix(NamedTuple):
    """The pool, how many pilots of eight cores (twice as many have one), their lives and how long is measured, in seconds."""

    shape: Shape
    eights: int
    lives: tuple[float, float]
    seconds: float

    def sizes(self) -> list[int]:
        """Cores of each pilot, in the order in which they are submitted: shuffled, the same in every run."""
        found = [8] * self.eights + [1, 1] * self.eights
        random.Random(_SEED).shuffle(found)
        return found


_WHOLE = Mix(Shape(12, 60, 16), 450, (60.0, 120.0), 120.0)
_LITTLE = Mix(Shape(2, 8, 16), 100, (20.0, 40.0), 60.0)


def mixed(bench: Bench) -> Iterator[Row]:
    """The share of the cores of 16-core nodes that is busy with eight-core and one-core pilots, the queue deep."""
    mix = _LITTLE if bench.scale == QUICK else _WHOLE
    say(f"mixed: {mix.eights} pilots of 8 cores and {2 * mix.eights} of 1, {mix.shape}")
    name = f"cores busy, pilots of 8 cores and of 1, {mix.shape}"
    yield alone("mixed", name, "%", [measure(bench.rig, mix)], Aim(0.95, most=False, of_ratio=False))


def measure(rig: Rig, mix: Mix) -> float:
    """The busy share of the cores."""
    with rig.site() as site:
        marks = rig.work / "marks"
        marks.touch()
        rig.timed([rig.tool("condor_submit")], _description(rig, mix, marks))
        rig.pool(site.port, site.password, mix.shape)
        total = mix.shape.total
        wait(lambda: site.counts().extra["CORES_USED"] >= _FULL * total, 120, "a full pool", every=0.1)
        begin = time.time()
        time.sleep(mix.seconds)
        end = time.time()
        _check(site, mix)
        return share(_events(marks), (begin, end)) / total


def share(events: Sequence[tuple[float, int]], span: tuple[float, float]) -> float:
    """Cores that were busy on the average of the span; events are (time, cores more or fewer)."""
    begin, end = span
    area, busy, last = 0.0, 0, begin
    for at, change in sorted(events):
        now = min(max(at, begin), end)
        area += busy * (now - last)
        busy, last = busy + change, now
    return (area + busy * (end - last)) / (end - begin)


def _events(marks: Path) -> list[tuple[float, int]]:
    return [(float(at), int(cores)) for cores, at in map(str.split, marks.read_text().splitlines())]


def _check(site: Site, mix: Mix) -> None:
    left = site.counts().of(IDLE)
    if left < _DEEP * mix.shape.total:
        raise BenchError(f"only {left} pilots wait at the end: the queue was not deep")


def _description(rig: Rig, mix: Mix, marks: Path) -> bytes:
    agent = rig.work / "mixed.sh"
    agent.write_text(_SCRIPT.format(marks=marks))
    agent.chmod(0o700)
    lives = random.Random(_SEED)
    lines = [f"executable = {agent}", "request_memory = 500"]
    for cores in mix.sizes():
        lines += [f"request_cpus = {cores}", f"arguments = {cores} {lives.uniform(*mix.lives):.1f}", "queue"]
    return "\n".join([*lines, ""]).encode()
