"""Events whose log has no room wait and come later, in order and once; a log that can never be written gets none, said once."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from spool_rig import as_nobody, fill

from foremen.master.userlog_outbox import KEPT, RETRY, Posting, _Wait
from spool.store.layout import Spool
from spool.store.sqlite import Database, open_writer
from spool.userlog import event_texts


class Rig:
    """A database, a clock under the test's hand, and the master's turns as far as they are about events."""

    def __init__(self, spool: Spool) -> None:
        self.db: Database = open_writer(spool)
        self.now = 1000.0
        self.said: list[str] = []
        self.begin()

    def begin(self, at_once: int = 2000) -> None:
        """A master that starts."""
        self.posting = Posting(self.db, self.said.append, lambda: self.now, at_once)
        self.posting.begin()

    def turn(self, *events: tuple[str, str], deliver: bool = True) -> None:
        """One turn, a retry's pause after the one before."""
        self.now += RETRY
        self.posting.retry()
        with self.db.transaction():
            self.posting.forget()
            self.posting.post(events)
        self.posting.forgotten()
        if deliver and events:
            self.posting.deliver(events)

    def waiting(self) -> int:
        """Events in the outbox after one more turn."""
        self.turn()
        return len(self.db.outbox())


@pytest.fixture
def rig(spool: Spool) -> Iterator[Rig]:
    """One."""
    made = Rig(spool)
    yield made
    made.db.close()


def event(path: Path, number: int) -> tuple[str, str]:
    """One event of job ``number`` for a log."""
    return str(path), event_texts.aborted((number, 0), 0.0, f"reason {number} é")


def whole(path: Path, count: int) -> str:
    """What the log is to hold in the end."""
    return "".join([event(path, number)[1] for number in range(count)])


def test_a_full_disk_delays_events(rig: Rig, small_disk: Path, tmp_path: Path) -> None:
    """They are in the log when there is room again, each once, in their order; other folders' logs are not held up."""
    path, other = small_disk / "log", tmp_path / "other"
    rig.turn(event(path, 0))
    fill(small_disk)
    size = path.stat().st_size
    for number in range(1, 60):  # more than the rest of the block that the log has
        rig.turn(event(path, number), event(other, number - 1))
    assert path.read_text().endswith("...\n")
    assert path.stat().st_size - size < 4096
    assert other.read_text() == whole(other, 59)
    assert rig.waiting() > 1
    (small_disk / "filler").unlink()
    assert rig.waiting() == 0
    assert path.read_text() == whole(path, 60)
    rig.turn(event(path, 60))
    assert path.read_text() == whole(path, 61)
    assert [text for text in rig.said if "cannot" in text] == [
        f"cannot write the job event log {path}: No space left on device; its events wait until it can"
    ]
    assert rig.said[-1] == f"the job event logs in {small_disk} can be written again"


def test_a_master_that_starts_while_the_disk_is_full(rig: Rig, small_disk: Path) -> None:
    """The next master finds them in the outbox, and goes on waiting."""
    path = small_disk / "log"
    fill(small_disk)
    rig.turn(*[event(path, number) for number in range(3)])
    rig.begin()
    rig.turn(event(path, 3))
    assert len(rig.db.outbox()) == 4
    (small_disk / "filler").unlink()
    assert rig.waiting() == 0
    assert path.read_text() == whole(path, 4)


def test_a_master_that_dies_between_append_and_forgetting(rig: Rig, small_disk: Path) -> None:
    """After a retry that succeeded the next master does not append the same again."""
    path = small_disk / "log"
    fill(small_disk)
    rig.turn(*[event(path, number) for number in range(3)])
    (small_disk / "filler").unlink()
    rig.now += RETRY
    rig.posting.retry()
    assert path.read_text() == whole(path, 3)
    rig.begin()
    assert rig.waiting() == 0
    assert path.read_text() == whole(path, 3)


def test_more_than_one_turn_takes(rig: Rig, small_disk: Path) -> None:
    """A long line of events comes in several turns, and those of a folder below do not stand in its way."""
    rig.begin(at_once=5)
    (small_disk / "a").mkdir()
    paths = [small_disk / "a" / "log", small_disk / "log"]
    fill(small_disk)
    for number in range(23):
        rig.turn(*[event(path, number) for path in paths])
    (small_disk / "filler").unlink()
    for _ in range(6):
        rig.turn()
    assert [path.read_text() for path in paths] == [whole(path, 23) for path in paths]
    assert rig.waiting() == 0


def test_what_waits_for_a_day_is_dropped(rig: Rig, small_disk: Path) -> None:
    """Said with its number; what comes after is written when there is room."""
    path = small_disk / "log"
    fill(small_disk)
    rig.turn(event(path, 0), event(path, 1))
    rig.now += KEPT
    rig.turn()
    assert rig.said[-1] == f"given up: 2 events for job event logs in {small_disk} have waited for a day"
    assert rig.waiting() == 0
    rig.turn(event(path, 2))
    assert rig.waiting() == 1
    (small_disk / "filler").unlink()
    assert rig.waiting() == 0
    assert path.read_text() == event(path, 2)[1]


def test_logs_that_can_never_be_written(rig: Rig, tmp_path: Path) -> None:
    """A folder that is gone, a folder itself, a FIFO without reader, a name that is none: said once, dropped, the others are written."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    bad = [tmp_path / "fifo", tmp_path / "folder", tmp_path / "none" / "log", Path(f"{tmp_path}/a\0b")]
    good = tmp_path / "good"
    for number in range(3):
        rig.turn(*[event(path, number) for path in (*bad, good)])
    assert rig.waiting() == 0
    assert good.read_text() == whole(good, 3)
    assert len(rig.said) == len(bad), rig.said
    assert all(text.endswith("; its events are dropped") for text in rig.said)
    rig.now += 3600
    rig.turn(event(bad[0], 4))
    assert len(rig.said) == len(bad) + 1


def test_a_log_that_may_not_be_written(rig: Rig, tmp_path: Path) -> None:
    """EACCES: its events are dropped, and said once."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)

    def turns() -> str:
        said: list[str] = []
        other = Posting(rig.db, said.append, lambda: rig.now)
        for number in range(2):
            other.deliver([event(folder / "log", number)])
        return "\n".join(said)

    assert as_nobody(turns) == f"cannot write the job event log {folder}/log: Permission denied; its events are dropped"


def held(path: Path, kind: int) -> int:
    """A lock of somebody else on a log."""
    fd = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    fcntl.flock(fd, kind)
    return fd


@pytest.mark.parametrize("kind", [fcntl.LOCK_SH, fcntl.LOCK_EX])
def test_a_lock_is_not_waited_for(rig: Rig, tmp_path: Path, kind: int) -> None:
    """150 logs that a stranger holds cost a turn nothing; other logs of the same folder are written at once; then all are."""
    logs = [tmp_path / f"log{number}" for number in range(150)]
    free = tmp_path / "free"
    locks = [held(path, kind) for path in logs]
    began = time.monotonic()
    rig.turn(*[event(path, 1) for path in logs], event(free, 2))
    assert time.monotonic() - began < 1.0
    assert free.read_text() == event(free, 2)[1]
    assert [path.read_text() for path in logs] == [""] * 150
    assert rig.posting.waiting == 150
    rig.turn(event(logs[0], 3), event(free, 4))
    rig.turn()
    for path in logs[1:]:
        assert path.read_text() == event(path, 1)[1]
    assert logs[0].read_text() == event(logs[0], 1)[1] + event(logs[0], 3)[1]
    rig.turn(event(logs[0], 5))  # while it is held still: at once
    assert logs[0].read_text().endswith(event(logs[0], 5)[1])
    assert rig.waiting() == 0
    assert sum("locked" in text for text in rig.said) == 1
    for fd in locks:
        os.close(fd)


def test_a_lock_that_is_released_keeps_the_order(rig: Rig, tmp_path: Path) -> None:
    """What waited comes first; a master that starts meanwhile writes each event once."""
    log = tmp_path / "log"
    fd = held(log, fcntl.LOCK_EX)
    rig.now -= RETRY  # no time passes in this turn
    rig.turn(event(log, 1))
    rig.begin()
    os.close(fd)
    rig.turn(event(log, 2))
    rig.turn(event(log, 3))
    assert log.read_text() == "".join([event(log, number)[1] for number in (1, 2, 3)])
    assert rig.waiting() == 0


def test_a_locked_log_whose_folder_fills_up_gets_all_events_once(rig: Rig, tmp_path: Path) -> None:
    """The two ways of waiting do not meet in one event."""
    log, full = tmp_path / "log", tmp_path / "full"
    fd = held(log, fcntl.LOCK_EX)
    rig.turn(event(log, 1))
    rig.posting._waiting[str(tmp_path)] = _Wait(rig.now, rig.now)
    rig.turn(event(log, 2), event(full, 3))
    os.close(fd)
    rig.turn()
    rig.turn()
    assert log.read_text() == event(log, 1)[1] + event(log, 2)[1]
    assert full.read_text() == event(full, 3)[1]
    assert rig.waiting() == 0
