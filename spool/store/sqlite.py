"""The job database: SQLite in WAL mode. All SQL of the house is here. The master alone writes; everybody else reads.

Tables: ``clusters`` (what the jobs of a cluster have in common), ``jobs`` (those in the queue), ``history`` (those that
left it), ``outbox`` (events committed but perhaps not yet in their log file), ``taken`` (task files committed but
perhaps not yet unlinked). Ads are kept as long-form text (``spool.classad.ads``): a job's effective ad is cluster ad, then its
own, then its state; the later wins. Texts may hold bytes that are no UTF-8 (file names), as surrogates: SQLite gets
the bytes.

Methods raise sqlite3.Error when the file fails under them. ``typing`` and ``contextlib`` are not imported at run time:
they would cost ``condor_q`` 5 ms.
"""

from __future__ import annotations

import os
import sqlite3
from collections import namedtuple
from types import TracebackType

from spool.errors import SpoolError
from spool.job import IDLE
from spool.store.layout import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import NamedTuple

    pass

    Id = tuple[int, "int | None"]  # a job, or (cluster, None): a whole cluster

    class JobRow(NamedTuple):
        """One job in the queue; ``cluster_ad``, ``ad`` and ``state`` are long-form texts, each line ended."""

        cluster: int
        proc: int
        status: int
        given: int
        prio: int
        attempt: int
        tries: int
        lost: int
        ad: str
        state: str
        cluster_ad: str
        payload: int

    class HistoryRow(NamedTuple):
        """One job that left the queue; ``ad`` is its whole ad in long form."""

        cluster: int
        proc: int
        ad: str

else:  # the same (a test compares them)
    JobRow = namedtuple("JobRow", "cluster proc status given prio attempt tries lost ad state cluster_ad payload")
    HistoryRow = namedtuple("HistoryRow", "cluster proc ad")

SCHEMA_VERSION = 1
_MAGIC = b"SQLite format 3\0"
_WAL_PAGES = 256  # 1 MB: so much more room than its content the database may take; as fast as SQLite's 1000 (measured)
_PATIENCE = 2  # s that the master waits for somebody's lock: nobody else has a reason to write
_SCHEMA = """
CREATE TABLE clusters (cluster INTEGER PRIMARY KEY, ad TEXT NOT NULL, payload INTEGER NOT NULL);
CREATE TABLE jobs (
    cluster INTEGER NOT NULL, proc INTEGER NOT NULL,
    status INTEGER NOT NULL,                 -- HTCondor's JobStatus
    given INTEGER NOT NULL DEFAULT 0,        -- 1: this attempt was given to the engine; 2: kept back
    prio INTEGER NOT NULL DEFAULT 0,         -- JobPrio
    attempt INTEGER NOT NULL DEFAULT 0,      -- number of the latest attempt; the task's tag is cluster.proc#attempt
    tries INTEGER NOT NULL DEFAULT 0,        -- hand-outs of this attempt known to have been lost
    lost INTEGER NOT NULL DEFAULT 0,         -- all starts whose worker vanished
    ad TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (cluster, proc)) WITHOUT ROWID;
CREATE INDEX jobs_next ON jobs (status, given, prio DESC, cluster, proc);
CREATE TABLE history (seq INTEGER PRIMARY KEY AUTOINCREMENT, cluster INTEGER NOT NULL, proc INTEGER NOT NULL, ad TEXT NOT NULL);
CREATE INDEX history_job ON history (cluster, proc);
CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE taken (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""


_JOB = """SELECT j.cluster, j.proc, j.status, j.given = 1, j.prio, j.attempt, j.tries, j.lost, j.ad, j.state, c.ad, c.payload
FROM jobs j JOIN clusters c USING (cluster)"""
_TEXT = "CAST(? AS TEXT)"  # of bytes, see _bytes


class _Transaction:
    """All or nothing, durable at the end. When the commit fails (disk full) nothing is left open."""

    __slots__ = ("_db",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:  # SQLite ends it by itself on some errors
                self._db.execute("ROLLBACK")


class _Snapshot:
    """Everything read inside is of one moment; inside another one, of that one's."""

    __slots__ = ("_db", "_mine")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._mine = False

    def __enter__(self) -> None:
        self._mine = not self._db.in_transaction
        if self._mine:
            self._db.execute("BEGIN")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mine and self._db.in_transaction:
            self._db.execute("ROLLBACK")


class Database:
    """One connection. Make it with ``open_writer`` (the master) or ``open_reader``."""

    def __init__(self, connection: sqlite3.Connection, path: str = "", file: int = -1) -> None:
        self._db = connection
        self._path = path
        self._file = file  # never closed before the connection: that would drop SQLite's locks (fcntl) on the file

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def prove(self) -> None:
        """For the writer: sqlite3.Error or SpoolError when the file was overwritten, replaced, removed, or is locked.

        Cheap (no flush), for every second. What SQLite keeps in memory would hide that the file below has gone.
        """
        here = os.fstat(self._file)
        try:
            there = os.stat(self._path)
        except OSError as error:
            raise SpoolError(f"the job database {self._path} has gone: {error.strerror}{_RESTORE}") from None
        if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
            raise SpoolError(f"the job database {self._path} was replaced by another file{_RESTORE}")
        if os.pread(self._file, len(_MAGIC), 0) != _MAGIC:
            raise SpoolError(f"the job database {self._path} was overwritten{_RESTORE}")
        with self.transaction():
            self._db.execute("SELECT 1 FROM jobs LIMIT 1")

    def transaction(self) -> _Transaction:
        """``with``: all or nothing, durable at the end."""
        return _Transaction(self._db)

    def savepoint(self) -> Savepoint:
        """``with``, in a transaction: all or nothing of this part of it."""
        pass  # the master's, and only after an error

        return Savepoint(self._db)

    def snapshot(self) -> _Snapshot:
        """``with``: everything read inside is of one moment."""
        return _Snapshot(self._db)

    # --- reading -----------------------------------------------------------------------------------------------

    def texts(self, ids: Sequence[Id] = (), statuses: Sequence[int] = ()) -> Iterator[tuple[int, int, int, str]]:
        """Jobs in the queue by cluster and proc, all or those of ``ids`` ((12, None): the whole cluster 12) and ``statuses``.

        As (cluster, proc, status, the effective ad in long form): joined in SQL, a third of the time it takes in Python.
        """
        conditions = [_among(ids, "j.")] if ids else []
        if statuses:  # the plus keeps SQLite to the order of the primary key: sorting whole ads costs more than looking
            conditions.append(f"+j.status IN ({','.join([str(int(status)) for status in statuses])})")
        where = "WHERE " + " AND ".join(conditions) if conditions else ""
        query = f"""SELECT j.cluster, j.proc, j.status, c.ad || j.ad || j.state FROM jobs j JOIN clusters c USING (cluster)
            {where} ORDER BY j.cluster, j.proc"""
        return iter(self._db.execute(query))

    def texts_after(self, cluster: int, proc: int, limit: int) -> list[tuple[int, int, int, str]]:
        """As ``texts``: the ``limit`` jobs that come after this one."""
        query = """SELECT j.cluster, j.proc, j.status, c.ad || j.ad || j.state FROM jobs j JOIN clusters c USING (cluster)
            WHERE (j.cluster, j.proc) > (?, ?) ORDER BY j.cluster, j.proc LIMIT ?"""
        return list(self._db.execute(query, (cluster, proc, limit)))

    def job(self, cluster: int, proc: int) -> JobRow | None:
        """One job of the queue."""
        row = self._db.execute(f"{_JOB} WHERE j.cluster = ? AND j.proc = ?", (cluster, proc)).fetchone()
        return JobRow._make(row) if row else None

    def keys(self, ids: Sequence[Id] = ()) -> list[tuple[int, int]]:
        """Cluster and proc of all jobs in the queue, or of those of ``ids``."""
        where = f" WHERE {_among(ids)}" if ids else ""
        return list(self._db.execute(f"SELECT cluster, proc FROM jobs{where} ORDER BY cluster, proc"))

    def next_idle(self, limit: int) -> list[JobRow]:
        """The next ``limit`` idle jobs that are neither given nor kept back: by priority, then by age."""
        query = f"{_JOB} WHERE j.status = {IDLE} AND j.given = 0 ORDER BY j.prio DESC, j.cluster, j.proc LIMIT ?"
        return list(map(JobRow._make, self._db.execute(query, (limit,))))

    def given(self) -> list[JobRow]:
        """The jobs whose latest attempt was given to the engine."""
        return list(map(JobRow._make, self._db.execute(f"{_JOB} WHERE j.given = 1 ORDER BY j.cluster, j.proc")))

    def kept_back(self) -> int:
        """How many jobs are kept back."""
        return int(self._db.execute(f"SELECT count(*) FROM jobs WHERE status = {IDLE} AND given = 2").fetchone()[0])

    def history(self, ids: Sequence[Id] = (), oldest_first: bool = False) -> Iterator[HistoryRow]:
        """Jobs that left the queue, the latest first."""
        where = f" WHERE {_among(ids)}" if ids else ""
        order = "ASC" if oldest_first else "DESC"
        query = f"SELECT cluster, proc, ad FROM history{where} ORDER BY seq {order}"
        return map(HistoryRow._make, self._db.execute(query))

    def count_by_status(self) -> dict[int, int]:
        """Number of jobs in the queue by JobStatus."""
        return dict(self._db.execute("SELECT status, count(*) FROM jobs GROUP BY status"))

    def needs_payload(self, cluster: int) -> bool:
        """Whether a job of the cluster may still be started (status 3 and 4: removed, completed)."""
        query = "SELECT EXISTS (SELECT 1 FROM jobs WHERE cluster = ? AND status NOT IN (3, 4))"
        return bool(self._db.execute(query, (cluster,)).fetchone()[0])

    def has_cluster(self, cluster: int) -> bool:
        """Whether a cluster of that number is in the queue or was."""
        query = "SELECT EXISTS (SELECT 1 FROM clusters WHERE cluster = ?) OR EXISTS (SELECT 1 FROM history WHERE cluster = ?)"
        return bool(self._db.execute(query, (cluster, cluster)).fetchone()[0])

    def clusters(self) -> set[int]:
        """The clusters that have jobs in the queue."""
        return {row[0] for row in self._db.execute("SELECT cluster FROM clusters")}

    def highest_cluster(self) -> int:
        """The highest cluster number ever admitted that is still known; 0 for none."""
        row = self._db.execute(
            "SELECT max((SELECT ifnull(max(cluster), 0) FROM clusters), (SELECT ifnull(max(cluster), 0) FROM history))"
        ).fetchone()
        return int(row[0])

    # --- writing (the master) --------------------------------------------------------------------------------------

    def add_cluster(self, cluster: int, ad: str, payload: bool) -> None:
        """A cluster that is admitted; its jobs follow."""
        self._db.execute(
            f"INSERT INTO clusters (cluster, ad, payload) VALUES (?, {_TEXT}, ?)", (cluster, _bytes(ad), int(payload))
        )

    def add_jobs(self, rows: Iterable[tuple[int, int, int, int, str, str]]) -> None:
        """Admitted jobs: (cluster, proc, status, prio, ad, state)."""
        self._db.executemany(
            f"INSERT INTO jobs (cluster, proc, status, prio, ad, state) VALUES (?, ?, ?, ?, {_TEXT}, {_TEXT})",
            [(*row[:4], _bytes(row[4]), _bytes(row[5])) for row in rows],
        )

    def give(self, jobs: Iterable[tuple[int, int, int]]) -> None:
        """Record attempts (cluster, proc, attempt) as given to the engine; to be committed before they are sent."""
        attempts = [(attempt, cluster, proc) for cluster, proc, attempt in jobs]
        cursor = self._db.executemany(
            "UPDATE jobs SET given = 1, tries = 0, attempt = ? WHERE cluster = ? AND proc = ?", attempts
        )
        if attempts and cursor.rowcount != len(attempts):
            raise SpoolError(f"of {len(attempts)} jobs to give only {cursor.rowcount} are in the queue")

    def keep_back(self, jobs: Iterable[tuple[int, int]]) -> None:
        """These are not next until ``look_again``, or until they are moved."""
        self._db.executemany("UPDATE jobs SET given = 2 WHERE cluster = ? AND proc = ? AND given = 0", jobs)

    def look_again(self, jobs: Iterable[tuple[int, int]] | None = None) -> None:
        """The jobs that were kept back, or these of them, are next again."""
        again = f"UPDATE jobs SET given = 0 WHERE status = {IDLE} AND given = 2"
        if jobs is None:
            self._db.execute(again)
        else:
            self._db.executemany(f"{again} AND cluster = ? AND proc = ?", jobs)

    def move(self, row: JobRow) -> None:
        """A job's new status, given, prio, tries, lost and state text (the other columns do not change).

        One that was kept back is so no more: it may have become another.
        """
        cursor = self._db.execute(
            f"UPDATE jobs SET status = ?, given = ?, prio = ?, tries = ?, lost = ?, state = {_TEXT} WHERE cluster = ? AND proc = ?",
            (row.status, row.given, row.prio, row.tries, row.lost, _bytes(row.state), row.cluster, row.proc),
        )
        _one_row(cursor, f"job {row.cluster}.{row.proc} is not in the queue")

    def finish(self, cluster: int, proc: int, ad: str) -> bool:
        """A job leaves the queue for the history with its whole ad; True when it was the last of its cluster."""
        cursor = self._db.execute("DELETE FROM jobs WHERE cluster = ? AND proc = ?", (cluster, proc))
        _one_row(cursor, f"job {cluster}.{proc} is not in the queue")
        self._db.execute(f"INSERT INTO history (cluster, proc, ad) VALUES (?, ?, {_TEXT})", (cluster, proc, _bytes(ad)))
        query = "DELETE FROM clusters WHERE cluster = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE cluster = ?1)"
        return self._db.execute(query, (cluster,)).rowcount == 1

    def trim_history(self, keep: int) -> None:
        """Forget all but the latest ``keep`` finished jobs."""
        self._db.execute("DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?", (keep,))

    def post(self, events: Sequence[tuple[str, str]]) -> int:
        """Put event texts for their log files into the outbox: (path, text). The first one's id; those of the others follow it."""
        self._db.executemany(
            f"INSERT INTO outbox (path, text) VALUES ({_TEXT}, {_TEXT})",
            [(_bytes(path), _bytes(text)) for path, text in events],
        )
        return int(self._db.execute("SELECT last_insert_rowid()").fetchone()[0]) - len(events) + 1

    def outbox(self, folder: str | None = None, limit: int = -1) -> list[tuple[int, str, str]]:
        """Events not known to be in their files: (id, path, text), oldest first; only those for files in ``folder``, if given."""
        query, start = "SELECT id, path, text FROM outbox", b""
        if folder is not None:
            start = _bytes(f"{folder}/")
            query += """ WHERE substr(CAST(path AS BLOB), 1, ?1) = ?2 AND instr(substr(CAST(path AS BLOB), ?1 + 1), X'2F') = 0"""
        return list(self._db.execute(f"{query} ORDER BY id LIMIT ?3", (len(start), start, limit)))

    def posted(self, ids: Iterable[int] | None = None) -> None:
        """The events of the outbox, or those of these ids, are in their files."""
        if ids is None:
            self._db.execute("DELETE FROM outbox")
        else:
            self._db.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in ids])

    def take(self, names: Iterable[str]) -> None:
        """These task files are being committed with this transaction."""
        self._db.executemany(f"INSERT INTO taken (name) VALUES ({_TEXT})", [(_bytes(name),) for name in names])

    def taken(self) -> set[str]:
        """Task files committed earlier whose file may still be there."""
        return {row[0] for row in self._db.execute("SELECT name FROM taken")}

    def forget_taken(self, names: Iterable[str]) -> None:
        """The files of these names are gone."""
        self._db.executemany(f"DELETE FROM taken WHERE name = {_TEXT}", [(_bytes(name),) for name in names])


def open_writer(spool: Spool) -> Database:
    """The master's connection; makes the tables at first start. SpoolError when the file is damaged or of another version."""
    connection, file = None, -1
    try:
        file = os.open(spool.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # SQLite's own would be 0644
        connection = sqlite3.connect(spool.database, timeout=_PATIENCE, isolation_level=None)
        _prepare(connection, spool.database)
    except (sqlite3.Error, OSError) as error:
        if connection is not None:
            connection.close()
        if file >= 0:
            os.close(file)
        raise SpoolError(f"cannot use the job database {spool.database}: {error}{_REMEDY}") from None
    return Database(connection, spool.database, file)


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    connection.text_factory = _text
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"the file system cannot share it (journal mode {mode})")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
    elif version != SCHEMA_VERSION:
        connection.close()
        raise _other_version(path, version)


def open_reader(spool: Spool) -> Database:
    """A connection that cannot write. SpoolError when there is no database or it cannot be read."""
    connection, version = _connect_reader(spool)
    if version != SCHEMA_VERSION:
        connection.close()
        raise _other_version(spool.database, version)
    return Database(connection)


def no_database() -> Database:
    """A database without jobs and history, for a spool whose master never ran."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(_SCHEMA)
    return Database(connection)


def _connect_reader(spool: Spool) -> tuple[sqlite3.Connection, int]:
    connection = None
    try:
        connection = sqlite3.connect(f"file:{_uri(spool.database)}?mode=ro", timeout=3, isolation_level=None, uri=True)
        connection.text_factory = _text
        connection.execute("PRAGMA query_only = 1")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        missing = "" if os.path.exists(spool.database) else " (there is none: start alien_work_queue)"
        raise SpoolError(f"cannot read the job database {spool.database}: {error}{missing}") from None
    return connection, version


def highest_cluster(spool: Spool) -> int:
    """The highest cluster number that the database knows; 0 when it is still empty. SpoolError when it cannot be read."""
    connection, version = _connect_reader(spool)
    try:
        if version not in (0, SCHEMA_VERSION):
            raise _other_version(spool.database, version)
        return Database(connection).highest_cluster() if version else 0
    except sqlite3.Error as error:
        raise SpoolError(f"cannot read the job database {spool.database}: {error}") from None
    finally:
        connection.close()


_RESTORE = ": stop the master, put the file back, start it again"
_REMEDY = " (AWQ_WORKDIR must be a folder on a local disk; if the file is damaged, move it and its -wal away: its jobs are lost)"


def _other_version(path: str, version: int) -> SpoolError:
    if version == 0:
        return SpoolError(f"{path} has no tables yet: alien_work_queue is starting, or failed to")
    return SpoolError(
        f"{path} is of version {version}, this program needs {SCHEMA_VERSION}: use the release that made it"
    )


def _uri(path: str) -> str:
    """Percent-encoded; ``urllib`` would cost a client 8 ms."""
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path)])


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")


def _bytes(text: str) -> bytes:
    """What SQLite gets: a str with surrogates it would refuse."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, from somebody's JSON
        return text.encode("utf-8", "replace")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _among(ids: Sequence[Id], prefix: str = "") -> str:
    """The condition that a row is one of these. Numbers stand in the text: SQL takes few variables, and few ORs."""
    clusters = ",".join([str(int(cluster)) for cluster, proc in ids if proc is None])
    pairs = ",".join([f"({int(cluster)},{int(proc)})" for cluster, proc in ids if proc is not None])
    conditions = [f"{prefix}cluster IN ({clusters})"] if clusters else []
    if pairs:
        conditions.append(f"({prefix}cluster, {prefix}proc) IN (VALUES {pairs})")
    return f"({' OR '.join(conditions)})"


def _one_row(cursor: sqlite3.Cursor, otherwise: str) -> None:
    if cursor.rowcount != 1:
        raise SpoolError(otherwise)


# A part of a transaction that leaves no trace when it fails.


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
