"""Files that nobody needs any more, and when they are removed: copies, archives, what dead clients left."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import shutil
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

from foremen.master import userlog_recovery
from foremen.master.intake import age, read_or_none
from spool import crashpoints
from spool.job import is_number
from spool.store.layout import Spool
from spool.store.private_files import wipe, wipe_tree
from spool.store.published_counts import pending_files
from spool.store.sqlite import Database
from spool.store.task_file import NOT_SUBMITTED, Submission
from spool.userlog import writer

_YOUNG = 60.0  # seconds that an unfinished submission may take between two steps
_STEP = 1.0  # seconds between two looks at how many have ended
_CALM = 20  # of what comes in that time goes at once
_MOST_KEPT = 20_000
_LONGEST = 60.0  # s that they are kept
_SHORT = 10  # free is less than one in so many of a disk's blocks or inodes


class Leftovers:
    """What a commit has made unneeded. Copies are removed in a thread: that waits for the disk, and nobody waits for it.

    What comes in a burst is removed when it is over: ext4 looks for a new inode past all those removed in the last minutes, one
    by one, so that each output of a hundred pilots a second would wait for what was removed before it. For a minute at most, and not
    on a disk that is short of room. A crash leaves it to the sweep.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._thread = ThreadPoolExecutor(1, "leftovers")
        self._clusters: list[int] = []
        self._files: list[str] = []
        self._recent = 0  # since the last look
        self._looked = 0.0
        self._since: Optional[float] = None  # when something was first kept, at the latest

    def ended(self, archives: Collection[str], clusters: Collection[int]) -> None:
        """Archives of what came back, which go at once; clusters whose copies go, with what else is there."""
        crashpoints.point("archive.unneeded", archives)
        self._clusters += clusters
        self._recent += len(clusters)
        if archives:
            self._thread.submit(_remove_files, archives)

    def taken(self, name: str) -> None:
        """A task file that is committed: out of the queue now. OSError."""
        path, aside = f"{self._spool.queue}/{name}", f"{self._spool.tmp}/taken.{name}"
        self._recent += 1
        if self._recent > _CALM:
            with contextlib.suppress(OSError):  # no room for another name: it goes now
                os.rename(path, aside)
                self._files.append(aside)
                return
        os.unlink(path)

    def look(self, now: float) -> None:
        """Remove what there is, if it is time to; to be called often. ``now``: seconds of a clock that never steps."""
        if now - self._looked < _STEP:
            return
        self._looked = now
        kept = len(self._clusters) + len(self._files)
        if not kept or self._since is None:
            self._since = now
        due = self._recent <= _CALM or now - self._since >= _LONGEST
        if kept and (due or kept > _MOST_KEPT or _is_short(self._spool.root)):
            self._remove()
            self._since = now
        self._recent = 0

    def sweep(self, database: Database) -> None:
        """Remove what the dead left; our own goes in its time."""
        sweep(self._spool, database, frozenset(self._clusters))

    def close(self) -> None:
        """Remove everything now."""
        self._remove()
        self._thread.shutdown()

    def _remove(self) -> None:
        if self._clusters or self._files:
            self._thread.submit(_remove_copies, self._spool, self._clusters)
            self._thread.submit(_remove_files, self._files)
            self._clusters, self._files = [], []


def _is_short(folder: str) -> bool:
    """Whether the disk has little room left."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return disk.f_bavail * _SHORT < disk.f_blocks or disk.f_favail * _SHORT < disk.f_files


def _remove_files(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):  # not there, as most archives; or the next sweep tries again
            os.unlink(path)


def _remove_copies(spool: Spool, clusters: Iterable[int]) -> None:
    for cluster in clusters:
        crashpoints.point("payload.unneeded")
        remove_payload(spool, cluster)
        crashpoints.point("payload.removed")


def remove_payload(spool: Spool, cluster: int) -> None:
    """The copies of a cluster's files, when its last job is gone. Overwritten first, as far as the file system lets us."""
    folder = spool.payload(cluster)
    with contextlib.suppress(OSError):  # there is more, or nothing
        wipe(f"{folder}/executable")  # of a pilot that is all there is: no need to look
        os.rmdir(folder)
        return
    try:
        wipe_tree(folder)
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # what can be removed; the next sweep tries again


def sweep(spool: Spool, database: Database, but: Collection[int] = ()) -> None:
    """Remove what the dead left: copies of finished clusters (``but`` these), copies and files in ``tmp/`` of clients that were killed.

    A client at work holds a lock on its copies and is not disturbed. Whoever writes into ``tmp/`` for longer than
    ``_YOUNG`` seconds finds its file gone, and says that nothing was submitted.
    """
    living = database.clusters()
    lowest = _lowest_waiting(spool)
    for name in os.listdir(f"{spool.root}/payload"):
        if is_number(name) and int(name) < lowest and int(name) not in living and int(name) not in but:
            _sweep_copies(spool, int(name), database.has_cluster(int(name)))
    for name in os.listdir(spool.tmp):
        path = f"{spool.tmp}/{name}"
        if age(path) > _YOUNG and not os.path.isdir(path):  # a folder there is the engine's
            with contextlib.suppress(OSError):  # looked at again in a minute
                _sweep_unfinished(path)


def _sweep_copies(spool: Spool, cluster: int, finished: bool) -> None:
    """Of a cluster that is not in the queue. Under the lock, so that a client that comes just now finds them gone."""
    folder = spool.payload(cluster)
    if not finished and age(folder) <= _YOUNG:
        return
    try:
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return  # gone meanwhile, or nothing of ours
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Looked for after the lock: a client lets go of its copies when its task file is visible.
        if finished or cluster < _lowest_waiting(spool):
            remove_payload(spool, cluster)
    except BlockingIOError:
        return  # a client is at work
    finally:
        os.close(held)


def _sweep_unfinished(path: str) -> None:
    """A file that somebody died over. What ``condor_submit`` had told the logs of a submission then, is taken back (OSError)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        os.unlink(path)  # a link, a socket: nothing of ours
        return
    with open(fd, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        task = read_or_none(path) if ".submit." in path else None
        if isinstance(task, Submission):
            told = [cluster for cluster in task.clusters if writer.MARK in cluster.ad]
            userlog_recovery.take_back(told, NOT_SUBMITTED)
        os.unlink(path)


def _lowest_waiting(spool: Spool) -> float:
    """The lowest cluster that a task file in the queue begins with; infinity when there is none."""
    waiting = [int(name.partition("-")[0]) for name in pending_files(spool) if _is_submission(name)]
    return min(waiting, default=math.inf)


def _is_submission(name: str) -> bool:
    return name.endswith(".submit") and is_number(name.partition("-")[0])
