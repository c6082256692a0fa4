"""Foremen that do not answer: how that is noticed, and what the supervisors make of it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foremen.node.host.fake import FakeSystem
from foremen.node.host.linux import System
from foremen.node.host.port import Greeting
from foremen.node.plan import Plan
from foremen.node.probe import foreman_health
from foremen.node.restart_policy import (
    LOST,
    SILENT,
    Act,
    Phase,
    Policy,
    Sight,
    Slot,
    World,
    decide_foreman,
    decide_worker,
)
from foremen.node.state_files import Place, Record, read_json
from foremen.node.supervisor import Supervisor

AT = "a:1"


@pytest.fixture
def door() -> FakeSystem:
    """An operating system under the test's hand."""
    return FakeSystem()


def looked(door: FakeSystem, watched: foreman_health.Watch, seconds: float) -> None:
    """Time goes by, a look every second."""
    for _ in range(int(seconds)):
        door.time += 1
        watched.look({AT})


def test_who_answers_is_asked_now_and_then(door: FakeSystem) -> None:
    """It is not silent, and nobody has to wait for that."""
    watched = foreman_health.Watch(door)
    watched.look({AT})
    assert watched.answers(AT)
    looked(door, watched, 100)
    assert (watched.silent(AT), watched.cut(AT), watched.silent("nobody:1")) == (0.0, False, 0.0)


@pytest.mark.parametrize(("kind", "cut"), [(Greeting.CUT, True), (Greeting.HUNG, False)])
def test_silence_is_noticed_and_ends(door: FakeSystem, kind: Greeting, cut: bool) -> None:
    """Within EVERY seconds; how long it has lasted; over with the first answer."""
    watched = foreman_health.Watch(door)
    watched.look({AT})
    door.silent[AT] = kind
    looked(door, watched, foreman_health.EVERY + 30)
    assert 29 <= watched.silent(AT) <= 30 + 1
    assert (watched.cut(AT), watched.answers(AT)) == (cut, False)
    del door.silent[AT]
    looked(door, watched, foreman_health.RETRY)
    assert (watched.silent(AT), watched.answers(AT)) == (0.0, True)


def test_who_hangs_is_not_taken_for_cut_off_later(door: FakeSystem) -> None:
    """A stopped process accepts connections until its backlog is full; then it looks as if it could not be reached."""
    watched = foreman_health.Watch(door)
    door.silent[AT] = Greeting.HUNG
    watched.look({AT})
    door.silent[AT] = Greeting.CUT
    looked(door, watched, 60)
    assert not watched.cut(AT)


def test_whom_nobody_needs_is_forgotten(door: FakeSystem) -> None:
    """What was known of it counts no more."""
    watched = foreman_health.Watch(door)
    door.silent[AT] = Greeting.CUT
    watched.look({AT})
    door.time += 5
    assert watched.silent(AT) == 5
    watched.look(set())
    assert watched.silent(AT) == 0.0


def running(**facts: object) -> Slot:
    """A worker that runs for a thousand seconds."""
    return Slot(0, ("a:1", "b:1"), Phase.RUNNING, started=0.0, foreman="a:1", **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sight", "acts"),
    [
        (Sight(True, True, silent=SILENT - 1, elsewhere=True), ()),
        (Sight(True, True, silent=SILENT, elsewhere=True), (Act.TERM,)),
        (Sight(True, True, silent=SILENT, elsewhere=False), ()),
        (Sight(True, True, busy=1, silent=SILENT, elsewhere=True, cut=True), ()),
        (Sight(True, True, held=1, silent=SILENT, elsewhere=True, cut=True), ()),
        (Sight(True, True, busy=1, silent=LOST, elsewhere=True, cut=True), (Act.TERM,)),
        (Sight(True, True, busy=1, silent=LOST, elsewhere=True, cut=False), ()),
        (Sight(True, True, silent=LOST, elsewhere=False, cut=True), (Act.TERM,)),
        (Sight(True, True, silent=LOST, elsewhere=False, cut=False), ()),
    ],
)
def test_a_worker_whose_foreman_is_silent(sight: Sight, acts: tuple[Act, ...]) -> None:
    """Idle it goes where somebody answers; busy it stays until Work Queue has given its pilots to others."""
    slot, found = decide_worker(running(), sight, World(1000.0), Policy())
    assert found == acts
    assert (slot.phase, slot.why) == ((Phase.ENDING, "silent") if acts else (Phase.RUNNING, ""))


def test_what_was_tried_before_it_was_let_in_counts_no_more() -> None:
    """It goes on at once, also to the foreman that had not let it in earlier."""
    slot, _ = decide_worker(
        running(tried=frozenset({"b:1"})), Sight(True, True, silent=SILENT, elsewhere=True), World(1000.0), Policy()
    )
    slot, _ = decide_worker(slot, Sight(False), World(1001.0), Policy())
    assert (slot.phase, slot.tried, slot.not_before) == (Phase.WAITING, frozenset({"a:1"}), 1001.0)


@pytest.mark.parametrize(
    ("sight", "acts"),
    [
        (Sight(True, True, silent=LOST - 1), ()),
        (Sight(True, True, silent=LOST), (Act.TERM,)),
        (Sight(True, False, silent=LOST), ()),
    ],
)
def test_a_foreman_that_hangs(sight: Sight, acts: tuple[Act, ...]) -> None:
    """Started again after a while; one without a master is silent by nature and is left alone."""
    assert decide_foreman(Slot(0, phase=Phase.RUNNING), sight, World(1000.0), Policy(pause=2.0))[1] == acts


def test_a_foreman_whose_workers_have_gone() -> None:
    """Thirty seconds after the last one it is started again, once; one that never had a worker is left alone."""
    slot, policy = Slot(0, phase=Phase.RUNNING), Policy(pause=2.0)
    for now, links, acts in (
        (0, 0, ()),
        (50, 0, ()),
        (60, 3, ()),
        (70, 0, ()),
        (80, -1, ()),
        (90, 0, ()),
        (100, 0, (Act.TERM,)),
    ):
        slot, found = decide_foreman(slot, Sight(True, True, links=links), World(float(now)), policy)
        assert found == acts, now
    assert slot.why == "alone"


class Bench:
    """A supervisor on the fake system; what it starts is let in at once."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.place = Place(f"{folder}/wq", kind, "node")
        self.place.create()
        self.door = FakeSystem()
        self.door.answering = {"a:1", "b:1"}
        foremen = ("a:1", "b:1") if kind == "workers" else ()
        Plan("p", kind, 1, "/wqw", "/pw", f"{folder}/drain", "m:1", 9080, foremen, idle_timeout=10000).write(self.place)
        self.supervisor = Supervisor(self.door, self.place, {}, "node")
        self.supervisor.adopt()

    def run(self, seconds: float, until: Callable[[], object] = lambda: False) -> float:
        """A step a second, until it holds; how long that took."""
        for passed in range(int(seconds)):
            self.supervisor.step()
            for record in self.place.records().values():
                with contextlib.suppress(OSError):
                    os.makedirs(f"{record.life}/worker-0-1/cache")
            if until():
                return passed
            self.door.time += 1
        return seconds

    @property
    def record(self) -> Record:
        """The process of the one slot."""
        return self.place.records()[0]

    def row(self) -> dict[str, object]:
        """The one slot in the status file."""
        facts = read_json(self.place.status)
        assert facts is not None
        row: dict[str, object] = facts["slots"][0]
        return row


@pytest.mark.parametrize("kind", [Greeting.CUT, Greeting.HUNG])
def test_a_worker_finds_another_foreman_within_a_minute(tmp_path: Path, kind: Greeting) -> None:
    """Nothing comes over its connection any more; the next life is at the other one."""
    bench = Bench(tmp_path, "workers")
    bench.run(30)
    first = bench.record.foreman
    bench.door.silent[first] = kind
    took = bench.run(60, lambda: 0 in bench.place.records() and bench.record.foreman != first)
    assert took < 60
    bench.run(600)
    assert bench.record.foreman != first


def test_a_foreman_that_hangs_is_shown_and_started_again_with_growing_pauses(tmp_path: Path) -> None:
    """Silent in the status file within half a minute; killed after LOST seconds; each pause is longer than the one before."""
    bench = Bench(tmp_path, "foremen")
    bench.run(5)
    bench.door.silent["127.0.0.1:9080"] = Greeting.HUNG
    bench.run(30, lambda: bench.row()["silent"])
    assert bench.row()["silent"]
    pauses = []
    for _ in range(3):
        bench.run(LOST + 60, lambda: bench.row()["phase"] == "waiting")
        pauses.append(bench.run(60, lambda: bench.row()["phase"] == "running"))
    assert pauses[0] < pauses[1] < pauses[2]
    del bench.door.silent["127.0.0.1:9080"]
    bench.run(60, lambda: not bench.row()["silent"])
    assert bench.row()["silent"] is False


# --- the real door ----------------------------------------------------------------------------------------------------


@pytest.fixture
def system() -> Iterator[System]:
    """The real one."""
    yield System()


def asked(system: System, address: str, seconds: float) -> Greeting:
    """Ask until it is known."""
    until = time.monotonic() + seconds
    while (found := system.greeting(address)) is Greeting.PENDING:
        assert time.monotonic() < until, "it stays pending"
        time.sleep(0.01)
    return found


def test_greetings_of_real_sockets(system: System) -> None:
    """A server that speaks first, one that closes, and nobody at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert system.greeting(address) is Greeting.PENDING
        peer, _ = server.accept()
        assert system.greeting(address) is Greeting.PENDING
        peer.sendall(b"auth password sha1\n")
        assert asked(system, address, 5) is Greeting.ANSWERS
        peer.close()
        assert system.greeting(address) is Greeting.PENDING
        server.accept()[0].close()
        assert asked(system, address, 5) is Greeting.HUNG
        system.greeting(address)
        system.hang_up(address)
        system.hang_up(address)
    assert asked(system, address, 5) is Greeting.CUT
    assert asked(system, "no-such-host.invalid:1", 5) is Greeting.CUT


@pytest.mark.slow
def test_a_server_that_says_nothing(system: System) -> None:
    """A stopped process: the kernel accepts for it; known to hang after ten seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        begun = time.monotonic()
        assert asked(system, f"127.0.0.1:{server.getsockname()[1]}", 15) is Greeting.HUNG
        assert time.monotonic() - begun >= 9
