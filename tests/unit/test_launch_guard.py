"""A node on which pilots fail at once: when it is left alone, for how long, and how it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from foremen.node.black_hole import FIRST_PAUSE, LONGEST_PAUSE, End, Ends, Guard, Limits, judge
from foremen.node.restart_policy import Act, Phase, Policy, Sight, Slot, World, decide_worker

LIMITS = Limits(8, 30)
BAD, SLOW, GOOD = End(1, 2), End(1, 30), End(0, 1)


@pytest.mark.parametrize(
    ("ends", "active"),
    [
        ([BAD] * 7, False),
        ([BAD] * 8, True),
        ([BAD] * 7 + [GOOD] + [BAD] * 7, False),
        ([BAD] * 7 + [SLOW] + [BAD] * 7, False),
        ([SLOW] * 100, False),
    ],
)
def test_only_a_row_of_quick_failures_counts(ends: list[End], active: bool) -> None:
    """Eight in a row; a good pilot or one that failed after a while breaks it."""
    assert judge(Guard(), ends, 100.0, LIMITS).active(100.0) is active


def test_one_job_that_fails_again_and_again_says_nothing_of_the_node() -> None:
    """Eight different jobs do, also with one of them in between."""
    poison = End(1, 0, "7.0")
    guard = judge(Guard(), [poison] * 1000, 100.0, LIMITS)
    assert not guard.active(100.0)
    others = [End(1, 0, f"{number}.0") for number in range(8, 15)]
    assert not judge(guard, [*others[:6], *[poison] * 9], 100.0, LIMITS).active(100.0)
    assert judge(guard, others, 100.0, LIMITS).active(100.0)


def test_zero_switches_it_off() -> None:
    """AWQ_BLACKHOLE_PILOTS=0."""
    assert not judge(Guard(), [BAD] * 1000, 100.0, Limits(0, 30)).active(100.0)


def test_pauses_grow_and_fewer_are_needed() -> None:
    """8, 4, 2, 1, 1 pilots; 60 s, twice as long each time, half an hour at most."""
    guard, now = Guard(), 0.0
    for round_, needed in enumerate((8, 4, 2, 1, 1, 1, 1)):
        assert not judge(guard, [BAD] * (needed - 1), now, LIMITS).active(now)
        guard = judge(guard, [BAD] * needed, now, LIMITS)
        assert guard.until - now == min(LONGEST_PAUSE, FIRST_PAUSE * 2**round_)
        assert "quarantine" in guard.note(now, LIMITS)
        now = guard.until
        assert not guard.active(now)
        assert guard.note(now, LIMITS) == ""


def test_one_good_pilot_and_all_is_forgiven() -> None:
    """Also one that was still running when the quarantine began."""
    guard = judge(Guard(), [BAD] * 8, 0.0, LIMITS)
    assert judge(guard, [GOOD], 1.0, LIMITS) == Guard()


def test_ends_are_read_once_and_whole(tmp_path: Path) -> None:
    """A line that is being written waits for the next look; rubbish is nothing; a life that is over is forgotten."""
    ends, one, two = Ends(), tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    assert ends.look([str(one), str(two)]) == []
    (one / "ends").write_text("1 2 12.0\n0 300\n1")
    (two / "ends").write_bytes(b"x y\n\xff\n7 7\n")
    assert ends.look([str(one), str(two)]) == [End(1, 2, "12.0"), End(0, 300), End(7, 7)]
    (one / "ends").write_text("1 2 12.0\n0 300\n1 9\n")
    assert ends.look([str(one)]) == [End(1, 9)]
    assert ends.look([str(one)]) == []


def test_what_a_worker_has_passed(tmp_path: Path) -> None:
    """All pilots that ended, and those seen to end within the last minute; what was there before the first look has no time."""
    ends, folder = Ends(), str(tmp_path)
    assert ends.passed(folder) == (0, 0)
    (tmp_path / "ends").write_text("0 5\n1 5\n")
    ends.look([folder], 100.0)
    assert ends.passed(folder) == (2, 0)
    with (tmp_path / "ends").open("a") as file:
        file.write("0 5\n")
    ends.look([folder], 110.0)
    assert ends.passed(folder) == (3, 1)
    ends.look([folder], 169.0)
    assert ends.passed(folder) == (3, 1)
    ends.look([folder], 170.0)
    assert ends.passed(folder) == (3, 0)
    ends.look([], 171.0)
    assert ends.passed(folder) == (0, 0)


def test_workers_leave_and_come_back() -> None:
    """Closed, ended when nothing runs any more, not started while it lasts, started at once when it is over."""
    slot = Slot(0, ("a:1",), Phase.RUNNING, foreman="a:1", started=90.0)
    world, policy = World(100.0, quarantined=True), Policy()
    slot, acts = decide_worker(slot, Sight(True, True), world, policy)
    assert acts == (Act.CLOSE,)
    slot, acts = decide_worker(slot, Sight(True, True, busy=1, closed=True), world, policy)
    assert acts == ()
    slot, acts = decide_worker(slot, Sight(True, True, closed=True), world, policy)
    assert acts == (Act.LEAVE,)
    slot, acts = decide_worker(slot, Sight(True, True, closed=True), world, policy)
    assert acts == (Act.TERM,)
    slot, _ = decide_worker(slot, Sight(False), world, policy)
    assert slot.phase is Phase.WAITING
    assert decide_worker(slot, Sight(False), World(1000.0, quarantined=True), policy)[1] == ()
    assert decide_worker(slot, Sight(False), World(101.0), policy)[1] == (Act.START,)
