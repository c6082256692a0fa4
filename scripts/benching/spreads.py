"""Rows about how evenly workers choose foremen; computed, nothing is started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from benching.bench import Bench
from benching.table import Aim, Row, alone, compared
from foremen.node.foreman_choice import spread

_WORKERS, _FOREMEN, _SITES = 1000, 12, 20
_MOVED = 1.25  # times the share of the foreman that came or went


def spreads(_bench: Bench) -> Iterator[Row]:
    """How far the fullest of 12 foremen is above the mean with 1,000 workers; what share moves when a foreman comes or goes."""
    for slots in (1, 8):
        sites = [_names(number, slots) for number in range(_SITES)]
        shape = f"{_WORKERS} workers, {slots} a node"
        yield alone(
            "spread",
            f"fullest of {_FOREMEN} foremen to the mean, {shape}",
            "x",
            [_fullest(one, slots) for one in sites],
        )
        for what, count, fair in (("joins", _FOREMEN + 1, _FOREMEN + 1), ("leaves", _FOREMEN - 1, _FOREMEN)):
            moved = [_moved(one, slots, count) for one in sites]
            row = alone("spread", f"workers that move when a foreman {what}, {shape}", "%", moved)
            yield compared(row, "its share", [1 / fair], Aim(_MOVED))


def _names(site: int, slots: int) -> list[str]:
    return [f"node{number:04d}.site{site}.example.org" for number in range(_WORKERS // slots)]


def _choices(nodes: list[str], slots: int, foremen: int) -> list[str]:
    names = tuple(f"head.example.org:{9080 + number}" for number in range(foremen))
    return [order[0] for node in nodes for order in spread(node, slots, names)]


def _fullest(nodes: list[str], slots: int) -> float:
    chosen = Counter(_choices(nodes, slots, _FOREMEN))
    return max(chosen.values()) / (sum(chosen.values()) / _FOREMEN)


def _moved(nodes: list[str], slots: int, foremen: int) -> float:
    """The share of the workers whose first choice is another one with so many foremen."""
    before, after = _choices(nodes, slots, _FOREMEN), _choices(nodes, slots, foremen)
    return sum(old != new for old, new in zip(before, after)) / len(before)
