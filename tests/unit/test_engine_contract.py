"""What a master may rely on: the fake and the real engine pass the same tests."""

from __future__ import annotations

import os
import select
import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig

from foremen.engine.client import EngineClient
from foremen.engine.errors import EngineGone
from foremen.engine.fake import FakeEngine
from foremen.engine.protocol import (
    DONE,
    RUNNING,
    WAITING,
    Bye,
    Complaint,
    Pool,
    Result,
    StateChange,
    TaskSpec,
)
from spool.store.layout import create_spool

KINDS = [
    "fake",
    pytest.param("direct", marks=pytest.mark.engine),
    pytest.param("foreman", marks=pytest.mark.engine),
]


@pytest.fixture(scope="module", params=KINDS)
def engine(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"engine-{request.param}")
    made = rig.FakeRig(folder) if request.param == "fake" else rig.RealRig(folder, request.param == "foreman")
    yield made
    made.close()


@pytest.fixture
def client(engine):
    made = engine.client()
    for tag, *_ in made.hello.tasks:  # what a test left that failed: its second try begins with an empty engine
        made.cancel(tag)
        rig.result(made, tag)
        made.acknowledge([tag])
    yield made
    made.flush()


def test_report_exit_and_facts(client: EngineClient) -> None:
    """A command's output is the report, its status the exit; the state comes before the result."""
    client.submit(TaskSpec("1.0#1", "echo key=value; exit 3"))
    heard = rig.hear(client, lambda all_: any(isinstance(e, Result) for e in all_), "the result")
    kinds = [type(event) for event in heard if not isinstance(event, Pool)]
    ended = heard[-1] if isinstance(heard[-1], Result) else next(e for e in heard if isinstance(e, Result))
    client.acknowledge(["1.0#1"])
    client.flush()
    assert kinds[:2] == [StateChange, Result]
    assert (ended.outcome, ended.exit, ended.report, ended.tries) == ("done", 3, "key=value\n", 1)
    assert ended.host
    assert 0 <= ended.ended - ended.started < 30


def test_files_and_environment(engine, client: EngineClient, tmp_path: Path) -> None:
    """Inputs and the environment arrive byte by byte, outputs come back, into folders that are made."""
    (tmp_path / "in").write_bytes(b"\xff\0line\n")
    spec = TaskSpec(
        "2.0#1", 'cat sub/in > out; printf %s "$ODD" >> out', {"ODD": "a\nb=c \udcff"},
        ((str(tmp_path / "in"), "sub/in", False),), (("out", str(tmp_path / "new" / "out")),),
    )  # fmt: skip
    ended = rig.run(client, spec)
    assert ended.outcome == "done"
    assert (tmp_path / "new" / "out").read_bytes() == b"\xff\0line\na\nb=c \xff"


@pytest.mark.parametrize("name", ["o x", "ü", "\udcff", "a%b", "a$OS$b", "{~}'\""])
def test_odd_local_names(engine, client: EngineClient, tmp_path: Path, name: str) -> None:
    """Local names may hold any bytes, in inputs and outputs, though the library would spoil some."""
    source, target = os.fsencode(tmp_path / name), os.fsencode(tmp_path / f"out {name}")
    Path(os.fsdecode(source)).write_text("hello")
    spec = TaskSpec(
        f"name {name}", "cat in > out", {}, ((os.fsdecode(source), "in", False),), (("out", os.fsdecode(target)),)
    )
    assert rig.run(client, spec).outcome == "done"
    assert Path(os.fsdecode(target)).read_text() == "hello"


def test_input_missing(client: EngineClient, tmp_path: Path) -> None:
    """A task whose input is not there ends as input-missing, without an exit status."""
    ended = rig.run(client, TaskSpec("3.0#1", "true", {}, ((str(tmp_path / "no"), "in", False),)))
    assert (ended.outcome, ended.exit) == ("input-missing", -1)


def test_output_missing(client: EngineClient, tmp_path: Path) -> None:
    """The exit status is told also when an output was not made."""
    ended = rig.run(client, TaskSpec("4.0#1", "exit 4", {}, (), (("no", str(tmp_path / "no")),)))
    assert (ended.outcome, ended.exit) == ("output-missing", 4)


def test_output_cannot_be_written(client: EngineClient, tmp_path: Path) -> None:
    """An output that has no place here is an output that is missing."""
    (tmp_path / "file").write_text("")
    ended = rig.run(client, TaskSpec("5.0#1", "echo x > out", {}, (), (("out", str(tmp_path / "file" / "out")),)))
    assert ended.outcome == "output-missing"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"cores": 0}, "cores"),
        ({"outputs": (("/abs", "/tmp/x"),)}, "remote path"),
        ({"outputs": (("a/../../b", "/tmp/x"),)}, "remote path"),
        ({"outputs": (("ü", "/tmp/x"),)}, "ASCII"),
        ({"outputs": (("a", "x"),)}, "absolute"),
        ({"outputs": (("a", "/tmp/x"), ("a", "/tmp/y"))}, "twice"),
        ({"env": {"A=B": "c"}}, "env"),
        ({"env": {"A": "\0"}}, "NUL"),
        ({"env": {"A": "\ud800"}}, "UTF-8"),
        ({"env": {"A": "x" * 3999}}, "longer than 4000 bytes"),
        ({"outputs": (("d/" * 500 + "e", "/tmp/x"),)}, "at most 1000 characters"),
    ],
)
def test_refused(client: EngineClient, spec: dict, told: str) -> None:
    """A task that cannot be right is refused with its reason, as a result."""
    ended = rig.run(client, TaskSpec(f"refused {told} {spec}"[:199], "true", **spec))
    assert ended.outcome == "refused"
    assert told in ended.detail


def test_malformed_lines(engine) -> None:
    """What is no message is answered with a complaint, and the connection stays good."""
    client = engine.client()
    raw = client._socket
    for line in (
        b"nonsense\n",
        b"[]\n",
        b'{"op":"dance"}\n',
        b'{"op":"cancel"}\n',
        b'{"op":"ack","tags":3}\n',
        b"\xff\n",
    ):
        raw.send(line)
    rig.hear(client, lambda all_: sum(isinstance(e, Complaint) for e in all_) == 6, "six complaints")
    assert rig.run(client, TaskSpec("after nonsense", "true")).outcome == "done"


def test_same_tag_twice(client: EngineClient, tmp_path: Path) -> None:
    """A tag is taken once until its result is acknowledged; then it is free."""
    spec = TaskSpec("6.0#1", f"echo x >> {tmp_path}/count")
    client.submit(spec)
    client.submit(spec)
    rig.result(client, "6.0#1")
    client.submit(spec)
    client.submit(TaskSpec("6.1#1", "true"))
    rig.result(client, "6.1#1")
    assert (tmp_path / "count").read_text() == "x\n"
    client.acknowledge(["6.0#1", "6.1#1", "never heard of"])
    assert rig.run(client, spec).outcome == "done"
    assert (tmp_path / "count").read_text() == "x\nx\n"


def test_cancel_running(client: EngineClient, tmp_path: Path) -> None:
    """A cancelled task is killed and its result says so; its own end is not told again."""
    beat = tmp_path / "beat"
    client.submit(TaskSpec("7.0#1", f"while :; do echo x >> {beat}; sleep 0.05; done"))
    rig.state(client, "7.0#1", RUNNING)
    rig.until(beat.exists, "the task's first sign")
    client.cancel("7.0#1")
    ended = rig.result(client, "7.0#1")
    client.acknowledge(["7.0#1"])
    assert (ended.outcome, ended.exit, ended.tries) == ("cancelled", -1, 1)
    rig.until(lambda: _still(beat), "the end of the task's signs")


def _still(path: Path) -> bool:
    size = path.stat().st_size
    select.select([], [], [], 0.3)
    return path.stat().st_size == size


def test_cancel_waiting_and_unknown(client: EngineClient) -> None:
    """A task that waits ends as cancelled, and so does one that nobody knows."""
    client.submit(TaskSpec("8.0#1", "true", cores=1000))
    client.cancel("8.0#1")
    client.cancel("8.1#1")
    assert rig.result(client, "8.0#1").outcome == "cancelled"
    client.cancel("8.0#1")  # it has a result: nothing more is said
    client.acknowledge(["8.0#1", "8.1#1"])
    assert rig.run(client, TaskSpec("8.2#1", "true")).outcome == "done"


def test_results_come_again(engine) -> None:
    """What was not acknowledged comes again after a reconnect, and hello tells it; what was does not."""
    first = engine.client()
    for tag in ("9.0#1", "9.1#1"):
        first.submit(TaskSpec(tag, "echo mine"))
    rig.result(first, "9.0#1")
    first.acknowledge(["9.0#1"])
    first.submit(TaskSpec("9.2#1", "sleep 600"))
    rig.state(first, "9.2#1", RUNNING)
    first.close()
    second = engine.client()
    states = {tag: now for tag, now, _tries, _host in second.hello.tasks}
    assert "9.0#1" not in states
    assert states["9.2#1"] == RUNNING
    assert rig.result(second, "9.1#1").report == "mine\n"
    second.close()
    third = engine.client()
    assert ("9.1#1", DONE) in [(tag, now) for tag, now, _tries, _host in third.hello.tasks]
    third.acknowledge(["9.1#1"])
    third.cancel("9.2#1")
    rig.result(third, "9.2#1")
    third.acknowledge(["9.2#1"])
    third.flush()


def test_new_master_replaces_the_old(engine) -> None:
    """The one that said hello last is the master; the other is cut off."""
    old, new = engine.client(), engine.client()
    with pytest.raises(EngineGone):
        rig.hear(old, lambda _all: False, "nothing")
    assert rig.run(new, TaskSpec("10.0#1", "true")).outcome == "done"


def test_stranger_without_hello(engine, client: EngineClient) -> None:
    """A connection that does not say hello gives no orders and does not disturb the master."""
    folder = os.open(engine.spool.root, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(f"/proc/self/fd/{folder}/engine.sock")
        os.close(folder)
        stranger.sendall(b'{"op":"stop"}\n')
        assert b"say hello first" in stranger.recv(1000)
    assert rig.run(client, TaskSpec("11.0#1", "true")).outcome == "done"


def test_worker_vanishes(engine, client: EngineClient) -> None:
    """A task whose worker vanished is handed out again, and ``tries`` says so (a foreman keeps that to itself)."""
    client.submit(TaskSpec("12.0#1", "sleep 600"))
    rig.state(client, "12.0#1", RUNNING)
    engine.lose_worker("12.0#1")
    if not getattr(engine, "foreman", False):
        heard = rig.hear(client, lambda all_: any(getattr(e, "tries", 0) == 2 for e in all_), "a second hand-out")
        states = [(event.state, event.tries) for event in heard if isinstance(event, StateChange)]
        assert states in ([(WAITING, 1), (RUNNING, 2)], [(RUNNING, 2)])  # at once again: nobody saw it wait
    client.cancel("12.0#1")
    rig.result(client, "12.0#1")
    client.acknowledge(["12.0#1"])
    client.flush()


def test_pool(client: EngineClient) -> None:
    """The counts come about once a second."""
    heard = rig.hear(client, lambda all_: sum(isinstance(e, Pool) for e in all_) >= 3, "three counts")
    pools = [event for event in heard if isinstance(event, Pool)]
    assert 0.5 < pools[2].at - pools[1].at < 5
    assert pools[2].cores >= 0
    rig.hear(client, lambda all_: any(isinstance(e, Pool) and 1 <= e.links <= e.workers for e in all_), "a connection")


def test_slow_master(engine) -> None:
    """A master that does not read costs nothing that runs, and hears the end of everything when it reads again."""
    client = engine.client()
    count = 120  # of 60 kB each: more than may wait for a master to read
    for number in range(count):
        client.submit(TaskSpec(f"13.{number}#1", f"printf '%0{60000}d' {number}"))
    while client.pending:
        client.flush()
        select.select([], [client], [], 1)
    probe = TaskSpec("13.last#1", "true", priority=-1.0)
    client.submit(probe)
    client.flush()

    def results_in(events) -> dict[str, Result]:
        return {e.tag: e for e in events if isinstance(e, Result) and e.tag.startswith("13.")}

    results = results_in(rig.hear(client, lambda all_: len(results_in(all_)) == count + 1, "all results", 120))
    client.acknowledge(results)
    client.flush()
    assert {event.outcome for event in results.values()} == {"done"}


def test_a_loop_that_has_ended_is_not_woken(tmp_path: Path) -> None:
    """Its pipe is closed, and may be another file by now."""
    with FakeEngine(create_spool(str(tmp_path / "spool"))) as engine:
        engine.stop()
        engine._service.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_stop(kind: str, tmp_path: Path) -> None:
    """Stop ends what runs, tells the master, says goodbye and leaves nothing behind."""
    own = rig.FakeRig(tmp_path) if kind == "fake" else rig.RealRig(tmp_path, kind == "foreman")
    try:
        client = own.client()
        client.submit(TaskSpec("14.0#1", "sleep 600"))
        rig.state(client, "14.0#1", RUNNING)
        heard = rig.stop(client)
        assert isinstance(heard[-1], Bye)
        assert [event.outcome for event in heard if isinstance(event, Result)] == ["cancelled"]
        rig.gone(client)
        rig.until(lambda: not os.path.exists(own.spool.engine_socket), "the end of the socket")
    finally:
        own.close()
