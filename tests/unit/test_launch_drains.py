"""Drains of the site, one node, one foreman: the files, the decisions, the supervisor's rounds, and how far they are."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from test_launch_supervisor import Bench

from foremen.errors import LaunchError
from foremen.node.drain import scope as scopes
from foremen.node.drain.active import Drains, foreman_file, node_file, read_drains, same_foreman, shunned, site_file
from foremen.node.drain.control import Left, _late, drain, left, undrain, wait_drained
from foremen.node.drain.files import end_drain, make_drain
from foremen.node.host.fake import FakeSystem
from foremen.node.host.port import Identity
from foremen.node.restart_policy import (
    EVICT_LIMIT,
    Act,
    Phase,
    Policy,
    Sight,
    Slot,
    World,
    decide_foreman,
    decide_worker,
    ended,
    started,
)
from foremen.node.state_files import Place, Record, read_json, write_json
from spool.settings import load

OWN = os.uname().nodename
SHUNNED = World(100.0, shunned=True)
WORKER = started(Slot(0, ("a:1", "b:1")), "a:1", 0.0)
IDLE = Sight(True, True)
CLOSED = replace(IDLE, closed=True)


# --- the files


def test_what_is_read(tmp_path):
    """The widest is told, the first deadline counts, foremen are told apart, other names are not ours."""
    work, wq_drain = str(tmp_path / "wq"), str(tmp_path / "drain")
    assert read_drains(wq_drain, work, "n1") == Drains()
    os.makedirs(f"{work}/drains")
    make_drain(wq_drain)
    assert read_drains(wq_drain, work, "n1") == Drains("drain")
    make_drain(node_file(work, "n1"), 5000)
    make_drain(node_file(work, "n2"), 1)
    assert read_drains(wq_drain, work, "n1") == Drains("node", 5000.0)
    make_drain(site_file(work), 4000)
    make_drain(foreman_file(work, "h:9080"), 3000)
    make_drain(foreman_file(work, "h:9081"))
    open(f"{work}/drains/foreman-h:9081.swp", "w").close()
    found = read_drains(wq_drain, work, "n1")
    assert found == Drains("site", 4000.0, (("h:9080", 3000.0), ("h:9081", None)))


def test_same_foreman():
    """Port and host, however the host is written."""
    names = {"head": frozenset({"head", "10.0.0.1"}), "10.0.0.1": frozenset({"10.0.0.1"})}
    known = lambda host: names.get(host, frozenset({host}))  # noqa: E731
    assert same_foreman("head:9080", "10.0.0.1:9080", known)
    assert not same_foreman("head:9080", "10.0.0.1:9081", known)
    assert not same_foreman("head:9080", "other:9080", known)
    drains = Drains(foremen=(("10.0.0.1:9080", 7.0),))
    assert shunned(drains, ["head:9080", "head:9081"], known) == {"head:9080": 7.0}


# --- the decisions


def test_worker_of_a_drained_foreman():
    """closed, and when nothing runs any more the way out; then it is started at once, by WQ_NORESPAWN too, without blame."""
    slot, acts = decide_worker(WORKER, replace(IDLE, busy=1), SHUNNED, Policy())
    assert (acts, slot.why) == ((Act.CLOSE,), "foreman")
    assert decide_worker(slot, replace(CLOSED, busy=1), SHUNNED, Policy())[1] == ()
    slot, acts = decide_worker(slot, CLOSED, SHUNNED, Policy())
    assert (slot.phase, acts) == (Phase.LEAVING, (Act.LEAVE,))
    again = ended(slot, World(101.0), Policy(norespawn=True))
    assert (again.phase, again.not_before, again.tried, again.note) == (Phase.WAITING, 101.0, frozenset(), "")


def test_undone():
    """It opens again."""
    slot, _acts = decide_worker(WORKER, IDLE, SHUNNED, Policy())
    assert decide_worker(slot, replace(CLOSED, busy=1), World(101.0), Policy())[1] == (Act.OPEN,)


def test_node_drain_goes_first():
    """When the node drains as well, it is not started again."""
    slot, _acts = decide_worker(WORKER, CLOSED, replace(SHUNNED, draining=True), Policy())
    assert slot.why == "drain"
    assert ended(slot, replace(SHUNNED, draining=True), Policy()).phase is Phase.GONE


def test_drained_foreman():
    """It leaves when nobody is connected, or well after the deadline; it is not started before the drain is undone."""
    slot = started(Slot(0), "", 0.0)
    assert decide_foreman(slot, replace(IDLE, links=2), SHUNNED, Policy())[1] == ()
    gone, acts = decide_foreman(slot, replace(IDLE, links=0), SHUNNED, Policy())
    assert acts == (Act.TERM,)
    late = replace(SHUNNED, overdue=EVICT_LIMIT)
    assert decide_foreman(slot, replace(IDLE, links=2), late, Policy())[1] == (Act.TERM,)
    waiting, _acts = decide_foreman(gone, Sight(), SHUNNED, Policy())
    assert waiting.phase is Phase.WAITING
    assert decide_foreman(waiting, Sight(), replace(SHUNNED, now=5000.0), Policy())[1] == ()
    assert decide_foreman(waiting, Sight(), World(5000.0), Policy())[1] == (Act.START,)


# --- the supervisor


def let_in(bench):
    """The workers of all slots are let in by their foremen."""
    for record in bench.living().values():
        os.makedirs(f"{record.life}/worker-0-1/cache", exist_ok=True)


def features(record, name="shutdowntime"):
    """What the pilots of one worker read, None when there is nothing."""
    path = f"{record.life}/features/{name}"
    return open(path).read().strip() if os.path.exists(path) else None


def test_workers_go_to_the_other_foreman(tmp_path):
    """Only the drained foreman's workers leave; they come back at the other, and not to the first while it drains."""
    bench = Bench(tmp_path)
    bench.step()
    let_in(bench)
    os.mkdir(f"{bench.place.workdir}/drains")
    stays = next(it for it in bench.living().values() if it.foreman == "b:1")
    make_drain(foreman_file(bench.place.workdir, "a:1"))
    for _round in range(6):
        bench.step(1)
    assert sorted(it.foreman for it in bench.living().values()) == ["b:1", "b:1"]
    assert stays.who in [it.who for it in bench.living().values()]
    make_drain(foreman_file(bench.place.workdir, "b:1"))
    let_in(bench)
    for _round in range(6):
        bench.step(1)
    assert bench.living() == {}
    assert "every foreman of the list drains" in bench.rows()[0]["note"]
    end_drain(foreman_file(bench.place.workdir, "a:1"))
    bench.step(60)
    assert {it.foreman for it in bench.living().values()} == {"a:1"}


def test_deadline_of_one_foreman(tmp_path):
    """Its workers' pilots read it, others do not; undone it is gone; the node's own deadline is what counts when it is earlier."""
    bench = Bench(tmp_path)
    bench.step()
    let_in(bench)
    first, second = sorted(bench.living().values(), key=lambda record: record.foreman)
    assert (features(first), features(first, "total_cpu")) == (None, features(second, "total_cpu"))
    os.mkdir(f"{bench.place.workdir}/drains")
    for record in (first, second):
        bench.door.processes[record.who.pid].children = {900 + record.who.pid: ()}
    at = int(bench.door.epoch() + 500)
    make_drain(foreman_file(bench.place.workdir, "a:1"), at)
    bench.step(1)
    assert (features(first), features(second)) == (str(at), None)
    assert features(first, "total_cpu") == features(second, "total_cpu")
    make_drain(f"{bench.folder}/drain", at - 100)
    bench.step(1)
    assert (features(first), features(second)) == (str(at - 100), str(at - 100))
    end_drain(f"{bench.folder}/drain")
    end_drain(foreman_file(bench.place.workdir, "a:1"))
    bench.step(1)
    assert (features(first), features(second)) == (None, None)


def test_site_and_node_files_drain(tmp_path):
    """As WQ_DRAIN does, for the nodes they name."""
    bench = Bench(tmp_path)
    bench.step()
    let_in(bench)
    os.mkdir(f"{bench.place.workdir}/drains")
    make_drain(node_file(bench.place.workdir, "elsewhere"))
    bench.step(1)
    assert read_json(bench.place.status)["drain"] == ""
    make_drain(node_file(bench.place.workdir, "node"))
    for _round in range(5):
        bench.step(1)
    assert (bench.living(), read_json(bench.place.status)["drain"]) == ({}, "node")


# --- how far it is


@pytest.fixture
def settings(tmp_path):
    """Of a user whose WQ_WORKDIR is shared by this node, without processes, and by wn7."""
    return load({"HOME": str(tmp_path), "WQ_WORKDIR": str(tmp_path / "wq"), "WQ_DRAIN": str(tmp_path / "drain")})


def elsewhere(settings, door, phase="running", drain="", busy=1):
    """What the node wn7 has written: one worker."""
    place = Place(settings.wq_workdir, "workers", "wn7")
    place.create()
    Record(Identity(9, 9, "boot"), "/life", "head:9080").write(place.record(0))
    write_json(
        place.status,
        {
            "plan": "1",
            "drain": drain,
            "slots": [{"slot": 0, "foreman": "head:9080", "busy": busy, "shunned": bool(drain)}],
        },
    )
    return place


def test_other_nodes_are_counted(settings):
    """By what they have written: whether they have seen it, and until their records are gone."""
    door = FakeSystem()
    place = elsewhere(settings, door)
    scope = scopes.site(settings)
    assert "0 foremen and 1 workers on wn7" in drain(door, settings, 50, scope).text
    now = left(door, settings, scope)
    assert (now.workers, now.pilots, now.nodes, now.silent) == (1, 1, 1, ("wn7",))
    assert str(now).endswith("s to the deadline; not yet seen by wn7")
    elsewhere(settings, door, drain="site")
    assert left(door, settings, scope).silent == ()
    os.unlink(place.record(0))
    assert wait_drained(door, settings, lambda _left: None, scope).text.endswith("run on wn7")
    assert "go on" in undrain(door, settings, scope).text
    assert "nothing drains" in undrain(door, settings, scope).text


def test_undone_and_drains_nevertheless(settings):
    """One drain is undone while another one lasts: it is said which."""
    door = FakeSystem()
    elsewhere(settings, door)
    drain(door, settings)
    drain(door, settings, scope=scopes.site(settings))
    assert undrain(door, settings).remarks == (f"{OWN} drains nevertheless: undrain --site ends that",)
    assert undrain(door, settings, scopes.site(settings)).remarks == ()


def test_node_that_never_sees_it():
    """Nobody is waited for for ever: a minute and a half, with a deadline until a minute after it."""
    silent = Left(0, 1, 0, None, 1, ("wn7",))
    assert not _late(silent, 89.0)
    assert _late(silent, 90.0)
    assert not _late(replace(silent, nodes=2), 1000.0)
    assert _late(replace(silent, nodes=2, seconds=-61), 90.0)


def test_foreman_by_name(settings):
    """host:port as workers have it; loopback is this node; an unknown one is refused."""
    door = FakeSystem()
    elsewhere(settings, door)
    write_json(Place(settings.wq_workdir, "workers", "wn7").plan, plan_facts(("head:9080", "head:9081")))
    assert scopes.foreman(door, settings, "head:9080").foreman == "head:9080"
    assert left(door, settings, scopes.foreman(door, settings, "head:9080")).workers == 1
    assert left(door, settings, scopes.foreman(door, settings, "head:9081")).workers == 0
    with pytest.raises(LaunchError, match=r"no foreman head:7 is known here; known are: 127\.0\.0\.1:9080"):
        scopes.foreman(door, settings, "head:7")
    with pytest.raises(LaunchError, match="name the foreman as host:port"):
        scopes.foreman(door, settings, "0")
    Place(settings.wq_workdir, "foremen").create()
    write_json(Place(settings.wq_workdir, "foremen").plan, {**plan_facts(()), "kind": "foremen", "baseport": 9080})
    assert scopes.foreman(door, settings, "1").foreman == f"{OWN}:9081"
    assert scopes.foreman(door, settings, "9081").foreman == f"{OWN}:9081"
    with pytest.raises(LaunchError, match="0 to 1, ports 9080 to 9081"):
        scopes.foreman(door, settings, "2")


def plan_facts(foremen):
    """A plan as a supervisor reads it."""
    return {
        "id": "1",
        "kind": "workers",
        "count": 2,
        "binary": "",
        "password_file": "",
        "drain": "",
        "foremen": foremen,
    }


def test_unknown_node(settings):
    """A node that never used the folder would not see it."""
    elsewhere(settings, FakeSystem())
    assert scopes.node(settings, "wn7").hosts == ("wn7",)
    with pytest.raises(LaunchError, match="known are: wn7"):
        scopes.node(settings, "wn8")
