"""A real node on which every pilot fails at once, beside one that works: most jobs end well, the bad one is left alone."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from sites import Site, eventually, install, site

pytestmark = pytest.mark.engine

JOBS = 120
LIMIT = 6


def test_a_black_hole(tmp_path: Path) -> None:
    """Two nodes of two workers; on one of them no pilot lives for long. It is quarantined, shown, and let in again by start-workers."""
    prefix = install()
    with site(prefix, tmp_path) as good:
        good.start_master()
        good.command("start-foremen")
        (tmp_path / "bad").mkdir()
        bad = Site(prefix, tmp_path / "bad")
        foremen = good.env["WQ_MASTER_BASEPORT"]
        for node in (good, bad):
            node.env.update(WQ_MASTER_BASEPORT=foremen, WQ_PASSWORD_FILE=good.password, AWQ_BLACKHOLE_PILOTS=str(LIMIT))
        bad.env["BLACK_HOLE"] = "1"  # of the node: what its workers have in their environment
        try:
            run(good, bad)
        finally:
            bad.command("stop-workers", check=False)


def test_the_master_names_the_node(tmp_path: Path) -> None:
    """``alien_work_queue status`` tells of a node on which pilot after pilot fails, and no longer when one has ended well there."""
    with site(install(), tmp_path) as made:
        made.env.update(AWQ_BLACKHOLE_PILOTS=str(LIMIT), BLACK_HOLE="1")
        made.start_master()
        made.start_pool()
        agent = made.work / "agent"
        agent.write_text('#!/bin/sh\n[ -z "$BLACK_HOLE" ] || exit 1\nsleep 0.3\n')
        made.command("condor_submit", text=f"executable = {agent}\nqueue {LIMIT}\n")
        eventually(lambda: nodes(made), 30, "the node is named")
        (line,) = nodes(made)
        host, rest = line.removeprefix("node ").split(": ", 1)
        assert host == socket.gethostname()
        number, words = rest.split(" ", 1)
        assert int(number) == LIMIT
        assert words.startswith("pilots in a row failed at once, the last at ")
        assert line.endswith(": it takes none for a while")
        made.command("stop-workers")
        del made.env["BLACK_HOLE"]
        made.command("start-workers")
        made.command("condor_submit", text=f"executable = {agent}\nqueue\n")
        eventually(lambda: "0" in statuses(made), 30, "a pilot ends well")
        eventually(lambda: not nodes(made), 10, "it is not named any more")


def nodes(made: Site) -> list[str]:
    """The lines of ``alien_work_queue status`` about nodes."""
    said = made.command("alien_work_queue", "status").stdout.splitlines()
    return [line for line in said if line.startswith("node ")]


def run(good: Site, bad: Site) -> None:
    """The test, with everything installed."""
    bad.command("start-workers")
    good.command("start-workers")
    agent = good.work / "agent"
    agent.write_text('#!/bin/sh\n[ -z "$BLACK_HOLE" ] || exit 1\nsleep 0.3\n')
    good.command("condor_submit", text=f"executable = {agent}\nqueue {JOBS}\n")
    eventually(lambda: "quarantine" in notes(bad), 30, "the bad node is in quarantine")
    eventually(lambda: bad.command("count-workers").stdout == "0\n", 30, "its workers leave")
    eventually(lambda: len(statuses(good)) == JOBS, 60, "all jobs end")
    failed = statuses(good).count("1")
    # What ends before the supervisor's next look, a twentieth of a second later, falls in as well.
    assert LIMIT <= failed <= JOBS // 4, f"{failed} of {JOBS} fell into the hole"
    assert notes(good) == ""
    assert bad.command("start-workers").stdout.startswith("2 workers run")


def notes(node: Site) -> str:
    """What status says about the node's workers."""
    rows = json.loads(node.command("alien_wq_worker.sh", "status", "--json").stdout)
    return " ".join(str(row["note"]) for row in rows if row["kind"] == "workers" and row["note"])


def statuses(node: Site) -> list[str]:
    """Exit statuses of the jobs that have ended."""
    return node.command("condor_history", "-af", "ExitCode").stdout.split()
