"""The ways to start a foreman, and what its workspace needs before it starts.

Foremen of CCTools 7.4 and newer keep what their manager sends in ``WORKSPACE/cache``, and look for it, when they pass it
on to a worker, in ``WORKSPACE`` (work_queue_worker.c, do_task and work_queue_cache_full_path). The same is true of outputs,
the other way round: every input and every output is lost. With ``cache`` as a link to its own folder both are one place.
The link has to be there before the foreman is, and a foreman that lost its manager would replace it by a folder:
so this kind of foreman ends with its connection, and its supervisor starts the next one (docs/adr/0022).
"""

from __future__ import annotations

import os
from enum import Enum


class Mode(str, Enum):
    """How a foreman is started."""

    PLAIN = "plain"
    LINKED = "linked"  # its cache is a link to the workspace itself

    @property
    def options(self) -> tuple[str, ...]:
        """The options of ``work_queue_worker`` that this way needs."""
        return ("--single-shot",) if self is Mode.LINKED else ()

    def prepare(self, life: str, pid: int) -> None:
        """Make the workspace of the foreman that will be process ``pid`` and works in ``life``. OSError if it cannot."""
        if self is Mode.LINKED:
            path = f"{life}/worker-{os.getuid()}-{pid}"
            os.mkdir(path, 0o700)
            os.symlink(".", f"{path}/cache")


def let_in(workspace: str) -> bool:
    """Whether the manager of the foreman that works there has let it in: it makes its cache then, and ``tmp`` in it."""
    cache = f"{workspace}/cache"
    return os.path.isdir(cache if not os.path.islink(cache) else f"{cache}/tmp")
