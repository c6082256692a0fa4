"""Helpers of tests: who plays the master, a disk that fills up, a user whom permissions stop, processes of their own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from spool.errors import AwqError
from spool.store import published_counts
from spool.store.layout import Spool
from spool.store.published_counts import Counts

NOBODY = 65534


class LivingMaster:
    """Plays the master: holds its lock, and publishes counts when told."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._lock = os.open(spool.master_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def publish(self, by_status: Mapping[int, int] | None = None, at: float | None = None, **extra: int) -> None:
        """Counts by JobStatus, published now or at another time."""
        published_counts.publish(self.spool, Counts(by_status or {}, int(time.time() if at is None else at), extra))

    def die(self) -> None:
        """As by kill -9: the lock goes, everything else stays."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def fill(folder: Path, leave: int = 0) -> None:
    """Fill the disk that ``folder`` is on, but for ``leave`` bytes."""
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - leave))


def as_nobody(function: Callable[[], object]) -> str:
    """What ``function`` returns (as text) or raises (``Type: text``) when a user runs it whom permissions stop."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "it failed in another way"
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            told = str(function())
        except (OSError, AwqError) as error:
            told = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        told = file.read().decode()
    os.waitpid(child, 0)
    return told


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process of its own that runs ``code`` in the source's root."""
    root = str(Path(__file__).resolve().parent.parent)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
