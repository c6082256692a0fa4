"""Task files on their way into the database: looked at, read, or set aside with the reason."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import shutil
import stat
import time
from collections.abc import Collection, Iterable
from typing import NamedTuple, Optional, Union

from foremen.master import mishaps, oldform, outbox
from foremen.master.transfer import is_copy
from spool import ad as ads
from spool import crash, logfile, numbers, taskfile
from spool.counts import pending_files
from spool.database import Database
from spool.errors import AwqError, DamagedTaskFile, SpoolError
from spool.folder import Spool
from spool.job import HELD, IDLE, is_number
from spool.private import wipe, wipe_tree
from spool.taskfile import Act, Cluster, Submission

_FILES_A_TURN = 500
_JOBS_A_TURN = 10_000  # unless one file alone brings more
_REST = 9  # times what an empty look took
_LONGEST_REST = 5.0  # seconds
_CLAIMED = "job.claimed."
_NOT_THE_FILES_FAULT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_YOUNG = 60.0  # seconds that an unfinished submission may take between two steps
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


def look(spool: Spool, taken: frozenset[str], drain: bool) -> list[str]:
    """Names to take up now: submissions first, then the older form, then actions; what is ``taken`` already is not named.

    An action is looked for before the submissions are listed anew: whoever wrote it saw the submission, so a listing
    made after it has both. While draining, submissions stay where they are, but for those that an action is about:
    without them it would be done before they come, and have no effect.
    """
    names = pending_files(spool)
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
        jobs += taskfile.jobs_in_name(name)
        if number and jobs > _JOBS_A_TURN:
            return names[:number]
    return names[:_FILES_A_TURN]


def _acted_on(spool: Spool, acts: Iterable[str], submissions: Iterable[str]) -> list[str]:
    """The submissions with clusters that one of the actions is about."""
    wanted: set[int] = set()
    for name in acts:
        act = _read_or_none(f"{spool.queue}/{name}")
        if isinstance(act, Act) and act.action != "release":
            if act.everything:
                return list(submissions)
            wanted.update(act.clusters, [cluster for cluster, _ in act.jobs])
    return [name for name in submissions if wanted and _clusters(f"{spool.queue}/{name}") & wanted]


def _clusters(path: str) -> set[int]:
    task = _read_or_none(path)
    return {cluster.number for cluster in task.clusters} if isinstance(task, Submission) else set()


def _read_or_none(path: str) -> Union[Submission, Act, None]:
    """The task file; None for one that cannot be read: that is found out when it is taken up."""
    try:
        _check_file(path)
        return taskfile.read(path)
    except Exception:  # noqa: BLE001 - whatever it is, it is told when the file is taken up
        return None


def read(spool: Spool, names: Iterable[str], database: Database, owner: str) -> list[Union[Read, Damaged]]:
    """What the files of these names bring; a file that has gone brings nothing.

    OSError when the system is out of something, SpoolError when a file in the older form cannot be taken up (disk full):
    nothing is lost then, try again later.
    """
    found: list[Union[Read, Damaged]] = []
    seen: set[int] = set()
    for name in names:
        path = f"{spool.queue}/{name}"
        try:
            _check_file(path)
            one = _read_old(spool, path, owner) if name.startswith("job") else Read(name, taskfile.read(path))
            if isinstance(one.task, Submission):
                _check_new(one.task, database, seen, path)
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
            if isinstance(error, AwqError) or not mishaps.of_one(error):
                raise
            found.append(Damaged(name, f"{path}: internal error of alien_work_queue: {mishaps.words(error)}", error))
    return found


def set_aside(spool: Spool, damaged: Damaged) -> None:
    """Move a damaged task file to ``rejected/`` with its reason beside it. OSError when it cannot be moved."""
    target = f"{spool.rejected}/{damaged.name}"
    if os.path.lexists(target):
        target = f"{target}.{time.time_ns()}"
    fd = os.open(f"{target}.reason", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(damaged.reason + "\n")
    crash.point("rejected.explained")
    os.rename(f"{spool.queue}/{damaged.name}", target)


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


def tidy(spool: Spool, archives: Iterable[str], payloads: Collection[int]) -> None:
    """Remove what committed ends have made unneeded: archives of what came back, copies of clusters (with what else is there)."""
    folders = {spool.payload(cluster) for cluster in payloads}
    for path in archives:
        crash.point("archive.unneeded")
        if os.path.dirname(path) not in folders:
            remove_archive(path)
    for cluster in payloads:
        crash.point("payload.unneeded")
        remove_payload(spool, cluster)
        crash.point("payload.removed")


def remove_archive(path: str) -> None:
    """What came back of an attempt, when it is where it belongs; most attempts have none."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def sweep(spool: Spool, database: Database) -> None:
    """Remove what the dead left: copies of finished clusters, and copies and files in ``tmp/`` of clients that were killed.

    A client at work holds a lock on its copies and is not disturbed. Whoever writes into ``tmp/`` for longer than
    ``_YOUNG`` seconds finds its file gone, and says that nothing was submitted.
    """
    living = database.clusters()
    lowest = _lowest_waiting(spool)
    for name in os.listdir(f"{spool.root}/payload"):
        if is_number(name) and int(name) < lowest and int(name) not in living:
            _sweep_copies(spool, int(name), database.has_cluster(int(name)))
    for name in os.listdir(spool.tmp):
        path = f"{spool.tmp}/{name}"
        if _age(path) > _YOUNG and not os.path.isdir(path):  # a folder there is the engine's
            with contextlib.suppress(OSError):  # looked at again in a minute
                _sweep_unfinished(path)


def _sweep_copies(spool: Spool, cluster: int, finished: bool) -> None:
    """Of a cluster that is not in the queue. Under the lock, so that a client that comes just now finds them gone."""
    folder = spool.payload(cluster)
    if not finished and _age(folder) <= _YOUNG:
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
        task = _read_or_none(path) if ".submit." in path else None
        if isinstance(task, Submission):
            told = [cluster for cluster in task.clusters if logfile.MARK in cluster.ad]
            outbox.take_back(told, taskfile.NOT_SUBMITTED)
        os.unlink(path)


def _lowest_waiting(spool: Spool) -> float:
    """The lowest cluster that a task file in the queue begins with; infinity when there is none."""
    waiting = [int(name.partition("-")[0]) for name in pending_files(spool) if _is_submission(name)]
    return min(waiting, default=math.inf)


def _is_submission(name: str) -> bool:
    return name.endswith(".submit") and is_number(name.partition("-")[0])


def _check_file(path: str) -> None:
    """DamagedTaskFile for what could hold us up (a FIFO), or was put there by somebody else when the spool was open."""
    info = os.lstat(path)
    if not stat.S_ISREG(info.st_mode):
        raise DamagedTaskFile(f"{path}: not a file")
    if info.st_nlink != 1:
        raise DamagedTaskFile(f"{path}: has another name elsewhere (a hard link)")
    if info.st_uid not in (os.geteuid(), 0):
        raise DamagedTaskFile(f"{path}: belongs to user {info.st_uid}, not to you")


def _check_new(task: Submission, database: Database, seen: set[int], path: str) -> None:
    for cluster in task.clusters:
        if cluster.number in seen or database.has_cluster(cluster.number):
            raise DamagedTaskFile(f"{path}: cluster {cluster.number} is there already")
        _check_status(cluster, path)
        seen.add(cluster.number)


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
    cluster = numbers.take_clusters(spool, 1)
    ad, executable = oldform.read(path, cluster, owner)
    _copy(executable, spool.payload(cluster))
    crash.point("old.copied")
    name = f"{_CLAIMED}{cluster}.{time.time_ns()}"
    os.rename(path, f"{spool.queue}/{name}")
    crash.point("old.claimed")
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
        taskfile.write_durably(f"{folder}/executable", content)
        taskfile.sync_folder(folder)
        taskfile.sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise SpoolError(f"cannot copy {executable} into {folder}: {error.strerror}") from None


def _settled(path: str) -> bool:
    """Not written for a while; a time in the future is a clock's or a ``touch``'s, and does not keep it out for ever."""
    age = _age(path)
    return age > _SETTLED or age < -60


def _age(path: str) -> float:
    """Seconds since it was last changed; 0 when it has gone."""
    try:
        return time.time() - os.lstat(path).st_mtime
    except FileNotFoundError:
        return 0.0
