"""A part of a transaction that leaves no trace when it fails."""

from __future__ import annotations

import sqlite3
from types import TracebackType


class Savepoint:
    """``with``, within a transaction: all or nothing of what is done inside; they may be nested. Errors go on to the caller."""

    __slots__ = ("_db",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("SAVEPOINT step")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._db.in_transaction:
            return  # SQLite has ended all of it (disk full)
        if kind is not None:
            self._db.execute("ROLLBACK TO step")
        self._db.execute("RELEASE step")
