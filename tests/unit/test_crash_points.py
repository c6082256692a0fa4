"""Every named point of ``spool.crashpoints``: die there, start again, nothing is lost and nothing happens twice."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crashing import DESCRIPTION, PILOT, ROOT, Site

from spool.job import COMPLETED, HELD, REMOVED, RUNNING
from spool.store.layout import Spool

RAN = (COMPLETED, "000 001 005")
KILLED = (REMOVED, "000 001 004 009")


def pilots(site: Site) -> None:
    """Two pilots run and end."""
    cluster = site.submit(count=2)
    site.wait(lambda: len(site.history()) == 2)
    site.account({f"{cluster}.0": RAN, f"{cluster}.1": RAN})


def start_and_end(site: Site) -> None:
    """One pilot runs, and ends much later: start and end are events of two transactions."""
    cluster = site.submit_waiting()
    site.go.touch()
    site.wait(site.history)
    site.account({f"{cluster}.0": RAN})


def outputs(site: Site) -> None:
    """Two pilots whose new files are brought back, by content and once."""
    cluster = site.submit(count=2, more="transfer_output_files = made, folder\n")
    site.wait(lambda: len(site.history()) == 2)
    site.account({f"{cluster}.0": RAN, f"{cluster}.1": RAN})
    assert (site.work / "made").read_text() in (f"made by {cluster}.0\n", f"made by {cluster}.1\n")
    assert (site.work / "folder" / "empty").exists()


def removal(site: Site) -> None:
    """A running pilot is removed."""
    cluster = site.submit_waiting()
    site.act("rm", cluster)
    site.wait(site.history)
    site.account({f"{cluster}.0": KILLED})
    assert not site.starts(f"{cluster}.0", "end")


def hold_and_release(site: Site) -> None:
    """A running pilot is held, and released: it runs anew, and ends."""
    cluster = site.submit_waiting()
    site.act("hold", cluster)
    site.wait(lambda: site.jobs() == {f"{cluster}.0": HELD} and not site.given())
    site.go.touch()
    site.act("release", cluster)
    site.wait(site.history)
    site.account({f"{cluster}.0": (COMPLETED, "000 001 004 012 013 001 005")}, most_starts=2)


def stop(site: Site) -> None:
    """``alien_work_queue stop --stop-pilots`` while a pilot runs: it runs again under the next master."""
    cluster = site.submit_waiting()
    site.stop_pilots()
    site.wait(lambda: site.starts(f"{cluster}.0") == 2)
    site.go.touch()
    site.wait(site.history)
    site.account({f"{cluster}.0": (COMPLETED, "000 001 004 001 005")}, most_starts=2)


def older_form(site: Site) -> None:
    """A description that somebody drops into the queue, as the older project's commands did."""
    site.agent.write_text(PILOT)
    description = DESCRIPTION.format(agent=site.agent, arguments="", ledger=site.ledger, count="", work=site.work)
    path = Path(site.spool.queue, "job1")
    path.write_text(description)
    os.utime(path, (time.time() - 10,) * 2)
    site.wait(lambda: site.history() and site.deaths)
    site.sweep()
    site.account({site.history()[0][0]: RAN})


def damaged_file(site: Site) -> None:
    """A damaged task file is set aside with its reason; the others are not touched by it."""
    Path(site.spool.queue, "0000000900-1.submit").write_text("awq-task 1 submit\nclus")
    cluster = site.submit()
    site.wait(lambda: site.history() and site.deaths)
    site.account({f"{cluster}.0": RAN})
    assert sorted(os.listdir(site.spool.rejected)) == ["0000000900-1.submit", "0000000900-1.submit.reason"]


def pilots_looked_at(site: Site) -> None:
    """One master dies while it asks a job's policy, as kill -9 might have it: nobody blames the job."""
    cluster = site.submit(arguments=str(site.go))
    site.wait(lambda: site.deaths and site.jobs().get(f"{cluster}.0") == RUNNING)
    site.go.touch()
    site.wait(site.history)
    assert [status for _job, status in site.history()] == [COMPLETED]


def poison(site: Site) -> None:
    """Two masters die at the policy of one job: the third one holds it, and goes on with the others."""
    cluster = site.submit(arguments=str(site.go))
    job = f"{cluster}.0"
    site.wait(lambda: site.jobs().get(job) == HELD)
    assert site.deaths == 2
    assert "alien_work_queue died (killed, twice in a row) at the policy of" in site.ad(cluster)["HoldReason"]
    later = site.submit()
    site.wait(site.history)
    site.act("rm", cluster)
    site.wait(lambda: len(site.history()) == 2)
    assert site.starts(f"{later}.0", "end") == 1


MASTER: list[tuple[str, Callable[[Site], None]]] = [
    ("claim.read", pilots),
    ("claim.uncommitted", pilots),
    ("claim.committed", pilots),
    ("claim.unlinked", pilots),
    ("dispatch.uncommitted", pilots),
    ("engine.untold", pilots),
    ("engine.told", pilots),
    ("result.received", pilots),
    ("result.committed", pilots),
    ("result.acknowledged", pilots),
    ("events.posted", pilots),
    ("events.posted:2", start_and_end),
    ("events.appended", pilots),
    ("events.appended:2", start_and_end),
    ("events.forgotten", pilots),
    ("events.appended recover.appended", pilots),
    ("events.posted recover.appended", pilots),
    ("claim.committed recover.tidied", pilots),
    ("engine.untold engine.reconciled", pilots),
    ("history.uncommitted", pilots),
    ("history.trimmed", pilots),
    ("payload.unneeded", pilots),
    ("payload.overwritten", pilots),
    ("payload.removed", pilots),
    ("result.unpacked", outputs),
    ("result.committed", outputs),
    ("archive.unneeded", outputs),
    ("act.uncommitted", removal),
    ("claim.read:2", removal),
    ("claim.committed:2", removal),
    ("claim.unlinked:2", removal),
    ("engine.untold:2", removal),
    ("engine.told:2", removal),
    ("result.received", removal),
    ("result.committed", removal),
    ("history.uncommitted", removal),
    ("act.uncommitted", hold_and_release),
    ("act.uncommitted:2", hold_and_release),
    ("claim.committed:2", hold_and_release),
    ("claim.committed:3", hold_and_release),
    ("engine.untold:2", hold_and_release),
    ("engine.told:2", hold_and_release),
    ("result.committed", hold_and_release),
    ("engine.untold:2 engine.reconciled", hold_and_release),
    ("stop.committed", stop),
    ("policy.judging", pilots_looked_at),
    ("policy.judging policy.judging", poison),
    ("old.copied", older_form),
    ("old.claimed", older_form),
    ("rejected.explained", damaged_file),
]
CLIENT = {  # what a client that dies there has submitted (or asked for): nothing, or all of it
    "submit.number-taken": False,
    "submit.file-copied": False,
    "submit.file-copied:2": False,
    "submit.payload-settled": False,
    "publish.written": False,
    "submit.told": False,
    "publish.renamed": True,
    "publish.durable": True,
}


@pytest.fixture
def make(spool: Spool, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site whose masters die at the points; everything is stopped at the end."""
    sites: list[Site] = []

    def make_site(*points: str) -> Site:
        sites.append(Site(spool, tmp_path, points))
        return sites[-1]

    yield make_site
    for site in sites:
        site.close()


def _cases() -> Iterator[object]:
    """The table; all but the first case of each scenario are marked slow."""
    seen: set[str] = set()
    for points, scenario in MASTER:
        name = scenario.__name__
        marks = [pytest.mark.slow] if name in seen else []
        seen.add(name)
        yield pytest.param(points, scenario, id=f"{name}-{points}", marks=marks)


@pytest.mark.parametrize(("points", "scenario"), list(_cases()))
def test_a_master_that_dies(points: str, scenario: Callable[[Site], None], make: Callable[..., Site]) -> None:
    """The master dies at the point in the middle of a scenario and is started again: it ends as if nothing had been."""
    scenario(make(*points.split()))


@pytest.mark.slow
@pytest.mark.parametrize("point", CLIENT)
def test_a_condor_submit_that_dies(point: str, make: Callable[..., Site]) -> None:
    """All of the submission runs or nothing of it, a later one is not disturbed, and what is left is swept."""
    site = make()
    site.submit(count=2, at=point)
    later = site.submit()
    expected = {f"{later}.0": RAN}
    if CLIENT[point]:
        expected |= {f"{later - 1}.0": RAN, f"{later - 1}.1": RAN}
    told = {f"{later - 1}.{proc}": "000 009" for proc in (0, 1)} if point == "submit.told" else {}
    site.wait(lambda: len(site.history()) == len(expected))
    site.sweep()
    site.account(expected, told=told)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["rm", "hold", "release"])
@pytest.mark.parametrize("point", [point for point in CLIENT if point.startswith("publish.")])
def test_an_action_whose_client_dies(point: str, verb: str, make: Callable[..., Site]) -> None:
    """condor_rm, condor_hold or condor_release dies: it acts whole or not at all; asked again it does no harm."""
    site = make()
    cluster = site.submit_waiting()
    job = f"{cluster}.0"
    if verb == "release":
        site.act("hold", cluster)
        site.wait(lambda: site.jobs() == {job: HELD} and not site.given())
    site.act(verb, cluster, at=point)
    before = {"release": HELD}.get(verb, RUNNING)
    after = {"rm": None, "hold": HELD, "release": RUNNING}[verb]
    site.wait(lambda: site.jobs().get(job) == (after if CLIENT[point] else before))
    if not (verb == "rm" and CLIENT[point]):  # then it is gone already
        site.command(f"condor_{verb}", str(cluster))
        site.wait(lambda: site.jobs().get(job) == after)
    site.go.touch()
    if verb == "hold":
        site.act("release", cluster)
    site.wait(site.history)
    site.sweep()
    end = KILLED if verb == "rm" else (COMPLETED, "000 001 004 012 013 001 005")
    site.account({job: end}, most_starts=2)


def test_the_table_is_complete() -> None:
    """Every point in the source is in the tables (whose tests fail when a point is not reached), and no other."""
    found: set[str] = set()
    for room in ("spool", "shims", "foremen"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text()
            named = re.findall(r'crashpoints\.point\("([a-z.-]+)"', text)
            assert len(named) == text.count("crashpoints.point("), f"{path}: a point needs its name in place"
            found.update(named)
    listed = {point.partition(":")[0] for points, _scenario in MASTER for point in points.split()}
    listed |= {point.partition(":")[0] for point in CLIENT}
    assert listed == found
