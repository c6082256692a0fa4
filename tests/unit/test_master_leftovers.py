"""When the copies of what has ended are removed."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from foremen.master.cleanup import Leftovers
from spool.store.layout import create_spool
from spool.store.sqlite import open_writer


@pytest.fixture
def spool(tmp_path):
    return create_spool(str(tmp_path / "spool"))


@pytest.fixture
def leftovers(spool):
    made = Leftovers(spool)
    yield made
    made.close()


def _copies(spool, count: int, first: int = 1) -> list[int]:
    clusters = list(range(first, first + count))
    for cluster in clusters:
        os.mkdir(spool.payload(cluster), 0o700)
    return clusters


def _left(spool, leftovers: Leftovers) -> int:
    leftovers._thread.submit(int).result(30)  # behind all removals asked for so far
    return len(os.listdir(f"{spool.root}/payload"))


def test_what_ends_now_and_then_goes_within_a_second(spool, leftovers) -> None:
    leftovers.ended([], _copies(spool, 3))
    leftovers.look(10.0)
    assert _left(spool, leftovers) == 0
    leftovers.ended([], _copies(spool, 3))
    leftovers.look(10.9)
    assert _left(spool, leftovers) == 3
    leftovers.look(11.0)
    assert _left(spool, leftovers) == 0


def test_a_burst_is_removed_when_it_is_over(spool, leftovers) -> None:
    for second in range(3):
        leftovers.ended([], _copies(spool, 100, 1 + 100 * second))
        leftovers.look(10.0 + second)
    assert _left(spool, leftovers) == 300
    leftovers.look(13.0)
    assert _left(spool, leftovers) == 0


def test_a_burst_at_the_begin_is_kept_too(spool, leftovers) -> None:
    """A master that finds a long queue, on a machine that has been up for days."""
    leftovers.ended([], _copies(spool, 100))
    leftovers.look(1e6)
    assert _left(spool, leftovers) == 100


def test_a_long_burst_is_removed_every_minute(spool, leftovers) -> None:
    for second, left in ((0, 0), (1, 100), (59, 200), (60, 0), (61, 100), (119, 200), (120, 0)):
        if second:
            leftovers.ended([], _copies(spool, 100, 1 + 100 * second))
        leftovers.look(10.0 + second)
        assert _left(spool, leftovers) == left, second


def test_a_burst_without_end_is_removed_too(spool, leftovers) -> None:
    leftovers.ended([], [*_copies(spool, 100), *range(1000, 21_000)])
    leftovers.look(10.0)
    assert _left(spool, leftovers) == 0


@pytest.mark.parametrize(("short", "kept"), [
    ({}, 100), ({"f_bavail": 900}, 0), ({"f_favail": 90}, 0), ({"f_favail": 0, "f_files": 0}, 100), (None, 0),
], ids=["room", "blocks", "inodes", "no count of inodes", "no answer"])  # fmt: skip
def test_a_burst_goes_at_once_from_a_disk_that_is_short(spool, leftovers, monkeypatch, short, kept: int) -> None:
    """A tenth of its blocks and of its inodes are for others."""

    def statvfs(folder: str) -> SimpleNamespace:
        if short is None:
            raise OSError(errno.EIO, folder)
        return SimpleNamespace(**{"f_bavail": 1000, "f_blocks": 10_000, "f_favail": 100, "f_files": 1000, **short})

    monkeypatch.setattr(os, "statvfs", statvfs)
    leftovers.ended([], _copies(spool, 100))
    leftovers.look(10.0)
    assert _left(spool, leftovers) == kept


def test_the_end_leaves_nothing(spool, leftovers) -> None:
    leftovers.ended([], _copies(spool, 100))
    leftovers.look(10.0)
    leftovers.close()
    assert not os.listdir(f"{spool.root}/payload")


def test_the_sweep_leaves_a_burst_alone(spool, leftovers) -> None:
    for cluster in _copies(spool, 101):
        os.utime(spool.payload(cluster), (0, 0))
    leftovers.ended([], list(range(1, 101)))
    database = open_writer(spool)
    leftovers.sweep(database)
    database.close()
    assert _left(spool, leftovers) == 100


def test_archives_go_at_once(spool, leftovers) -> None:
    """They are of any size, and a pilot's umask says who may read them."""
    (cluster,) = _copies(spool, 1)
    archive = Path(spool.payload(cluster), "out.0.1")
    archive.touch()
    leftovers.look(10.0)
    leftovers.ended([str(archive), f"{archive}0"], [cluster])
    leftovers.look(10.5)
    assert _left(spool, leftovers) == 1
    assert not archive.exists()


def test_task_files_leave_the_queue_at_once(spool, leftovers) -> None:
    """In a burst they are put aside, and removed when it is over."""
    names = [f"{number:010d}-1.submit" for number in range(1, 101)]
    for name in names:
        Path(spool.queue, name).touch()
    for name in names:
        leftovers.taken(name)
    assert not os.listdir(spool.queue)
    assert len(os.listdir(spool.tmp)) == 80
    with pytest.raises(FileNotFoundError):
        leftovers.taken(names[0])
    leftovers.look(10.0)
    assert len(os.listdir(spool.tmp)) == 80
    leftovers.look(11.0)
    assert _left(spool, leftovers) == 0
    assert not os.listdir(spool.tmp)


def test_without_room_for_another_name_task_files_go_at_once(spool, leftovers, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    for number in range(1, 101):
        Path(spool.queue, f"{number:010d}-1.submit").touch()
        leftovers.taken(f"{number:010d}-1.submit")
    assert not os.listdir(spool.queue)
