"""Jobs whose Requirements rule every worker out are kept back: they block nobody, and are looked at again when that may help."""

from __future__ import annotations

from collections.abc import Callable

from mastering import HELLO, SLEEP, Site

from spool.job import HELD, IDLE, RUNNING
from spool.store import task_file
from spool.store.task_file import Act

WINDOWS = {"Requirements": '(TARGET.OpSys == "WINDOWS") && (TARGET.Memory >= RequestMemory)'}
CORES = {"Requirements": "TARGET.Cpus >= 5"}


def kept(site: Site) -> int:
    """How many jobs are kept back."""
    return site.master._db.kept_back()


def at_rest(site: Site) -> bool:
    """Whether the master has nothing to do by itself."""
    return not site.master.more and not site.master._room()


def test_it_waits_and_others_run(make: Callable[..., Site]) -> None:
    """A job that no worker can run stays idle, costs no turn, and is never given to the engine; the one behind it runs."""
    site = make()
    never, other = site.submit(**WINDOWS), site.submit()
    site.turn_until(lambda: site.history(other))
    site.turn_until(lambda: at_rest(site))
    row = site.row(never)
    assert row is not None
    assert (row.status, row.given, row.attempt, kept(site)) == (IDLE, 0, 0, 1)


def test_thousands_in_front_starve_nobody(make: Callable[..., Site]) -> None:
    """Those of a higher priority that nothing runs are passed over, each once."""
    site = make()
    never = site.submit(count=7000, JobPrio="5", **WINDOWS)
    other = site.submit()
    site.turn_until(lambda: site.history(other))
    site.turn_until(lambda: at_rest(site))
    assert kept(site) == 7000
    assert site.master._jobs.counts[IDLE] == 7000
    late = site.submit()
    site.turn_until(lambda: site.history(late))
    site.act("remove", (never, 3))
    site.turn_until(lambda: kept(site) == 6999)
    assert site.master._jobs.kept_back.count(site.master._totals()) == 6999


def test_a_pool_that_grows(make: Callable[..., Site]) -> None:
    """A job that wants more cores than all workers have is given out when there are so many; fewer new ones change nothing."""
    site = make(cores=4)
    site.turn_until(lambda: site.master._pool.cores == 4)
    number, windows = site.submit(**CORES), site.submit(**WINDOWS)
    site.turn_until(lambda: kept(site) == 2)
    site.engine.set_cores(3)
    site.turn_until(lambda: site.master._pool.cores == 3)
    site.turn_until(lambda: at_rest(site))
    assert kept(site) == 2
    site.engine.set_cores(5)
    site.turn_until(lambda: site.history(number))
    assert (site.status(windows), kept(site)) == (IDLE, 1)


def test_a_pool_that_is_gone(make: Callable[..., Site]) -> None:
    """Without workers nothing is known of their size: what scales the pool by what waits in the engine must see the job."""
    site = make(cores=4)
    site.turn_until(lambda: site.master._pool.cores == 4)
    number = site.submit(**CORES)
    site.turn_until(lambda: kept(site) == 1)
    site.engine.set_cores(0)
    site.turn_until(lambda: (row := site.row(number)) is not None and row.given)
    assert kept(site) == 0


def test_a_job_that_changes(make: Callable[..., Site]) -> None:
    """condor_qedit lets it run; one held and released, or with another priority, is looked at again and kept back again."""
    site = make()
    number = site.submit(**WINDOWS)
    site.turn_until(lambda: kept(site) == 1)
    site.act("hold", (number, 0))
    site.turn_until(lambda: site.status(number) == HELD)
    assert kept(site) == 0
    site.act("release", (number, 0))
    site.turn_until(lambda: kept(site) == 1)
    task_file.write_act(site.spool, Act("edit", [(number, 0)], edits={"JobPrio": "7"}))
    site.turn_until(lambda: (row := site.row(number)) is not None and row.prio == 7)
    site.turn_until(lambda: kept(site) == 1)
    task_file.write_act(site.spool, Act("edit", [(number, 0)], edits={"Requirements": 'TARGET.OpSys == "LINUX"'}))
    site.turn_until(lambda: site.history(number))
    assert site.master._jobs.kept_back.count(site.master._totals()) == 0


def test_a_job_that_runs_is_left_alone(make: Callable[..., Site]) -> None:
    """Requirements that become false while it runs end nothing."""
    site = make()
    number = site.submit(SLEEP)
    site.turn_until(lambda: site.status(number) == RUNNING)
    task_file.write_act(site.spool, Act("edit", [(number, 0)], edits=WINDOWS))
    site.turn_until(lambda: "WINDOWS" in site.ad(number).get("Requirements", ""))
    assert site.status(number) == RUNNING


def test_another_master(make: Callable[..., Site]) -> None:
    """It looks at them anew, and comes to rest as well; what it would judge otherwise runs."""
    site = make()
    never = site.submit(**WINDOWS)
    site.turn_until(lambda: kept(site) == 1)
    other = site.submit()
    site.turn_until(lambda: site.history(other))
    with site.master._db.transaction():
        site.master._db._db.execute("UPDATE clusters SET ad = replace(ad, 'WINDOWS', 'LINUX')")
    site.master.close(end_pilots=False, handover=True)
    site.new_master()
    site.turn_until(lambda: site.history(never))
    site.turn_until(lambda: at_rest(site))


def test_a_turn_that_is_made_again(make: Callable[..., Site]) -> None:
    """After an error that nobody foresaw everything is looked at anew: the marks of what is kept back are found and set again."""
    site = make()
    site.submit(count=3, **WINDOWS)
    site.turn_until(lambda: kept(site) == 3)
    site.master._look_anew()
    other = site.submit(HELLO)
    site.turn_until(lambda: site.history(other))
    site.turn_until(lambda: at_rest(site))
    assert kept(site) == 3
