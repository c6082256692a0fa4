"""The shortcut: what a worker gives to a shell only to have it become the starter, becomes the starter at once (``preload.c``).

A shared object that a supervisor has put before its workers' C library (``LD_PRELOAD``), if it loads in this node's
``work_queue_worker``: one that is linked statically, or a script that starts it in a container, goes without.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from foremen.native import deploy

NAME = "preload"
VARIABLE = "LD_PRELOAD"
STAMP = "awq-shortcut:"
ASK = "AWQ_SHORTCUT_STAMP"
"""Whoever loads it with this variable says its stamp and ends."""
_SEPARATORS = " :"  # of names in LD_PRELOAD: a folder with one of them in its name cannot stand there


class Shortcut:
    """It, in a folder of a node. ``environ``: what the workers have else."""

    def __init__(self, folder: str, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._before = environ.get(VARIABLE, "")
        self._tried: dict[str, str] = {}  # worker to path

    def variables(self, worker: str) -> dict[str, str]:
        """With which a worker has it; none when it does not load there. It is tried once, and again when the file has gone.

        A file that is not there would be complained about by every program that a pilot starts.
        """
        path = self._tried.get(worker)
        if path is None or (path and not os.path.exists(path)):
            path = self._tried[worker] = self._lay_out(worker)
        return {VARIABLE: self._first(path)} if path else {}

    def _lay_out(self, worker: str) -> str:
        def says(path: str) -> bytes:
            return deploy.said([worker, "--version"], STAMP, **{VARIABLE: self._first(path), ASK: "1"})

        return "" if set(_SEPARATORS) & set(self._folder) else deploy.lay_out(NAME, self._folder, says)

    def _first(self, path: str) -> str:
        return f"{path}:{self._before}" if self._before else path
