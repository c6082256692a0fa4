"""How many jobs the engine should be given now. Pure.

Work Queue scans its waiting tasks (with 100,000 of them it falls from 1600 to 41 tasks a second), and holds each against every
worker whenever somebody says something: 200 of them on 16 workers are 10 ms. So it gets what it can use soon and no more: the free
cores, and beyond them what ends in half a second, so that no core waits for the master.

Tasks that fit nowhere at the moment (more cores than any node has free, more memory than there is) would fill that window,
and what could run stays outside: so they are not counted. Nobody says which they are; that cores stay free while the window
is full does.
"""

from __future__ import annotations

from typing import NamedTuple

_BEYOND = (32, 200)  # waiting beyond the free cores: at least, and at most
_SOON = 0.5  # s that what waits beyond them should last
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


class Flow:
    """How many tasks end a second, of late. Times are seconds of a clock that never steps."""

    def __init__(self, now: float) -> None:
        self.rate = 0.0
        self._count, self._since = 0, now

    def saw(self, ended: int, now: float) -> None:
        """So many ended since the last call."""
        self._count += ended
        if now - self._since >= 1.0:
            self.rate = self._count / (now - self._since)
            self._count, self._since = 0, now


def look(before: Unfit, pool: Pool, rate: float = 0.0) -> Unfit:
    """Once a second: cores are free, the window is full, and since the last look it has not changed: nothing in it fits."""
    full = room(pool, 0, before.tasks, rate) == 0
    idle = pool.free_cores > 0 and pool.waiting > 0 and full
    if idle and before.idle and pool.waiting == before.waiting:
        tasks = min(pool.waiting, _MOST_UNFIT)
    else:
        tasks = min(before.tasks - -(-before.tasks // _FORGET), pool.waiting)
    return Unfit(tasks, pool.waiting, idle)


def room(pool: Pool, job_limit: int, unfit: int = 0, rate: float = 0.0) -> int:
    """How many more jobs to give; ``job_limit`` is for waiting and running together, 0: no limit. ``rate``: of the flow."""
    least, most = _BEYOND
    beyond = most if unfit else min(most, max(least, int(rate * _SOON)))  # where nothing fits, look deep
    wanted = max(0, pool.free_cores) + beyond - max(0, pool.waiting - unfit)
    if job_limit:
        wanted = min(wanted, job_limit - pool.waiting - pool.running)
    return max(0, min(wanted, _AT_ONCE))
