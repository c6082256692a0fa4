"""What ``alien_work_queue top`` shows: how it is read, how it is drawn, and that nothing unknown looks like nothing."""

from __future__ import annotations

import io
import os
import time

import pytest
from rich.console import Console
from spool_rig import LivingMaster

from foremen.engine.protocol import Pool
from foremen.master.statistics import line
from foremen.node.host.fake import FakeSystem
from foremen.node.status_rows import Row
from foremen.operator.top.draw import draw, share
from foremen.operator.top.past import Ended, Past, noted
from foremen.operator.top.snapshot import Pilot, Rates, Reader, Snapshot
from spool.classad import ads
from spool.settings import load
from spool.store.layout import create_spool
from spool.store.queue_view import open_unvouched
from spool.store.sqlite import open_writer

NOW = 1_760_000_000.0
MASTER = Row("master", -1, 41, "", NOW - 3700, "up", 0, "", "head", running=3, waiting=7, draining="")
ENGINE = Row("engine", -1, 42, ":9094", NOW - 3700, "up", 0, "", "head", workers=6, cores=40, cores_used=38, done=9)
FOREMAN = Row("foremen", 0, 43, ":9080", NOW - 60, "connected", 0, "", "head", None, 4, 20, 19, 18, 0, 900, 12.5, "")
STUCK = Row("foremen", -1, 0, "far:9080", 0.0, "stuck", 0, "does not answer")
FULL = Snapshot(
    at=NOW,
    spool="/spool",
    jobs=(("idle", 7), ("running", 3), ("held", 0), ("completed", 0), ("removed", 2)),
    rates=Rates(120.0, 3.25, 0.0, None),
    master=MASTER,
    engine=ENGINE,
    foremen=(FOREMAN, STUCK),
    slowest=tuple(Pilot(f"{n}.0", 7300.0 - n, 1, "wn1", "agent.sh") for n in range(20)),
    failures=tuple(Ended(f"{n}.1", NOW - n, "exit status 1", "wn2") for n in range(20)),
)


def text(snapshot, height=0, width=80):
    """The view as lines, without colours."""
    out = io.StringIO()
    Console(file=out, width=width, height=height or 24, force_terminal=False).print(draw(snapshot, height))
    return [one.rstrip() for one in out.getvalue().splitlines()]


def test_whole_view():
    """Every part is there, states without jobs but for the usual three are left out, and unknown is a dash."""
    shown = text(FULL)
    assert shown[1:5] == [
        "master 41 up for 1h01m, engine 42 on port 9094 up for 1h01m",
        "jobs      7 idle  3 running  0 held  2 removed",
        "a minute  120 submitted  3.2 started  0 finished  - failed",
        "pool      38 of 40 cores, 6 workers and foremen",
    ]
    assert shown[6:9] == [
        "foreman    workers  cores  running  waiting  done  /min  state",
        "far:9080         -      -        -        -     -     -  stuck: does not answer",
        "head:9080        4  19/20       18        0   900    12  connected",
    ]
    assert "0.0      2h01m       1  wn1   agent.sh" in shown
    assert "3.1      3s  wn2   exit status 1" in shown


@pytest.mark.parametrize("height", [8, 12, 24, 50])
def test_fits(height):
    """Never more lines than there are, and every table has its row before one has two."""
    shown = text(FULL, height)
    assert len(shown) <= height
    assert sum("exit status 1" in one for one in shown) >= (height >= 24) * 3


def test_share():
    """A table without room for its title has no row either."""
    assert share(0, (5, 5, 5)) == [0, 0, 0]
    assert share(4, (5, 5, 5)) == [2, 0, 0]
    assert share(11, (1, 5, 5)) == [1, 2, 2]
    assert share(100, (1, 2, 3)) == [1, 2, 3]


def test_trouble():
    """No count, no rate, no pilot; the whole sentence."""
    said = (
        "the master is not running: start alien_work_queue; the state of the jobs is unknown, and much more than fits"
    )
    shown = text(Snapshot(at=NOW, spool="/spool", trouble=said, foremen=(FOREMAN,)))
    assert said in " ".join(shown)
    assert [one for one in shown if one.startswith(("jobs", "a minute"))] == [
        "jobs      not known",
        "a minute  not known",
    ]


def test_text_of_others_is_harmless():
    """What a job calls itself is neither an escape sequence nor markup."""
    evil = Pilot("1.0", 5.0, 1, "[red]wn[/red]", "\x1b[2Jagent\n.sh")
    shown = "\n".join(text(Snapshot(at=NOW, spool="/spool", slowest=(evil,))))
    assert "[red]wn[/red]" in shown
    assert "?[2Jagent?.sh" in shown


# --- reading


@pytest.fixture
def spool(tmp_path):
    """A spool whose master is this test."""
    made = create_spool(str(tmp_path / "spool"))
    database = open_writer(made)
    yield made, database
    database.close()


def add(database, cluster, **state):
    """A job in the queue; its state as it is in an ad."""
    facts = {"Cmd": '"/x/agent.sh"', "JobStatus": "1", **{name: str(value) for name, value in state.items()}}
    with database.transaction():
        database.add_cluster(cluster, ads.dump({"Cmd": '"/x/agent.sh"'}), 0)
        database.add_jobs([(cluster, 0, int(facts["JobStatus"]), 0, "", ads.dump(facts))])


def finish(database, cluster, **ad):
    """The job leaves the queue."""
    facts = {"ClusterId": str(cluster), "ProcId": "0", "JobStatus": "4", "LastRemoteHost": '"slot1@wn7"'}
    with database.transaction():
        database.finish(cluster, 0, ads.dump({**facts, **{name: str(value) for name, value in ad.items()}}))


def test_past(spool):
    """Each finished job is read once; only the last minute counts, removed jobs are no failures."""
    made, database = spool
    for cluster in range(1, 7):
        add(database, cluster)
    finish(database, 1, CompletionDate=int(NOW - 100), ExitCode=1)
    finish(database, 2, CompletionDate=int(NOW - 50), ExitCode=0, JobCurrentStartDate=int(NOW - 55))
    past = Past()
    view = open_unvouched(made)
    first = past.look(view, NOW)
    assert (first.started, first.finished, first.failed, past.left) == (1, 1, 0, 0)
    assert [one.how for one in first.failures] == ["exit status 1"]
    finish(database, 3, CompletionDate=int(NOW + 1), ExitBySignal="true", ExitSignal=9, JobCurrentStartDate=int(NOW))
    finish(database, 4, EnteredCurrentStatus=int(NOW + 1), JobStatus=3)
    finish(database, 5, CompletionDate=int(NOW + 2), ExitCode=7)
    second = past.look(view, NOW + 20)
    view.close()
    assert (second.finished, second.failed, past.left) == (2, 2, 3)
    assert [(one.id, one.how, one.host) for one in second.failures][1:] == [
        ("3.0", "signal 9", "wn7"),
        ("5.0", "exit status 7", "wn7"),
    ]


def test_noted(spool):
    """At the first look the statistics log tells how many came in a minute; an old or strange line tells nothing."""
    made, _database = spool
    assert noted(made, NOW) is None
    pool = Pool(0, 0, 0, 0, 0, 0, 0, 0.0)
    with open(made.statistics, "w") as file:
        file.write(line(NOW - 90, 60.0, {}, {0: 5}, pool) + line(NOW - 30, 30.0, {}, {0: 20}, pool))
    assert noted(made, NOW) == 40.0
    assert noted(made, NOW + 120) is None
    with open(made.statistics, "a") as file:
        file.write("what is this\n")
    assert noted(made, NOW) is None


class Clock:
    """The test's time."""

    def __init__(self):
        self.now = float(int(time.time()))

    def __call__(self):
        return self.now


def test_reader(spool):
    """Jobs that run, by how long; who came since the last look; without a master nothing but the trouble."""
    made, database = spool
    environ = {
        "AWQ_WORKDIR": made.root,
        "WQ_FOREMEN": "127.0.0.1:1",
        "WQ_WORKDIR": f"{made.root}/wq",
        "HOME": made.root,
    }
    clock = Clock()
    reader = Reader(load(environ), FakeSystem(), clock)
    dead = reader.look()
    assert "start alien_work_queue" in dead.trouble
    assert (dead.jobs, dead.rates, dead.slowest) == ((), Rates(), ())
    master = LivingMaster(made)
    extra = {"MASTER_PID": os.getpid(), "ENGINE_PID": os.getpid(), "PORT": 1, "WORKERS": 1, "CORES": 1, "CORES_USED": 1}
    add(database, 1, JobStatus=2, JobCurrentStartDate=int(clock.now - 5), RemoteHost='"slot1@wn1"')
    add(database, 2, JobStatus=2, JobCurrentStartDate=int(clock.now - 500), RemoteHost='"slot1@wn2"')
    add(database, 3, JobStatus=5, HoldReason='"no such file"', EnteredCurrentStatus=int(clock.now - 9))
    master.publish({2: 2, 5: 1}, **extra)
    first = reader.look()
    assert first.trouble == ""
    assert [(one.id, one.host, one.seconds) for one in first.slowest] == [
        ("2.0", "wn2", 500.0),
        ("1.0", "wn1", 5.0),
    ]
    assert first.rates == Rates(None, 1, 0, 0)
    assert [(one.id, one.how) for one in first.failures] == [("3.0", "held: no such file")]
    finish(database, 1, CompletionDate=int(clock.now + 1), ExitCode=0, JobCurrentStartDate=int(clock.now - 5))
    master.publish({1: 4, 2: 1, 5: 1}, **extra)
    clock.now += 1.0
    assert reader.look().rates == Rates(240.0, 1, 1, 0)
    master.die()
    assert reader.look().rates == Rates()
