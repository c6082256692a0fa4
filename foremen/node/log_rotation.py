"""Logs that do not grow without bound, though the writers know nothing of it."""

from __future__ import annotations

import os

from foremen.node.state_files import Place

_EVERY = 10.0
_LIMIT = 2**20
_KEEP = 2**16


class LogKeeper:
    """Cuts the logs of one kind: what is beyond 1 MB goes, but for the last 64 KB, which move to ``NAME.old``.

    The writers append (O_APPEND), so they go on at the new end. CCTools cuts its own debug files (--debug-rotate-max).
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._looked = -1e9

    def keep(self, now: float) -> None:
        """Look at the logs, every ten seconds."""
        if now - self._looked < _EVERY:
            return
        self._looked = now
        for name in os.listdir(self._place.state):
            if name.endswith(".log"):
                cut(f"{self._place.state}/{name}")


def cut(path: str) -> bool:
    """Cut one log if it is too long."""
    with open(path, "rb+") as log:
        size = log.seek(0, os.SEEK_END)
        if size <= _LIMIT:
            return False
        log.seek(size - _KEEP)
        tail = log.read()
        with open(f"{path}.old", "wb", opener=lambda name, how: os.open(name, how, 0o600)) as old:
            old.write(tail)
        log.truncate(0)
    return True


def last_words(path: str) -> str:
    """The last line that a process wrote, at most 200 characters; "" when it wrote nothing."""
    try:
        with open(path, "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 2000))
            lines = log.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    return "".join(c for c in said[-1] if c.isprintable())[:200] if said else ""
