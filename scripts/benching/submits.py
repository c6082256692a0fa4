"""Rows about one submission: what a condor_submit process costs and where its milliseconds go, and when its pilot runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benching import load
from benching.bench import Bench
from benching.rig import Rig, Shape, Site, say, wait
from benching.table import Aim, Row, alone, compared

_PLACE = "import sys;sys.path.insert(0,{!r});"
_END = ";import os;os._exit(0)"  # as the launchers end
_NAME = "condor_submit, one process"
_ALONE = "condor_submit without the fork server"


def start(bench: Bench) -> Iterator[Row]:
    """One condor_submit process, against bare Python and against HTCondor's; without the fork server; what each millisecond is."""
    say("start: one condor_submit process, and its parts")
    rig = bench.rig
    with rig.site() as site:
        Path(site.spool.drain).touch()
        text = load.description(rig, load.STAMP)
        commands = {**_parts(rig), "ours": [rig.tool("condor_submit")], "alone": [_by_python(rig)]}
        samples: dict[str, list[float]] = {name: [] for name in (*commands, "real")}
        for _ in range(bench.scale.processes):
            for name, command in commands.items():
                samples[name].append(rig.timed(command, text))
            if bench.condor:
                samples["real"].append(bench.condor.submit(b"executable=/bin/true\nhold=true\nqueue\n"))
        if bench.condor:
            bench.condor.remove()
    ours = alone("start", _NAME, "ms", samples["ours"])
    yield compared(ours, "HTCondor's", samples["real"], Aim(1.0))
    yield compared(ours, "python3 -I -S -c pass", samples["bare"], Aim(2.0))
    yield compared(alone("start", _ALONE, "ms", samples["alone"]), "HTCondor's", samples["real"])
    yield from _steps(samples)


def _parts(rig: Rig) -> dict[str, list[str]]:
    """Commands that go as far as a part of a submission without the fork server, each further than the one before."""
    python, place = rig.bare_python(), _PLACE.format(_packages(rig))
    imports = (
        place + "from shims.commands.condor.condor_submit import main;from shims.cli.entry_point import run" + _END
    )
    return {
        "bare": [python, "-I", "-S", "-c", "pass"],
        "imports": [python, "-IS", "-c", imports],
        "parsed": [_by_python(rig), "-dry-run", "/dev/null", "-"],
    }


def _by_python(rig: Rig) -> str:
    """The command that a launcher becomes where no fork server runs it."""
    return str(rig.prefix / "lib/commands/condor_submit")


def _packages(rig: Rig) -> str:
    """Where it looks for the packages."""
    return Path(_by_python(rig)).read_text().splitlines()[2].split("'")[1]


def _steps(samples: dict[str, list[float]]) -> Iterator[Row]:
    """The differences: medians of the differences within each round."""
    steps = (
        ("the interpreter", "bare", None),
        ("imports", "imports", "bare"),
        ("reading the description, making the ads", "parsed", "imports"),
        ("number, copy, task file: made durable", "alone", "parsed"),
    )
    for name, upper, lower in steps:
        below: Sequence[float] = samples[lower] if lower else [0.0] * len(samples[upper])
        yield alone("start", f"of one without it: {name}", "ms", [a - b for a, b in zip(samples[upper], below)])


def latency(bench: Bench) -> Iterator[Row]:
    """From before condor_submit to the pilot's first line, on an idle pool; direct and through 2 foremen."""
    for foremen in (2, 0):
        shape = Shape(foremen, 2, 4)
        say(f"latency: submit -> running, {shape}")
        with bench.rig.site() as site:
            bench.rig.pool(site.port, site.password, shape)
            site.has_cores(shape.total)
            waits = [_one_pilot(bench.rig, site, number) for number in range(max(3, bench.scale.processes // 2))]
        name = f"submit -> pilot runs, {f'{foremen} foremen' if foremen else 'direct'}"
        yield alone("latency", name, "ms", waits, Aim(1.0, of_ratio=False))
        yield alone("latency", f"{name}: the slowest", "ms", [max(waits)])


def _one_pilot(rig: Rig, site: Site, number: int) -> float:
    out = rig.work / f"stamp.{number}"
    text = load.description(rig, load.STAMP, output=out)
    began = time.time()
    rig.timed([rig.tool("condor_submit")], text)
    wait(lambda: out.exists() and out.stat().st_size > 0, 30, "the pilot's output")
    site.empty(60)
    return float(out.read_text()) - began


def percentile(samples: Sequence[float], percent: int) -> float:
    """The value that so many percent of the samples do not exceed."""
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]
