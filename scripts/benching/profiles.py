"""Rows about where a job's microseconds go, in the master and in the engine: both run under ``sampler``."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benching import sampler
from benching.bench import Bench
from benching.rates import site_rate_of
from benching.rig import Shape, say
from benching.table import Row

_SHAPE = Shape(2, 4, 50)
_ROOTS = {"master": "foremen.master.loop.run", "engine": "foremen.engine.service.Service.run"}
_LEAST = 0.02  # of all: what takes less is not shown

Stacks = Sequence[tuple[float, tuple[str, ...]]]


def profile(bench: Bench) -> Iterator[Row]:
    """Where a job's microseconds go in master and engine: a tree of calls, sampled, with what each costs a job."""
    say(f"profile: {bench.scale.tasks} AliEn-like tasks, {_SHAPE}")
    rig = bench.rig
    files = {name: rig.folder("profile") / name for name in _ROOTS}
    python = [str(rig.prefix / "lib/venv/bin/python"), "-I", str(Path(sampler.__file__))]
    master = [*python, str(files["master"]), "foremen.operator.alien_work_queue", "main"]
    engine = [*python, str(files["engine"]), "foremen.engine.process", "main"]
    with rig.site(master, engine) as site:
        rig.folder("profile")
        rig.pool(site.port, site.password, _SHAPE)
        site.has_cores(_SHAPE.total)
        site_rate_of(rig, site, bench.scale.tasks)
        os.kill(site.master, signal.SIGTERM)
        for pid in (site.master, site.engine):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        for name, root in _ROOTS.items():
            stacks = below(read(files[name].read_text()), root)
            total = sum(seconds for seconds, _ in stacks) / bench.scale.tasks
            notes = "\n".join(f"    {line}" for line in tree(stacks, bench.scale.tasks))
            yield Row(
                "profile", f"CPU of a job in the {name}'s loop, sampled", total, "us", samples=(total,), notes=notes
            )


def read(text: str) -> Stacks:
    """The sampler's file."""
    lines = [line.split(" ", 1) for line in text.splitlines()]
    return [(float(seconds), tuple(stack.split(";"))) for seconds, stack in lines]


def below(stacks: Stacks, root: str) -> Stacks:
    """What was seen inside ``root``, from there on. A name counts by its end: before Python 3.11 methods have no class."""
    names = {root, _without_class(root)}
    found = []
    for seconds, stack in stacks:
        at = next((at for at, name in enumerate(stack) if name in names), None)
        if at is not None:
            found.append((seconds, stack[at:]))
    return found


def _without_class(name: str) -> str:
    return ".".join(part for part in name.split(".") if not part[:1].isupper())


def tree(stacks: Stacks, jobs: int) -> list[str]:
    """Indented calls, the dearest first: microseconds a job, share of all, name."""
    spent: dict[tuple[str, ...], float] = {}
    for seconds, stack in stacks:
        for depth in range(1, len(stack) + 1):
            spent[stack[:depth]] = spent.get(stack[:depth], 0.0) + seconds
    total = sum(seconds for seconds, _ in stacks)
    return list(_lines(spent, (), total, jobs))


def _lines(spent: Mapping[tuple[str, ...], float], above: tuple[str, ...], total: float, jobs: int) -> Iterator[str]:
    inside = [stack for stack in spent if len(stack) == len(above) + 1 and stack[: len(above)] == above]
    for stack in sorted(inside, key=lambda stack: -spent[stack]):
        if spent[stack] >= _LEAST * total:
            share, indent = spent[stack] / total, "  " * len(above)
            yield f"{spent[stack] / jobs * 1e6:7.0f} us {share:4.0%}  {indent}{stack[-1]}"
            yield from _lines(spent, stack, total, jobs)
