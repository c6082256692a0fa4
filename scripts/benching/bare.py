"""The bare Work Queue manager in C (scripts/bench-manager.c), the baseline."""

from __future__ import annotations

import select
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from benching import load
from benching.rig import BenchError, Rig, Shape, free_ports, wait

_WINDOW = 300  # tasks that wait in it, so that no core waits for it
_PATIENCE = 600.0  # s


class Rate(NamedTuple):
    """Tasks a second, and seconds of the manager's CPU for each."""

    rate: float
    cpu: float


def rate(rig: Rig, shape: Shape, tasks: int) -> Rate:
    """AliEn-like tasks through a bare manager."""
    rig.clear()
    try:
        process = _manager(rig, shape, load.AGENT, [str(tasks), str(_WINDOW)])
        words = process.communicate(timeout=_PATIENCE)[0].split()
    except subprocess.TimeoutExpired:
        raise BenchError(f"the bare manager has not ended {tasks} tasks within {_PATIENCE:.0f} s") from None
    finally:
        rig.clear()
    facts = dict(zip(words[::2], map(float, words[1::2])))
    if not facts or facts["failed"]:
        raise BenchError(f"the bare manager failed: {words}")
    return Rate(facts["tasks"] / facts["seconds"], facts["cpu"] / facts["tasks"])


def ramp(rig: Rig, shape: Shape, jobs: int, patience: float) -> float:
    """Seconds from nothing to ``jobs`` staying pilots that run, on workers that are connected."""
    rig.clear()
    marks = rig.work / "marks"
    marks.touch()
    try:
        process = _manager(rig, shape, load.staying(marks), [str(jobs), str(jobs)], [str(shape.total)])
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], patience)[0] or not process.stdout.readline():
            raise BenchError(f"the bare manager has not got {shape.total} cores within {patience:.0f} s")
        began = time.monotonic()
        wait(lambda: load.started(marks) >= jobs, patience, f"{jobs} running pilots of the bare manager")
        return time.monotonic() - began
    finally:
        rig.clear()


def _manager(
    rig: Rig, shape: Shape, agent: bytes, counts: list[str], cores: list[str] | None = None
) -> subprocess.Popen[str]:
    script, password = rig.work / "agent.sh", rig.work / "pw"
    script.write_bytes(agent)
    script.chmod(0o700)
    password.write_text("bench")
    port = free_ports(1)[0]
    process = subprocess.Popen(
        [str(rig.manager), str(port), *counts, str(script), str(_logs(rig)), str(password), *(cores or [])],
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    rig.pool(port, str(password), shape)
    return process


def _logs(rig: Rig) -> Path:
    return rig.folder("logs")
