"""Which foreman a worker goes to: rendezvous hashing with bounded loads.

Rendezvous (highest random weight, Thaler and Ravishankar 1998): every pair of worker and foreman has a weight, a worker
takes the heaviest. When a foreman is gone only its own workers move, each to its next heaviest. Nobody has to agree on
anything: the weights come from the names alone. So that the few workers of a small site do not crowd at one foreman, none
gets more of a node's workers than its share, rounded up: the heaviest pairs come first. Where there are many foremen it may be
one more: a worker that finds no room at its foreman pushes others on when that changes, and where each has
room to spare only those move that must.
"""

from __future__ import annotations

import hashlib

_MANY = 4  # foremen


def spread(host: str, slots: int, foremen: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """For each slot of the node ``host`` all foremen in the order in which it tries them."""
    names = tuple(dict.fromkeys(foremen))
    if not names:
        return ((),) * slots
    pairs = sorted(
        [(_weight(f"{host} {slot}", name), slot, name) for slot in range(slots) for name in names], reverse=True
    )
    first = _first_choices(slots, names, pairs)
    orders: list[list[str]] = [[first[slot]] for slot in range(slots)]
    for _weighs, slot, name in pairs:
        if name != first[slot]:
            orders[slot].append(name)
    return tuple([tuple(order) for order in orders])


def _first_choices(slots: int, names: tuple[str, ...], pairs: list[tuple[bytes, int, str]]) -> dict[int, str]:
    room = dict.fromkeys(names, -(-slots // len(names)) + (len(names) >= _MANY))
    first: dict[int, str] = {}
    for _weighs, slot, name in pairs:
        if slot not in first and room[name]:
            first[slot] = name
            room[name] -= 1
    return first


def _weight(key: str, name: str) -> bytes:
    return hashlib.sha256(f"{key}\n{name}".encode()).digest()
