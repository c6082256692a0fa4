"""The supervisor's rounds, on a fake operating system and a real folder."""

from __future__ import annotations

import os
import signal

import pytest

from foremen.node.host.fake import FakeSystem
from foremen.node.plan import Plan
from foremen.node.state_files import Place, Record, read_json, write_json
from foremen.node.supervisor import Supervisor


class Bench:
    """A supervisor whose clock and processes the test holds."""

    def __init__(self, folder, kind="workers", **changes):
        self.folder = folder
        self.place = Place(f"{folder}/wq", kind, "node")
        self.place.create()
        self.door = FakeSystem()
        self.door.answering = {"a:1", "b:1"}
        self.kind = kind
        self.plan(**changes)
        self.supervisor = self.another()

    def plan(self, **changes):
        facts = {"id": str(len(changes)), "count": 2, "binary": "/wqw", "password_file": "/pw", "idle_timeout": 100}
        facts.update(kind=self.kind, drain=f"{self.folder}/drain", foremen=("a:1", "b:1"), master="m:1", baseport=9080)
        Plan(**{**facts, **changes}).write(self.place)

    def another(self):
        preload = lambda program: {"LD_PRELOAD": f"for {program}"}  # noqa: E731
        made = Supervisor(self.door, self.place, {"PATH": "/bin"}, "node", preload)
        made.adopt()
        return made

    def step(self, seconds=0.0):
        self.door.time += seconds
        return self.supervisor.step()

    def rows(self):
        return read_json(self.place.status)["slots"]

    def living(self):
        return {slot: it for slot, it in self.place.records().items() if self.door.alive(it.who)}


@pytest.fixture
def bench(tmp_path):
    """Two workers, two foremen that answer."""
    return Bench(tmp_path)


def test_starts_what_the_plan_wants(bench):
    """Both workers are started, recorded, at different foremen."""
    assert bench.step()
    assert sorted(record.foreman for record in bench.living().values()) == ["a:1", "b:1"]
    assert [row["phase"] for row in bench.rows()] == ["running", "running"]
    assert all(os.path.isdir(f"{record.life}/state") for record in bench.living().values())


@pytest.mark.parametrize(("wanted", "found"), [(True, "for /wqw"), (False, None)])
def test_what_is_preloaded(tmp_path, wanted, found):
    """What fits the program of the plan; nothing where WQ_PRELOAD is 0."""
    bench = Bench(tmp_path, preload=wanted)
    bench.step()
    commands = [bench.door.processes[it.who.pid].command for it in bench.living().values()]
    assert [dict(command.environ).get("LD_PRELOAD") for command in commands] == [found] * 2


def test_asks_few_foremen(bench):
    """Only first choices are asked, once for all; the others when one does not answer."""
    bench.step()
    assert bench.door.asked == [frozenset({"a:1", "b:1"})]
    bench.door.end(bench.living()[0].who)
    bench.step(60)
    assert bench.door.asked[1:] == []
    bench.step(0)
    assert bench.door.asked[1:] == [frozenset({bench.supervisor.slots[0].choices[0]})]


def test_goes_to_another_foreman_at_once(bench):
    """The foreman is gone: the worker's next life is at the other, in the same second."""
    bench.step()
    record = bench.living()[0]
    bench.door.answering.discard(record.foreman)
    bench.door.end(record.who)
    bench.step(5)
    bench.step(0)
    assert {it.foreman for it in bench.living().values()} == bench.door.answering


def test_a_life_leaves_nothing(bench):
    """What a dead worker left running is killed, its folder removed, its next life has another."""
    bench.step()
    record = bench.living()[0]
    stray = bench.door.stray(record.who, f"{record.life}/state")
    bench.door.end(record.who)
    bench.step(40)
    assert not bench.door.alive(stray)
    assert not os.path.exists(record.life)
    bench.step()
    assert bench.living()[0].life != record.life


def test_next_supervisor_adopts(bench):
    """Living processes go on under a new supervisor, with their foreman and restarts; dead ones are cleaned up."""
    bench.step()
    first = bench.living()
    bench.door.end(first[1].who)
    stray = bench.door.stray(first[1].who, f"{first[1].life}/state")
    os.makedirs(f"{bench.place.work}/w9.old")
    bench.supervisor = bench.another()
    assert not bench.door.alive(stray)
    assert sorted(os.listdir(bench.place.work)) == [os.path.basename(first[0].life)]
    bench.step()
    assert bench.living()[0].who == first[0].who
    assert len(bench.living()) == 2


def test_does_not_end_the_session_of_a_recycled_pid(bench):
    """The record of a process that died long ago: only what carries our mark is ended."""
    bench.step()
    record = bench.living()[0]
    bench.door.end(record.who)
    stranger = bench.door.stray(record.who, "not ours")
    bench.another()
    assert bench.door.alive(stranger)


def test_stop(bench):
    """SIGTERM, and SIGKILL after two seconds for who does not heed it; then there is nothing left to do."""
    bench.step()
    deaf, other = (bench.living()[i].who for i in (0, 1))
    bench.door.processes[deaf.pid].heeds_term = False
    bench.supervisor.stopping = True
    assert bench.step()
    bench.step(1.9)
    assert bench.door.signals == [(deaf.pid, signal.SIGTERM), (other.pid, signal.SIGTERM)]
    bench.step(0.2)
    assert bench.door.signals[-1] == (deaf.pid, signal.SIGKILL)
    assert not bench.step()
    assert bench.place.records() == {}


def test_drain_by_the_contract(bench):
    """closed; busy stays; a waiting launch gets ``leave``; undone removes closed."""
    bench.step()
    records = bench.living()
    for slot, record in records.items():
        os.makedirs(f"{record.life}/worker-0-1/cache")
        bench.door.processes[record.who.pid].children = {slot + 500: ()}
    state = f"{records[1].life}/state"
    os.mkdir(f"{bench.folder}/drain")
    bench.step(10)
    assert all(os.path.exists(f"{record.life}/state/closed") for record in records.values())
    open(f"{state}/bounce.501", "w").close()
    bench.step()
    assert os.path.exists(f"{state}/leave")
    assert not os.path.exists(f"{records[0].life}/state/leave")
    bench.door.processes[records[1].who.pid].children = {}
    bench.step()
    bench.step()
    assert list(bench.living()) == [0]
    os.rmdir(f"{bench.folder}/drain")
    bench.step()
    assert not os.path.exists(f"{records[0].life}/state/closed")


def test_undelivered_result_keeps_a_drained_worker(bench):
    """A sandbox that is not a waiting launch's own is a result on its way home."""
    bench.step()
    record = bench.living()[0]
    os.makedirs(f"{record.life}/worker-0-1/cache")
    os.makedirs(f"{record.life}/worker-0-1/t.1")
    os.mkdir(f"{bench.folder}/drain")
    for _round in range(3):
        bench.step(10)
    assert bench.door.alive(record.who)
    os.rmdir(f"{record.life}/worker-0-1/t.1")
    for _round in range(3):
        bench.step(1)
    assert not bench.door.alive(record.who)


def test_new_plan_revives_and_adds(bench):
    """start called again: given-up slots come back, more are added; fewer wanted: the surplus is not started again."""
    bench.step()
    os.mkdir(f"{bench.folder}/drain")
    for _round in range(4):
        bench.step(1)
    assert bench.living() == {}
    os.rmdir(f"{bench.folder}/drain")
    bench.plan(count=3)
    bench.step(1)
    assert sorted(bench.living()) == [0, 1, 2]
    bench.plan(count=1)
    bench.step(1)
    assert sorted(bench.living()) == [0, 1, 2]
    bench.door.end(bench.living()[2].who)
    bench.step(10)
    bench.step(1)
    assert sorted(bench.living()) == [0, 1]


def test_surplus_that_waits_is_given_up(bench):
    """Fewer wanted: a slot that waits for a foreman is not started any more."""
    bench.door.answering = set()
    bench.step()
    bench.plan(count=1)
    bench.step(1)
    bench.door.answering = {"a:1", "b:1"}
    bench.step(60)
    assert [row["phase"] for row in bench.rows()] == ["running", "gone"]
    assert sorted(bench.living()) == [0]


def test_foreman_waits_for_its_port(tmp_path):
    """A port that is taken is said; the foreman comes up when it is free."""
    bench = Bench(tmp_path, "foremen", foremen=())
    bench.door.taken.add(9081)
    bench.step()
    assert [row["note"] for row in bench.rows()] == ["", "port 9081 is in use by another process"]
    bench.door.taken.discard(9081)
    bench.step(2)
    assert sorted(bench.living()) == [0, 1]


def test_foreman_drains_last(tmp_path):
    """It stays while a worker is connected."""
    bench = Bench(tmp_path, "foremen", foremen=())
    bench.step()
    bench.door.links = {9080: 1}
    os.mkdir(f"{tmp_path}/drain")
    bench.step(1)
    bench.step(1)
    assert list(bench.living()) == [0]


def test_start_that_fails_is_said_and_tried_again(bench):
    """A program that cannot be run leaves no record and no folder behind."""
    bench.door.fails = "no such program"
    bench.step()
    assert bench.rows()[0]["note"] == "cannot start: no such program"
    assert (bench.place.records(), os.listdir(bench.place.work)) == ({}, [])
    bench.door.fails = ""
    bench.step(2)
    assert len(bench.living()) == 2


def test_damaged_plan_is_not_taken(bench):
    """It goes on with the plan that it has."""
    bench.step()
    write_json(bench.place.plan, {"kind": "workers"})
    assert bench.step(1)
    assert len(bench.living()) == 2


def test_removed_folder_ends_all(bench):
    """Without records nobody could stop the processes later: they are ended now."""
    bench.step()
    who = [record.who for record in bench.living().values()]
    os.rename(bench.place.workdir, f"{bench.folder}/away")
    for _round in range(4):
        bench.step(3)
    assert not any(bench.door.alive(it) for it in who)


def test_restarts_are_remembered(bench):
    """A record holds how often its slot was started again."""
    for _round in range(3):
        bench.step(40)
        bench.door.end(bench.living()[0].who)
        bench.step(40)
    bench.step()
    assert bench.living()[0].restarts == 3
    assert isinstance(bench.living()[0], Record)
