"""The shortcut: what a worker gives to a shell only to have it become the starter, becomes the starter at once (``shortcut.c``).

A shared object that a supervisor has put before its workers' C library (``LD_PRELOAD``), if it loads in this node's
``work_queue_worker``: one that is linked statically, or a script that starts it in a container, goes without.
"""

from __future__ import annotations

from collections.abc import Mapping

from foremen import laidout

NAME = "shortcut"
VARIABLE = "LD_PRELOAD"
STAMP = "awq-shortcut:"
ASK = "AWQ_SHORTCUT_STAMP"
"""Whoever loads it with this variable says its stamp and ends."""
_SEPARATORS = " :"  # of names in LD_PRELOAD: a folder with one of them in its name cannot stand there


def preload(folder: str, worker: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with which a worker has it, which it lays into ``folder``; none when it does not load there."""
    before = environ.get(VARIABLE, "")

    def says(path: str) -> bytes:
        return laidout.said([worker, "--version"], STAMP, **{VARIABLE: _first(path, before), ASK: "1"})

    path = "" if set(_SEPARATORS) & set(folder) else laidout.lay_out(NAME, folder, says)
    return {VARIABLE: _first(path, before)} if path else {}


def _first(path: str, before: str) -> str:
    return f"{path}:{before}" if before else path
