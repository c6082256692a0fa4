"""``condor_tail``: the end of a job's output, as far as it is here.

While a job runs its output is on the worker, unless it runs in its own folder or streams: what is not here is said to be not
here. Nothing is made up.
"""

from __future__ import annotations

import os
import time

from shims.api.selection import Wanted, parse_id
from shims.cli import stdio
from shims.cli.stdio import Answer
from spool.classad import ads
from spool.job import COMPLETED, REMOVED
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spool.classad.job_record import JobRecord
    from spool.store.layout import Spool

_PAUSE = 0.5  # seconds between two looks at a file that is followed
_VALUED = ("maxbytes", "pool", "name")
_FLAGS = ("auto-retry", "follow", "no-stdout", "stderr", "debug", "help", "version")


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_tail, "condor_tail", argv)


class Request:
    """A command line."""

    __slots__ = ("files", "follow", "job", "most", "streams")

    def __init__(self, argv: Sequence[str]) -> None:
        self.most, self.follow = 1024, False
        self.streams = ["Out"]
        operands: list[str] = []
        words = list(argv)
        while words:
            word = words.pop(0)
            if not word.startswith("-"):
                operands.append(word)
                continue
            name = _name(word)
            if name in _VALUED:
                if not words:
                    raise _usage(f"Error: {word} requires another argument\n\n")
                value = words.pop(0)
                if name == "maxbytes":
                    self.most = _count(value)
            else:
                self._flag(name)
        if not operands:
            raise _usage("Job ID not specified.\n")
        found = parse_id(operands[0])
        if found is None:
            raise _usage(f"Invalid Job ID: {operands[0]}\n")
        self.job = found[0], found[1] or 0
        self.files = operands[1:]

    def _flag(self, name: str) -> None:
        if name == "follow":
            self.follow = True
        elif name == "no-stdout" and "Out" in self.streams:
            self.streams.remove("Out")
        elif name == "stderr":
            self.streams.append("Err")
        elif name == "help":
            raise _usage("", 0)
        elif name == "version":
            raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")


def _name(word: str) -> str:
    text = word.lstrip("-")
    found = [name for name in (*_VALUED, *_FLAGS) if text and name.startswith(text)]
    if text == "f":
        return "follow"
    if len(found) != 1:
        raise _usage(f"Invalid Job ID: {word}\n")
    return found[0]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise _usage(f"Error: maxbytes ({text}) is not valid\n\n")
    return int(text)


def _condor_tail(argv: Sequence[str]) -> int:
    request = Request(argv)
    spool = open_spool(load(os.environ).workdir)
    record = _find(spool, request.job)
    if record is None:
        raise Answer(1, err="No such job: {}.{}\n".format(*request.job))
    paths = [_path(record, name) for name in request.streams]
    paths += [_joined(record, name) for name in request.files]
    for path in paths:
        if path:
            _show(path, request, spool, record)
    return 0


def _show(path: str, request: Request, spool: Spool, record: JobRecord) -> None:
    """The last bytes of the file, and what comes then while the job lives, when it is followed."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except FileNotFoundError:
        where = "it comes when the job ends" if record.status not in (COMPLETED, REMOVED) else "the job made none"
        raise Answer(1, err=f"condor_tail: {path} is not here: {where}\n") from None
    except OSError as error:
        raise Answer(1, err=f"condor_tail: cannot read {path}: {error.strerror}\n") from None
    with file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - request.most))
        while True:
            data = file.read()
            os.write(1, data) if data else None
            if not request.follow or (not data and not _lives(spool, request.job)):
                return
            time.sleep(_PAUSE)


def _lives(spool: Spool, job: tuple[int, int]) -> bool:
    record = _find(spool, job)
    return record is not None and record.status not in (COMPLETED, REMOVED)


def _find(spool: Spool, job: tuple[int, int]) -> JobRecord | None:
    """The job, in the queue or in the history."""
    from shims.api.jobs import select
    from spool.store.queue_view import open_unvouched

    view = open_unvouched(spool)
    try:
        found = select(view, Wanted([job])) or list(view.history([job]))
        return found[0] if found else None
    finally:
        view.close()


def _path(record: JobRecord, name: str) -> str:
    path = ads.string(record.expression(name))
    return "" if path in ("", "/dev/null") else _joined(record, path)


def _joined(record: JobRecord, path: str) -> str:
    return os.path.join(ads.string(record.expression("Iwd"), "/"), path)


def _usage(before: str, status: int = 1) -> Answer:
    from shims.cli.help.others import CONDOR_TAIL

    return Answer(status, err=before + CONDOR_TAIL)
