"""The master's loop on a fake engine: what becomes of submissions and actions, and what survives which death."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from mastering import HELLO, SLEEP, Site

from foremen.engine.client import EngineClient, connect
from foremen.engine.errors import EngineGone
from spool import job
from spool.job import HELD, IDLE, REMOVED, RUNNING
from spool.store import published_counts, task_file
from spool.store.layout import Spool


def test_a_pilot_runs_and_everything_is_recorded(make: Callable[..., Site]) -> None:
    """A submission becomes a run: output, error, exit status, history, event log; nothing is left in the spool."""
    site = make()
    number = site.submit(Args='"3"')
    site.turn_until(lambda: site.history(number))
    assert (site.work / f"{number}.out").read_text() == "hello 3\n"
    assert (site.work / f"{number}.err").read_text() == "oops\n"
    (ad,) = site.history(number)
    assert (ad["ExitCode"], ad["ExitBySignal"], ad["JobStatus"], ad["NumJobStarts"]) == ("3", "false", "4", "1")
    assert ad["LastRemoteHost"].startswith('"slot1@')
    assert [line[:3] for line in site.log().splitlines() if line[:3].isdigit()] == ["000", "001", "005"]
    assert not os.listdir(site.spool.queue)
    site.turn_until(lambda: not os.listdir(f"{site.spool.root}/payload"))


def test_the_same_text_twice_is_two_jobs(make: Callable[..., Site]) -> None:
    """Identical submissions are separate jobs (the older project merged them)."""
    site = make()
    first, second = site.submit(), site.submit()
    site.turn_until(lambda: site.history(first) and site.history(second))
    assert first != second


def test_counts_are_published_and_sourced_by_name(make: Callable[..., Site]) -> None:
    """stat/latest has WAITING, RUNNING and TIMESTAMP of this moment."""
    site = make(cores=1)
    site.submit(SLEEP, count=3)
    site.turn_until(lambda: "RUNNING=1\n" in Path(site.spool.stat).read_text())
    text = Path(site.spool.stat).read_text()
    assert "WAITING=2\n" in text
    assert "TIMESTAMP=" in text


def test_a_signal_is_told_from_an_exit_status(make: Callable[..., Site]) -> None:
    """A pilot that is killed has ExitBySignal and ExitSignal, one that exits 137 has ExitCode 137."""
    site = make()
    killed = site.submit(b"#!/bin/sh\nkill -9 $$\n")
    exited = site.submit(b"#!/bin/sh\nexit 137\n")
    site.turn_until(lambda: site.history(killed) and site.history(exited))
    assert (site.history(killed)[0]["ExitBySignal"], site.history(killed)[0]["ExitSignal"]) == ("true", "9")
    assert "ExitCode" not in site.history(killed)[0]
    assert (site.history(exited)[0]["ExitBySignal"], site.history(exited)[0]["ExitCode"]) == ("false", "137")


def test_a_master_that_dies_loses_nothing_and_its_pilots_run_on(make: Callable[..., Site]) -> None:
    """After kill -9 of the master a running pilot goes on, ends once, and a submission made meanwhile is taken up."""
    site = make()
    running = site.submit(b"#!/bin/sh\necho started >> $OUT\nwhile [ ! -e $OUT.go ]; do sleep 0.05; done\n")
    site.turn_until(lambda: site.status(running) == RUNNING)
    meanwhile = site.submit()
    site.new_master()
    assert site.status(running) == RUNNING
    (site.work / f"{running}.starts.go").touch()
    site.turn_until(lambda: site.history(running) and site.history(meanwhile))
    assert site.starts(running) == 1
    assert site.history(running)[0]["NumJobStarts"] == "1"
    assert site.log().count(f"005 ({running:03d}.") == 1


def test_an_engine_that_dies_costs_the_attempt(make: Callable[..., Site]) -> None:
    """Engine gone: what ran is evicted (004), counts as lost, and runs again under the next engine."""
    site = make()
    number = site.submit(SLEEP)
    site.turn_until(lambda: site.starts(number) == 1 and site.status(number) == RUNNING)
    site.engine.die()
    site.new_engine()
    site.turn_until(lambda: site.starts(number) == 2 and site.status(number) == RUNNING)
    row = site.row(number)
    assert row is not None
    assert (row.lost, row.attempt) == (1, 2)
    assert [line[:3] for line in site.log().splitlines() if line[:3].isdigit()] == ["000", "001", "004", "001"]


def test_an_engine_that_dies_between_commit_and_telling_leaves_nothing_behind(make: Callable[..., Site]) -> None:
    """The connection breaks while the master tells what it has committed: the task file and the copies go all the same."""
    site = make()
    cuts: list[str] = []
    site.new_master(lambda spool: cast(EngineClient, Breaking(connect(spool), spool, cuts)))
    number = site.submit()
    site.turn_until(lambda: site.history(number))
    assert cuts == ["claim", "result"]
    assert os.listdir(site.spool.queue) == []
    site.turn_until(lambda: not os.listdir(f"{site.spool.root}/payload"))


class Breaking:
    """An engine's client whose connection breaks as it is told of: the first commit of a task file, the first result."""

    def __init__(self, client: EngineClient, spool: Spool, cuts: list[str]) -> None:
        self._client, self._spool, self._cuts = client, spool, cuts

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def acknowledge(self, tags: list[str]) -> None:
        """Where the master tells it all."""
        step = "result" if tags else "claim" if os.listdir(self._spool.queue) else ""
        if step and step not in self._cuts:
            self._cuts.append(step)
            raise EngineGone("the connection broke")
        self._client.acknowledge(tags)


def test_waiting_jobs_do_not_count_an_engine_death(make: Callable[..., Site]) -> None:
    """A job that the dead engine had not started has lost nothing."""
    site = make(cores=0)
    number = site.submit()
    site.turn_until(lambda: (row := site.row(number)) is not None and row.given)
    site.engine.die()
    site.new_engine()
    site.turn_until(lambda: site.history(number))
    assert site.history(number)[0]["NumJobStarts"] == "1"


def test_a_pilot_whose_worker_vanishes_runs_again_three_times(make: Callable[..., Site]) -> None:
    """Three lost workers are survived, the fourth holds the job with the reason (AWQ_MAX_LOST)."""
    site = make()
    number = site.submit(SLEEP)
    for lost in range(4):
        site.turn_until(lambda lost=lost: site.starts(number) == lost + 1 and site.status(number) == RUNNING)
        assert site.status(number) == RUNNING
        site.engine.vanish(f"{number}.0#1")
    site.turn_until(lambda: site.status(number) == HELD)
    ad = site.ad(number)
    assert ad["HoldReasonCode"] == str(job.HOLD_SYSTEM_POLICY)
    assert "vanished 4 times" in ad["HoldReason"]
    assert site.log().count("004 (") == 4
    site.turn_until(lambda: (row := site.row(number)) is not None and not row.given)


def test_hold_and_release_of_a_running_pilot(make: Callable[..., Site]) -> None:
    """condor_hold ends the attempt (004, 012), condor_release lets the job run anew (013, 001)."""
    site = make()
    number = site.submit(SLEEP)
    site.turn_until(lambda: site.status(number) == RUNNING and site.starts(number) == 1)
    site.act("hold", (number, 0))
    site.turn_until(lambda: site.status(number) == HELD and not site.row(number).given)  # type: ignore[union-attr]
    assert site.ad(number)["HoldReason"] == '"via condor_hold (by user tester)"'
    site.act("release", (number, 0))
    site.turn_until(lambda: site.starts(number) == 2)
    assert [line[:3] for line in site.log().splitlines() if line[:3].isdigit()][:5] == [
        "000",
        "001",
        "004",
        "012",
        "013",
    ]
    assert site.ad(number)["LastHoldReasonCode"] == "1"


def test_remove_in_every_state(make: Callable[..., Site]) -> None:
    """condor_rm ends a running, an idle and a held job; the history says why, and each is there once."""
    site = make(cores=1)
    running = site.submit(SLEEP)
    site.turn_until(lambda: site.status(running) == RUNNING)
    idle, held = site.submit(SLEEP), site.submit(SLEEP)
    site.turn_until(lambda: site.status(held) == IDLE)
    site.act("hold", (held, 0))
    site.turn_until(lambda: site.status(held) == HELD)
    site.act("remove", (running, 0), (idle, 0), (held, 0), (99999, 0), reason="enough")
    site.turn_until(lambda: all(site.history(number) for number in (running, idle, held)))
    for number in (running, idle, held):
        (ad,) = site.history(number)
        assert (ad["JobStatus"], ad["RemoveReason"]) == (str(REMOVED), '"enough"')
        assert site.log().count(f"009 ({number:03d}.") == 1
    assert not sum(site.master._jobs.counts.values())


@pytest.mark.parametrize(
    ("attributes", "code", "words"),
    [
        ({"Out": '"/no/such/folder/out"'}, 7, "Failed to open '/no/such/folder/out' as standard output"),
        ({"Err": '"/no/such/folder/err"'}, 7, "as standard error"),
        ({"In": '"/no/such/input"'}, 8, "as standard input"),
    ],
)
def test_what_cannot_be_started_is_held(
    make: Callable[..., Site], attributes: dict[str, str], code: int, words: str
) -> None:
    """A missing output folder or input holds the job with HTCondor's code and words."""
    site = make()
    number = site.submit(**attributes)
    site.turn_until(lambda: site.status(number) == HELD)
    ad = site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (str(code), "2")
    assert words in ad["HoldReason"]


def test_what_is_no_program_is_held(make: Callable[..., Site]) -> None:
    """An executable without #! or ELF head is held with code 6, as HTCondor does (exec format error)."""
    site = make()
    number = site.submit(b"just text\n")
    site.turn_until(lambda: site.status(number) == HELD)
    assert (site.ad(number)["HoldReasonCode"], site.ad(number)["HoldReasonSubCode"]) == ("6", "8")


def test_a_damaged_task_file_is_set_aside(make: Callable[..., Site]) -> None:
    """It goes to rejected/ with its reason, is said, and does not stop the others."""
    site = make()
    Path(site.spool.queue, "0000000099-1.submit").write_text("awq-task 1 submit\ncluster 99\nCmd = 1\n")
    number = site.submit()
    site.turn_until(lambda: site.history(number))
    assert sorted(os.listdir(site.spool.rejected)) == ["0000000099-1.submit", "0000000099-1.submit.reason"]
    assert "0000000099-1.submit:4:" in Path(site.spool.rejected, "0000000099-1.submit.reason").read_text()
    assert any("set aside" in text and ":4:" in text for text in site.said)


def test_the_older_form_is_taken_up(make: Callable[..., Site]) -> None:
    """A submit description dropped into queue/ as job* runs as one job, by value."""
    site = make()
    agent = site.work / "agent.startup.17"
    agent.write_bytes(b"#!/bin/sh\necho old $A\n")
    text = f"executable = {agent}\noutput = {site.work}/old.out\nenvironment = A=b;nonsense;\nqueue\n"
    path = Path(site.spool.queue, "job17")
    path.write_text(text)
    os.utime(path, (1, 1))
    site.turn_until((site.work / "old.out").exists)
    site.turn_until(lambda: not os.listdir(site.spool.queue))
    assert (site.work / "old.out").read_text() == "old b\n"


def test_drain_leaves_submissions_where_they_are(make: Callable[..., Site]) -> None:
    """While the drain file exists nothing new is taken up; actions are."""
    site = make(cores=0)
    first = site.submit()
    site.turn_until(lambda: site.status(first) == IDLE)
    Path(site.spool.drain).touch()
    second = site.submit()
    site.act("remove", (first, 0))
    site.turn_until(lambda: site.history(first))
    assert site.status(second) == 0
    os.unlink(site.spool.drain)
    site.turn_until(lambda: site.status(second) == IDLE)


def test_the_job_limit_holds(make: Callable[..., Site]) -> None:
    """No more than AWQ_JOB_LIMIT attempts are given to the engine."""
    site = make(cores=8, job_limit=2)
    number = site.submit(SLEEP, count=5)
    site.turn_until(lambda: site.starts(number) == 2)
    assert site.master._jobs.given.running + site.master._jobs.given.waiting == 2


def test_priority_goes_first(make: Callable[..., Site]) -> None:
    """A job of higher JobPrio is given before older ones."""
    site = make(cores=0, job_limit=1)
    low = site.submit()
    site.turn_until(lambda: site.row(low) is not None and site.row(low).given)  # type: ignore[union-attr]
    other, high = site.submit(JobPrio="0"), site.submit(JobPrio="10")
    site.engine.set_cores(1)
    site.turn_until(lambda: site.history(low) and site.history(other) and site.history(high))
    order = [site.log().index(f"001 ({number:03d}.") for number in (low, high, other)]
    assert order == sorted(order)


def test_a_task_file_committed_but_not_unlinked_is_not_taken_twice(make: Callable[..., Site]) -> None:
    """A crash between commit and unlink: the next master removes the file and the job runs once."""
    site = make()
    number = site.submit(SLEEP)
    (name,) = os.listdir(site.spool.queue)
    text = Path(site.spool.queue, name).read_bytes()
    site.turn_until(lambda: site.starts(number) == 1)
    taken = site.master._db
    with taken.transaction():
        taken.forget_taken([name])
        taken.take([name])
    Path(site.spool.queue, name).write_bytes(text)
    site.new_master()
    site.turn_until(lambda: not os.listdir(site.spool.queue))
    assert site.starts(number) == 1
    assert site.status(number) == RUNNING


def test_a_cluster_number_that_is_taken_is_refused(make: Callable[..., Site]) -> None:
    """A task file that claims a cluster that is there already is set aside, and harms nothing."""
    site = make(cores=0)
    number = site.submit()
    site.turn_until(lambda: site.status(number) == IDLE)
    again = task_file.Submission([task_file.Cluster(number, {"Cmd": '"/bin/rm"'}, [{}], False)])
    task_file.write_submission(site.spool, again)
    site.turn_until(lambda: os.listdir(site.spool.rejected))
    assert site.ad(number)["Cmd"] == '"/home/agent.sh"'


def test_a_bounced_pilot_is_no_lost_one(
    make: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that takes no new work gives the job back: idle, another attempt, nothing counted as lost."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "closed").touch()
    (state / "leave").touch()
    monkeypatch.setenv("AWQ_WORKER_STATE", str(state))
    site = make(cores=1)
    number = site.submit()
    site.turn_until(lambda: (row := site.row(number)) is not None and row.attempt >= 2)
    row = site.row(number)
    assert row is not None
    assert row.lost == 0
    (state / "closed").unlink()
    site.turn_until(lambda: site.history(number))
    assert site.history(number)[0]["ExitCode"] == "0"


def test_a_cut_connection_changes_nothing(make: Callable[..., Site]) -> None:
    """Master and engine lose each other and meet again: the pilot ran once and its result arrives."""
    site = make()
    number = site.submit(b"#!/bin/sh\necho started >> $OUT\nwhile [ ! -e $OUT.go ]; do sleep 0.05; done\n")
    site.turn_until(lambda: site.starts(number) == 1)
    site.engine.drop_connection()
    (site.work / f"{number}.starts.go").touch()
    site.turn_until(lambda: site.history(number))
    assert site.starts(number) == 1
    assert site.history(number)[0]["ExitCode"] == "0"


def test_events_are_in_the_log_once_after_a_crash_in_between(make: Callable[..., Site]) -> None:
    """Events that were appended but not yet forgotten are not appended again."""
    site = make()
    number = site.submit()
    site.turn_until(lambda: site.history(number))
    before = site.log()
    site.new_master()
    site.turn_until(lambda: not site.master._db.outbox())
    assert site.log() == before


def test_leaving_in_order_puts_waiting_jobs_back(make: Callable[..., Site]) -> None:
    """A master that ends without running pilots ends its engine too; what waited is idle and is run by the next."""
    site = make(cores=0)
    number = site.submit()
    site.turn_until(lambda: site.row(number) is not None and site.row(number).given)  # type: ignore[union-attr]
    site.master.close(end_pilots=False)
    assert not site.engine.alive
    row = site.row(number)
    assert row is not None
    assert (row.status, row.given, row.lost) == (IDLE, 0, 0)


def test_a_handover_leaves_the_engine_as_it_is(make: Callable[..., Site]) -> None:
    """What runs and what waits in the engine stays there; the next master goes on with the same attempts."""
    site = make(cores=1)
    running = site.submit(SLEEP)
    site.turn_until(lambda: site.starts(running) == 1 and site.status(running) == RUNNING)
    waiting = site.submit()
    site.turn_until(lambda: (row := site.row(waiting)) is not None and row.given)
    site.master.close(end_pilots=False, handover=True)
    assert site.engine.alive
    site.new_master()
    site.act("remove", (running, 0))
    site.turn_until(lambda: site.history(waiting))
    assert site.starts(running) == 1
    assert site.history(waiting)[0]["NumJobStarts"] == "1"


def test_stopping_with_the_pilots_counts_nothing_as_lost(make: Callable[..., Site]) -> None:
    """--stop-pilots: what ran is idle again with 004 in the log, and no start counts as lost."""
    site = make()
    number = site.submit(SLEEP)
    site.turn_until(lambda: site.starts(number) == 1 and site.status(number) == RUNNING)
    site.master.close(end_pilots=True)
    row = site.row(number)
    assert row is not None
    assert (row.status, row.given, row.lost) == (IDLE, 0, 0)
    assert "004 (" in site.log()


def test_nobody_is_vouched_for_without_a_lock(make: Callable[..., Site]) -> None:
    """Counts of a master that does not hold its lock are refused, however fresh they are."""
    site = make()
    site.submit(HELLO)
    with pytest.raises(published_counts.NotVouched, match="master is not running"):
        published_counts.vouched_counts(site.spool, 20, 0.0)


def test_jobs_that_fit_nowhere_do_not_keep_others_out(make: Callable[..., Site]) -> None:
    """Behind more eight-core jobs than the engine's window holds, on a node of four cores, a job of one core is found and runs."""
    site = make()
    site.submit(HELLO, count=300, RequestCpus="8")
    small = site.submit(HELLO)
    site.turn_until(lambda: site.history(small), 30)
