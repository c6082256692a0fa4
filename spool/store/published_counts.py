"""The published counts, and whether anybody can vouch for them.

``stat/latest`` is a file that bash can source; the older project's names WAITING, RUNNING and TIMESTAMP keep their
meaning. The master renames a new one into place after every commit and at least once a second.
"""

from __future__ import annotations

import errno
import fcntl
import os

from spool.errors import NotVouched
from spool.job import COMPLETED, HELD, IDLE, REMOVED, RUNNING, SUSPENDED
from spool.store.layout import Spool
from spool.store.task_file import jobs_in_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_DIGITS = 20
_AHEAD = 2  # seconds that the published time may be ahead of ours: it is whole seconds, and clocks are read one after the other

_BY_STATUS = {
    IDLE: "WAITING",
    RUNNING: "RUNNING",
    HELD: "HELD",
    COMPLETED: "COMPLETED",
    REMOVED: "REMOVED",
    SUSPENDED: "SUSPENDED",
}


class Counts:
    """Jobs in the queue by JobStatus, ``pending`` ones in task files included as idle; and what the pool has."""

    __slots__ = ("by_status", "extra", "timestamp")

    def __init__(self, by_status: Mapping[int, int], timestamp: int, extra: Mapping[str, int] | None = None) -> None:
        self.by_status = dict(by_status)
        self.timestamp = timestamp
        self.extra = dict(extra or {})

    def of(self, status: int) -> int:
        """Jobs of that JobStatus."""
        return self.by_status.get(status, 0)

    @property
    def total(self) -> int:
        """All jobs in the queue."""
        return sum(self.by_status.values())


def withdraw(spool: Spool) -> None:
    """Nobody vouches for the published counts any more: the master cannot use its database. Needs no room on the disk.

    OSError when the file cannot be renamed: then the counts grow stale.
    """
    try:
        os.rename(spool.stat, _withdrawn(spool))
    except FileNotFoundError:
        return


def _withdrawn(spool: Spool) -> str:
    return f"{spool.root}/stat/withdrawn"


def publish(spool: Spool, counts: Counts) -> None:
    """Rename a new ``stat/latest`` into place. Not fsynced: after a crash a stale or empty file is refused anyway.

    TIMESTAMP is the last line: a file that ends with it is whole.
    """
    lines = [f"{name}={counts.of(status)}\n" for status, name in _BY_STATUS.items()]
    lines += [f"{name}={value}\n" for name, value in counts.extra.items()]
    lines.append(f"TIMESTAMP={counts.timestamp}\n")
    aside = f"{spool.root}/stat/new"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, "".join(lines).encode())
    finally:
        os.close(fd)
    os.rename(aside, spool.stat)


def pending_files(spool: Spool) -> list[str]:
    """Names of the task files that the master has not taken up, oldest first."""
    try:
        names = os.listdir(spool.queue)
    except OSError as error:
        raise NotVouched(f"cannot look into {spool.queue}: {error.strerror}") from None
    return sorted(names)


def vouched_counts(spool: Spool, stale: int, now: float) -> Counts:
    """Counts that a living master published less than ``stale`` seconds ago, plus what waits in task files.

    NotVouched in every other case. Task files are listed before the counts are read, so that a job on its way from one
    to the other is seen twice for a moment rather than not at all.
    """
    names = pending_files(spool)
    counts = published(spool)
    vouch(spool, counts, stale, now)
    counts.by_status[IDLE] = counts.of(IDLE) + sum([jobs_in_name(name) for name in names])
    return counts


def known_jobs(spool: Spool) -> int:
    """How many jobs there are as far as is known: those last published, of whatever age, and those in task files.

    For a limit, not for an answer: nobody vouches for it. NotVouched when the queue cannot be looked into.
    """
    waiting = sum([jobs_in_name(name) for name in pending_files(spool)])
    for path in (spool.stat, _withdrawn(spool)):
        try:
            return waiting + _read(path).total
        except (OSError, NotVouched):
            continue
    return waiting


def vouch(spool: Spool, counts: Counts, stale: int, now: float) -> None:
    """NotVouched unless a master lives, is not stopped (SIGSTOP), and published these within ``stale`` seconds.

    A clock that stepped is not believed either.
    """
    if not master_lives(spool):
        raise NotVouched("the master is not running: start alien_work_queue; the state of the jobs is unknown")
    age = now - counts.timestamp
    if age < -_AHEAD:
        raise NotVouched(
            f"the master published {-age:.0f} s in the future: the clock of this machine was set back; the state of the jobs is unknown"
        )
    if age > stale:
        raise NotVouched(
            f"the master has published nothing for {age:.0f} s: it hangs, or its disk is full; the state of the jobs is unknown"
        )
    pid = counts.extra.get("MASTER_PID", 0)
    if _stopped(pid):
        raise NotVouched(
            f"the master (process {pid}) is stopped: kill -CONT {pid}, or kill -9 {pid} and start alien_work_queue;"
            " the state of the jobs is unknown"
        )


def _stopped(pid: int) -> bool:
    """Whether the process is there and stopped by a signal (proc(5)); what cannot be seen is not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read(4096).rpartition(b") ")[2][:1] == b"T"
    except OSError:
        return False


def master_lives(spool: Spool) -> bool:
    """Whether a master holds its lock."""
    try:
        fd = os.open(spool.master_lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NotVouched(f"cannot look at {spool.master_lock}: {error.strerror}") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return True
        raise NotVouched(f"cannot look at {spool.master_lock}: {error.strerror}") from None
    finally:
        os.close(fd)
    return False


def published(spool: Spool) -> Counts:
    """What a master has published, for which nobody vouches yet. NotVouched when there is nothing whole."""
    try:
        return _read(spool.stat)
    except FileNotFoundError:
        if os.path.exists(_withdrawn(spool)) and master_lives(spool):
            raise NotVouched(
                "the master cannot use its job database and has withdrawn its counts: look at what it says;"
                " the state of the jobs is unknown"
            ) from None
        raise NotVouched("no master has published counts: start alien_work_queue") from None


def _read(path: str) -> Counts:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise NotVouched(f"cannot read {path}: {error}") from None
    lines = text.split("\n")
    if lines.pop() or not lines or not lines[-1].startswith("TIMESTAMP="):
        raise NotVouched(f"{path} is incomplete: it does not end with TIMESTAMP; the state of the jobs is unknown")
    values: dict[str, int] = {}
    for line in lines:
        name, _, value = line.partition("=")
        if not value.isdigit() or len(value) > _DIGITS:
            raise NotVouched(f"{path} is damaged: {line[:40]!r}; the state of the jobs is unknown")
        values[name] = int(value)
    try:
        by_status = {status: values.pop(name) for status, name in _BY_STATUS.items()}
        return Counts(by_status, values.pop("TIMESTAMP"), values)
    except KeyError as missing:
        raise NotVouched(f"{path} is incomplete: no {missing}; the state of the jobs is unknown") from None
