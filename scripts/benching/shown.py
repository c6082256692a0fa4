"""How far the bench is: on a terminal a bar over the groups of rows with the present step, elsewhere a line a step."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Optional

from foremen.progress import Progress


class _Bar:
    """The bar that is shown now; None where there is no terminal or nothing is being measured."""

    now: Optional[Progress] = None
    at = (0, 0)


def say(text: str) -> None:
    """A step, for a person who waits."""
    if _Bar.now is not None:
        _Bar.now(*_Bar.at, text)
    else:
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def each(names: Sequence[str]) -> Iterator[Iterator[str]]:
    """The names one by one, with the bar for as long as the block lasts."""
    bar = Progress("bench")
    with bar:
        _Bar.now = bar if bar.on_terminal else None
        try:
            yield _counted(names)
        finally:
            _Bar.now = None


def _counted(names: Sequence[str]) -> Iterator[str]:
    for done, name in enumerate(names):
        _at(done, len(names), name)
        yield name
    _at(len(names), len(names), "")


def _at(done: int, total: int, text: str) -> None:
    _Bar.at = (done, total)
    if _Bar.now is not None:
        say(text)
