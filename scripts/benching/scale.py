"""How much is measured: the whole, or a little of everything to see that it works."""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """Sizes. ``turns``: how often each of two things is measured, in turn."""

    turns: int = 3
    tasks: int = 3000
    processes: int = 40
    few: int = 1000  # waiting jobs, against
    many: int = 100_000
    running: int = 10_000
    nodes: int = 12  # foremen, and workers, of the large pool
    shown: int = 10_000  # jobs for the query forms
    load_seconds: float = 20.0
    idle_seconds: float = 20.0
    patience: float = 600.0

    @property
    def cores(self) -> int:
        """Of each worker of the large pool."""
        return -(-self.running // self.nodes)


QUICK = Scale(1, 200, 5, 200, 3000, 120, 3, 500, 3.0, 3.0, 120.0)
