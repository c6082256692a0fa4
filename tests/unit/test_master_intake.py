"""Task files on their way in: taken up in order, once; a damaged one is set aside and stops nobody."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from pathlib import Path

import pytest
from spool_rig import NOBODY, fill

from foremen.master import cleanup, intake
from foremen.master.intake import Damaged, Read
from spool.classad import ads
from spool.errors import SpoolError
from spool.store import task_file
from spool.store.layout import create_spool
from spool.store.sqlite import open_writer
from spool.store.task_file import Act, Cluster, Submission

NONE: frozenset[str] = frozenset()


@pytest.fixture
def database(spool):
    """The master's connection."""
    writer = open_writer(spool)
    yield writer
    writer.close()


def submit(spool, *numbers, ad=None, payload=False):
    submission = Submission([Cluster(number, ad or {"A": "1"}, [{}], payload) for number in numbers])
    return os.path.basename(task_file.write_submission(spool, submission))


def act(spool, action="remove", **about):
    return os.path.basename(task_file.write_act(spool, Act(action, **about)))


def drop(spool, name, text, age=10.0):
    """A file in the older form, written a while ago."""
    path = Path(spool.queue, name)
    path.write_text(text, errors="surrogateescape")
    os.utime(path, (time.time() - age,) * 2)
    return name


def agent(tmp_path, content=b"#!/bin/sh\n"):
    (tmp_path / "agent.sh").write_bytes(content)
    return f"executable = {tmp_path}/agent.sh\n"


# --- looking


def test_an_empty_look_is_followed_by_a_rest():
    """Nine times as long as it took, 5 s at most; the master wakes for what it owes, and sleeps as ever when it owes nothing."""
    looks = intake.Looks()
    assert looks.due(100.0)
    looks.looked(100.0, 100.1, found=False)
    assert looks.patience(1.0, 100.2) == 1.0
    assert not looks.due(100.9)
    assert looks.patience(1.0, 100.9) == pytest.approx(0.1)
    assert looks.patience(0.05, 100.9) == 0.05
    assert looks.patience(1.0, 102.0) == 0.0
    assert looks.due(101.1)
    looks.looked(101.1, 103.1, found=False)
    assert not looks.due(108.0) and looks.due(108.2)
    looks.looked(108.2, 109.2, found=True)
    assert looks.due(109.2) and looks.patience(1.0, 109.2) == 1.0


def test_order(spool):
    """Submissions, then the older form, then actions, each by age."""
    names = [act(spool, clusters=[2]), drop(spool, "job1", ""), submit(spool, 20), submit(spool, 3)]
    assert intake.look(spool, intake.Listing(), NONE, drain=False) == [names[3], names[2], names[1], names[0]]


def test_taken_is_not_named(spool):
    """What is committed and perhaps not yet unlinked."""
    names = [submit(spool, 1), act(spool, everything=True), submit(spool, 2)]
    assert intake.look(spool, intake.Listing(), frozenset(names[:2]), drain=False) == [names[2]]


@pytest.mark.parametrize(("age", "settled"), [(0.0, False), (10.0, True), (-10.0, False), (-1e6, True)])
def test_foreign_files_settle(spool, age, settled):
    """Somebody may still be writing; a date in the far future does not keep a file out for ever."""
    drop(spool, "job1", "", age)
    assert intake.look(spool, intake.Listing(), NONE, drain=False) == (["job1"] if settled else [])


def test_many_at_once(spool):
    """500 a turn; actions wait until all submissions before them are in."""
    names = [submit(spool, number) for number in range(1, 502)]
    last = act(spool, everything=True)
    assert intake.look(spool, intake.Listing(), NONE, drain=False) == names[:500]
    assert intake.look(spool, intake.Listing(), frozenset(names[:500]), drain=False) == [names[500], last]


def test_drain(spool):
    """Submissions and the older form stay; actions are done."""
    submit(spool, 1)
    drop(spool, "job1", "")
    names = [act(spool, clusters=[7]), act(spool, "release", everything=True)]
    assert intake.look(spool, intake.Listing(), NONE, drain=True) == names


@pytest.mark.parametrize("about", [{"clusters": [13]}, {"jobs": [(12, 0)]}])
def test_drain_and_an_action_about_what_waits(spool, about):
    """The submission comes in with the action about it: done before, it would have no effect."""
    waits = submit(spool, 12, 13)
    submit(spool, 20)
    action = act(spool, **about)
    assert intake.look(spool, intake.Listing(), NONE, drain=True) == [waits, action]


def test_drain_and_remove_all(spool):
    """All that waits comes in, to be removed."""
    names = [submit(spool, 1), drop(spool, "job1", ""), act(spool, everything=True)]
    assert intake.look(spool, intake.Listing(), NONE, drain=True) == names
    drop(spool, "0000000000.act", "damaged")
    assert intake.look(spool, intake.Listing(), NONE, drain=True)[:2] == names[:2]


# --- reading


def test_read(spool, database):
    """Submissions and actions; what has gone meanwhile brings nothing."""
    names = [submit(spool, 1, 2), "0000000009-1.submit", act(spool, jobs=[(1, 0)])]
    one, two = intake.read(spool, names, database, "alice")
    assert [cluster.number for cluster in one.task.clusters] == [1, 2]
    assert (two.name, two.task.jobs) == (names[2], ((1, 0),))


def test_damaged_ones_stop_nobody(spool, database):
    """Each with its reason, the good ones among them are read; set aside, the queue is clean."""
    if os.geteuid() != 0:
        pytest.fail("needs root, to give files to another user: run the tests as root, or with: unshare -r")
    good = [submit(spool, 5), submit(spool, 6)]
    drop(spool, "0000000001-1.submit", "awq-task 1 submit\ncluster 1\n")
    drop(spool, "rubbish\udcff", "\udcff\0")
    drop(spool, "1.act", "awq-task 1 act\naction burn\nend 1\n")
    drop(spool, "job1", "no executable here")
    drop(spool, "job2", "executable=/x\narguments=a\0b")
    os.mkfifo(f"{spool.queue}/job3")
    os.mkdir(f"{spool.queue}/0000000002-1.submit")
    os.symlink("job4", f"{spool.queue}/job4")
    foreign = drop(spool, "job5", "executable=/bin/true\n")
    os.chown(f"{spool.queue}/{foreign}", NOBODY, NOBODY)
    names = sorted(os.listdir(spool.queue))
    found = intake.read(spool, names, database, "alice")
    assert [one.name for one in found if isinstance(one, Read)] == good
    reasons = {one.name: one.reason for one in found if isinstance(one, Damaged)}
    assert set(reasons) == set(names) - set(good)
    for name, words in {
        "0000000001-1.submit": ":3: not understood",
        "rubbish\udcff": ":1: a NUL byte",
        "1.act": ":2: not understood: 'action burn'",
        "job1": "no executable",
        "job2": ":2: a NUL byte",
        "job3": "not a file",
        "0000000002-1.submit": "not a file",
        "job4": "not a file",
        "job5": f"belongs to user {NOBODY}",
    }.items():
        assert words in reasons[name]
        assert reasons[name].startswith(f"{spool.queue}/{name}:")
    for one in found:
        if isinstance(one, Damaged):
            intake.set_aside(spool, one)
    assert sorted(os.listdir(spool.queue)) == good
    assert set(os.listdir(spool.rejected)) == {*reasons, *(f"{name}.reason" for name in reasons)}
    assert Path(spool.rejected, "1.act.reason").read_text() == reasons["1.act"] + "\n"


@pytest.mark.parametrize(
    ("jobs", "taken"), [((6000, 4000, 1), 2), ((6000, 6000), 1), ((90000, 1), 1), ((1,) * 600, 500), ((3, 3), 2)]
)
def test_not_too_many_jobs_in_a_turn(spool, jobs, taken):
    """They are in memory until they are committed: one file at least; what is done about jobs waits until all are there."""
    names = [drop(spool, f"{number:010d}-{count}.submit", "") for number, count in enumerate(jobs, 1)]
    mine = act(spool, jobs=[(1, 0)])
    assert intake.look(spool, intake.Listing(), frozenset(), False) == names[:taken] + (
        [mine] if taken == len(jobs) else []
    )


def test_set_aside_twice(spool):
    """Under the same name: both are kept."""
    for text in ("one", "two"):
        drop(spool, "job1", text)
        intake.set_aside(spool, Damaged("job1", text))
    assert sorted(Path(path).read_text() for path in Path(spool.rejected).iterdir()) == ["one", "one\n", "two", "two\n"]


def test_clusters_that_are_there(spool, database):
    """In the queue, in the history, or earlier in the same turn: never admitted twice."""
    database.add_cluster(1, "", False)
    database.add_cluster(2, "", False)
    database.add_jobs([(2, 0, 1, 0, "", "")])
    database.finish(2, 0, "")
    names = [submit(spool, 1), submit(spool, 2), submit(spool, 3)]
    os.rename(f"{spool.queue}/{submit(spool, 3, 4)}", f"{spool.queue}/0000000003-9.submit")
    names.append("0000000003-9.submit")
    found = intake.read(spool, names, database, "alice")
    assert [type(one) for one in found] == [Damaged, Damaged, Read, Damaged]
    assert "cluster 3 is there already" in found[3].reason


@pytest.mark.parametrize(("status", "good"), [("1", True), ("5", True), ("2", False), ("99", False), ("time()", True)])
def test_first_status(spool, database, status, good):
    """A job begins idle or held; another status would be one that no move leads out of."""
    (found,) = intake.read(spool, [submit(spool, 1, ad={"JobStatus": status})], database, "alice")
    assert isinstance(found, Read) == good


def test_executables_can_be_executed(spool, database):
    """Work Queue keeps the mode: 0700, of the cluster's executable and of those that differ; inputs are left."""
    os.mkdir(spool.payload(1))
    for name in ("executable", "in.0", "in.1"):
        task_file.write_durably(f"{spool.payload(1)}/{name}", b"#!")
    intake.read(spool, [submit(spool, 1, ad={"AwqExecutable": '"in.1"'}, payload=True)], database, "alice")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(spool.payload(1)).iterdir()}
    assert modes == {"executable": 0o700, "in.0": 0o600, "in.1": 0o700}
    intake.read(spool, [submit(spool, 2, payload=True)], database, "alice")


# --- the older form


def test_older_form(spool, database, tmp_path):
    """A cluster of its own, by value, under a name of its own: another job1 may come before this one is forgotten."""
    drop(spool, "job1", agent(tmp_path))
    (found,) = intake.read(spool, ["job1"], database, "alice")
    (cluster,) = found.task.clusters
    assert (cluster.number, cluster.payload, ads.string(cluster.ad["Owner"])) == (1, True, "alice")
    assert os.listdir(spool.queue) == [found.name] != ["job1"]
    assert task_file.jobs_in_name(found.name) == 1
    copy = Path(spool.payload(1), "executable")
    (tmp_path / "agent.sh").write_text("rewritten")
    assert copy.read_bytes() == b"#!/bin/sh\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700


def test_older_form_after_a_crash(spool, database, tmp_path):
    """Read but not committed: read again, as another cluster, once."""
    drop(spool, "job1", agent(tmp_path))
    intake.read(spool, ["job1"], database, "alice")
    again = intake.look(spool, intake.Listing(), NONE, drain=False)
    (found,) = intake.read(spool, again, database, "alice")
    assert found.task.clusters[0].number == 2
    assert os.listdir(spool.queue) == [found.name]


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_older_form_without_a_readable_executable(spool, database, tmp_path, kind):
    """Admitted, without a copy: it will be held with the reason."""
    {"missing": lambda _: None, "folder": os.mkdir, "fifo": os.mkfifo}[kind](tmp_path / "agent")
    drop(spool, "job1", f"executable={tmp_path}/agent\n")
    (found,) = intake.read(spool, ["job1"], database, "alice")
    assert found.task.clusters[0].payload
    assert not os.path.exists(spool.payload(1))


def test_older_form_on_a_full_disk(small_disk, database, tmp_path):
    """It stays where it is, and is taken up when there is room."""
    spool = create_spool(str(small_disk / "spool"))
    drop(spool, "job1", agent(tmp_path, b"#!/bin/sh\n" + b"x" * 20000))
    fill(small_disk)
    with pytest.raises(SpoolError, match="No space left"):
        intake.read(spool, ["job1"], database, "alice")
    assert os.listdir(spool.queue) == ["job1"]
    os.unlink(small_disk / "filler")
    assert isinstance(intake.read(spool, ["job1"], database, "alice")[0], Read)


# --- copies


def test_payload_is_removed(spool):
    """With all that is in it; one that is not there is no trouble."""
    os.mkdir(spool.payload(1))
    for name, size in (("executable", 5), ("in.0", 3 << 20), ("in.1", 0)):
        Path(spool.payload(1), name).write_bytes(b"x" * size)
    os.mkfifo(f"{spool.payload(1)}/fifo")
    cleanup.remove_payload(spool, 1)
    cleanup.remove_payload(spool, 1)
    assert not os.path.exists(spool.payload(1))


def test_payload_is_overwritten(spool):
    """The content is gone from the disk's blocks, as far as the file system lets us: who has the file open sees zeros."""
    os.mkdir(spool.payload(1))
    secret = Path(spool.payload(1), "executable")
    secret.write_bytes(b"private key" * 200000)
    with secret.open("rb") as reader:
        cleanup.remove_payload(spool, 1)
        assert reader.read() == bytes(11 * 200000)


def test_an_empty_queue_is_not_listed_again(spool, monkeypatch):
    """Until its folder has changed; a folder that changed a moment ago may change again without showing it."""
    listed = []
    monkeypatch.setattr(intake, "pending_files", lambda spool: listed.append(1) or os.listdir(spool.queue))
    listing = intake.Listing()
    assert (listing.names(spool), listing.names(spool), len(listed)) == ([], [], 2)
    os.utime(spool.queue, (0, 0))
    assert (listing.names(spool), listing.names(spool), len(listed)) == ([], [], 3)
    Path(spool.queue, "job1").touch()
    os.utime(spool.queue, (0, 1))
    assert (listing.names(spool), listing.names(spool), len(listed)) == (["job1"], ["job1"], 5)
    os.unlink(f"{spool.queue}/job1")
    os.utime(spool.queue, (0, 1))
    assert (listing.names(spool), listing.names(spool), len(listed)) == ([], [], 6)
    monkeypatch.setattr(intake, "_RELIST", 0.0)
    assert (listing.names(spool), len(listed)) == ([], 6)
    fresh = intake.Listing()
    assert (fresh.names(spool), fresh.names(spool), len(listed)) == ([], [], 8)


def test_sweep(spool):
    """Old copies that nobody needs go; those of living clusters, of clients at work, of waiting submissions, young ones stay."""
    for name in ("1", "2", "3", "4", "5", "30", "31", "²", "x"):
        os.mkdir(f"{spool.root}/payload/{name}")
        os.utime(f"{spool.root}/payload/{name}", (0, 0))
    for name in ("3", "5"):
        os.utime(f"{spool.root}/payload/{name}")
    at_work = os.open(spool.payload(4), os.O_RDONLY)
    fcntl.flock(at_work, fcntl.LOCK_SH)
    database = open_writer(spool)
    with database.transaction():
        for cluster in (1, 5):
            database.add_cluster(cluster, "", True)
            database.add_jobs([(cluster, 0, 1, 0, "", "")])
        database.finish(5, 0, "")
    submit(spool, 30, 31)
    act(spool, everything=True)
    Path(spool.queue, "1234567890x").touch()
    for name, age in (("old", 70.0), ("young", 0.0)):
        Path(spool.tmp, name).touch()
        os.utime(f"{spool.tmp}/{name}", (time.time() - age,) * 2)
    os.mkdir(f"{spool.tmp}/engine")
    os.utime(f"{spool.tmp}/engine", (0, 0))
    cleanup.sweep(spool, database)
    assert sorted(os.listdir(f"{spool.root}/payload")) == sorted(["1", "3", "4", "30", "31", "²", "x"])
    assert sorted(os.listdir(spool.tmp)) == ["engine", "young"]
    os.close(at_work)
    cleanup.sweep(spool, database)
    assert not os.path.exists(spool.payload(4))
    database.close()
