"""The job database: one writer, many readers, nothing half done, and sentences when the file is no good."""

from __future__ import annotations

import ast
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from spool_rig import fill, python

from spool.errors import SpoolError
from spool.store import sqlite
from spool.store.layout import create_spool
from spool.store.sqlite import HistoryRow, JobRow, open_reader, open_writer


@pytest.fixture
def writer(spool):
    """The master's connection."""
    connection = open_writer(spool)
    yield connection
    connection.close()


def admit(writer, cluster, jobs=1, status=1, prio=0, ad="C = 1\n"):
    writer.add_cluster(cluster, ad, True)
    writer.add_jobs([(cluster, proc, status, prio, f"P = {proc}\n", "") for proc in range(jobs)])


def keys(rows):
    return [tuple(row)[:2] if isinstance(row, tuple) else (row.cluster, row.proc) for row in rows]


def test_rows_are_the_same_for_types_and_run_time():
    """The classes that the type checker sees have the columns that the run time has."""
    tree = ast.parse(Path(sqlite.__file__).read_text())
    seen = {
        node.name: [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name in ("JobRow", "HistoryRow")
    }
    assert seen == {"JobRow": list(JobRow._fields), "HistoryRow": list(HistoryRow._fields)}


def test_only_we_can_read_it(spool, writer):
    """The database and its companions are 0600, whatever the umask was."""
    admit(writer, 1)
    names = [name for name in os.listdir(spool.root) if name.startswith("jobs.db")]
    assert len(names) == 3
    for name in names:
        assert stat.S_IMODE(os.stat(f"{spool.root}/{name}").st_mode) == 0o600


def test_jobs_and_their_selections(writer):
    """By cluster and proc; narrowed by ids (whole clusters too), by status, by both."""
    admit(writer, 12, 3)
    admit(writer, 5, 2, status=5)
    assert keys(writer.texts()) == writer.keys() == [(5, 0), (5, 1), (12, 0), (12, 1), (12, 2)]
    assert keys(writer.texts([(12, 1), (5, None)])) == writer.keys([(5, None), (12, 1)]) == [(5, 0), (5, 1), (12, 1)]
    assert keys(writer.texts(statuses=[5, 2])) == [(5, 0), (5, 1)]
    assert keys(writer.texts([(12, 0), (5, 0)], [1])) == [(12, 0)]
    assert writer.keys([(99, None), (12, 9)]) == []
    assert writer.job(12, 1) == JobRow(12, 1, 1, 0, 0, 0, 0, 0, "P = 1\n", "", "C = 1\n", 1)
    assert writer.job(12, 9) is None
    assert (writer.count_by_status(), writer.clusters()) == ({1: 3, 5: 2}, {5, 12})


def test_a_hundred_thousand_ids(writer):
    """What condor_rm names is not limited by what SQL takes in one expression."""
    admit(writer, 1, 3000)
    wanted = [(1, proc) for proc in range(100000)] + [(cluster, None) for cluster in range(2, 2000)]
    assert len(writer.keys(wanted)) == len(list(writer.texts(wanted))) == 3000
    assert list(writer.history(wanted)) == []


def test_next_and_given(writer):
    """By priority, then by age; what was given is not next, and is counted as an attempt."""
    admit(writer, 1, 2)
    admit(writer, 2, prio=5)
    admit(writer, 3, status=5)
    assert keys(writer.next_idle(10)) == [(2, 0), (1, 0), (1, 1)]
    assert keys(writer.next_idle(1)) == [(2, 0)]
    writer.give([(2, 0, 1), (1, 1, 4)])
    assert keys(writer.given()) == [(1, 1), (2, 0)]
    assert [(row.attempt, row.tries) for row in writer.given()] == [(4, 0), (1, 0)]
    assert keys(writer.next_idle(10)) == [(1, 0)]
    writer.give([])


def test_kept_back(writer):
    """Not next, and not given either, until all are looked at again, or it is moved; given ones are not kept back."""
    admit(writer, 1, 3)
    writer.give([(1, 2, 1)])
    writer.keep_back([(1, 0), (1, 1), (1, 2)])
    assert (writer.next_idle(10), writer.kept_back(), keys(writer.given())) == ([], 2, [(1, 2)])
    row = writer.job(1, 0)
    assert row.given == 0
    writer.move(row)
    assert (keys(writer.next_idle(10)), writer.kept_back()) == ([(1, 0)], 1)
    writer.keep_back([(1, 0)])
    writer.look_again()
    assert (keys(writer.next_idle(10)), writer.kept_back()) == ([(1, 0), (1, 1)], 0)


def test_moves(writer):
    """Status, given, tries, lost and state are written; the rest stays."""
    admit(writer, 1)
    row = writer.job(1, 0)
    moved = row._replace(status=2, given=1, tries=2, lost=3, state="S = 1\n")
    writer.move(moved)
    assert writer.job(1, 0) == moved


def test_finishing(writer):
    """A job goes to the history; the last of its cluster takes the cluster with it."""
    admit(writer, 1, 2)
    assert writer.finish(1, 1, "A = 1\n") is False
    assert writer.has_cluster(1)
    assert writer.finish(1, 0, "A = 0\n") is True
    assert (writer.keys(), writer.clusters()) == ([], set())
    assert (writer.has_cluster(1), writer.has_cluster(2), writer.highest_cluster()) == (True, False, 1)
    assert list(writer.history()) == [HistoryRow(1, 0, "A = 0\n"), HistoryRow(1, 1, "A = 1\n")]
    assert keys(writer.history(oldest_first=True)) == [(1, 1), (1, 0)]
    assert keys(writer.history([(1, 1), (2, None)])) == [(1, 1)]


def test_history_is_trimmed(writer):
    """To the latest; to none; and an empty one is no trouble."""
    writer.trim_history(5)
    admit(writer, 1, 10)
    for proc in range(10):
        writer.finish(1, proc, "")
    writer.trim_history(3)
    assert keys(writer.history()) == [(1, 9), (1, 8), (1, 7)]
    writer.trim_history(0)
    assert keys(writer.history()) == []


def test_updates_of_what_is_not_there(writer):
    """Every change checks that it changed what it was about."""
    admit(writer, 1)
    missing = writer.job(1, 0)._replace(proc=7)
    with pytest.raises(SpoolError, match=r"job 1\.7 is not in the queue"):
        writer.move(missing)
    with pytest.raises(SpoolError, match=r"job 1\.7 is not in the queue"):
        writer.finish(1, 7, "")
    with pytest.raises(SpoolError, match="of 2 jobs to give only 1 are in the queue"):
        writer.give([(1, 0, 1), (1, 7, 1)])
    with pytest.raises(sqlite3.IntegrityError):
        writer.add_cluster(1, "", False)


def test_outbox_and_taken(writer):
    """In order, until forgotten."""
    writer.post([("/a", "one"), ("/b", "two")])
    writer.post([("/a", "three")])
    assert [event[1:] for event in writer.outbox()] == [("/a", "one"), ("/b", "two"), ("/a", "three")]
    writer.posted()
    assert writer.outbox() == []
    writer.take(["x.submit", "job\udcff"])
    assert writer.taken() == {"x.submit", "job\udcff"}
    writer.forget_taken(["job\udcff", "not there"])
    assert writer.taken() == {"x.submit"}


def test_parts_of_the_outbox(writer):
    """Of one folder, not of those below or beside it, the oldest first; those that are named go."""
    paths = ["/a/x", "/ab/x", "/a/y", "/a/b/x", "/a/x", "/x", "/a//x"]
    first = writer.post([(path, str(number)) for number, path in enumerate(paths)])
    assert writer.post([("/z", "z")]) == first + len(paths)
    assert [event[2] for event in writer.outbox("/a")] == ["0", "2", "4"]
    assert [event[2] for event in writer.outbox("/a", 2)] == ["0", "2"]
    assert [event[2] for event in writer.outbox("")] == ["5", "z"]
    assert [event[2] for event in writer.outbox("/a/")] == ["6"]
    writer.posted([first, first + 4])
    assert [event[0] - first for event in writer.outbox()] == [1, 2, 3, 5, 6, 7]


def test_savepoints_leave_no_trace_of_what_fails(writer):
    """Of nested ones the inner or the outer; the transaction goes on."""
    with writer.transaction():
        writer.take(["one"])
        with pytest.raises(KeyError), writer.savepoint():
            writer.take(["two"])
            with writer.savepoint():
                writer.take(["three"])
            raise KeyError
        with writer.savepoint():
            writer.take(["four"])
            with pytest.raises(ValueError, match="x"), writer.savepoint():
                writer.take(["five"])
                raise ValueError("x")
    assert writer.taken() == {"one", "four"}


def test_bytes_that_are_no_text(spool, writer):
    """File names of any bytes come through every column, for writer and reader; half a surrogate pair does not stop us."""
    odd = 'A = "\udcff\udc80é"\n'
    writer.add_cluster(1, odd, False)
    writer.add_jobs([(1, 0, 1, 0, odd, odd), (1, 1, 1, 0, "", "\ud800")])
    writer.post([("/log\udcfe", odd)])
    assert writer.outbox()[0][1:] == ("/log\udcfe", odd)
    reader = open_reader(spool)
    row = reader.job(1, 0)
    assert (row.cluster_ad, row.ad, row.state) == (odd, odd, odd)
    assert reader.job(1, 1).state == "?"
    writer.move(row._replace(state=odd * 2))
    writer.finish(1, 0, odd)
    assert list(reader.history()) == [HistoryRow(1, 0, odd)]
    reader.close()


def test_transactions_are_all_or_nothing(writer):
    """An exception undoes everything; the next transaction is none the worse."""
    with pytest.raises(KeyError), writer.transaction():
        admit(writer, 1)
        raise KeyError
    assert writer.keys() == []
    with writer.transaction():
        admit(writer, 1)
    assert writer.keys() == [(1, 0)]


def test_full_disk(small_disk):
    """A database that cannot be made is a sentence."""
    spool = create_spool(str(small_disk / "spool"))
    fill(small_disk)
    with pytest.raises(SpoolError, match="cannot use the job database"):
        open_writer(spool)
    os.unlink(small_disk / "filler")


def test_disk_that_fills_up(small_disk):
    """A transaction that does not fit is undone, and says so; the database is as before, and works when there is room."""
    small = sqlite3.connect(small_disk / "db", isolation_level=None)
    small.execute("PRAGMA page_size = 512")  # so that it fits; the usual one with its log does not
    small.execute("PRAGMA journal_mode = WAL")
    small.execute("PRAGMA wal_autocheckpoint = 0")
    small.executescript(sqlite._SCHEMA)
    writer = sqlite.Database(small)
    with writer.transaction():
        admit(writer, 1)
    fill(small_disk)
    for jobs in (10, 200, 10, 200):  # fails in the commit, or before it
        with pytest.raises(sqlite3.OperationalError, match="full"), writer.transaction():
            admit(writer, 2, jobs, ad="A = 1\n" * 500)
        assert not small.in_transaction
        assert writer.keys() == [(1, 0)]
    os.unlink(small_disk / "filler")
    with writer.transaction():
        admit(writer, 2)
    assert writer.keys() == [(1, 0), (2, 0)]
    writer.close()


READ = """
import sys
from spool.store.sqlite import open_reader
from spool.store.layout import open_spool
reader = open_reader(open_spool(sys.argv[1]))
turns = 0
print("ready", flush=True)
while True:
    with reader.snapshot():
        jobs = sum(1 for _ in reader.texts())
        counted = sum(reader.count_by_status().values())
        outbox = len(reader.outbox())
    assert jobs == counted == outbox, (jobs, counted, outbox)
    turns += 1
    if jobs == 400:
        break
print(turns)
"""


def test_two_readers_while_a_writer_writes(spool, writer):
    """Nobody waits for nobody, and a snapshot is of one moment."""
    readers = [python(READ, spool.root) for _ in range(2)]
    for reader in readers:
        assert reader.stdout.readline() == "ready\n"
    for cluster in range(1, 201):
        with writer.transaction():
            admit(writer, cluster, 2)
            writer.post([("/a", "x"), ("/a", "y")])
    for reader in readers:
        assert int(reader.communicate(timeout=60)[0]) >= 1
        assert reader.returncode == 0


def test_snapshots_nest(spool, writer):
    """The outer one rules."""
    reader = open_reader(spool)
    with reader.snapshot():
        assert reader.keys() == []
        admit(writer, 1)
        with reader.snapshot():
            assert reader.keys() == []
        assert reader.keys() == []
    assert reader.keys() == [(1, 0)]
    reader.close()


def test_readers_cannot_write(spool, writer):
    """The master alone writes."""
    reader = open_reader(spool)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.posted()
    reader.close()


def test_reading_without_a_master(spool):
    """condor_history needs none: also when the last writer left in order and took the log with it."""
    writer = open_writer(spool)
    admit(writer, 1)
    writer.finish(1, 0, "A = 1\n")
    writer.close()
    reader = open_reader(spool)
    assert keys(reader.history()) == [(1, 0)]
    reader.close()
    assert sqlite.highest_cluster(spool) == 1


def test_strange_folder_names(tmp_path):
    """A name with what URIs take for their own."""
    spool = create_spool(str(tmp_path / "a b?c#d%41é\udcff"))
    open_writer(spool).close()
    reader = open_reader(spool)
    assert reader.keys() == []
    reader.close()


def test_no_database(spool):
    """A sentence that says what to start."""
    with pytest.raises(SpoolError, match=r"cannot read the job database .*there is none: start alien_work_queue"):
        open_reader(spool)


@pytest.mark.parametrize("opening", [open_reader, open_writer])
def test_damaged_from_the_start(spool, opening):
    """Not a database: a sentence with the name of the file."""
    Path(spool.database).write_bytes(b"no database" * 500)
    with pytest.raises(SpoolError, match=r"the job database .*jobs.db: file is not a database"):
        opening(spool)


def test_other_version(spool):
    """Of another release, or of none yet."""
    writer = open_writer(spool)
    writer._db.execute("PRAGMA user_version = 7")
    writer.close()
    for opening in (open_reader, open_writer):
        with pytest.raises(SpoolError, match=r"is of version 7, this program needs 1: use the release that made it"):
            opening(spool)
    with pytest.raises(SpoolError, match="version 7"):
        sqlite.highest_cluster(spool)
    os.unlink(spool.database)
    Path(spool.database).touch()
    with pytest.raises(SpoolError, match="has no tables yet: alien_work_queue is starting"):
        open_reader(spool)
    assert sqlite.highest_cluster(spool) == 0


def test_killed_in_a_transaction(spool):
    """What was committed is there, what was not is not."""
    code = """
import os, sys
from spool.store.sqlite import open_writer
from spool.store.layout import open_spool
writer = open_writer(open_spool(sys.argv[1]))
with writer.transaction():
    writer.add_cluster(1, "", False)
with writer.transaction():
    writer.add_cluster(2, "", False)
    os.kill(os.getpid(), 9)
"""
    python(code, spool.root).wait(timeout=60)
    writer = open_writer(spool)
    assert writer.clusters() == {1}
    writer.close()


def test_the_writer_proves_that_it_can_write(spool, writer, tmp_path):
    """Overwritten, replaced, removed or locked under the open connection: said; set right again, it goes on."""
    admit(writer, 1)
    writer.prove()
    with open(spool.database, "r+b") as file:
        magic = file.read(16)
        file.seek(0)
        file.write(bytes(16))
        file.flush()
        with pytest.raises(SpoolError, match="was overwritten: stop the master"):
            writer.prove()
        file.seek(0)
        file.write(magic)
    writer.prove()
    os.rename(spool.database, tmp_path / "moved")
    with pytest.raises(SpoolError, match="has gone"):
        writer.prove()
    Path(spool.database).write_bytes(magic)
    with pytest.raises(SpoolError, match="was replaced by another file"):
        writer.prove()
    os.rename(tmp_path / "moved", spool.database)
    writer.prove()


def test_a_lock_is_noticed(spool, writer):
    """Somebody who holds the write lock for longer than two seconds."""
    other = python(
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN EXCLUSIVE');"
        " print('locked', flush=True); sys.stdin.read(); c.execute('ROLLBACK'); print('free', flush=True)",
        spool.database,
    )
    assert other.stdout.readline() == "locked\n"
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        writer.prove()
    other.communicate()
    writer.prove()
