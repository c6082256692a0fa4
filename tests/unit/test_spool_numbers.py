"""Cluster numbers: never twice, whatever happens to the counter or to who takes them."""

from __future__ import annotations

import os
import re
import signal
import stat
from pathlib import Path

import pytest
from spool_rig import as_nobody, fill, python

from spool.errors import SpoolError
from spool.store import cluster_ids, sqlite
from spool.store.layout import create_spool
from spool.store.task_file import Act, Cluster, Submission, write_act, write_submission

TAKE = """
import sys
from spool.store import cluster_ids as numbers
from spool.store.layout import open_spool
spool = open_spool(sys.argv[1])
for _ in range(int(sys.argv[2])):
    print(numbers.take_clusters(spool, 1), flush=True)
"""


def test_counts_from_one(spool):
    """One number after the other, ranges too, in a file that only we can read."""
    assert [cluster_ids.take_clusters(spool, count) for count in (1, 1, 5, 1)] == [1, 2, 3, 8]
    assert stat.S_IMODE(os.stat(spool.clusters).st_mode) == 0o600


def test_eight_processes_at_once(spool):
    """8 x 200 numbers are 1600 different ones, without a gap."""
    takers = [python(TAKE, spool.root, "200") for _ in range(8)]
    taken = [int(line) for taker in takers for line in taker.communicate()[0].split()]
    assert sorted(taken) == list(range(1, 1601))


def test_killed_at_any_time(spool):
    """Who is killed -9 costs a number at most: what comes after is higher than all that was seen."""
    highest = 0
    for _ in range(10):
        taker = python(TAKE, spool.root, "100000")
        seen = [int(taker.stdout.readline()) for _ in range(20)]
        taker.send_signal(signal.SIGKILL)
        seen += [int(line) for line in taker.communicate()[0].split("\n")[:-1]]
        assert min(seen) > highest
        highest = max(seen)
    assert highest < cluster_ids.take_clusters(spool, 1) <= highest + 2


@pytest.mark.parametrize(
    "text", [b"", b"\0" * 21, b"garbage", b"0000000000", b"00000000000000000001", b"3\n", b"-5\n", b"9" * 64]
)
def test_damaged_counter(spool, text):
    """A counter that is not of the exact form counts for as much as it says, the rest of the spool for more."""
    write_submission(spool, Submission([Cluster(40, {"A": "1"}, [{}], False)]))
    with open(spool.clusters, "wb") as file:
        file.write(text)
    first = cluster_ids.take_clusters(spool, 1)
    assert first > 40
    assert cluster_ids.take_clusters(spool, 1) == first + 1
    assert re.fullmatch(r"\d{20}\n", Path(spool.clusters).read_text())


def test_missing_counter_recovers_from_each_sign(spool):
    """Task files (also set aside ones), copies, the queue and the history in the database."""

    def anew() -> int:
        os.unlink(spool.clusters)
        return cluster_ids.take_clusters(spool, 1)

    assert cluster_ids.take_clusters(spool, 1) == 1
    write_submission(spool, Submission([Cluster(11, {}, [{}], False), Cluster(12, {}, [{}], False)]))
    assert anew() == 13
    os.mkdir(spool.payload(20))
    assert anew() == 21
    with open(f"{spool.rejected}/0000000025-1.submit", "w"):
        assert anew() == 26
    writer = sqlite.open_writer(spool)
    assert anew() == 26
    with writer.transaction():
        writer.add_cluster(30, "", False)
        writer.add_jobs([(30, 0, 1, 0, "", "")])
    assert anew() == 31
    with writer.transaction():
        writer.finish(30, 0, "")
    assert anew() == 31
    writer.close()


def test_actions_are_no_clusters(spool):
    """The time in an action's name is not taken for a cluster number."""
    write_act(spool, Act("remove", everything=True))
    assert cluster_ids.take_clusters(spool, 1) == 1


def test_master_that_is_just_starting(spool):
    """A database without tables yet has no clusters, and is no reason to refuse a submission."""
    with open(spool.database, "wb"):
        assert cluster_ids.take_clusters(spool, 1) == 1
    os.unlink(spool.clusters)
    assert cluster_ids.take_clusters(spool, 1) == 1


def test_damaged_database_is_not_guessed_over(spool):
    """Without counter and without a readable database a number could be given twice: refused."""
    with open(spool.database, "wb") as file:
        file.write(b"this is no database at all" * 200)
    with pytest.raises(SpoolError, match="cannot read the job database"):
        cluster_ids.take_clusters(spool, 1)


def test_full_disk_and_foreign_counter(small_disk):
    """Errors are sentences that name the file; after the disk is full no number is given twice."""
    spool = create_spool(str(small_disk / "spool"))
    fill(small_disk)
    with pytest.raises(SpoolError, match=r"cannot take a cluster number in .*clusters: No space left"):
        cluster_ids.take_clusters(spool, 1)
    os.unlink(small_disk / "filler")
    assert cluster_ids.take_clusters(spool, 1) == 1
    os.chmod(spool.root, 0o755)
    assert as_nobody(lambda: cluster_ids.take_clusters(spool, 1)).endswith("clusters: Permission denied")
