"""Errors that nobody foresaw, made with what really breaks: the job or task file they come from is put out of the way, all else goes on."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from mastering import SLEEP, Site

from foremen.engine.client import EngineClient, connect
from foremen.engine.errors import EngineGone
from foremen.master import internal_errors
from foremen.master.internal_errors import Mishaps
from foremen.master.transitions import ImpossibleMove
from spool.errors import SpoolError
from spool.job import COMPLETED, HELD, IDLE, RUNNING
from spool.store.layout import Spool

WAITS = b"#!/bin/sh\nwhile [ ! -e $OUT.go ]; do sleep 0.02; done\nexit 3\n"
DAMAGE = "not an attribute\n"
NUL_IWD = ("Iwd", "/tmp/a", "b")  # holding this job fails too
NUL_IN = ("In", "", "")  # the system's open() raises ValueError


def write(site: Site, statement: str) -> None:
    """What a disk or a person may do to the database."""
    connection = sqlite3.connect(site.spool.database, timeout=10)
    with connection:
        connection.execute(statement)
    connection.close()


def damage(site: Site, cluster: int) -> None:
    """A job whose state can no longer be read."""
    write(site, f"UPDATE jobs SET state = state || '{DAMAGE}' WHERE cluster = {cluster}")


def submit_bad(site: Site, bad: tuple[str, str, str] = NUL_IN) -> int:
    """A job whose attribute has come to hold a NUL byte, which no task file may bring, is released: it cannot be prepared."""
    number = site.submit(JobStatus="5", UserLog=f'"{site.work}/log"')
    site.turn_until(lambda: site.status(number) == HELD)
    name, before, after = bad
    text = f"'{name} = \"{before}' || char(0) || '{after}\"' || char(10)"
    write(site, f"UPDATE jobs SET ad = CAST(ad || {text} AS TEXT) WHERE cluster = {number}")
    site.act("release", (number, 0))
    return number


def go(site: Site, *clusters: int) -> None:
    """Let pilots of WAITS end."""
    for cluster in clusters:
        (site.work / f"{cluster}.starts.go").touch()


def tracebacks(site: Site) -> list[str]:
    """What was said with a traceback."""
    return [text for text in site.said if '  File "' in text]


def turns(site: Site) -> Callable[[], bool]:
    """A condition that holds after some more turns, for what must not happen."""
    left = iter(range(30))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("kind", [NUL_IN, NUL_IWD])
def test_a_job_that_cannot_be_prepared(make: Callable[..., Site], kind: tuple[str, str, str]) -> None:
    """It is held with code 0 and the error; its neighbours run; the traceback is told once, also for the next such job."""
    site = make()
    bad, good = submit_bad(site, kind), site.submit()
    site.turn_until(lambda: site.history(good) and "Internal" in site.ad(bad).get("HoldReason", ""))
    ad = site.ad(bad)
    assert ad["HoldReasonCode"] == "0"
    assert ad["HoldReason"].startswith('"Internal error of alien_work_queue at giving out this job: ValueError: ')
    assert "\0" not in ad["HoldReason"]
    again = submit_bad(site, kind)
    site.turn_until(lambda: "Internal" in site.ad(again).get("HoldReason", ""))
    assert len(tracebacks(site)) == 1
    assert "giving out job" in site.said[-1]
    said = len(site.said)
    site.turn_until(turns(site))
    assert len(site.said) == said  # it does not go on


def test_a_released_job_is_tried_again(make: Callable[..., Site]) -> None:
    """Once a release, not in a circle."""
    site = make()
    bad = submit_bad(site)
    site.turn_until(lambda: site.ad(bad).get("NumHolds") == "1")
    site.act("release", (bad, 0))
    site.turn_until(lambda: site.ad(bad).get("NumHolds") == "2")
    assert [text for text in site.log().splitlines() if text[:3] in ("012", "013")][-1][:3] == "012"


def test_a_result_that_cannot_be_taken_up(make: Callable[..., Site]) -> None:
    """The job is held, the engine told that its result is taken, the others end, and a release runs it again."""
    site = make()
    bad, good = site.submit(WAITS), site.submit(WAITS)
    site.turn_until(lambda: site.status(bad) == site.status(good) == RUNNING)
    damage(site, bad)
    go(site, bad, good)
    site.turn_until(lambda: site.history(good) and site.status(bad) == HELD)
    assert "at the result of this job: ValueError" in site.ad(bad)["HoldReason"]
    assert site.master._jobs.given.all() == []
    assert len(tracebacks(site)) == 1
    site.new_master()
    assert "has 0 tasks" in "".join(site.said[-1:])
    site.act("release", (bad, 0))
    site.turn_until(lambda: site.history(bad))
    assert site.history(bad)[0]["ExitCode"] == "3"
    assert DAMAGE.strip() not in "".join(site.history(bad)[0])


def test_outputs_of_a_job_that_breaks(make: Callable[..., Site]) -> None:
    """What came back cannot be put anywhere: the job is held, nothing waits for it, and released it runs again and has its output."""
    site = make()
    bad = site.submit(WAITS.replace(b"exit", b"echo new > new\nexit"), ShouldTransferFiles='"YES"')
    site.turn_until(lambda: site.status(bad) == RUNNING)
    damage(site, bad)
    go(site, bad)
    site.turn_until(lambda: site.status(bad) == HELD)
    assert any(f"the outputs of {bad}.0#1 cannot be unpacked: ValueError" in text for text in site.said)
    assert site.master._jobs.given.all() == []
    assert not (site.work / "new").exists()
    site.act("release", (bad, 0))
    site.turn_until(lambda: site.history(bad))
    assert (site.work / "new").read_text() == "new\n"


def test_an_action_on_a_job_that_breaks(make: Callable[..., Site]) -> None:
    """condor_rm of many: the others go; this one is held, its state mended, and goes when asked again."""
    site = make(cores=0)
    first, bad, last = site.submit(), site.submit(), site.submit()
    site.turn_until(lambda: site.status(last) == IDLE)
    damage(site, bad)
    site.act("remove", (first, 0), (bad, 0), (last, 0))
    site.turn_until(lambda: site.history(first) and site.history(last))
    assert "at condor_rm of this job: ValueError" in site.ad(bad)["HoldReason"]
    assert os.listdir(site.spool.rejected) == []
    site.act("remove", (bad, 0))
    site.turn_until(lambda: site.history(bad))


def test_a_job_whose_policy_breaks(make: Callable[..., Site]) -> None:
    """In a round: held when it waits or runs, and no longer looked at when it is held already."""
    site = make(cores=1, policy_interval=1)
    bad = site.submit(SLEEP, PeriodicHold='eval("1") > 5')
    site.turn_until(lambda: site.status(bad) == RUNNING)
    damage(site, bad)
    site.turn_until(lambda: site.status(bad) == HELD)
    assert "at the policy of this job: ValueError" in site.ad(bad)["HoldReason"]
    assert len(tracebacks(site)) == 1
    site.turn_until(lambda: site.master._jobs.given.all() == [])
    damage(site, bad)
    write(site, f"UPDATE jobs SET ad = ad || 'PeriodicRelease = eval(\"1\") > 5\n' WHERE cluster = {bad}")
    site.turn_until(lambda: site.master._rounds._left)
    assert site.status(bad) == HELD


def test_a_job_that_is_over_and_breaks(make: Callable[..., Site]) -> None:
    """It waits for its owner to let it go, cannot be read any more, and leaves all the same."""
    site = make()
    bad = site.submit(LeaveJobInQueue="true")
    site.turn_until(lambda: site.status(bad) == COMPLETED)
    damage(site, bad)
    site.act("remove", (bad, 0))
    site.turn_until(lambda: site.status(bad) == 0)
    assert site.master._jobs.counts[COMPLETED] == 0
    site.turn_until(lambda: not os.listdir(f"{site.spool.root}/payload"))


def test_an_engine_that_dies_with_a_job_that_breaks(make: Callable[..., Site]) -> None:
    """The look at what is left after the engine's death holds this one, and goes on with the others."""
    site = make()
    bad, good = site.submit(WAITS), site.submit(WAITS)
    site.turn_until(lambda: site.status(bad) == site.status(good) == RUNNING)
    damage(site, bad)
    site.engine.die()
    site.new_engine()
    site.turn_until(lambda: site.status(bad) == HELD and site.status(good) == RUNNING)
    go(site, good)
    site.turn_until(lambda: site.history(good))


def test_a_task_file_that_breaks_half_way(make: Callable[..., Site]) -> None:
    """Its third job cannot be stored: nothing of it is in the queue, it is set aside with the reason, the others are taken up."""
    site = make(cores=0)
    write(
        site,
        "CREATE TRIGGER broken BEFORE INSERT ON jobs WHEN NEW.proc = 2 BEGIN SELECT RAISE(ABORT, 'no third one'); END",
    )
    before, bad, after = site.submit(count=2), site.submit(count=4), site.submit(count=1)
    site.turn_until(lambda: site.status(after) == IDLE and os.listdir(site.spool.rejected))
    assert site.status(before, 1) == IDLE
    assert site.row(bad, 0) is None
    assert site.master._jobs.counts[IDLE] == 3
    name, reason = sorted(os.listdir(site.spool.rejected))
    assert name.startswith(f"{bad:010d}-")
    text = Path(site.spool.rejected, reason).read_text()
    assert "internal error of alien_work_queue: IntegrityError: no third one" in text
    assert len(tracebacks(site)) == 1
    assert f"({bad:03d}." not in site.log()
    assert not os.listdir(site.spool.queue)


def test_a_submission_that_told_its_log_itself(make: Callable[..., Site]) -> None:
    """A turn that is made again does not write the 000 that condor_submit has written."""
    site = make(cores=0)
    bad = submit_bad(site)
    told = site.submit(AwqLogged="true")
    site.turn_until(lambda: site.ad(bad).get("NumHolds") == "1" and site.status(told) == IDLE)
    assert "AwqLogged" not in site.ad(told)
    assert f"({told:03d}." not in site.log()


def test_an_error_that_is_no_jobs_does_not_end_the_master(make: Callable[..., Site]) -> None:
    """What breaks the turn as a whole is told with its traceback once, tried again with pauses, and over when it is over."""
    site = make()
    withdrawn: list[bool] = []

    def door(spool: Spool) -> EngineClient:
        withdrawn.append(not Path(spool.stat).exists())
        return cast(EngineClient, Odd(connect(spool), len(withdrawn) <= 3))

    site.new_master(door)
    number = site.submit()
    site.turn_until(lambda: site.history(number))
    assert withdrawn == [False, True, True, True]
    assert len([text for text in site.said if "a turn failed: ValueError" in text]) == 3
    assert len(tracebacks(site)) == 1


class Odd:
    """An engine's client that fails as no client should."""

    def __init__(self, client: EngineClient, fails: bool) -> None:
        self._client, self._fails = client, fails

    def __getattr__(self, name: str) -> object:
        return getattr(self._client, name)

    def receive(self) -> object:
        """What the engine said."""
        if self._fails:
            raise ValueError("odd")
        return self._client.receive()


@pytest.mark.parametrize(
    ("error", "one"),
    [
        (ValueError("x"), True),
        (RecursionError("x"), True),
        (ImpossibleMove("x"), True),
        (SpoolError("job 1.0 is not in the queue"), True),
        (OSError(errno.ENAMETOOLONG, "x"), True),
        (sqlite3.IntegrityError("x"), True),
        (sqlite3.OperationalError("database or disk is full"), False),
        (sqlite3.DatabaseError("malformed"), False),
        (OSError(errno.ENOSPC, "x"), False),
        (OSError(errno.EDQUOT, "x"), False),
        (MemoryError(), False),
        (EngineGone("x"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_whose_error(error: BaseException, one: bool) -> None:
    """Disk, memory and engine are nobody's: holding jobs for them would empty the queue."""
    assert internal_errors.of_one(error) == one


def test_words_are_one_printable_short_line() -> None:
    """An error's words may come from a job's ad."""
    said: list[str] = []
    try:
        raise ValueError("a\x1b[2J\nb" + "x" * 1000)
    except ValueError as error:
        words = Mishaps(said.append).tell("this", error)
    assert words.isprintable()
    assert len(words) < 300
    assert words.startswith("ValueError: a?[2J?bxxx")
    assert words.endswith(")")
