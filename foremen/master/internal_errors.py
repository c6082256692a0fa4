"""Errors that nobody foresaw: whose fault they are, and how they are told. The traceback goes to the master's log, once a place."""

from __future__ import annotations

import errno
import os
import sqlite3
import traceback
from collections.abc import Callable

from foremen.engine.errors import EngineError
from spool.store.sqlite import Database

_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ESTALE,
        errno.EAGAIN,
    }
)
_LONGEST = 200  # characters of an error's own words: they may come from a job's ad


def of_one(error: BaseException) -> bool:
    """Whether it came from one job's data or our handling of it, so that leaving that job out helps: not from disk, memory, engine."""
    if isinstance(error, OSError):
        return error.errno not in _MACHINE
    if isinstance(error, sqlite3.Error):
        return isinstance(
            error, (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
        )
    return isinstance(error, Exception) and not isinstance(error, (EngineError, MemoryError))


def words(error: BaseException) -> str:
    """``ValueError: embedded null byte (change.py:91)``, in one printable line."""
    said = "".join([char if char.isprintable() else "?" for char in str(error)[:_LONGEST]])
    return f"{type(error).__name__}: {said} ({_place(error)})"


class Mishaps:
    """Tells errors to the operator."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[tuple[str, str]] = set()

    def tell(self, about: str, error: BaseException) -> str:
        """Say it: with its traceback when it is the first of its kind at that place. Its words."""
        kind = (type(error).__name__, _place(error))
        text = f"{about}: {words(error)}"
        if kind not in self._told:
            self._told.add(kind)
            frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            text += f"; this should not happen: please report it with what follows (said once)\n{frames}"
        self._say(text)
        return words(error)


class Care:
    """What a turn that is made again, carefully, has: parts of its transaction that fail leave no trace."""

    def __init__(self, database: Database, mishaps: Mishaps) -> None:
        self._db = database
        self.tell = mishaps.tell

    def attempt(self, move: Callable[[], object]) -> Exception | None:
        """Make a move in the database, or none of it; then the error. What is not of one job goes on to the caller."""
        try:
            with self._db.savepoint():
                move()
        except Exception as error:
            if not of_one(error):
                raise
            return error
        return None


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "unknown place"
