"""Real foremen and workers: drains of one foreman, of one node, and of the site, on nodes that share WQ_WORKDIR."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from test_launch_deadline import submit
from test_launch_helpers import CCTOOLS, manager_binary, site, until  # noqa: F401 fixtures

pytestmark = pytest.mark.engine
OWN = os.uname().nodename


def pilot(of, name):
    """A pilot, as the master starts it, that runs until FOLDER/go is there, and writes into NAME.seen when its node goes away."""
    path = f"{of.folder}/{name}"
    look = f'cat "$MACHINEFEATURES/shutdowntime" > {path}.new 2> /dev/null; mv {path}.new {path}.seen'
    submit(of, f"touch {path}; while ! [ -e {of.folder}/go ]; do {look}; sleep 0.1; done")


def warned(of):
    """How many of the two pilots see an end."""
    seen = [of.folder / f"{name}.seen" for name in ("one", "two")]
    return sum(bool(path.exists() and path.read_text()) for path in seen)


def pair(of):
    """Two foremen with a worker and a pilot each; the ports of the foremen."""
    of.ok("start-foremen")
    of.ok("start-workers")
    pilot(of, "one")
    pilot(of, "two")
    until((of.folder / "one").exists, of.lines)
    until((of.folder / "two").exists, of.lines)
    until(lambda: at(of) == [of.base, of.base + 1], of.logs)
    return of.base, of.base + 1


def at(of):
    """The ports of the foremen that have workers with a pilot, sorted."""
    return sorted(
        int(row["foreman"].rpartition(":")[2]) for row in of.rows("workers") if row["state"].startswith("busy")
    )


def test_foreman_drains(site, tmp_path):  # noqa: F811
    """Its worker goes to the other when its pilot is done; it leaves, is not started again, also not by start; undrain brings it back."""
    first, second = pair(site)
    said = site.ok("drain", "--foreman", "0")
    assert f"1 foremen and 1 workers of foreman {OWN}:{first}" in said
    until(lambda: len(list(tmp_path.glob("wq/w/*/*/state/closed"))) == 1, site.logs)
    assert site.count("foremen") == 2
    (tmp_path / "go").touch()
    until(lambda: [row["foreman"] for row in site.rows("workers") if row["state"] == "idle"] == [f"127.0.0.1:{second}"] * 2,
          site.logs)  # fmt: skip
    until(lambda: site.count("foremen") == 1, site.logs)
    until(lambda: len(site.done()) == 2, site.lines)
    again = site.run("start-foremen")
    assert (again.returncode, again.stdout.split()[0]) == (0, "1"), again.stderr
    assert f"not started, for it drains: {first}" in again.stderr
    pilot(site, "three")
    until(lambda: len(site.done()) == 3, site.lines)
    site.ok("undrain", "--foreman", str(first))
    until(lambda: site.count("foremen") == 2, site.logs)


def test_foreman_drains_by_a_deadline(site):  # noqa: F811
    """What is left then goes back to the queue, and runs through the other foreman; --wait stays until it has left."""
    first, second = pair(site)
    done = site.run("drain", "--foreman", f"localhost:{second}", "--deadline", "2", "--wait")
    assert done.returncode == 0, done.stderr + site.logs()
    assert "draining: 1 workers with 1 pilots and 1 foremen are left" in done.stderr
    assert done.stdout.splitlines()[-1] == f"drained: no foremen and no workers for {OWN}:{second}"
    until(lambda: at(site) == [first], site.logs)
    assert site.count("workers") == 2
    until(lambda: len(site.done()) == 1, site.lines)
    assert "bounced=1" in site.done()[0]


def test_foreman_drain_undone(site, tmp_path):  # noqa: F811
    """Its worker opens again, with the same pilot and the same foreman."""
    first, second = pair(site)
    foremen = [row["pid"] for row in site.rows("foremen")]
    site.ok("drain", "--foreman", str(second), "--deadline", "1000")
    until(lambda: list(tmp_path.glob("wq/w/*/*/state/closed")), site.logs)
    until(lambda: warned(site) == 1, "the pilot below this foreman sees the deadline, the other one does not")
    assert "is used" in site.ok("undrain", "--foreman", "1")
    until(lambda: warned(site) == 0, "no end any more")
    until(lambda: not list(tmp_path.glob("wq/w/*/*/state/closed")), site.logs)
    assert at(site) == [first, second]
    (tmp_path / "go").touch()
    until(lambda: len(site.done()) == 2, site.lines)
    assert [row["pid"] for row in site.rows("foremen")] == foremen
    assert "nothing drains" in site.ok("undrain", "--foreman", "1")


def test_unknown_foreman_and_node(site):  # noqa: F811
    """Refused in one line that tells who there is."""
    assert "no foremen were started on this node" in site.run("drain", "--foreman", "3").stderr
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    assert f"0 to 0, ports {site.base} to {site.base}" in site.run("drain", "--foreman", "3").stderr
    assert "known are: 127.0.0.1:" in site.run("drain", "--foreman", "elsewhere:1").stderr
    assert f"known are: {OWN}" in site.run("drain", "--node", "elsewhere").stderr
    assert "exclude each other" in site.run("drain", "--site", "--foreman", "0").stderr
    assert not (site.folder / "wq/drains").exists()


class Other:
    """A second node: another host name in namespaces of its own, the same folders and network."""

    def __init__(self, of, name):
        self.of, self.name = of, name
        hosts = of.folder / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {OWN} {name}\n")
        begin = f'hostname {name} && mount --bind {hosts} /etc/hosts && exec "$@"'
        self.enter = ("unshare", "--uts", "--mount", "sh", "-c", begin, "sh")

    def run(self, *arguments, **environ):
        """A command there."""
        command = (*self.enter, sys.executable, "-m", "foremen.operator.alien_wq_worker", *arguments)
        env = {**self.of.environ, **environ}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)

    def ok(self, *arguments, **environ):
        """One that must succeed."""
        done = self.run(*arguments, **environ)
        assert done.returncode == 0, f"{done.stdout}{done.stderr} (network namespaces need root: run the tests as root)"
        return done.stdout


@pytest.fixture
def other(site):  # noqa: F811
    """Another node that shares WQ_WORKDIR, with two workers at this node's foremen."""
    made = Other(site, "wn2")
    site.ok("start-foremen")
    site.ok("start-workers", WQ_NUM_WORKERS="1")
    made.ok("start-workers", WQ_NUM_WORKERS="1")
    yield made
    made.run("stop-workers")


def test_site_drains(site, other):  # noqa: F811
    """From one node all that share the folder: progress counts them all, start is refused, undrain ends it."""
    pilot(site, "one")
    pilot(site, "two")
    until((site.folder / "one").exists, site.lines)
    until((site.folder / "two").exists, site.lines)
    done = site.run("drain", "--site", "--deadline", "3", "--wait")
    assert done.returncode == 0, done.stderr + site.logs()
    assert f"of the site ({', '.join(sorted([OWN, 'wn2']))})" in done.stdout
    assert "draining: 2 workers with " in done.stderr
    assert "and 2 foremen are left on 2 nodes" in done.stderr
    assert other.ok("count-workers") == "0\n"
    assert (site.count("workers"), site.count("foremen")) == (0, 0)
    refused = other.run("start-workers")
    assert (refused.returncode, "undrain --site" in refused.stderr) == (1, True)
    site.ok("undrain", "--site")
    site.ok("start-foremen")
    other.ok("start-workers", WQ_NUM_WORKERS="1")
    assert other.ok("count-workers") == "1\n"


def test_node_drains_from_another(site, other):  # noqa: F811
    """--node names the other node: its workers leave, ours stay; start there ends it."""
    assert "on wn2" in site.ok("drain", "--node", "wn2", "--wait")
    assert other.ok("count-workers") == "0\n"
    assert site.count("workers") == 1
    other.ok("start-workers", WQ_NUM_WORKERS="1")
    assert not list((site.folder / "wq/drains").iterdir())


def test_foreman_drain_reaches_the_other_node(site, other):  # noqa: F811
    """Workers of a node that shares the folder leave the foreman too, and all serve the other one."""
    done = site.run("drain", "--foreman", "1", "--wait")
    assert done.returncode == 0, done.stderr
    until(lambda: site.count("foremen") == 1, site.logs)
    until(lambda: [row["foreman"] for row in site.rows("workers")] == [f"127.0.0.1:{site.base}"], site.logs)

    def at_the_other_node():
        rows = json.loads(other.ok("status", "--json"))
        return [row["foreman"] for row in rows if row["kind"] == "workers"] == [f"127.0.0.1:{site.base}"]

    until(at_the_other_node, site.logs)


def test_node_that_does_not_see_it(site, other):  # noqa: F811
    """Its supervisor is gone: its workers are counted as left and the node is named, never counted as nothing."""
    path = site.folder / "wq/state/wn2/workers/supervisor.json"
    os.kill(json.loads(path.read_text())["pid"], signal.SIGKILL)
    assert "2 foremen and 2 workers of the site" in site.ok("drain", "--site")
    until(lambda: site.count("workers") == 0, site.logs)
    with site.popen("drain", "--site", "--wait") as waiting:
        until(lambda: site.count("foremen") == 1, site.logs)
        assert waiting.poll() is None
        waiting.terminate()
    assert "1 foremen and 1 workers of the site" in site.ok("drain", "--site")
    assert other.ok("count-workers") == "1\n"


def test_an_idle_worker_finds_what_another_foreman_holds_back(site, tmp_path):  # noqa: F811
    """A foreman loses a node and keeps the pilot that ran there, for a worker that never comes: who is idle goes and gets it."""
    first, second = site.base, site.base + 1
    site.ok("start-foremen")
    by_hand = [
        "/usr/bin/env",
        f"PATH={CCTOOLS}/bin:/usr/bin:/bin",
        "work_queue_worker",
        "--cores",
        "1",
        "--memory",
        "100",
    ]
    by_hand += ["--disk", "100", "-P", f"{tmp_path}/password", "-s", str(tmp_path), "127.0.0.1", str(first)]
    nodes = [subprocess.Popen(by_hand, start_new_session=True, stdout=subprocess.DEVNULL) for _ in range(2)]
    try:
        for name in ("one", "two"):
            submit(site, f"echo $PPID >> {tmp_path}/{name}; while ! [ -e {tmp_path}/go ]; do sleep 0.1; done")
            until((tmp_path / name).exists, site.lines)
        site.ok("start-workers", WQ_NUM_WORKERS="1", WQ_IDLETIMEOUT="35")
        until(lambda: [row["state"] for row in site.rows("workers")] == ["idle"], site.logs)
        until(lambda: site.rows("workers")[0]["foreman"] == f"127.0.0.1:{second}", site.logs, 90)
        os.killpg(nodes.pop().pid, signal.SIGKILL)
        until(
            lambda: len((tmp_path / "one").read_text().split() + (tmp_path / "two").read_text().split()) == 3,
            site.logs,
            90,
        )
        assert site.rows("workers")[0]["foreman"] == f"127.0.0.1:{first}"
        (tmp_path / "go").touch()
        until(lambda: len(site.done()) == 2, site.lines)
    finally:
        (tmp_path / "go").touch()
        for node in nodes:
            os.killpg(node.pid, signal.SIGKILL)
