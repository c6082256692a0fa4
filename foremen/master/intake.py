"""Task files on their way into the database: looked at, read, or set aside with the reason."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Optional, Union

from foremen.master import internal_errors, legacy_form
from foremen.master.file_transfer import is_copy
from spool import crashpoints
from spool.classad import ads
from spool.errors import AwqError, DamagedTaskFile, SpoolError
from spool.job import HELD, IDLE
from spool.store import cluster_ids, task_file
from spool.store.layout import Spool
from spool.store.published_counts import pending_files
from spool.store.sqlite import Database
from spool.store.task_file import Act, Cluster, Submission

_FILES_A_TURN = 500
_JOBS_A_TURN = 10_000  # unless one file alone brings more
_REST = 9  # times what an empty look took
_TICK = 50_000_000  # ns; the clock of a file system goes in steps of at most 10 ms
_RELIST = 1.0  # s
_LONGEST_REST = 5.0  # seconds
_CLAIMED = "job.claimed."
_NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_SETTLED = 1.0  # seconds since a foreign file was last written; ours appear whole, by rename


class Read(NamedTuple):
    """A task file that can be committed."""

    name: str
    task: Union[Submission, Act]


class Damaged(NamedTuple):
    """A task file that cannot; ``reason`` names the place."""

    name: str
    reason: str
    error: Optional[Exception] = None  # when nobody foresaw it


class Looks:
    """How often the queue is looked into: one that is left as it is (draining) costs a tenth of a core, however long it is.

    Listing 100,000 files takes a tenth of a second, and each submission wakes the master. Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._owed = False

    def due(self, now: float) -> bool:
        """Whether to look; what is not looked at now is owed."""
        self._owed = now < self._next
        return not self._owed

    def looked(self, began: float, ended: float, found: bool) -> None:
        """After a look: whether there was something to take up."""
        self._next = 0.0 if found else ended + min((ended - began) * _REST, _LONGEST_REST)

    def patience(self, timeout: float, now: float) -> float:
        """How long the master may sleep that would sleep for ``timeout``."""
        return min(timeout, max(0.0, self._next - now)) if self._owed else timeout


class Listing:
    """The names in the queue. An empty one is not listed again until its folder has changed, or a second has passed.

    A change in the same tick of the kernel's clock does not show: only a folder that had not changed for a while is believed.
    """

    def __init__(self) -> None:
        self._seen, self._until = -1, 0.0

    def names(self, spool: Spool) -> list[str]:
        """All of them, oldest first. NotVouched when they cannot be listed."""
        changed, now = _changed(spool.queue), time.monotonic()
        if changed == self._seen and now < self._until:
            return []
        begun = time.time_ns()
        names = pending_files(spool)
        self._seen = changed if not names and begun - changed > _TICK else -1
        self._until = now + _RELIST
        return names


def _changed(folder: str) -> int:
    """When it was last changed (ns of the time of day); now, when that cannot be found out."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return time.time_ns()


def look(spool: Spool, listing: Listing, taken: frozenset[str], drain: bool) -> list[str]:
    """Names to take up now: submissions first, then the older form, then actions; what is ``taken`` already is not named.

    An action is looked for before the submissions are listed anew: whoever wrote it saw the submission, so a listing
    made after it has both. While draining, submissions stay where they are, but for those that an action is about:
    without them it would be done before they come, and have no effect.
    """
    names = listing.names(spool)
    acts = [name for name in names if name.endswith(".act")]
    if acts:
        names = pending_files(spool)
    acts = [name for name in acts if name not in taken]
    submissions = [name for name in names if not name.endswith(".act")]
    if drain:
        submissions = _acted_on(spool, acts, submissions)
    ours = [name for name in submissions if name.endswith(".submit")]
    others = [name for name in submissions if not name.endswith(".submit") and _settled(f"{spool.queue}/{name}")]
    fresh = [name for name in ours + others if name not in taken]
    some = _first(fresh)
    return some + (acts[:_FILES_A_TURN] if len(some) == len(fresh) else [])


def _first(names: list[str]) -> list[str]:
    """As many as a turn may take up: their jobs are in memory, all of them, until they are committed."""
    jobs = 0
    for number, name in enumerate(names[:_FILES_A_TURN]):
        jobs += task_file.jobs_in_name(name)
        if number and jobs > _JOBS_A_TURN:
            return names[:number]
    return names[:_FILES_A_TURN]


def _acted_on(spool: Spool, acts: Iterable[str], submissions: Iterable[str]) -> list[str]:
    """The submissions with clusters that one of the actions is about."""
    wanted: set[int] = set()
    for name in acts:
        act = read_or_none(f"{spool.queue}/{name}")
        if isinstance(act, Act) and act.action != "release":
            if act.everything:
                return list(submissions)
            wanted.update(act.clusters, [cluster for cluster, _ in act.jobs])
    return [name for name in submissions if wanted and _clusters(f"{spool.queue}/{name}") & wanted]


def _clusters(path: str) -> set[int]:
    task = read_or_none(path)
    return {cluster.number for cluster in task.clusters} if isinstance(task, Submission) else set()


def read_or_none(path: str) -> Union[Submission, Act, None]:
    """The task file; None for one that cannot be read: that is found out when it is taken up."""
    try:
        _check_file(path)
        return task_file.read(path)
    except Exception:  # noqa: BLE001 - whatever it is, it is told when the file is taken up
        return None


def read(
    spool: Spool, names: Iterable[str], database: Database, owner: str, begin: Callable[[str], None] = lambda name: None
) -> list[Union[Read, Damaged]]:
    """What the files of these names bring; a file that has gone brings nothing. ``begin`` is told each name before it is read.

    OSError when the system is out of something, SpoolError when a file in the older form cannot be taken up (disk full):
    nothing is lost then, try again later.
    """
    found: list[Union[Read, Damaged]] = []
    known = _Known(database)
    for name in names:
        path = f"{spool.queue}/{name}"
        begin(name)
        try:
            _check_file(path)
            one = _read_old(spool, path, owner) if name.startswith("job") else Read(name, task_file.read(path))
            if isinstance(one.task, Submission):
                _check_new(one.task, known, path)
                _make_executable(one.task, spool)
            found.append(one)
        except FileNotFoundError:
            continue
        except DamagedTaskFile as error:
            found.append(Damaged(name, str(error)))
        except OSError as error:
            if error.errno in _NOT_THE_FILES_FAULT:
                raise
            found.append(Damaged(name, f"{path}: {error.strerror}"))
        except Exception as error:
            if isinstance(error, AwqError) or not internal_errors.of_one(error):
                raise
            found.append(
                Damaged(name, f"{path}: internal error of alien_work_queue: {internal_errors.words(error)}", error)
            )
    return found


def set_aside(spool: Spool, damaged: Damaged) -> None:
    """Move a damaged task file to ``rejected/`` with its reason beside it. OSError when it cannot be moved."""
    target = f"{spool.rejected}/{damaged.name}"
    if os.path.lexists(target):
        target = f"{target}.{time.time_ns()}"
    fd = os.open(f"{target}.reason", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(damaged.reason + "\n")
    crashpoints.point("rejected.explained")
    os.rename(f"{spool.queue}/{damaged.name}", target)


def _check_file(path: str) -> None:
    """DamagedTaskFile for what could hold us up (a FIFO), or was put there by somebody else when the spool was open."""
    info = os.lstat(path)
    if not stat.S_ISREG(info.st_mode):
        raise DamagedTaskFile(f"{path}: not a file")
    if info.st_nlink != 1:
        raise DamagedTaskFile(f"{path}: has another name elsewhere (a hard link)")
    if info.st_uid not in (os.geteuid(), 0):
        raise DamagedTaskFile(f"{path}: belongs to user {info.st_uid}, not to you")


class _Known:
    """The clusters that there are: those of the database, and those that were read meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._highest = database.highest_cluster()  # numbers rise: what is beyond it need not be looked for
        self._read: set[int] = set()

    def __contains__(self, cluster: int) -> bool:
        return cluster in self._read or (cluster <= self._highest and self._database.has_cluster(cluster))

    def add(self, cluster: int) -> None:
        """It was read."""
        self._read.add(cluster)


def _check_new(task: Submission, known: _Known, path: str) -> None:
    for cluster in task.clusters:
        if cluster.number in known:
            raise DamagedTaskFile(f"{path}: cluster {cluster.number} is there already")
        _check_status(cluster, path)
        known.add(cluster.number)


def _check_status(cluster: Cluster, path: str) -> None:
    for proc in cluster.procs:
        text = proc.get("JobStatus") or cluster.ad.get("JobStatus")
        if ads.number(text, IDLE) not in (IDLE, HELD):
            raise DamagedTaskFile(f"{path}: cluster {cluster.number} begins with JobStatus {text}")


def _make_executable(task: Submission, spool: Spool) -> None:
    """Work Queue gives a file in the sandbox the mode that it has here. Still private: 0700."""
    for cluster in task.clusters:
        if not cluster.payload:
            continue
        others = {ads.string(ad.get("AwqExecutable")) for ad in (cluster.ad, *cluster.procs)}
        for name in {"executable", *filter(is_copy, others)}:
            try:
                os.chmod(f"{spool.payload(cluster.number)}/{name}", 0o700)
            except FileNotFoundError:
                continue  # the job will be held with that reason


def _read_old(spool: Spool, path: str, owner: str) -> Read:
    """Claimed under a name of its own, since another file may come under the old one before this one is forgotten."""
    cluster = cluster_ids.take_clusters(spool, 1)
    ad, executable = legacy_form.read(path, cluster, owner)
    _copy(executable, spool.payload(cluster))
    crashpoints.point("old.copied")
    name = f"{_CLAIMED}{cluster}.{time.time_ns()}"
    os.rename(path, f"{spool.queue}/{name}")
    crashpoints.point("old.claimed")
    return Read(name, Submission([Cluster(cluster, ad, [{}], True)]))


def _copy(executable: str, folder: str) -> None:
    """By value: the agent is rewritten and deleted minutes later. When it cannot be read the job is held for want of it."""
    try:
        with open(os.open(executable, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
            content = file.read() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError:
        return
    if content is None:
        return
    try:
        os.mkdir(folder, 0o700)
        task_file.write_durably(f"{folder}/executable", content)
        task_file.sync_folder(folder)
        task_file.sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise SpoolError(f"cannot copy {executable} into {folder}: {error.strerror}") from None


def _settled(path: str) -> bool:
    """Not written for a while; a time in the future is a clock's or a ``touch``'s, and does not keep it out for ever."""
    seconds = age(path)
    return seconds > _SETTLED or seconds < -60


def age(path: str) -> float:
    """Seconds since it was last changed; 0 when it has gone."""
    try:
        return time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0
