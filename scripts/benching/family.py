"""Everything that this process started, directly or not: so that nothing is left behind.

Whoever loses its parent becomes a child of ours (PR_SET_CHILD_SUBREAPER, prctl(2)): daemons, and pilots whose worker was
killed. Only children are killed, and a child's number is not given away before we have waited for it: no stranger is hit.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """From now on orphans among our descendants become our children. OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "cannot adopt orphans (prctl)")


def children() -> set[int]:
    """The processes whose parent we are, those included that have ended and were not waited for."""
    found: set[int] = set()
    for path in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has just ended
            found.update(int(word) for word in path.read_text().split())
    return found


def kill_all(spared: frozenset[int] = frozenset()) -> None:
    """End all descendants at once, generation by generation, but the children ``spared`` and theirs."""
    while True:
        doomed = children() - spared
        if not doomed:
            return
        for pid in doomed:
            os.kill(pid, signal.SIGKILL)
        for pid in doomed:
            with contextlib.suppress(ChildProcessError):  # another thread of ours was faster
                os.waitpid(pid, 0)
