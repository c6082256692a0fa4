"""What the engine owes its master: every task that it knows, and every result that is not acknowledged. No I/O."""

from __future__ import annotations

from typing import Optional, Union

from foremen.engine.protocol import DONE, WAITING, Result, StateChange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Ledger:
    """A tag is known from its submission until its result is acknowledged."""

    def __init__(self) -> None:
        self.live: dict[str, Optional[StateChange]] = {}  # None: waiting, nothing was said about it yet
        self.results: dict[str, Result] = {}

    def __contains__(self, tag: str) -> bool:
        return tag in self.live or tag in self.results

    @property
    def empty(self) -> bool:
        """Nothing runs or waits, and nothing is owed."""
        return not self.live and not self.results

    def take(self, tag: str) -> None:
        """The task was given to Work Queue."""
        self.live[tag] = None

    def note(self, event: Union[StateChange, Result]) -> None:
        """Something happened to a task."""
        if isinstance(event, Result):
            self.live.pop(event.tag, None)
            self.results[event.tag] = event
        elif event.tag in self.live:
            self.live[event.tag] = event

    def acknowledge(self, tags: Iterable[str]) -> None:
        """The master has committed these results. A tag that is not known was acknowledged before."""
        for tag in tags:
            self.results.pop(tag, None)

    def rows(self) -> tuple[tuple[str, str, int, str], ...]:
        """The tasks for a hello: (tag, state, tries, host)."""
        live = [
            (tag, last.state, last.tries, last.host) if last else (tag, WAITING, 0, "")
            for tag, last in self.live.items()
        ]
        return (*live, *[(tag, DONE, result.tries, result.host) for tag, result in self.results.items()])
