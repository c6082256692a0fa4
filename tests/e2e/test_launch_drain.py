"""Real workers that leave: drain, single-task mode, idle timeout."""

from __future__ import annotations

import pytest
from test_launch_helpers import lives, manager_binary, site, until  # noqa: F401 fixtures

pytestmark = pytest.mark.engine


def test_drain_lets_tasks_finish(site, tmp_path):  # noqa: F811
    """The idle worker leaves, the busy one when its task is done and delivered; foremen last; start ends it."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    site.ok("start-workers", WQ_NUM_FOREMEN="1")
    site.submit(f"touch {tmp_path}/runs; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done; echo finished")
    until((tmp_path / "runs").exists, site.lines)
    site.ok("drain")
    until(lambda: site.count("workers") == 1, site.logs)
    assert site.count("foremen") == 1
    (tmp_path / "go").touch()
    until(lambda: site.count("workers") == 0 and site.count("foremen") == 0, site.logs)
    until(site.done, site.lines)
    assert "exit 0 output finished" in site.done()[0]
    until(lambda: not lives(site_supervisor(site)), "the supervisor leaves as well")
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    site.ok("start-workers", WQ_NUM_FOREMEN="1")
    assert not (tmp_path / "drain").exists()
    assert site.count("workers") == 2


def site_supervisor(of):
    """The pid of the workers' supervisor, 0 when it has left and taken its record away."""
    try:
        return of.supervisor("workers")
    except StopIteration:
        return 0


def test_drain_undone(site, tmp_path):  # noqa: F811
    """While a worker is closed a task waits in it; when the drain file goes away, it starts."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    site.ok("start-workers", "--cores", "2", WQ_NUM_FOREMEN="1", WQ_NUM_WORKERS="1")
    site.submit(f"touch {tmp_path}/runs; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done")
    until((tmp_path / "runs").exists, site.lines)
    site.ok("drain")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/closed")), site.logs)
    site.submit("echo second")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/bounce.*")), site.logs)
    (tmp_path / "drain").rmdir()
    until(lambda: any("output second" in line for line in site.done()), site.lines)
    (tmp_path / "go").touch()
    until(lambda: len(site.done()) == 2, site.lines)
    assert site.count("workers") == 1


def test_drain_bounces_waiting_launches(site, tmp_path):  # noqa: F811
    """A launch that waits in a closed worker goes home as bounced; nothing is lost."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    site.ok("start-workers", "--cores", "2", WQ_NUM_FOREMEN="1", WQ_NUM_WORKERS="1")
    site.submit(f"touch {tmp_path}/runs; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done; echo first")
    until((tmp_path / "runs").exists, site.lines)
    site.ok("drain")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/closed")), site.logs)
    site.submit("echo second")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/bounce.*")), site.logs)
    (tmp_path / "go").touch()
    until(lambda: len(site.done()) == 2, lambda: site.lines()[-5:])
    outputs = sorted(line.split("output ")[1].strip() for line in site.done())
    assert outputs == ["bounced=1", "first"]


def test_single_task(site):  # noqa: F811
    """Each life of a worker takes one task; the results all arrive, and new lives take the next."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    site.ok("start-workers", WQ_SINGLETASK="1", WQ_NUM_FOREMEN="1", WQ_NUM_WORKERS="1")
    for _number in range(3):
        site.submit('echo "life=$AWQ_WORKER_STATE"')
    first = until(lambda: lives_seen(site), site.lines)
    until(lambda: len(lives_seen(site)) >= 2, lambda: site.lines()[-5:])
    assert len(set(lives_seen(site))) == len(lives_seen(site))
    assert first
    assert site.rows("workers")[0]["restarts"] >= 1


def lives_seen(of):
    """The state folders that tasks have named."""
    return [line.split("life=")[1] for line in of.done() if "life=" in line]


def test_single_task_without_respawn(site):  # noqa: F811
    """With WQ_NORESPAWN=1 the worker is gone after its task, and the supervisor with the last worker."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    once = {"WQ_SINGLETASK": "1", "WQ_NORESPAWN": "1", "WQ_NUM_FOREMEN": "1", "WQ_NUM_WORKERS": "1"}
    site.ok("start-workers", **once)
    site.submit("echo only")
    until(site.done, site.lines)
    until(lambda: site.count("workers") == 0, site.logs)
    until(lambda: not lives(site_supervisor(site)), "the supervisor leaves as well")


def test_idle_timeout(site):  # noqa: F811
    """A worker without a task leaves after WQ_IDLETIMEOUT."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    once = {"WQ_IDLETIMEOUT": "2", "WQ_NORESPAWN": "1", "WQ_NUM_FOREMEN": "1", "WQ_NUM_WORKERS": "1"}
    site.ok("start-workers", **once)
    until(lambda: site.count("workers") == 0, site.logs)


def test_wait_ends_with_the_last_worker(site):  # noqa: F811
    """start-workers --wait stays until all have left: what a batch job needs."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    once = {"WQ_IDLETIMEOUT": "2", "WQ_NORESPAWN": "1", "WQ_NUM_FOREMEN": "1"}
    assert "2 workers run" in site.ok("start-workers", "--wait", **once)
    assert site.count("workers") == 0


def test_wait_stops_when_told(site):  # noqa: F811
    """SIGTERM to start-workers --wait stops the workers."""
    site.ok("start-foremen")
    with site.popen("start-workers", "--wait") as waiting:
        until(lambda: site.count("workers") == 2, site.logs)
        waiting.terminate()
        until(lambda: waiting.poll() is not None, "it ends")
    assert waiting.returncode == 128 + 15
    assert site.count("workers") == 0
