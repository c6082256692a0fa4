"""Nodes on which pilots fail at once, as ``alien_work_queue status`` shows them."""

from __future__ import annotations

from pathlib import Path

from foremen.engine.protocol import Result
from foremen.master import failing_nodes
from foremen.master.failing_nodes import Nodes
from spool import settings
from spool.store.layout import Spool


def ended(host: str, code: int, seconds: float = 1.0, at: float = 1000.0, job: int = 1) -> Result:
    """A pilot that ended there."""
    return Result(f"{job}.0#1", "done", report=f"awq=1\nhost={host}\nexit={code}\n", started=at - seconds, ended=at)


def test_rows_of_quick_failures_are_shown_and_forgotten(spool: Spool, tmp_path: Path) -> None:
    """Three in a row on one host; good, slow and unreported ones elsewhere; over with a good one, or after an hour."""
    seen = Nodes(settings.load({"HOME": str(tmp_path)}, {"blackhole_pilots": 3}))
    seen.publish(spool, 1000.0)
    assert not Path(spool.root, "stat/nodes").exists()
    for job in (1, 2, 2, 2, 3):
        for result in (ended("bad", 1, job=job), ended("good", 0), ended("slow", 1, 60.0), Result("1.0#1", "failed")):
            seen.saw(result)
    assert seen.failing(1000.0) == {"bad": (3, 1000.0)}
    seen.publish(spool, 1000.0)
    assert failing_nodes.read(spool, 1000.0) == {"bad": (3, 1000.0)}
    assert failing_nodes.read(spool, 5000.0) == {}
    seen.saw(ended("bad", 0))
    seen.publish(spool, 1001.0)
    assert failing_nodes.read(spool, 1001.0) == {}
    Path(spool.root, "stat/nodes").write_text('["rubbish"]')
    assert failing_nodes.read(spool, 1001.0) == {}


def test_hosts_that_nobody_uses_are_forgotten(tmp_path: Path) -> None:
    """Nothing grows for ever."""
    seen = Nodes(settings.load({"HOME": str(tmp_path)}, {"blackhole_pilots": 1}))
    seen.saw(ended("bad", 1))
    assert seen.failing(1000.0)
    assert not seen.failing(5000.0)
    assert not seen._rows
