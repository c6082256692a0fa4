"""Rows about a full site: ten thousand pilots run, a hundred thousand jobs wait."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benching import load
from benching.bench import Bench
from benching.forms import FORMS
from benching.ramps import fill
from benching.rig import BenchError, Pool, Shape, Site, cpu, say, wait
from benching.submits import percentile
from benching.table import Aim, Row, alone, compared

_SUBMITS = 50  # a second
_ENDS = 200  # a second, of pilots of one second
_MORE_CORES = 240  # for those: a pilot's start and end take their time too
_SLOWEST = 0.3  # s that a condor_submit may take
_BUSY = 0.1  # of a core when nothing happens
_ROUNDS = 5
_CLIENTS = 16
_SILENT: dict[str, object] = {"output": "/dev/null", "error": "/dev/null"}
# A pilot of one second.
_SLEEP: dict[str, object] = {"executable": "/bin/sleep", "arguments": "1", "transfer_executable": "false"}


def full(bench: Bench) -> Iterator[Row]:
    """At 10,000 running and 100,000 waiting: CPU at rest, query forms, 50 condor_submit a second while 200 pilots a second end."""
    scale, rig = bench.scale, bench.rig
    shape = Shape(scale.nodes, scale.nodes, scale.cores)
    with rig.site() as site:
        pool = rig.pool(site.port, site.password, shape)
        site.has_cores(shape.total)
        say(f"full: {shape.total} pilots begin")
        fill(bench, shape.total)
        before = _asked(bench)
        say(f"full: {scale.many} jobs more")
        rig.timed(
            [rig.tool("condor_submit")],
            load.description(rig, load.SECOND, scale.many, **_SILENT, **_SLEEP),
        )
        site.waits(shape.total + scale.many)
        yield from _forms(before, _asked(bench), shape.total, scale.many)
        yield from _rest(bench, site, pool)
        yield from _busy(bench, site, pool)


def _asked(bench: Bench) -> dict[str, list[float]]:
    say("full: the query forms")
    command = bench.rig.tool("condor_q")
    found: dict[str, list[float]] = {form.name: [] for form in FORMS}
    for _ in range(min(_ROUNDS, bench.scale.processes)):
        for form in FORMS:
            found[form.name].append(bench.rig.timed([command, *form.words]))
    return found


def _forms(before: dict[str, list[float]], after: dict[str, list[float]], running: int, waiting: int) -> Iterator[Row]:
    """For what prints every job the measure is the time of a job."""
    for form in FORMS:
        jobs = (running, running + waiting) if form.whole else (1, 1)
        unit = "us" if form.whole else "ms"
        name = f"{form.name}{', time of a job' if form.whole else ''}, {running + waiting} jobs"
        row = alone("full", name, unit, [took / jobs[1] for took in after[form.name]])
        yield compared(row, f"{running} jobs", [took / jobs[0] for took in before[form.name]], Aim(1.5))


def _rest(bench: Bench, site: Site, pool: Pool) -> Iterator[Row]:
    seconds = bench.scale.idle_seconds
    say(f"full: {seconds:.0f} s in which nothing happens")
    time.sleep(seconds / 4)  # what the queries have left
    others = (*pool.foremen, *pool.workers)
    begun, *used = time.monotonic(), cpu(site.master), cpu(site.engine), cpu(*others)
    time.sleep(seconds)
    took = time.monotonic() - begun
    master, engine, rest = [
        (now - old) / took for now, old in zip((cpu(site.master), cpu(site.engine), cpu(*others)), used)
    ]
    yield alone("full", "of a core at rest: master and engine", "%", [master + engine], Aim(_BUSY, of_ratio=False))
    for name, share in (("master", master), ("engine", engine), ("foremen and workers", rest)):
        yield alone("full", f"of a core at rest: {name}", "%", [share])


def _busy(bench: Bench, site: Site, pool: Pool) -> Iterator[Row]:
    rig, scale = bench.rig, bench.scale
    held = site.counts().extra["CORES"]
    rig.workers(pool, site.password, Shape(scale.nodes, 4, _MORE_CORES // 4))
    site.has_cores(held + _MORE_CORES)
    total = site.counts().total
    wait(lambda: site.counts().total < total - _MORE_CORES, 120, "pilots that end")
    say(f"full: {_SUBMITS} condor_submit a second for {scale.load_seconds:.0f} s while pilots end")
    (rig.work / "load.submit").write_bytes(load.description(rig, load.SECOND, 1, **_SILENT))
    with multiprocessing.get_context("fork").Pool(_CLIENTS) as clients:
        begin = time.monotonic() + 1.0
        parts = clients.map_async(_submitted, _shares(bench, begin), 1)
        time.sleep(begin - time.monotonic())
        before = site.counts().total
        submits = [seconds for part in parts.get() for seconds in part]
        took = time.monotonic() - begin
        ended = (before + len(submits) - site.counts().total) / took
    least = [Aim(number, most=False, of_ratio=False) for number in (0.98 * _SUBMITS, _ENDS)]
    yield alone("full", "condor_submit a second", "/s", [len(submits) / took], least[0])
    yield alone("full", "pilots that end a second meanwhile", "/s", [ended], least[1])
    yield alone("full", "condor_submit meanwhile", "ms", submits)
    yield alone("full", "condor_submit meanwhile: 99 of 100 are faster than", "ms", [percentile(submits, 99)])
    yield alone("full", "condor_submit meanwhile: the slowest", "ms", [max(submits)], Aim(_SLOWEST, of_ratio=False))


class _Share(NamedTuple):
    """What one of the clients submits: the times are seconds of the monotonic clock."""

    command: str
    env: dict[str, str]
    folder: Path
    times: list[float]


def _shares(bench: Bench, begin: float) -> list[_Share]:
    """One condor_submit is begun every 1/50 s, as long as not all clients wait for one that they have begun."""
    rig = bench.rig
    times = [begin + number / _SUBMITS for number in range(int(bench.scale.load_seconds * _SUBMITS))]
    return [_Share(rig.tool("condor_submit"), rig.env, rig.work, times[first::_CLIENTS]) for first in range(_CLIENTS)]


def _submitted(share: _Share) -> list[float]:
    """Seconds of each, in a process of its own. Each is in a session of its own, as those of different users are.

    Linux shares the CPU among sessions (autogroup): all of them together would have the share of one.
    """
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, str(share.folder / "load.submit"), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(share.folder / "load.errors"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
    ]
    found = []
    for due in share.times:
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.monotonic()
        process = os.posix_spawn(share.command, [share.command], share.env, file_actions=streams, setsid=True)
        if os.waitpid(process, 0)[1]:
            raise BenchError(f"condor_submit under load: {(share.folder / 'load.errors').read_text()[-500:]}")
        found.append(time.monotonic() - began)
    return found
