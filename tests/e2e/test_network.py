"""What survives which cut, with hosts made of network namespaces: a head node, two foremen hosts, three execute nodes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosts import Network, Node, network
from sites import eventually, install

pytestmark = pytest.mark.engine

PORT = "9080"
MINUTE = 60.0
WAITS = """#!/bin/sh
echo started >> "$MARK"
n=0
while [ ! -e "$MARK.go" ] && [ -d "${MARK%/*}" ] && [ "$n" -lt 1800 ]; do sleep 0.1; n=$((n + 1)); done
echo ended >> "$MARK"
exit 7
"""


class Pool:
    """The nodes of the site, with everything started."""

    def __init__(self, net: Network, prefix: Path, work: Path) -> None:
        for name in ("head", "f1", "f2", "w1", "w2", "w3"):
            net.add(name)
        self.head = Node(net.hosts["head"], prefix, work / "head")
        self.head.start_master()
        port = (self.head.spool / "engine.port").read_text().strip()
        foremen = [net.hosts[name] for name in ("f1", "f2")]
        common = {
            "WQ_PASSWORD_FILE": self.head.password,
            "WQ_MASTER": f"{net.hosts['head'].address}:{port}",
            "WQ_MASTER_BASEPORT": PORT,
            "WQ_NUM_FOREMEN": "1",
            "WQ_FOREMEN": " ".join(f"{host.address}:{PORT}" for host in foremen),
            "WQ_IDLETIMEOUT": "60",  # who is idle for so long looks for pilots that another foreman holds back
        }
        self.foremen = {f"{host.address}:{PORT}": Node(host, prefix, work / host.name, **common) for host in foremen}
        self.workers = [Node(net.hosts[name], prefix, work / name, **common) for name in ("w1", "w2", "w3")]
        for node in self.foremen.values():
            node.command("start-foremen")
        for node in self.workers:
            node.command("start-workers")

    def at(self, foreman: str) -> int:
        """How many workers are let in by a foreman."""
        return sum(node.foremen().count(foreman) for node in self.workers)

    def busiest(self) -> tuple[str, str]:
        """The foreman that has most of the workers, and the other one."""
        first, second = sorted(self.foremen, key=self.at)
        return second, first

    def pilots(self, count: int) -> list[Pilot]:
        """Pilots that run until they are told to end; all have begun."""
        found = [Pilot(self.head) for _ in range(count)]
        try:
            eventually(lambda: all(pilot.starts for pilot in found), 3 * MINUTE, "all run")
        except AssertionError as error:
            raise AssertionError(f"{error}: {[pilot.starts for pilot in found]}\n{self.look()}") from None
        return found

    def look(self) -> str:
        """What every part of the site says of itself, for who reads a failed test."""
        said = [self.head.command("alien_work_queue", "status", check=False).stdout]
        for name, node in (*self.foremen.items(), *[(node.host.name, node) for node in self.workers]):
            logs = [path.read_text()[-3000:] for path in node.work.glob("wq/state/*/*/supervisor.log")]
            said.append(
                f"--- {name}\n" + node.command("alien_wq_worker.sh", "status", check=False).stdout + "".join(logs)
            )
        return "\n".join(said)

    def counts(self) -> list[int]:
        """Running and idle jobs, as the head says."""
        done = self.head.command("condor_status", "-schedd", "-af", "TotalRunningJobs", "TotalIdleJobs")
        return [int(word) for word in done.stdout.split()]


class Pilot:
    """One pilot that waits."""

    def __init__(self, head: Node) -> None:
        self._head = head
        self.mark = head.work / f"mark.{time.monotonic_ns()}"
        self.cluster = head.submit(WAITS, environment=f"MARK={self.mark}")

    @property
    def starts(self) -> int:
        """How often it was started."""
        return self.mark.read_text().count("started") if self.mark.exists() else 0

    def go(self) -> None:
        """Let it end."""
        Path(f"{self.mark}.go").touch()

    def ended(self, starts: int) -> bool:
        """Whether it has ended, once, with its exit status and after so many starts at most."""
        said = self._head.af("condor_history", self.cluster, "JobStatus", "ExitCode", "NumJobStarts").splitlines()
        assert len(said) <= 1, said
        if not said:
            return False
        status, code, count = said[0].split()
        assert (status, code) == ("4", "7")
        assert 1 <= int(count) <= starts
        return True


@pytest.fixture(scope="module")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture(scope="module")
def pool(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Six workers that are let in by two foremen. What runs in the hosts is ended at the end."""
    work = tmp_path_factory.mktemp("net")
    with network(work) as net:
        made = Pool(net, prefix, work)
        eventually(lambda: sum(map(made.at, made.foremen)) == 6, what="all workers are let in")
        yield made
        for node in (*made.workers, *made.foremen.values()):
            node.command("stop-workers")
            node.command("stop-foremen")
        made.head.stop_master(signal.SIGUSR1)


def within(seconds: float, condition: Callable[[], object], what: str) -> float:
    """Wait for it; how long that took, for who reads the test's output."""
    begun = time.monotonic()
    eventually(condition, seconds, what)
    took = time.monotonic() - begun
    print(f"{what}: {took:.0f} s")
    return took


def test_short_cuts_cost_nothing(pool: Pool) -> None:
    """A foreman, the head and an execute node without network for some seconds: pilots run on and end once, after one start."""
    pilots = pool.pilots(6)
    eventually(lambda: pool.counts() == [6, 0], what="the master knows that all run")
    cut = [pool.head.host, *[node.host for node in pool.foremen.values()], pool.workers[0].host]
    for host in cut:
        host.cut()
    for pilot in pilots[:3]:
        pilot.go()
    eventually(lambda: all(pilot.mark.read_text().endswith("ended\n") for pilot in pilots[:3]))
    assert pool.counts()[0] > 0  # the results are on their way
    late = pool.head.submit("#!/bin/sh\nexit 0\n")
    for host in cut:
        host.join()
    for host in cut[1:]:
        host.unplug()
    for host in cut[1:]:
        host.plug()
    for pilot in pilots[3:]:
        pilot.go()
    within(MINUTE, lambda: all(pilot.ended(1) for pilot in pilots) and pool.head.done(late), "all end")
    assert pool.counts() == [0, 0]


def test_a_foreman_that_passes_nothing(pool: Pool) -> None:
    """SIGSTOP: its node shows it as stuck, its idle workers are elsewhere within a minute, and SIGCONT makes it whole."""
    stuck, other = pool.busiest()
    node = pool.foremen[stuck]
    pid = int(str(node.status()[0]["pid"]))
    os.kill(pid, signal.SIGSTOP)
    try:
        within(MINUTE, lambda: node.states() == ["stuck"], "the foreman is shown as stuck")
        within(MINUTE, lambda: pool.at(other) == 6, "all workers are at the other foreman")
    finally:
        os.kill(pid, signal.SIGCONT)
    within(MINUTE, lambda: node.states() == ["connected"], "it is connected again")
    pilots = pool.pilots(6)
    for pilot in pilots:
        pilot.go()
    within(MINUTE, lambda: all(pilot.ended(2) for pilot in pilots), "pilots end")


def test_a_foreman_that_is_cut_off(pool: Pool) -> None:
    """Its packets vanish: idle workers are elsewhere within a minute, what ran below it runs again, everything ends once."""
    lost, other = pool.busiest()
    pilots = pool.pilots(3)
    eventually(lambda: [state for node in pool.workers for state in node.states()].count("idle") == 3)
    pool.foremen[lost].host.cut()
    within(MINUTE, lambda: all_idle_at(pool, other), "all idle workers are at the other foreman")
    assert sum(pool.counts()) == 3
    for pilot in pilots:
        pilot.go()
    within(2.5 * MINUTE, lambda: all(pilot.ended(2) for pilot in pilots), "all end")
    pool.foremen[lost].host.join()
    within(MINUTE, lambda: pool.foremen[lost].states() == ["connected"], "the foreman is back")
    assert pool.counts() == [0, 0]


def test_a_worker_that_is_cut_off_for_long(pool: Pool) -> None:
    """Longer than its foreman's keepalive: what ran there runs again elsewhere, every job ends once, and the node comes back."""
    eventually(lambda: sum(map(pool.at, pool.foremen)) == 6, MINUTE, "all workers are let in")
    pilots = pool.pilots(6)
    pool.workers[0].host.cut()
    for pilot in pilots:
        pilot.go()  # the two that are cut off end there: nobody hears of it
    within(MINUTE, lambda: sum(pilot.ended(1) for pilot in pilots) == 4, "the others end")
    assert sum(pool.counts()) == 2
    within(3.5 * MINUTE, lambda: all(pilot.ended(2) for pilot in pilots), "what was cut off has run again")
    assert sorted(pilot.starts for pilot in pilots) == [1, 1, 1, 1, 2, 2]
    pool.workers[0].host.join()
    within(2 * MINUTE, lambda: sum(map(pool.at, pool.foremen)) == 6, "its workers are let in again")
    assert all(pilot.ended(2) for pilot in pilots)
    assert pool.counts() == [0, 0]


def test_the_head_cut_off_for_long(pool: Pool) -> None:
    """Longer than the engine's keepalive: what ran is idle again, runs again when the network is back, and ends once."""
    pilots = pool.pilots(6)
    pool.head.host.cut()
    late = pool.head.submit("#!/bin/sh\nexit 0\n")
    within(2.5 * MINUTE, lambda: pool.counts() == [0, 7], "the engine gives its foremen up")
    pool.head.host.join()
    within(2 * MINUTE, lambda: all(pilot.starts >= 2 for pilot in pilots), "all run again")
    for pilot in pilots:
        pilot.go()
    within(MINUTE, lambda: all(pilot.ended(2) for pilot in pilots) and pool.head.done(late), "all end")
    assert pool.counts() == [0, 0]


def all_idle_at(pool: Pool, foreman: str) -> bool:
    """Whether every worker that does not run a pilot is let in there."""
    rows = [row for node in pool.workers for row in node.status()]
    return all(row["foreman"] == foreman for row in rows if not str(row["state"]).startswith("busy"))
