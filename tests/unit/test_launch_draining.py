"""Drain with a deadline: the file, the decisions, the supervisor's rounds on a fake system, and the announced features."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from test_launch_supervisor import Bench

from foremen.errors import LaunchError
from foremen.node.drain.files import deadline_of, end_drain, make_drain
from foremen.node.machine_features import Features
from foremen.node.restart_policy import (
    EVICT_GRACE,
    EVICT_LIMIT,
    Act,
    Phase,
    Policy,
    Sight,
    Slot,
    World,
    decide_foreman,
    decide_worker,
    started,
)

POLICY = Policy()
BUSY = Sight(True, True, busy=1, closed=True)
HELD = Sight(True, True, held=1, closed=True)
IDLE = Sight(True, True, closed=True)
RUNNING = replace(started(Slot(0, ("a:1",)), "a:1", 0.0), shut=True)


# --- the file


@pytest.mark.parametrize("kind", ["none", "file", "folder"])
def test_drain_file(tmp_path, kind):
    """Made as a folder, taken as it is when it is there; the deadline is in it, stays when none is named, and goes with it."""
    path = str(tmp_path / "drain")
    if kind == "file":
        open(path, "w").close()
    elif kind == "folder":
        os.mkdir(path)
    make_drain(path)
    assert deadline_of(path) is None
    make_drain(path, 1700000000.4)
    assert deadline_of(path) == 1700000000
    make_drain(path)
    assert deadline_of(path) == 1700000000
    make_drain(path, 1800000000)
    assert deadline_of(path) == 1800000000
    assert os.path.isfile(path) == (kind == "file")
    end_drain(path)
    assert os.listdir(tmp_path) == []
    assert deadline_of(path) is None


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e9", "²", "9" * 13, "1 2"])
def test_no_deadline_is_read_from_other_text(tmp_path, text):
    """What somebody wrote into WQ_DRAIN is not taken for a time."""
    (tmp_path / "drain").write_text(text)
    assert deadline_of(str(tmp_path / "drain")) is None


def test_drain_that_cannot_be_made(tmp_path):
    """One line with the remedy."""
    (tmp_path / "file").touch()
    with pytest.raises(LaunchError, match="set WQ_DRAIN"):
        make_drain(str(tmp_path / "file" / "drain"), 1.0)


# --- the decisions


def test_before_the_deadline_pilots_run_on():
    """A drain alone ends nothing."""
    slot, acts = decide_worker(RUNNING, BUSY, World(5.0, draining=True, overdue=-1.0), POLICY)
    assert (slot.phase, slot.evicted, acts) == (Phase.RUNNING, None, ())


def test_at_the_deadline():
    """``over`` and SIGTERM once; SIGKILL from the grace on; when the last result is home, the way of every drain."""
    slot, acts = decide_worker(RUNNING, BUSY, World(5.0, draining=True, overdue=0.0), POLICY)
    assert (slot.phase, slot.evicted, acts) == (Phase.RUNNING, 5.0, (Act.EVICT,))
    assert decide_worker(slot, BUSY, World(5.1 + EVICT_GRACE / 2, True, overdue=3.0), POLICY)[1] == ()
    assert decide_worker(slot, BUSY, World(5.0 + EVICT_GRACE, True, overdue=5.0), POLICY)[1] == (Act.FORCE,)
    assert decide_worker(slot, HELD, World(5.0 + EVICT_GRACE, True, overdue=5.0), POLICY)[1] == ()
    left, acts = decide_worker(slot, IDLE, World(12.0, True, overdue=7.0), POLICY)
    assert (left.phase, acts) == (Phase.LEAVING, (Act.LEAVE,))


def test_not_closed_yet_at_the_deadline():
    """First ``closed``, so that nothing starts after the pilots were ended."""
    open_, acts = decide_worker(RUNNING, Sight(True, True, busy=1), World(5.0, True, overdue=9.0), POLICY)
    assert (open_.evicted, acts) == (None, (Act.CLOSE,))


def test_results_that_do_not_get_home():
    """A worker whose foreman is gone is ended with them."""
    slot, _ = decide_worker(RUNNING, HELD, World(5.0, True, overdue=0.0), POLICY)
    ended, acts = decide_worker(slot, HELD, World(5.0 + EVICT_LIMIT, True, overdue=EVICT_LIMIT), POLICY)
    assert (ended.phase, ended.why, acts) == (Phase.ENDING, "deadline", (Act.TERM,))


def test_undone_while_pilots_are_ended():
    """They are ended all the same (their SIGTERM was sent), and only then the worker opens again."""
    slot, _ = decide_worker(RUNNING, BUSY, World(5.0, True, overdue=0.0), POLICY)
    still, acts = decide_worker(slot, BUSY, World(6.0), POLICY)
    assert (still.evicted, acts) == (5.0, ())
    again, acts = decide_worker(still, IDLE, World(7.0), POLICY)
    assert (again.evicted, again.shut, acts) == (None, False, (Act.OPEN,))


def test_foreman_at_the_deadline():
    """It stays while workers are connected, until their results had their time."""
    slot = started(Slot(0), "", 0.0)
    linked = Sight(True, True, links=3)
    assert decide_foreman(slot, linked, World(5.0, True, overdue=EVICT_LIMIT - 1), POLICY)[1] == ()
    assert decide_foreman(slot, linked, World(6.0, True, overdue=EVICT_LIMIT), POLICY)[1] == (Act.TERM,)


# --- the supervisor


@pytest.fixture
def bench(tmp_path):
    """Two workers that run; the first has a pilot: a launch script 501 with 601 and 602 below it."""
    made = Bench(tmp_path)
    made.step()
    for record in made.living().values():
        os.makedirs(f"{record.life}/worker-0-1/cache")
    made.door.processes[made.living()[0].who.pid].children = {501: (601, 602)}
    return made


def to_pilots(bench):
    """The signals that did not go to workers."""
    return [it for it in bench.door.signals if it[0] > 500]


def shutdown(bench):
    """What pilots read, None when there is nothing to read."""
    path = f"{bench.place.features}/shutdowntime"
    return int(open(path).read()) if os.path.exists(path) else None


def test_supervisor_ends_pilots_but_not_their_launch_scripts(bench):
    """SIGTERM to what is below the script, ``over`` in the worker that is busy, none in the other."""
    busy = bench.living()[0]
    make_drain(f"{bench.folder}/drain", bench.door.epoch() + 50)
    bench.step(10)
    assert to_pilots(bench) == []
    bench.step(41)
    assert to_pilots(bench) == [(601, signal.SIGTERM), (602, signal.SIGTERM)]
    assert os.path.exists(f"{busy.life}/state/over")
    bench.step(EVICT_GRACE)
    assert to_pilots(bench)[2:] == [(601, signal.SIGKILL), (602, signal.SIGKILL)]


def test_deadline_is_announced_and_withdrawn(bench):
    """For everybody on the node in one file."""
    assert shutdown(bench) is None
    at = int(bench.door.epoch() + 500)
    make_drain(f"{bench.folder}/drain", at)
    bench.step(1)
    assert shutdown(bench) == at
    end_drain(f"{bench.folder}/drain")
    bench.step(1)
    assert shutdown(bench) is None


def test_end_of_the_batch_job(bench):
    """The plan's end is announced from the start, drains by itself, and an earlier deadline comes first."""
    end = int(bench.door.epoch() + 100)
    bench.plan(until=end)
    bench.step(1)
    assert shutdown(bench) == end
    make_drain(f"{bench.folder}/drain", end - 50)
    bench.step(1)
    assert shutdown(bench) == end - 50
    end_drain(f"{bench.folder}/drain")
    bench.step(98)
    for _round in range(3):
        bench.step(1)
    assert list(bench.living()) == [0]
    assert os.path.exists(f"{bench.living()[0].life}/state/over")


# --- the features


def test_features(tmp_path):
    """Cores of the node and those for pilots; the earlier of our deadline and the site's."""
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/shutdowntime").write_text("2000\n")
    made = Features(str(tmp_path / "own"), str(tmp_path / "outer"))
    made.publish(4, 8, 3000.0)
    found = {name: (tmp_path / "own" / name).read_text() for name in os.listdir(tmp_path / "own")}
    assert found == {"total_cpu": "4\n", "log_cores": "8\n", "shutdowntime": "2000\n"}
    made.publish(4, 8, 1000.0)
    assert (tmp_path / "own/shutdowntime").read_text() == "1000\n"
    (tmp_path / "outer/shutdowntime").unlink()
    made.publish(4, 8, None)
    assert not (tmp_path / "own/shutdowntime").exists()


@pytest.mark.parametrize("outer", ["", "http://site/features", "relative"])
def test_outer_features_that_are_no_folder(tmp_path, outer):
    """The specification allows a URL: a supervisor does not wait for a web server."""
    Features(str(tmp_path / "own"), outer).publish(1, 1, None)
    assert sorted(os.listdir(tmp_path / "own")) == ["log_cores", "total_cpu"]
