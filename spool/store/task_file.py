"""Task files: the only way into the house. Complete and durable before visible, or refused.

The form is in docs/protocols.md. A submission's name carries its first cluster and its number of jobs, so that
counting needs no reading: ``0000000012-40.submit``.
"""

from __future__ import annotations

import fcntl
import os
import time

from spool import crashpoints
from spool.classad import ads
from spool.errors import DamagedTaskFile, SpoolError
from spool.job import is_number, parse_job_id
from spool.store.layout import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class News(Protocol):
        """Who is told that a submission is durable: ``spool.userlog.writer.News``."""

        def tell(self) -> None:
            """It is about to be visible."""

        def take_back(self, why: str) -> None:
            """It came to nothing."""


_MAGIC_SUBMIT = "awq-task 1 submit"
_MAGIC_ACT = "awq-task 1 act"
NOT_SUBMITTED = "condor_submit ended before the job was in the queue"
ACTIONS = ("remove", "remove-forcex", "hold", "release", "vacate", "edit", "fetched")


class Cluster:
    """The jobs of one cluster as submitted: the common ad and, per job, what differs. ``payload``: copies exist."""

    __slots__ = ("ad", "number", "payload", "procs")

    def __init__(self, number: int, ad: dict[str, str], procs: Sequence[dict[str, str]], payload: bool) -> None:
        self.number = number
        self.ad = ad
        self.procs = tuple(procs)
        self.payload = payload


class Submission:
    """What one ``condor_submit`` brought: one cluster or several."""

    __slots__ = ("clusters",)

    def __init__(self, clusters: Sequence[Cluster]) -> None:
        self.clusters = tuple(clusters)

    @property
    def jobs(self) -> int:
        """Number of jobs."""
        return sum([len(cluster.procs) for cluster in self.clusters])


class Act:
    """An action on jobs: one of ``ACTIONS``; ``jobs`` are (cluster, proc), ``clusters`` whole clusters, or ``everything``.

    ``edits`` are the attributes that ``edit`` sets: name to expression. ``subcode``: HoldReasonSubCode.
    """

    __slots__ = ("action", "clusters", "edits", "everything", "jobs", "reason", "subcode")

    def __init__(
        self,
        action: str,
        jobs: Sequence[tuple[int, int]] = (),
        clusters: Sequence[int] = (),
        everything: bool = False,
        reason: str = "",
        edits: Mapping[str, str] | None = None,
    ) -> None:
        self.edits = dict(edits or {})
        self.action = action
        self.jobs = tuple(jobs)
        self.clusters = tuple(clusters)
        self.everything = everything
        self.reason = reason
        self.subcode = 0


def write_submission(spool: Spool, submission: Submission, news: News | None = None) -> str:
    """Put it into the queue; the path. SpoolError (nothing visible, nothing left) when it cannot be made durable.

    SpoolError too for an ad that could not be read again: a name that is none, an expression of more than one line.
    ``news`` are told when the content is durable, before it is visible.
    """
    lines = [_MAGIC_SUBMIT, "\n"]
    for cluster in submission.clusters:
        lines.append(f"cluster {cluster.number}{' payload' if cluster.payload else ''}\n")
        _check(cluster.ad)
        lines.append(ads.dump(cluster.ad))
        for number, proc in enumerate(cluster.procs):
            lines.append(f"proc {number}\n")
            _check(proc)
            lines.append(ads.dump(proc))
    lines.append(f"end {submission.jobs}\n")
    name = f"{submission.clusters[0].number:010d}-{submission.jobs}.submit"
    return _publish(spool, name, "".join(lines), news)


def write_act(spool: Spool, act: Act) -> str:
    """Put it into the queue; the path. SpoolError when it cannot be made durable."""
    lines = [_MAGIC_ACT, f"action {act.action}"]
    if act.reason:
        lines.append(f"reason {ads.quote(act.reason)}")
    if act.subcode:
        lines.append(f"subcode {act.subcode}")
    _check(act.edits)
    lines += [f"set {name} = {expression}" for name, expression in act.edits.items()]
    lines += [f"job {cluster}.{proc}" for cluster, proc in act.jobs]
    lines += [f"cluster {cluster}" for cluster in act.clusters]
    if act.everything:
        lines.append("all")
    lines.append(f"end {len(lines) - 1}\n")
    return _publish(spool, f"{time.time_ns():020d}-{os.getpid()}.act", "\n".join(lines))


def jobs_in_name(name: str) -> int:
    """How many jobs the task file of this name brings; 0 for an action, 1 for the older project's form."""
    if name.endswith(".submit"):
        count = name[:-7].partition("-")[2]
        return int(count) if is_number(count) else 1
    return 1 if name.startswith("job") else 0


def read(path: str) -> Submission | Act:
    """The task file at ``path``; DamagedTaskFile names line and reason. OSError when it cannot be read."""
    with open(path, "rb", buffering=0) as file:
        text = file.read().decode("utf-8", "surrogateescape")
    if "\0" in text:
        raise DamagedTaskFile(f"{path}:{text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL byte")
    lines = text.split("\n")
    if lines[0] == _MAGIC_SUBMIT:
        return _read_submission(path, lines)
    if lines[0] == _MAGIC_ACT:
        return _read_act(path, lines)
    raise DamagedTaskFile(f"{path}:1: not a task file (needs {_MAGIC_SUBMIT!r})")


def _read_submission(path: str, lines: list[str]) -> Submission:
    """Attributes stand in blocks, each after the line that says whose they are."""
    clusters: list[Cluster] = []
    number, payload = 0, False
    common: dict[str, str] = {}
    procs: list[dict[str, str]] = []
    current: dict[str, str] | None = None
    marks = [at for at, line in enumerate(lines) if " = " not in line]
    for mark, after in zip(marks, [*marks[1:], len(lines)]):
        words, at = lines[mark].split(" "), mark + 1
        keyword, rest = words[0], words[1:]
        if not mark:  # the first line of the file
            if after > 1:
                raise DamagedTaskFile(f"{path}:2: an attribute before any cluster")
            continue
        if keyword == "proc" and current is not None and rest == [str(len(procs))]:
            current = _attributes(path, mark + 1, lines[mark + 1 : after])
            procs.append(current)
        elif keyword == "cluster" and rest and is_number(rest[0]) and rest[1:] in ([], ["payload"]):
            if current is not None:
                clusters.append(Cluster(number, common, procs, payload))
            number, payload = int(rest[0]), len(rest) > 1
            common = current = _attributes(path, mark + 1, lines[mark + 1 : after])
            procs = []
        elif keyword == "end" and current is not None and len(rest) == 1:
            submission = Submission([*clusters, Cluster(number, common, procs, payload)])
            if rest[0] != str(submission.jobs):
                raise DamagedTaskFile(f"{path}:{at}: ends with {rest[0]} jobs, has {submission.jobs}")
            if not all(cluster.procs for cluster in submission.clusters):
                raise DamagedTaskFile(f"{path}:{at}: a cluster without jobs")
            _check_end(path, lines, at)
            return submission
        else:
            raise _not_understood(path, at, lines[mark])
    raise DamagedTaskFile(f"{path}:{len(lines)}: ends in the middle (no 'end' line)")


def _attributes(path: str, before: int, block: list[str]) -> dict[str, str]:
    """The ad in a block of lines of the form ``X = Y``; ``before``: how many lines of the file come before it."""
    ad = dict([line.split(" = ", 1) for line in block])
    if not ads.are_names(ad):
        for at, line in enumerate(block, before + 1):
            if not ads.is_name(line.partition(" = ")[0]):
                raise _not_understood(path, at, line)
    return ad


def _not_understood(path: str, at: int, line: str) -> DamagedTaskFile:
    return DamagedTaskFile(f"{path}:{at}: not understood: {line[:60]!r}")


def _read_act(path: str, lines: list[str]) -> Act:
    action, reason, everything = "", "", False
    jobs: list[tuple[int, int]] = []
    clusters: list[int] = []
    edits: dict[str, str] = {}
    subcode = 0
    at = 1
    for at, line in enumerate(lines[1:], 2):
        keyword, _, rest = line.partition(" ")
        if keyword == "end":
            if rest != str(at - 2) or not action:
                raise DamagedTaskFile(f"{path}:{at}: not complete")
            _check_end(path, lines, at)
            act = Act(action, jobs, clusters, everything, reason, edits)
            act.subcode = subcode
            return act
        job = parse_job_id(rest)
        if keyword == "action" and rest in ACTIONS:
            action = rest
        elif keyword == "reason" and ads.unquote(rest) is not None:
            reason = ads.string(rest)
        elif keyword == "subcode" and is_number(rest.lstrip("-")):
            subcode = int(rest)
        elif keyword == "set" and " = " in rest and ads.is_name(rest.partition(" = ")[0]):
            edits[rest.partition(" = ")[0]] = rest.partition(" = ")[2]
        elif keyword == "job" and job:
            jobs.append(job)
        elif keyword == "cluster" and is_number(rest):
            clusters.append(int(rest))
        elif line == "all":
            everything = True
        else:
            raise _not_understood(path, at, line)
    raise DamagedTaskFile(f"{path}:{at}: ends in the middle (no 'end' line)")


def _check_end(path: str, lines: list[str], at: int) -> None:
    """Nothing but the newline of the ``end`` line follows it."""
    if lines[at:] != [""]:
        raise DamagedTaskFile(f"{path}:{at}: the 'end' line is not the end of the file")


def _check(ad: dict[str, str]) -> None:
    for name, expression in ad.items():
        if "\n" in expression or "\0" in expression or not ads.is_name(name):
            raise SpoolError(f"cannot be in a job ad: {f'{name} = {expression}'[:60]!r}; nothing was submitted")


def _publish(spool: Spool, name: str, text: str, news: News | None = None) -> str:
    """Write aside, fsync, rename, fsync the folder: visible when the content is durable, reported when the name is too."""
    aside = f"{spool.tmp}/{name}.{os.getpid()}"
    path = f"{spool.queue}/{name}"
    try:
        write_durably(aside, text.encode("utf-8", "surrogateescape"))
        crashpoints.point("publish.written")
        _show(aside, path, news)
    except (OSError, UnicodeEncodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it has characters that are no text"
        raise SpoolError(f"cannot write the task file {path}: {why}; nothing was submitted") from None
    crashpoints.point("publish.renamed")
    try:
        sync_folder(spool.queue)
    except OSError as error:
        _withdraw(path, error.strerror, news)
    crashpoints.point("publish.durable")
    spool.wake_master()
    return path


def _show(aside: str, path: str, news: News | None) -> None:
    """Make it visible. It is locked while news of it are told: the master takes back what a dead client has told, not a slow one."""
    held = os.open(aside, os.O_RDONLY | os.O_CLOEXEC) if news is not None else -1
    try:
        if news is not None:
            fcntl.flock(held, fcntl.LOCK_SH)
            news.tell()
            crashpoints.point("submit.told")
        os.rename(aside, path)
    except BaseException:
        if news is not None:
            news.take_back(NOT_SUBMITTED)
        os.unlink(aside)
        raise
    finally:
        if held >= 0:
            os.close(held)


def _withdraw(path: str, why: str | None, news: News | None) -> None:
    """Take a visible task file back, because its name may not be durable. A master that was faster has committed it: fine."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SpoolError(
            f"the task file {path} is in the queue and may be taken up, but the disk did not confirm it ({why})"
            f" and it cannot be taken back ({error.strerror}): look with condor_q before you try again"
        ) from None
    if news is not None:
        news.take_back(NOT_SUBMITTED)
    raise SpoolError(f"cannot make the task file {path} durable: {why}; nothing was submitted")


def write_durably(path: str, data: bytes) -> None:
    """A new file, mode 0600, on the disk when this returns; on an error no file is left (OSError)."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException:  # an interrupt leaves nothing behind either
        os.unlink(path)
        raise


def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
