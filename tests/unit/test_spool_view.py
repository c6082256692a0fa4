"""What the commands see: the queue and what waits in task files, as of one moment, without doubles or gaps."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from spool.classad.job_record import JobRecord
from spool.errors import NotVouched
from spool.store import task_file
from spool.store.layout import Spool
from spool.store.queue_view import View, open_unvouched, open_view
from spool.store.sqlite import Database, open_writer
from spool.store.task_file import Act, Cluster, Submission


@pytest.fixture
def writer(spool):
    """The master's connection."""
    connection = open_writer(spool)
    yield connection
    connection.close()


@pytest.fixture
def view(spool, writer):
    """A reader's view."""
    opened = open_unvouched(spool)
    yield opened
    opened.close()


def admit(writer, cluster, jobs=1, status=1):
    with writer.transaction():
        writer.add_cluster(cluster, "A = 1\n", False)
        writer.add_jobs([(cluster, proc, status, 0, f"ProcId = {proc}\n", "A = 2\n") for proc in range(jobs)])


def submit(spool, *clusters):
    return task_file.write_submission(
        spool,
        Submission(
            [Cluster(number, {"A": "1"}, [{"ProcId": str(p)} for p in range(jobs)], False) for number, jobs in clusters]
        ),
    )


def keys(records):
    return [(record.cluster, record.proc) for record in records]


def test_queue_and_task_files(spool, writer, view):
    """Both, with status and ad; the later of an attribute counts; actions and damaged files bring no jobs."""
    admit(writer, 1, 2, status=2)
    submit(spool, (2, 1), (3, 2))
    task_file.write_act(spool, Act("remove", everything=True))
    Path(spool.queue, "0000000009-1.submit").write_text("awq-task 1 submit\ncluster 9\n")
    Path(spool.queue, "job1").write_text("executable = /bin/true\n")
    records = list(view.jobs())
    assert keys(records) == [(1, 0), (1, 1), (2, 0), (3, 0), (3, 1)]
    assert [record.status for record in records] == [2, 2, 1, 1, 1]
    assert records[0].ad() == {"A": "2", "ProcId": "0"}
    assert records[4].ad() == {"A": "1", "ProcId": "1"}


def test_filters(spool, writer, view):
    """Ids (whole clusters too) and statuses narrow both halves."""
    admit(writer, 1, 2, status=2)
    admit(writer, 2, status=5)
    held = Cluster(4, {"JobStatus": "5"}, [{}, {"JobStatus": "1"}], False)
    task_file.write_submission(spool, Submission([held]))
    assert keys(view.jobs([(1, 1), (4, None), (7, None)])) == [(1, 1), (4, 0), (4, 1)]
    assert keys(view.jobs(statuses=[5])) == [(2, 0), (4, 0)]
    assert keys(view.jobs([(4, 1), (2, 0)], [1])) == [(4, 1)]
    assert keys(view.jobs([(9, 0)])) == []


def test_committed_but_not_unlinked(spool, writer, view):
    """A task file that the database has already is not seen twice, also when its jobs are in other states or gone."""
    submit(spool, (1, 2))
    submit(spool, (2, 1))
    admit(writer, 1, 2, status=2)
    admit(writer, 2)
    with writer.transaction():
        writer.finish(2, 0, "JobStatus = 4\n")
    assert keys(view.jobs()) == [(1, 0), (1, 1)]
    assert keys(view.jobs(statuses=[1])) == []


class TakenUpMeanwhile(Spool):
    """A spool whose ``queue`` does something when it is looked into for the n-th time: the master between two steps."""

    __slots__ = ("at", "looks", "what")

    @property
    def queue(self):
        self.looks += 1
        if self.looks == self.at:
            self.what()
        return f"{self.root}/queue"


@pytest.mark.parametrize("at", [1, 2, 3])
def test_taken_up_between_listing_and_reading(spool, writer, at):
    """The master commits and unlinks before the listing, between listing and reading, or later: one of each job."""
    path = submit(spool, (1, 1))
    submit(spool, (2, 1))

    def take_up():
        admit(writer, 1)
        os.unlink(path)

    odd = TakenUpMeanwhile(spool.root)
    odd.at, odd.looks, odd.what = at, 0, take_up
    view = open_unvouched(odd)
    assert keys(view.jobs()) == [(1, 0), (2, 0)]
    view.close()


def test_taken_up_while_the_jobs_are_read(spool, writer, view):
    """The master commits when a reader is in the middle: the jobs of the task file are still seen, once."""
    admit(writer, 1, 3)
    submit(spool, (2, 1))
    seen = []
    for record in view.jobs():
        if not seen:
            admit(writer, 2)
        seen.append(record)
    assert keys(seen) == [(1, 0), (1, 1), (1, 2), (2, 0)]
    assert keys(view.jobs()) == [(1, 0), (1, 1), (1, 2), (2, 0)]


class Interrupted(Database):
    """A reader who is interrupted before every look whether a cluster is known."""

    what = staticmethod(lambda: None)

    def has_cluster(self, cluster):
        self.what()
        return super().has_cluster(cluster)


def test_taken_up_after_the_jobs_were_read(spool, writer, view):
    """The database had no job, then the master commits: it must not be asked whether it knows the cluster now."""
    submit(spool, (2, 1))
    database = Interrupted(view._database._db)
    database.what = lambda: writer.has_cluster(2) or admit(writer, 2)
    assert keys(View(spool, database).jobs()) == [(2, 0)]
    assert writer.has_cluster(2)
    assert keys(View(spool, database).jobs()) == [(2, 0)]


def test_two_readings_at_once(spool, writer, view):
    """Interleaved, and one given up half way."""
    admit(writer, 1, 3)
    one, two = view.jobs(), view.jobs()
    pairs = list(zip(one, two))
    assert len(pairs) == 3
    next(iter(view.jobs()))
    assert len(list(view.jobs())) == 3


def test_history(writer, view):
    """The latest first, or the oldest; the status comes from the ad."""
    admit(writer, 1, 3)
    with writer.transaction():
        for proc in (2, 0, 1):
            writer.finish(1, proc, f"JobStatus = {3 if proc else 4}\nJobStatus = 4\n")
    assert keys(view.history()) == [(1, 1), (1, 0), (1, 2)]
    assert keys(view.history(oldest_first=True)) == [(1, 2), (1, 0), (1, 1)]
    assert keys(view.history([(1, 0), (9, None)])) == [(1, 0)]
    assert {record.status for record in view.history()} == {4}


def test_last_expression_counts():
    """Without parsing; names are whole names."""
    record = JobRecord(1, 0, 1, "A = 1\nAB = 2\nB = A = 9\nA = 3\n")
    assert [record.expression(name) for name in ("A", "AB", "B", "C", "a")] == ["3", "2", "A = 9", None, None]
    assert JobRecord(1, 0, 1, "A = \nB = 1\n").expression("A") == ""
    assert JobRecord(1, 0, 1, "").expression("A") is None


def test_vouched(spool, writer, living_master):
    """Only for a living master; history can be had without."""
    now = time.time()
    open_view(spool, 20, now).close()
    with pytest.raises(NotVouched, match="published nothing"):
        open_view(spool, 20, now + 100)
    living_master.die()
    with pytest.raises(NotVouched, match="not running"):
        open_view(spool, 20, now)
    open_unvouched(spool).close()


def test_no_database(spool, living_master):
    """A living master without database: not vouched, which is not "no jobs". Who needs no master sees the task files."""
    with pytest.raises(NotVouched, match="cannot read the job database"):
        open_view(spool, 20, time.time())
    view = open_unvouched(spool)
    assert (list(view.jobs()), list(view.history())) == ([], [])
    view.close()


def damage(spool):
    """Overwrite the pages behind the first, as a bad disk does."""
    writer = open_writer(spool)
    admit(writer, 1, 500)
    with writer.transaction():
        for proc in range(250):
            writer.finish(1, proc, "A = 1\n" * 50)
    writer.close()
    size = os.path.getsize(spool.database)
    with open(spool.database, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def test_damaged_pages(spool):
    """An error while reading is a sentence, and no jobs were made up."""
    damage(spool)
    view = open_unvouched(spool)
    for reading in (view.jobs, view.history):
        with pytest.raises(NotVouched, match=r"cannot read the job database .*malformed.*unknown"):
            list(reading())
    view.close()


def test_task_file_that_cannot_be_read(spool, view):
    """It may hold jobs: not vouched."""
    os.mkdir(f"{spool.queue}/0000000001-1.submit")
    with pytest.raises(NotVouched, match=r"cannot read the task file 0000000001-1\.submit: Is a directory"):
        list(view.jobs())
