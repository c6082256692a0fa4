"""Which foreman a worker goes to."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from foremen.node.foreman_choice import spread

FOREMEN = tuple(f"head:{9080 + i}" for i in range(12))


@given(some.text(max_size=20), some.integers(0, 70), some.integers(1, 12))
def test_one_node_is_spread_evenly(host, slots, count):
    """No foreman is the first choice of more than its share, rounded up, and of one more where there are four; every order names all."""
    orders = spread(host, slots, FOREMEN[:count])
    first = Counter(order[0] for order in orders)
    assert max(first.values(), default=0) <= -(-slots // count) + (count >= 4)
    assert all(sorted(order) == sorted(FOREMEN[:count]) for order in orders)


def test_many_nodes_are_spread_evenly():
    """A thousand nodes with fewer workers than foremen: no foreman has half as many again as another."""
    first = Counter(order[0] for i in range(1000) for order in spread(f"node{i}", 5, FOREMEN))
    assert len(first) == 12
    assert max(first.values()) < 1.5 * min(first.values())


def test_second_choices_are_spread():
    """The workers of a foreman that is gone do not all go to the same one."""
    second = Counter(order[1] for i in range(500) for order in spread(f"node{i}", 5, FOREMEN) if order[0] == FOREMEN[0])
    assert len(second) == 11


def test_only_the_share_of_a_foreman_moves():
    """A thousand workers, eight a node: who comes or goes moves its twelfth and little more."""

    def choices(foremen):
        return [order[0] for i in range(125) for order in spread(f"node{i}", 8, foremen)]

    with_all, without_one = choices(FOREMEN), choices(FOREMEN[:11])
    moved = sum(before != after for before, after in zip(with_all, without_one))
    assert with_all.count(FOREMEN[11]) <= moved < 1.25 * 1000 / 12


def test_the_same_every_time():
    """Nothing but the names counts."""
    assert spread("a", 8, FOREMEN) == spread("a", 8, FOREMEN)
    assert spread("a", 8, ()) == ((),) * 8
