"""How many jobs the engine gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foremen.master.dispatch_window import Flow, Pool, Unfit, look, room

amounts = st.integers(0, 100000)


@pytest.mark.parametrize(
    ("pool", "limit", "wanted"),
    [
        (Pool(0, 0, 0), 0, 32),
        (Pool(50, 0, 0), 0, 82),
        (Pool(50, 82, 0), 0, 0),
        (Pool(0, 12, 900), 0, 20),
        (Pool(-5, 0, 900), 0, 32),
        (Pool(100000, 0, 0), 0, 1000),
        (Pool(50, 0, 90), 100, 10),
        (Pool(50, 10, 90), 100, 0),
        (Pool(50, 0, 200), 100, 0),
    ],
)
def test_room(pool, limit, wanted):
    """Free cores and some beyond, at most a thousand in a turn, within the limit."""
    assert room(pool, limit) == wanted


@pytest.mark.parametrize(("rate", "wanted"), [(0.0, 32), (64.0, 32), (100.0, 50), (400.0, 200), (5000.0, 200)])
def test_room_beyond_the_free_cores(rate, wanted):
    """What ends in half a second, within bounds."""
    assert room(Pool(0, 0, 1000), 0, rate=rate) == wanted


def test_flow():
    """Counted over a second at least, whatever the turns are."""
    flow = Flow(100.0)
    flow.saw(5, 100.5)
    assert flow.rate == 0.0
    flow.saw(5, 101.0)
    assert flow.rate == 10.0
    flow.saw(3, 101.9)
    assert flow.rate == 10.0
    flow.saw(1, 103.0)
    assert flow.rate == 2.0
    flow.saw(0, 104.0)
    assert flow.rate == 0.0


@given(st.builds(Pool, st.integers(-10, 100000), amounts, amounts), amounts)
def test_bounds(pool, limit):
    """Never negative, never more than the limit leaves."""
    found = room(pool, limit)
    assert 0 <= found <= 1000
    if limit:
        assert not found or found + pool.waiting + pool.running <= limit


def _seconds(pools: list[Pool], unfit: Unfit) -> Unfit:
    for pool in pools:
        unfit = look(unfit, pool)
    return unfit


def test_what_does_not_fit_does_not_keep_others_out():
    """The window is full, cores are free, nothing starts: after two looks the next ones are given, again and again, up to a bound."""
    pool, unfit, given = Pool(40, 0, 100), Unfit(), []
    for _ in range(60):
        unfit = look(unfit, pool)
        more = room(pool, 0, unfit.tasks)
        given.append(more)
        pool = pool._replace(waiting=pool.waiting + more)
    assert given[:6] == [72, 0, 240, 0, 240, 0]
    assert 5000 < pool.waiting < 5500


@pytest.mark.parametrize(
    "pools",
    [
        [Pool(0, 200, 100)] * 9,  # no core is free
        [Pool(50, 60, 100)] * 9,  # the window is not full: there is nothing more to give
        [Pool(50, 900 - 50 * at, 100) for at in range(9)],  # they start
        [Pool(50, 260, 100)],  # one look is none
    ],
)
def test_a_busy_pool_has_no_unfit_tasks(pools):
    """Only a pool that stands still although it could go shows that nothing fits."""
    assert _seconds(pools, Unfit()).tasks == 0


def test_what_did_not_fit_is_thought_to_fit_again():
    """A window that was made wide closes within minutes when the pool is busy, and at once when it is empty."""
    wide = Unfit(5000, 5200, False)
    assert _seconds([Pool(0, 5200, 100)] * 60, wide).tasks < 2000
    assert _seconds([Pool(0, 5200, 100)] * 600, wide).tasks == 0
    assert look(wide, Pool(100, 3, 0)).tasks == 3
