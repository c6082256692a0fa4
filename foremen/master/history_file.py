"""The text file of finished jobs' ads, for who reads it itself (NorduGrid ARC greps it) or hands it to ``condor_history -file``.

Each ad in long form, then HTCondor's banner: ``*** Offset = 0 ClusterId = 12 ProcId = 0 Owner = "u" CompletionDate = 0``. An entry is
an event like those of the job event logs: committed with the job's last move, then appended, once also when a crash comes between.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping

from spool.store.layout import Spool

LONGEST = 20 * 2**20  # bytes; a longer file is renamed to history.TIME (MAX_HISTORY_LOG)
KEPT = 2  # renamed files (MAX_HISTORY_ROTATIONS)
_NOBODY = '""'


class HistoryFile:
    """What is to be appended to it: many jobs' at once, so that it is looked at once for them (``anew``)."""

    def __init__(self, spool: Spool) -> None:
        self._path = spool.history
        self._length = -1

    def anew(self) -> None:
        """What was to be appended is."""
        self._length = -1

    def entry(self, ad: Mapping[str, str], text: str) -> tuple[str, str]:
        """Path and text for a job that leaves the queue with this ad, in long form ``text``.

        The file is made here: event logs are for others to read, it is not.
        """
        if self._length < 0:
            self._length = _size(self._path)
            if not self._length:
                _make(self._path)
        job = f"ClusterId = {ad.get('ClusterId', '0')} ProcId = {ad.get('ProcId', '0')}"
        rest = f"Owner = {ad.get('Owner', _NOBODY)} CompletionDate = {ad.get('CompletionDate', '0')}"
        return self._path, f"{text}*** Offset = {self._length} {job} {rest}\n"


def rotate(spool: Spool, complain: Callable[[str], None], longest: int = LONGEST) -> None:
    """Put a file that has grown too long aside. Nothing may be on its way into it. A failure costs a complaint, no more."""
    put_aside(spool.history, longest, KEPT, complain)


def put_aside(path: str, longest: int, kept: int, complain: Callable[[str], None]) -> None:
    """Rename a file of more than ``longest`` bytes to ``path.TIME``, and keep ``kept`` of those."""
    if _size(path) <= longest:
        return
    folder, name = os.path.split(path)
    try:
        os.rename(path, f"{path}.{time.strftime('%Y%m%dT%H%M%S')}")
        older = sorted(found for found in os.listdir(folder) if found.startswith(f"{name}."))
        for found in older[:-kept]:
            os.unlink(f"{folder}/{found}")
    except OSError as error:
        complain(f"cannot put {path} aside: {error.strerror}")


def _make(path: str) -> None:
    """A file that is not there yet, 0600: ads hold the jobs' environments."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        return  # it is there, or the disk is full: whoever appends to it says so


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
