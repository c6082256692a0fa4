"""Who was refused, for the log and for ``status``: counted, and written seldom, so that a flood fills no disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter

_EVERY = 5.0  # s between two writes
_MOST = 1000  # addresses and reasons that are told apart
_OTHERS = "other addresses"


class Refusals:
    """Counts by address and reason. ``path``: a file that holds them all, as JSON; "" for none."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._all: Counter[tuple[str, str]] = Counter()
        self._unsaid: Counter[tuple[str, str]] = Counter()

    def note(self, address: str, reason: str) -> None:
        """One more connection was refused."""
        key = (address, reason) if (address, reason) in self._all or len(self._all) < _MOST else (_OTHERS, reason)
        self._all[key] += 1
        self._unsaid[key] += 1

    def say(self, text: str) -> None:
        """A line for the log."""
        with contextlib.suppress(OSError):  # a full disk must not end the acceptor
            sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} acceptor: {text}\n")
            sys.stderr.flush()

    async def keep(self) -> None:
        """Write what is new, for ever."""
        while True:
            self.write()
            await asyncio.sleep(_EVERY)

    def write(self) -> None:
        """The lines that are due, and the file when it has changed."""
        if not self._unsaid:
            return
        for (address, reason), count in self._unsaid.most_common(20):
            self.say(f"refused {count} connection{'s' if count > 1 else ''} from {address or 'anywhere'}: {reason}")
        self._unsaid.clear()
        if self._path:
            with contextlib.suppress(OSError):
                _write(self._path, self._all)


def _write(path: str, counts: Counter[tuple[str, str]]) -> None:
    rows = [{"address": address, "reason": reason, "count": count} for (address, reason), count in counts.most_common()]
    aside = f"{path}.new"
    with open(
        os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump({"at": time.time(), "refused": rows}, file)
    os.replace(aside, path)
