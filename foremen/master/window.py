"""How many jobs the engine should be given now. Pure.

Work Queue scans its waiting tasks (with 100,000 of them it falls from 1600 to 41 tasks a second), so it gets what it
can use soon and no more: the free cores, and a few hundred beyond them so that no core waits for the master.

Tasks that fit nowhere at the moment (more cores than any node has free, more memory than there is) would fill that window,
and what could run stays outside: so they are not counted. Nobody says which they are; that cores stay free while the window
is full does.
"""

from __future__ import annotations

from typing import NamedTuple

_BEYOND = 200  # waiting beyond the free cores: half a second's worth of short tasks
_AT_ONCE = 1000  # in one turn of the loop, so that a turn stays short
_MOST_UNFIT = (
    5000  # so deep is looked for what fits: with so many waiting Work Queue still makes a thousand tasks a second
)
_FORGET = (
    64  # of those that did not fit one in so many is thought to fit again, at each look that does not show otherwise
)


class Pool(NamedTuple):
    """What the engine has: free cores in the pool, and our tasks in it that wait and that run."""

    free_cores: int
    waiting: int
    running: int


class Unfit(NamedTuple):
    """How many of the waiting tasks fit nowhere, as far as is known; and what the last look saw."""

    tasks: int = 0
    waiting: int = 0
    idle: bool = False


def look(before: Unfit, pool: Pool) -> Unfit:
    """Once a second: cores are free, the window is full, and since the last look it has not changed: nothing in it fits."""
    full = room(pool, 0, before.tasks) == 0
    idle = pool.free_cores > 0 and pool.waiting > 0 and full
    if idle and before.idle and pool.waiting == before.waiting:
        tasks = min(pool.waiting, _MOST_UNFIT)
    else:
        tasks = min(before.tasks - -(-before.tasks // _FORGET), pool.waiting)
    return Unfit(tasks, pool.waiting, idle)


def room(pool: Pool, job_limit: int, unfit: int = 0) -> int:
    """How many more jobs to give; ``job_limit`` is for waiting and running together, 0: no limit."""
    wanted = max(0, pool.free_cores) + _BEYOND - max(0, pool.waiting - unfit)
    if job_limit:
        wanted = min(wanted, job_limit - pool.waiting - pool.running)
    return max(0, min(wanted, _AT_ONCE))
