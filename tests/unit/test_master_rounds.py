"""The jobs' own policies through the loop, on the fake engine: what the queue, the log and the history say afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mastering import HELLO, SLEEP, Site

from foremen.master.internal_errors import Mishaps
from foremen.master.policy_rounds import Rounds
from spool import settings
from spool.classad import ads
from spool.job import COMPLETED, HELD, IDLE, REMOVED, RUNNING
from spool.store.layout import Spool, create_spool
from spool.store.sqlite import open_writer

LEAVE = "JobStatus == 4 && time() - CompletionDate < 3600"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site whose rounds follow each other without pause; its engine is stopped at the end."""
    sites: list[Site] = []

    def make_site(**options: object) -> Site:
        facts: dict[str, object] = {"policy_interval": 0, **options}
        sites.append(Site(create_spool(str(tmp_path / "spool")), tmp_path, **facts))  # type: ignore[arg-type]
        return sites[-1]

    yield make_site
    for site in sites:
        site.engine.stop()


def events(site: Site, number: int) -> list[str]:
    """The numbers of a job's events."""
    return [line[:3] for line in site.log().splitlines() if f" ({number:03d}.000.000) " in line]


def test_a_running_pilot_is_held_released_and_removed_by_its_policy(make: Callable[..., Site]) -> None:
    """Codes, reasons and counters as HTCondor sets them; the log has 012, 013, 009 and no eviction."""
    site = make()
    number = site.submit(
        SLEEP,
        PeriodicHold="NumHolds =?= undefined && JobStatus == 2",
        PeriodicRelease="HoldReasonCode == 3",
        PeriodicRemove="NumHolds =?= 1 && JobStatus == 2",
    )
    site.turn_until(lambda: site.history(number))
    (ad,) = site.history(number)
    why = "The job attribute PeriodicRemove expression 'NumHolds =?= 1 && JobStatus == 2' evaluated to TRUE"
    assert (ad["RemoveReason"], ad["NumHolds"], ad["NumHoldsByReason"]) == (ads.quote(why), "1", "[ JobPolicy = 1 ]")
    assert (ad["LastHoldReasonCode"], ad["LastHoldReasonSubCode"], ad["NumJobStarts"]) == ("3", "0", "2")
    assert ad["ReleaseReason"].startswith('"The job attribute PeriodicRelease expression')
    assert events(site, number) == ["000", "001", "012", "013", "001", "009"]


def test_what_waits_is_held_too_and_a_users_hold_is_the_users(make: Callable[..., Site]) -> None:
    """An idle job; a hold by condor_hold is not released by the policy."""
    site = make(cores=0)
    number = site.submit(PeriodicHold="JobStatus == 1", PeriodicHoldReason='"enough"', PeriodicHoldSubCode="7")
    mine = site.submit(PeriodicRelease="true")
    site.act("hold", (mine, 0))
    site.turn_until(lambda: site.status(number) == HELD and site.status(mine) == HELD)
    ad = site.ad(number)
    assert (ad["HoldReason"], ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ('"enough"', "3", "7")
    before = site.master._rounds._next
    site.turn_until(lambda: site.master._rounds._next != before)
    assert site.status(mine) == HELD


def test_an_allowed_duration_holds(make: Callable[..., Site]) -> None:
    """Code 46, with the time it was allowed."""
    site = make()
    number = site.submit(SLEEP, AllowedJobDuration="1")
    site.turn_until(lambda: site.status(number) == HELD)
    ad = site.ad(number)
    assert (ad["HoldReason"], ad["HoldReasonCode"]) == ('"The job exceeded allowed job duration of 00:01"', "46")


def test_on_exit_hold(make: Callable[..., Site]) -> None:
    """The exit status is kept, the log has 012 and no 005; the release lets it run again."""
    site = make()
    number = site.submit(
        HELLO, Args='"3"', OnExitHold="ExitCode =!= 0", OnExitHoldSubCode="42", OnExitHoldReason='"bad exit"'
    )
    site.turn_until(lambda: site.status(number) == HELD)
    ad = site.ad(number)
    assert (ad["HoldReason"], ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ('"bad exit"', "3", "42")
    assert (ad["ExitCode"], ad["NumJobCompletions"], ad["NumHolds"]) == ("3", "1", "1")
    assert "CompletionDate" not in ad
    assert events(site, number) == ["000", "001", "012"]


def test_retries(make: Callable[..., Site]) -> None:
    """max_retries = 2: three runs, the log's evictions say why, the history has the count."""
    site = make()
    again = "NumJobCompletions > JobMaxRetries || ExitCode =?= 0"
    number = site.submit(HELLO, Args='"1"', JobMaxRetries="2", OnExitHold="false", OnExitRemove=again)
    site.turn_until(lambda: site.history(number))
    (ad,) = site.history(number)
    assert (ad["NumJobCompletions"], ad["NumJobStarts"], ad["ExitCode"]) == ("3", "3", "1")
    assert ad["RequeueReason"] == f"\"The job attribute OnExitRemove expression '{again}' evaluated to FALSE\""
    assert events(site, number) == ["000", "001", "004", "001", "004", "001", "005"]
    assert site.log().count("\t(0) Job terminated and was requeued\n") == 2


def test_a_job_that_is_over_stays_while_its_expression_is_true(make: Callable[..., Site]) -> None:
    """State C in the queue, then the history; condor_rm makes it X; what stays as X goes by -forcex."""
    site = make()
    number, for_ever = site.submit(LeaveJobInQueue=LEAVE), site.submit(SLEEP, LeaveJobInQueue="true")
    site.turn_until(lambda: site.status(number) == COMPLETED and site.status(for_ever) == RUNNING)
    assert not site.history(number)
    assert site.master._jobs.counts[COMPLETED] == 1
    assert not os.path.exists(site.spool.payload(number))  # the script is gone at once: it may hold a key
    site.act("remove", (for_ever, 0))
    site.turn_until(lambda: (row := site.row(for_ever)) is not None and row.status == REMOVED and not row.given)
    site.act("remove", (number, 0))
    site.turn_until(lambda: site.history(number))
    site.act("remove-forcex", (for_ever, 0))
    site.turn_until(lambda: site.history(for_ever))
    assert site.history(for_ever)[0]["JobStatus"] == "3"
    assert not sum(site.master._jobs.counts.values())


def test_a_job_leaves_when_its_expression_becomes_false(make: Callable[..., Site]) -> None:
    """The round after that."""
    site = make()
    number = site.submit(LeaveJobInQueue="JobStatus == 4 && time() - CompletionDate < 2")
    site.turn_until(lambda: site.status(number) == COMPLETED)
    site.turn_until(lambda: site.history(number))


class Queue:
    """A database with jobs, and rounds over it at a time of the test's choice."""

    def __init__(self, spool: Spool, **options: object) -> None:
        self.db = open_writer(spool)
        self.said: list[str] = []
        chosen = settings.load({"HOME": "/"}, {"workdir": spool.root, **options})
        self.rounds = Rounds(self.db, chosen, self.said.append, Mishaps(self.said.append))
        self.clusters = 0

    def add(self, count: int, status: int, **attributes: str) -> None:
        """A cluster of that many jobs."""
        self.clusters += 1
        with self.db.transaction():
            self.db.add_cluster(self.clusters, ads.dump({"MyType": '"Job"', **attributes}), False)
            self.db.add_jobs([(self.clusters, proc, status, 0, "", "") for proc in range(count)])

    def round(self, now: float) -> list[tuple[int, int, str]]:
        """What one round at that time says; slice by slice."""
        found = self.rounds.slice(now)
        slices = 1
        while self.rounds.busy:
            found += self.rounds.slice(now)
            slices += 1
            assert slices < 10000
        return [(cluster, proc, verdict.action) for cluster, proc, verdict in found]


@pytest.fixture
def queue(spool: Spool) -> Queue:
    """An empty one."""
    return Queue(spool)


def test_a_round_comes_once_a_minute(queue: Queue) -> None:
    """Not at once when the master starts; then every AWQ_POLICY_INTERVAL seconds, also when the clock was set back."""
    queue.add(1, IDLE, PeriodicHold="true")
    assert [queue.round(now) for now in (1000, 1059)] == [[], []]
    assert queue.round(1060) == [(1, 0, "hold")]
    assert queue.round(1100) == []
    assert queue.round(500) == []
    assert queue.round(560) == [(1, 0, "hold")]


def test_a_round_passes_everybody(queue: Queue) -> None:
    """In slices; jobs without policy cost nothing but the look."""
    queue.add(700, IDLE)
    queue.add(300, IDLE, PeriodicRemove="ProcId >= 0 || true")
    queue.add(10, HELD, PeriodicRelease="true")
    queue.round(0)
    found = queue.round(60)
    assert len(found) == 310
    assert {action for _cluster, _proc, action in found} == {"remove", "release"}


@pytest.mark.parametrize(
    ("hit", "spared", "share", "refused"),
    [(21, 10, 50, True), (21, 30, 50, False), (21, 10, 100, False), (20, 0, 50, False)],
)
def test_too_many_running_jobs_are_not_ended_at_once(
    spool: Spool, hit: int, spared: int, share: int, refused: bool
) -> None:
    """More than the share of the running jobs: none of them, and the operator is told; what waits is not spared."""
    queue = Queue(spool, policy_share=share)
    queue.add(hit, RUNNING, PeriodicHold="true")
    queue.add(spared, RUNNING)
    queue.add(100, IDLE, PeriodicHold="true")
    queue.round(0)
    found = queue.round(60)
    assert len([one for one in found if one[0] == 1]) == (0 if refused else hit)
    assert len([one for one in found if one[0] == 3]) == 100
    assert bool(queue.said) == refused
    if refused:
        assert (
            f"would end {hit} of {hit + spared} running jobs at once, such as 1.0 (The job attribute" in queue.said[0]
        )
        assert "AWQ_POLICY_SHARE=100" in queue.said[0]


def test_many_waiting_jobs_do_not_stall_the_loop(queue: Queue) -> None:
    """Twenty thousand pilots of JAliEn's: no slice takes long, and the round as a whole costs little (100,000: five times that)."""
    hold = "JobStatus == 1 && GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800 || JobStatus > 9"
    facts = {f"Padding{number}": '"some other attribute of the job"' for number in range(60)}
    queue.add(20000, IDLE, PeriodicHold=hold, GridJobStatus='"PENDING"', EnteredCurrentStatus="1", **facts)
    queue.rounds.slice(0)
    slices: list[float] = []
    began = time.process_time()
    assert not queue.rounds.slice(7200)
    while queue.rounds.busy:
        before = time.process_time()
        assert not queue.rounds.slice(7200)
        slices.append(time.process_time() - before)
    assert sorted(slices)[len(slices) // 2] < 0.05
    assert time.process_time() - began < 4
