"""The job event log as a file: the form of its events, and how they are appended to it.

Two write it: ``condor_submit`` that a job was submitted (000), before it returns, as HTCondor does; the master all the rest. Every
event is ``NNN (CLUSTER.PROC.000) DATE TIME TEXT``, details, and a line of three dots (HTCondor's manual, "Job event log").
"""

from __future__ import annotations

import errno
import fcntl
import os
import time

from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from spool.store.task_file import Cluster

_END_OF_TIME = 253402300800  # the year 10000
_PATIENCE = 100  # hundredths of a second to wait for the locks of all logs together
WAIT, TRY, IGNORE = "wait", "try", "ignore"
MARK = "AwqLogged"
"""The attribute of a cluster in a task file whose submission ``condor_submit`` itself writes into the logs."""


class News:
    """That jobs were submitted, for the logs that they name: told before their task file is visible, taken back if it never is.

    A process that dies between leaves the task file in ``tmp/``: the master's sweep finds there what is to be taken back.
    """

    __slots__ = ("_host", "_texts", "clusters")

    def __init__(self, clusters: Sequence[Cluster], host: str) -> None:
        self.clusters = clusters
        self._host = host
        self._texts: list[tuple[str, str]] = []

    def tell(self) -> None:
        """Append every 000. A log that cannot be written is passed over, as HTCondor does: the job matters more."""
        self._texts = [(path, submitted(job, at, self._host, *notes)) for job, path, at, notes in logged(self.clusters)]
        append_each(self._texts)

    def take_back(self, why: str) -> None:
        """Append 009 for what was told."""
        if self._texts:
            append_each([(path, aborted(job, time.time(), why)) for job, path, _at, _notes in logged(self.clusters)])


def logged(clusters: Sequence[Cluster]) -> Iterator[tuple[tuple[int, int], str, int, tuple[str, ...]]]:
    """Jobs with a log: (cluster, proc), its path, when it was submitted, and the notes of its description."""
    now = int(time.time())
    for cluster in clusters:
        common = cluster.ad
        path, at, notes = log_path(common), ads.number(common.get("QDate"), now), _notes(common)
        for proc, own in enumerate(cluster.procs):
            if own and any(name in own for name in _SPOKEN_OF):
                whole = {**common, **own}
                found = log_path(whole), ads.number(whole.get("QDate"), now), _notes(whole)
            else:
                found = path, at, notes
            if found[0]:
                yield (cluster.number, proc), *found


def log_path(ad: Mapping[str, str]) -> str:
    """Where a job's events go; empty: nowhere."""
    path = ads.string(ad.get("UserLog"))
    if not path or path == "/dev/null":
        return ""
    return path if path[:1] == "/" else f"{ads.string(ad.get('Iwd'), '/')}/{path}"


_SPOKEN_OF = ("UserLog", "Iwd", "QDate", "SubmitEventNotes", "SubmitEventUserNotes")


def _notes(ad: Mapping[str, str]) -> tuple[str, ...]:
    """submit_event_notes and submit_event_user_notes."""
    found = [ads.string(ad.get(name)) for name in _SPOKEN_OF[3:]]
    return tuple([text for text in found if text])


def submitted(job: tuple[int, int], at: float, host: str, *notes: str) -> str:
    """000: the job was submitted. ``notes``: what its description has for the log, a line each."""
    details = [f"    {line_of(text)}" for text in notes if text.strip()]
    return event(0, job, at, f"Job submitted from host: {host}", details)


def aborted(job: tuple[int, int], at: float, reason: str) -> str:
    """009: the job was removed."""
    return event(9, job, at, "Job was aborted.", [f"\t{line_of(reason)}"])


def event(number: int, job: tuple[int, int], at: float, text: str, details: list[str]) -> str:
    """An event whole; ``at`` in seconds since the epoch, written as local time."""
    body = "".join([f"{line}\n" for line in details])
    return f"{number:03d} ({job[0]:03d}.{job[1]:03d}.000) {_date(at)} {text}\n{body}...\n"


_dates: dict[object, str] = {}  # the last one: ten thousand jobs are submitted at one time


def _date(at: float) -> str:
    """A time as text; one that no calendar has (a job's own QDate may be any number) is the first."""
    known = _dates.get((at, time.tzname))
    if known is None:
        _dates.clear()
        known = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at if 0 <= at < _END_OF_TIME else 0.0))
        _dates[at, time.tzname] = known
    return known


def line_of(text: str) -> str:
    """One line of text: line breaks would end the event early, and bytes that are none stop HTCondor's reader in Python."""
    if not text.isprintable():
        text = "".join([char if char.isprintable() else " " for char in text])
    return " ".join(text.split()) or "Reason unspecified"


def address(host: str, port: int) -> str:
    """A host in the ``<address?alias=name>`` form that readers of the log look into."""
    return f"<{host}:{port}?addrs={host}-{port}&alias={host}&noUDP>"


def append_each(texts: Sequence[tuple[str, str]], lock: str = WAIT) -> list[tuple[str, OSError]]:
    """Append (path, text) in their order, a log's in one write; the logs that could not be written, and why.

    ``lock``: what to do about a log that another process has locked. WAIT: a moment, a second for all of them, then write. TRY: leave
    it, with EAGAIN. IGNORE: write.
    """
    patience = [_PATIENCE if lock == WAIT else 0]
    by_path: dict[str, list[str]] = {}
    for path, text in texts:
        by_path.setdefault(path, []).append(text)
    failed: list[tuple[str, OSError]] = []
    for path, parts in by_path.items():
        try:
            append(path, "".join(parts), patience, lock == TRY)
        except OSError as error:
            failed.append((path, error))
        except ValueError:  # a NUL byte
            failed.append((path, OSError(0, "no name of a file")))
    return failed


def append(path: str, text: str, patience: list[int], leave_locked: bool = False) -> None:
    """All of it or, as far as the disk lets us, nothing. A FIFO that nobody reads is an error and does not hold us up (OSError).

    ``patience``: how many hundredths of a second there are left to wait for locks. ``leave_locked``: EAGAIN for a log that is locked.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    fd = os.open(path, flags, 0o644)
    try:
        alone = _locked(fd, patience)
        if leave_locked and alone is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        before = os.fstat(fd).st_size
        view = memoryview(text.encode("utf-8", "surrogateescape"))
        try:
            while view:
                view = view[os.write(fd, view) :]
        except OSError:
            if alone:  # what another has appended meanwhile must not go
                os.ftruncate(fd, before)
            raise
    finally:
        os.close(fd)


def _locked(fd: int, patience: list[int]) -> bool | None:
    """Whether no other of ours writes there now; None: somebody has locked it. The lock of a log is anybody's to hold."""
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if patience[0] <= 0:
                return None
            patience[0] -= 1
            time.sleep(0.01)
        except OSError:
            return False  # a file system without locks
