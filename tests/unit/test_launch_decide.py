"""The decisions about workers and foremen, with time as an argument."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foremen.node import restart_policy
from foremen.node.restart_policy import Act, Phase, Policy, Sight, Slot, World, decide_foreman, decide_worker

POLICY = Policy()
RUNNING = restart_policy.started(Slot(0, ("a:1", "b:1")), "a:1", 100.0)
IDLE = Sight(alive=True, connected=True)
BUSY = replace(IDLE, busy=1, held=1)


def test_starts_when_its_time_has_come():
    """A waiting slot starts at not_before and not earlier."""
    slot = Slot(0, ("a:1",), not_before=50.0)
    assert decide_worker(slot, Sight(), World(49.9), POLICY) == (slot, ())
    assert decide_worker(slot, Sight(), World(50.0), POLICY) == (slot, (Act.START,))


def test_long_life_is_followed_at_once():
    """After thirty seconds of life it is started again at once, at its first choice."""
    slot, acts = decide_worker(RUNNING, Sight(), World(130.0), POLICY)
    assert acts == (Act.CLEAN,)
    assert (slot.phase, slot.not_before, slot.tried, slot.restarts) == (Phase.WAITING, 130.0, frozenset(), 1)


def test_short_life_goes_to_the_next_foreman_at_once():
    """After a short life the foreman is not tried again while another is left."""
    slot, _acts = decide_worker(RUNNING, Sight(), World(101.0), POLICY)
    assert (slot.not_before, slot.tried) == (101.0, frozenset({"a:1"}))


def test_pause_grows_when_no_foreman_is_left():
    """30 s, 60 s, 120 s ... 300 s; all foremen are tried again after each."""
    slot, waits, now = RUNNING, [], 101.0
    for _round in range(6):
        for foreman in ("a:1", "b:1"):
            slot = restart_policy.ended(restart_policy.started(slot, foreman, now), World(now + 1), POLICY)
            now += 1
        waits.append(slot.not_before - now)
        assert slot.tried == frozenset()
        now = slot.not_before
    assert waits == [30, 60, 120, 240, 300, 300]


def test_long_life_resets_the_pause():
    """What went wrong before a long life is forgotten."""
    slot = restart_policy.ended(replace(RUNNING, short=4, tried=frozenset({"b:1"})), World(200.0), POLICY)
    assert (slot.short, slot.tried, slot.not_before) == (0, frozenset(), 200.0)


def test_idle_worker_goes_to_the_next_foreman():
    """What another foreman holds back for want of workers is found: who had nothing to do for its idle timeout looks elsewhere."""
    slot = replace(RUNNING, choices=("a:1", "b:1", "c:1"), started=0.0, idle_since=0.0)
    seen = []
    for _life in range(4):
        slot = restart_policy.ended(slot, World(slot.started + POLICY.idle_timeout), POLICY)
        assert (slot.phase, slot.not_before, slot.tried) == (
            Phase.WAITING,
            slot.started + POLICY.idle_timeout,
            frozenset(),
        )
        seen.append(slot.choices)
        slot = replace(restart_policy.started(slot, slot.choices[0], slot.not_before), idle_since=slot.not_before)
    assert [order[0] for order in seen] == ["b:1", "c:1", "a:1", "b:1"]
    assert {frozenset(order) for order in seen} == {frozenset({"a:1", "b:1", "c:1"})}


def test_worker_that_was_not_idle_for_long_stays_with_its_foreman():
    """Its foreman went away under it a minute after its last pilot: its first choice is still the first."""
    slot = replace(RUNNING, started=0.0, idle_since=40.0)
    assert restart_policy.ended(slot, World(100.0), POLICY).choices == RUNNING.choices


def test_norespawn():
    """WQ_NORESPAWN=1: it is gone after its life."""
    slot, acts = decide_worker(RUNNING, Sight(), World(500.0), Policy(norespawn=True))
    assert (slot.phase, acts) == (Phase.GONE, (Act.CLEAN,))
    assert decide_worker(slot, Sight(), World(501.0), Policy(norespawn=True)) == (slot, ())


def test_no_foreman_answers():
    """It asks again after 2, 4, 8 ... 30 s."""
    slot, now, waits = Slot(0, ("a:1",)), 0.0, []
    for _round in range(6):
        slot = restart_policy.nowhere(slot, now, POLICY, "none")
        waits.append(slot.not_before - now)
        now = slot.not_before
    assert waits == [2, 4, 8, 16, 30, 30]


def test_no_foreman_and_norespawn():
    """In an allocation nobody waits for ever: after the idle timeout the slot is given up."""
    policy = Policy(norespawn=True, idle_timeout=10.0)
    slot = Slot(0, ("a:1",), since=5.0)
    assert restart_policy.nowhere(slot, 14.9, policy, "none").phase is Phase.WAITING
    assert restart_policy.nowhere(slot, 15.0, policy, "none").phase is Phase.GONE


def test_stop_is_term_then_kill():
    """SIGTERM, after the grace SIGKILL with all that it runs, repeated; then gone."""
    slot, acts = decide_worker(RUNNING, BUSY, World(110.0, stopping=True), POLICY)
    assert (slot.phase, acts) == (Phase.ENDING, (Act.TERM,))
    assert decide_worker(slot, BUSY, World(111.9, stopping=True), POLICY)[1] == ()
    slot, acts = decide_worker(slot, BUSY, World(112.0, stopping=True), POLICY)
    assert acts == (Act.KILL,)
    slot, acts = decide_worker(slot, Sight(), World(112.1, stopping=True), POLICY)
    assert (slot.phase, acts) == (Phase.GONE, (Act.CLEAN,))


def test_drain_of_an_idle_worker():
    """Closed first; told to leave at the next look; ended when nobody waits; gone."""
    world = World(110.0, draining=True)
    slot, acts = decide_worker(RUNNING, IDLE, world, POLICY)
    assert (slot.phase, acts) == (Phase.RUNNING, (Act.CLOSE,))
    slot, acts = decide_worker(slot, replace(IDLE, closed=True), world, POLICY)
    assert (slot.phase, acts) == (Phase.LEAVING, (Act.LEAVE,))
    slot, acts = decide_worker(slot, replace(IDLE, closed=True), world, POLICY)
    assert (slot.phase, acts) == (Phase.ENDING, (Act.TERM,))
    slot, acts = decide_worker(slot, Sight(), world, POLICY)
    assert (slot.phase, acts) == (Phase.GONE, (Act.CLEAN,))


@pytest.mark.parametrize("sight", [BUSY, replace(IDLE, held=1), replace(IDLE, busy=1)])
def test_drain_waits_for_tasks_and_their_results(sight):
    """A worker that runs something, or whose result is not delivered, stays closed and lives on."""
    slot = replace(RUNNING, shut=True)
    for now in (110.0, 10000.0):
        slot, acts = decide_worker(slot, replace(sight, closed=True), World(now, draining=True), POLICY)
        assert (slot.phase, acts) == (Phase.RUNNING, ())


def test_leaving_waits_for_bounced_launches_but_not_long():
    """Waiting launches get three seconds to report."""
    slot = replace(RUNNING, phase=Phase.LEAVING, since=200.0)
    sight = replace(IDLE, closed=True, waiting=1)
    assert decide_worker(slot, sight, World(202.9, draining=True), POLICY)[1] == ()
    assert decide_worker(slot, sight, World(203.0, draining=True), POLICY)[1] == (Act.TERM,)


def test_leaving_is_taken_back_when_something_runs():
    """A child that the first look had missed is not killed."""
    slot = replace(RUNNING, phase=Phase.LEAVING, since=200.0)
    slot, acts = decide_worker(slot, replace(BUSY, closed=True), World(201.0, draining=True), POLICY)
    assert (slot.phase, acts) == (Phase.RUNNING, ())


def test_drain_undone_opens():
    """When the drain file goes away, ``closed`` is removed; but only one that we made."""
    slot, acts = decide_worker(replace(RUNNING, shut=True), replace(BUSY, closed=True), World(110.0), POLICY)
    assert (slot.shut, acts) == (False, (Act.OPEN,))
    single = Policy(singletask=True)
    assert decide_worker(RUNNING, replace(BUSY, closed=True), World(110.0), single)[1] == ()


def test_waiting_slot_is_given_up_by_a_drain():
    """What does not run does not come up during a drain."""
    slot, acts = decide_worker(Slot(0, ("a:1",)), Sight(), World(1.0, draining=True), POLICY)
    assert (slot.phase, acts) == (Phase.GONE, ())


def test_single_task():
    """After its task and the delivery of the result it leaves, and is started again at once, however short."""
    policy = Policy(singletask=True)
    closed = replace(IDLE, closed=True)
    assert decide_worker(RUNNING, replace(closed, busy=1), World(101.0), policy)[1] == ()
    assert decide_worker(RUNNING, replace(closed, held=1), World(101.0), policy)[1] == ()
    slot, acts = decide_worker(RUNNING, replace(closed, waiting=1), World(101.0), policy)
    assert acts == (Act.LEAVE,)
    slot, acts = decide_worker(slot, closed, World(101.1), policy)
    assert acts == (Act.TERM,)
    slot, acts = decide_worker(slot, Sight(), World(101.3), policy)
    assert (slot.phase, slot.not_before, slot.tried) == (Phase.WAITING, 101.3, frozenset())


def test_idle_worker_is_ended_when_it_does_not_leave_by_itself():
    """After the idle timeout and a grace, by the same way out as a drain."""
    slot, _acts = decide_worker(RUNNING, IDLE, World(110.0), POLICY)
    assert decide_worker(slot, IDLE, World(239.9), POLICY)[1] == ()
    slot, acts = decide_worker(slot, IDLE, World(240.0), POLICY)
    assert acts == (Act.CLOSE,)
    assert decide_worker(slot, replace(BUSY, closed=True), World(241.0), POLICY)[1] == (Act.OPEN,)
    assert decide_worker(slot, replace(IDLE, closed=True), World(241.0), POLICY)[1] == (Act.LEAVE,)


def test_work_resets_the_idle_time():
    """A task in between starts the count anew."""
    slot, _acts = decide_worker(RUNNING, IDLE, World(110.0), POLICY)
    slot, _acts = decide_worker(slot, BUSY, World(200.0), POLICY)
    assert decide_worker(slot, IDLE, World(300.0), POLICY)[1] == ()


def test_a_foreman_that_does_not_answer_is_left():
    """Not let in for twenty seconds: to the next foreman, if there is one."""
    outside = Sight(alive=True)
    assert decide_worker(RUNNING, outside, World(119.9), POLICY)[1] == ()
    slot, acts = decide_worker(RUNNING, outside, World(120.0), POLICY)
    assert acts == (Act.TERM,)
    slot, _acts = decide_worker(slot, Sight(), World(135.0), POLICY)
    assert (slot.not_before, slot.tried) == (135.0, frozenset({"a:1"}))
    last = replace(RUNNING, tried=frozenset({"b:1"}))
    assert decide_worker(last, outside, World(500.0), POLICY)[1] == ()


def test_foreman_drains_when_its_workers_are_gone():
    """As long as a worker is connected it stays."""
    world = World(110.0, draining=True)
    assert decide_foreman(RUNNING, replace(IDLE, links=1), world, POLICY) == (RUNNING, ())
    assert decide_foreman(RUNNING, IDLE, world, POLICY)[1] == (Act.TERM,)


def test_foreman_is_not_ended_for_being_idle():
    """Foremen stay."""
    assert decide_foreman(RUNNING, IDLE, World(1e6), POLICY) == (RUNNING, ())
