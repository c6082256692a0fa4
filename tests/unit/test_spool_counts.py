"""Published counts: vouched for by a living master, or refused. Never 0 when unsure."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from spool.errors import NotVouched
from spool.job import HELD, IDLE, RUNNING
from spool.store import published_counts, task_file
from spool.store.published_counts import Counts, vouched_counts
from spool.store.task_file import Act, Cluster, Submission

NOW = 1_800_000_000


def test_published_and_read(spool, living_master):
    """By status, with what the pool has, and 0 for what is not there."""
    living_master.publish({IDLE: 3, RUNNING: 2, HELD: 1}, NOW, CORES=64)
    found = vouched_counts(spool, 20, NOW + 5)
    assert [found.of(status) for status in (IDLE, RUNNING, HELD, 3, 4, 7)] == [3, 2, 1, 0, 0, 0]
    assert (found.total, found.timestamp, found.extra) == (6, NOW, {"CORES": 64})
    assert not os.path.exists(f"{spool.root}/stat/new")


def test_bash_can_source_it(spool, living_master):
    """The older project's names, for its users' scripts."""
    living_master.publish({IDLE: 3, RUNNING: 2}, NOW, CORES=64)
    script = '. "$1" && echo $WAITING $RUNNING $HELD $TIMESTAMP $CORES'
    for shell in ("bash", "sh"):
        done = subprocess.run([shell, "-euc", script, "sh", spool.stat], capture_output=True, text=True, check=True)
        assert done.stdout == f"3 2 0 {NOW} 64\n"


def test_task_files_count_as_idle(spool, living_master):
    """All their jobs, those in the older form too; actions and what is damaged by name do not."""
    living_master.publish({IDLE: 1}, NOW)
    task_file.write_submission(spool, Submission([Cluster(1, {}, [{}] * 40, False), Cluster(41, {}, [{}], False)]))
    task_file.write_act(spool, Act("remove", everything=True))
    Path(spool.queue, "job17").touch()
    assert vouched_counts(spool, 20, NOW).of(IDLE) == 1 + 41 + 1


def test_no_master(spool, living_master):
    """Fresh counts of a master that died are not believed."""
    living_master.publish({IDLE: 1}, NOW)
    living_master.die()
    with pytest.raises(NotVouched, match="the master is not running: start alien_work_queue"):
        vouched_counts(spool, 20, NOW)
    os.unlink(spool.master_lock)
    with pytest.raises(NotVouched, match="the master is not running"):
        vouched_counts(spool, 20, NOW)
    os.unlink(spool.stat)
    with pytest.raises(NotVouched, match="no master has published counts: start alien_work_queue"):
        vouched_counts(spool, 20, NOW)


def test_looking_does_not_disturb(spool, living_master):
    """Who looks whether a master lives lets go of the lock at once."""
    assert published_counts.master_lives(spool)
    living_master.die()
    assert not published_counts.master_lives(spool)
    assert not published_counts.master_lives(spool)


@pytest.mark.parametrize(
    ("age", "believed"), [(0, True), (20, True), (21, False), (1e9, False), (-2, True), (-3, False)]
)
def test_age(spool, living_master, age, believed):
    """Too old: the master hangs. From the future: the clock was set back, and the age is not known."""
    living_master.publish({IDLE: 1}, NOW)
    if believed:
        assert vouched_counts(spool, 20, NOW + age).of(IDLE) == 1
        return
    words = "published nothing for" if age > 0 else "in the future: the clock of this machine was set back"
    with pytest.raises(NotVouched, match=f"{words}.*unknown"):
        vouched_counts(spool, 20, NOW + age)


def test_half_written_anywhere(spool, living_master):
    """Cut behind any byte (a crash of the machine) it is refused."""
    living_master.publish({IDLE: 12, RUNNING: 34}, NOW, MASTER_PID=1234)
    whole = Path(spool.stat).read_bytes()
    for length in range(len(whole)):
        Path(spool.stat).write_bytes(whole[:length])
        with pytest.raises(NotVouched, match="the state of the jobs is unknown"):
            vouched_counts(spool, 20, NOW)


@pytest.mark.parametrize(
    "text", ["WAITING=x", "WAITING=-1", "WAITING=", "WAITING=1_0", "WAITING", f"WAITING={'9' * 30}"]
)
def test_damaged_line(spool, living_master, text):
    """Named, and not taken for a number."""
    living_master.publish({}, NOW)
    whole = Path(spool.stat).read_text()
    Path(spool.stat).write_text(whole.replace("WAITING=0", text))
    with pytest.raises(NotVouched, match="latest is damaged: 'WAITING"):
        vouched_counts(spool, 20, NOW)


def test_what_is_no_text(spool, living_master):
    """Bytes, a folder, a missing status: refused."""
    Path(spool.stat).write_bytes(b"\xff\0")
    with pytest.raises(NotVouched, match="cannot read"):
        vouched_counts(spool, 20, NOW)
    Path(spool.stat).write_text(f"WAITING=1\nTIMESTAMP={NOW}\n")
    with pytest.raises(NotVouched, match="incomplete: no 'RUNNING'"):
        vouched_counts(spool, 20, NOW)
    os.unlink(spool.stat)
    os.mkdir(spool.stat)
    with pytest.raises(NotVouched, match="cannot read"):
        vouched_counts(spool, 20, NOW)


def test_queue_that_cannot_be_listed(spool, living_master):
    """Jobs may wait there: not believed."""
    living_master.publish({}, NOW)
    os.rmdir(spool.queue)
    with pytest.raises(NotVouched, match="cannot look into"):
        vouched_counts(spool, 20, NOW)


def test_counts_are_values():
    """What is given is copied."""
    mine = {IDLE: 1}
    found = Counts(mine, NOW)
    mine[IDLE] = 5
    assert found.total == 1


def test_withdrawn(spool, living_master):
    """Renamed away: refused with the reason while the master lives; the number stays known for a limit; published anew it counts."""
    living_master.publish({IDLE: 4}, NOW)
    published_counts.withdraw(spool)
    published_counts.withdraw(spool)
    with pytest.raises(NotVouched, match="cannot use its job database and has withdrawn its counts"):
        vouched_counts(spool, 20, NOW)
    assert published_counts.known_jobs(spool) == 4
    living_master.publish({IDLE: 6}, NOW)
    assert vouched_counts(spool, 20, NOW).total == 6
    published_counts.withdraw(spool)
    living_master.die()
    with pytest.raises(NotVouched, match="no master has published counts"):
        vouched_counts(spool, 20, NOW)


def test_a_stopped_master(spool, living_master):
    """SIGSTOP: fresh counts are refused at once, with what to do about it; SIGCONT and they count."""
    process = subprocess.Popen(["sleep", "60"])
    try:
        living_master.publish({IDLE: 4}, NOW, MASTER_PID=process.pid)
        assert vouched_counts(spool, 20, NOW).total == 4
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        with pytest.raises(NotVouched, match=f"is stopped: kill -CONT {process.pid}"):
            vouched_counts(spool, 20, NOW)
        process.send_signal(signal.SIGCONT)
        os.waitid(os.P_PID, process.pid, os.WCONTINUED)
        assert vouched_counts(spool, 20, NOW).total == 4
    finally:
        process.kill()
        process.wait()


def test_known_jobs_are_for_a_limit(spool, living_master):
    """What was last published, however old, and what waits in task files; without a master only the latter."""
    task_file.write_submission(spool, Submission([Cluster(1, {}, [{}] * 3, False)]))
    assert published_counts.known_jobs(spool) == 3
    living_master.publish({IDLE: 1, RUNNING: 2}, 1)
    living_master.die()
    assert published_counts.known_jobs(spool) == 6
