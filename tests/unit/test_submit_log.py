"""The job event log right after ``condor_submit``: whoever reads it at once finds his jobs, with no master at hand."""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

import htcondor2
import pytest
from test_condor_submit import clusters, spool, submit

from foremen.master import cleanup
from spool.store import task_file
from spool.store.sqlite import open_writer
from spool.userlog import writer

__all__ = ["spool"]


def events(path: str) -> list[str]:
    """``000 1.0`` and so on, read by HTCondor's own reader as well."""
    text = Path(path).read_text()
    found = [
        f"{number} {int(cluster)}.{int(proc)}"
        for number, cluster, proc in re.findall(r"(?m)^(\d{3}) \((\d+)\.(\d+)\.", text)
    ]
    with htcondor2.JobEventLog(path) as log:
        assert len(list(log.events(stop_after=0))) == len(found)
    return found


def test_submitted_is_in_the_log_when_the_command_returns(spool, capfd):
    """Every job's 000, each in its own log, and the master is told not to write it again."""
    text = "executable = s.sh\nlog = log.$(Process)\nsubmit_event_notes = a note\nqueue 2\nlog = last\nqueue 1\n"
    assert submit(text) == 0
    assert capfd.readouterr().err == ""
    assert [events(name) for name in ("log.0", "log.1", "last")] == [["000 1.0"], ["000 1.1"], ["000 1.2"]]
    assert "\n    a note\n...\n" in Path("log.0").read_text()
    assert [cluster.ad[writer.MARK] for cluster in clusters(spool)] == ["true"]


@pytest.mark.parametrize("log", ["", "log = /dev/null\n", "log =\n"])
def test_no_log_no_mark(spool, log):
    """A description without a log, as AliEn's, is submitted as it always was."""
    before = set(os.listdir())
    assert submit(f"executable = s.sh\n{log}queue\n") == 0
    assert set(os.listdir()) == before | {"a.sub"}


@pytest.mark.parametrize("log", ["missing/log", ".", "no\tsuch\x01/x"])
def test_a_log_that_cannot_be_written_costs_nothing(spool, capfd, log):
    """As with HTCondor: the job is submitted, and stderr stays empty."""
    assert submit(f"executable = s.sh\nlog = {log}\nqueue\n") == 0
    assert capfd.readouterr().err == ""
    assert len(clusters(spool)) == 1


def test_a_log_that_somebody_locks_is_written_nevertheless(spool):
    """The lock is advice among ours, not a way to stop a CE."""
    with Path("log").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert submit("executable = s.sh\nlog = log\nqueue\n") == 0
    assert events("log") == ["000 1.0"]


def test_a_submission_that_fails_is_taken_back(spool, capfd):
    """The task file could not be shown: 009 follows 000, so that nobody waits for the job."""
    assert submit("executable = s.sh\nqueue\n") == 0
    os.mkdir(f"{spool.queue}/0000000002-2.submit")
    assert submit("executable = s.sh\nlog = log\nqueue 2\n") == 1
    assert "nothing was submitted" in capfd.readouterr().err
    assert sorted(events("log")) == ["000 2.0", "000 2.1", "009 2.0", "009 2.1"]


def test_the_sweep_leaves_a_slow_client_alone(spool):
    """What is locked belongs to somebody alive, however old it is; once let go its news are taken back."""
    assert submit("executable = s.sh\nlog = log\nqueue\n") == 0
    path = Path(spool.tmp, "0000000001-1.submit.77")
    Path(spool.queue, "0000000001-1.submit").rename(path)
    os.utime(path, (1, 1))
    database = open_writer(spool)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        cleanup.sweep(spool, database)
        assert (path.exists(), events("log")) == (True, ["000 1.0"])
    cleanup.sweep(spool, database)
    database.close()
    assert (path.exists(), events("log")) == (False, ["000 1.0", "009 1.0"])
    assert task_file.NOT_SUBMITTED in Path("log").read_text()


def test_the_sweep_takes_what_is_no_file_too(spool, tmp_path):
    """A link or a FIFO in tmp/ is removed, and what a link leads to stays."""
    target = tmp_path / "target"
    target.write_text("kept")
    os.symlink(target, f"{spool.tmp}/link")
    os.mkfifo(f"{spool.tmp}/fifo")
    for name in ("link", "fifo"):
        os.utime(f"{spool.tmp}/{name}", (1, 1), follow_symlinks=False)
    database = open_writer(spool)
    cleanup.sweep(spool, database)
    database.close()
    assert (os.listdir(spool.tmp), target.read_text()) == ([], "kept")
