"""Who waits before the door: connections that have not proven themselves, and whose turn it is to leave when there are too many."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Waiting:
    """Connections by address, the oldest first.

    A fixed limit for an address would lock out a large site behind one address. So there is one limit for all, and when
    it is reached the address with the most connections loses its oldest: an honest peer is through within
    milliseconds, a silent one is always older.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_address: dict[str, OrderedDict[Hashable, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, address: str, connection: Hashable) -> Hashable | None:
        """One more; the connection that has to leave for it, None when there is room."""
        leaves = self._longest() if self._count >= self._most else None
        self._by_address.setdefault(address, OrderedDict())[connection] = None
        self._count += 1
        return leaves

    def drop(self, address: str, connection: Hashable) -> None:
        """It waits no longer. Once is enough."""
        known = self._by_address.get(address, OrderedDict())
        if connection not in known:
            return
        del known[connection]
        self._count -= 1
        if not known:
            del self._by_address[address]

    def _longest(self) -> Hashable:
        crowded = max(self._by_address, key=lambda address: len(self._by_address[address]))
        oldest = next(iter(self._by_address[crowded]))
        self.drop(crowded, oldest)
        return oldest
