"""The engine as a process: start, refusals, signals, its end."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import stat
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig

from foremen.engine.client import connect, connect_or_start, make_password, spawn, start_engine
from foremen.engine.errors import EngineError, EngineGone
from foremen.engine.protocol import RUNNING, Pool, Result, StateChange, TaskSpec
from spool.store.layout import create_spool

pytestmark = pytest.mark.engine


@pytest.fixture
def spool(tmp_path: Path):
    made = create_spool(str(tmp_path / "spool"))
    yield made
    try:
        client = connect(made)
    except EngineGone:
        return
    client.stop()
    client.flush()
    rig.gone(client)


@pytest.fixture
def real(tmp_path: Path):
    made = rig.RealRig(tmp_path)
    yield made
    made.close()


def _command(spool, *more: str) -> list[str]:
    return [sys.executable, "-m", "foremen.engine", spool.root, "--port", "0", "--bind", "127.0.0.1", *more]


def _refusal(spool, *more: str) -> str:
    done = subprocess.run(_command(spool, *more), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_starts_once_and_privately(spool) -> None:
    """The socket is ours alone, the port is written, and a second engine says who has the spool."""
    client = connect_or_start(spool, rig.settings_of(spool))
    assert stat.S_IMODE(os.stat(spool.engine_socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(spool.engine_log).st_mode) == 0o600
    assert int(Path(spool.engine_port).read_text()) == client.hello.port
    assert f"process {client.hello.pid}" in _refusal(spool)
    assert connect_or_start(spool, rig.settings_of(spool)).hello.pid == client.hello.pid


def test_long_spool_path(tmp_path: Path) -> None:
    """A spool whose path is longer than a socket's address works."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    made = create_spool(str(deep / "spool"))
    client = connect_or_start(made, rig.settings_of(made))
    rig.stop(client)


def test_port_in_use(spool) -> None:
    """A port that is taken: the master hears one sentence with the port and the remedy."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(EngineError, match=f"port {port} .*in use.*AWQ_PORT"):
            start_engine(spool, rig.settings_of(spool, port=port))


def test_password_is_private(spool) -> None:
    """No password file, one that others read, an empty or an endless one: no engine."""
    path = f"{spool.root}/password"
    assert "cannot read the password file" in _refusal(spool)
    make_password(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    os.chmod(path, 0o640)
    assert f"chmod 600 {path}" in _refusal(spool)
    os.chmod(path, 0o600)
    for content in ("", "x" * 2000):
        Path(path).write_text(content)
        assert "needs 1 to 1000 bytes" in _refusal(spool)


def test_bad_bind_address(spool) -> None:
    """A name is no address to listen on."""
    make_password(f"{spool.root}/password")
    assert "numeric address" in _refusal(spool, "--bind", "localhost")


def test_listens_where_it_is_told(spool) -> None:
    """With an address to bind, the port answers there and nowhere else."""
    client = connect_or_start(spool, rig.settings_of(spool, bind="127.0.0.2"))
    with socket.create_connection(("127.0.0.2", client.hello.port), 5):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", client.hello.port), 5)


def test_lingers_and_leaves(spool) -> None:
    """Without a master, a task or a result it leaves after its time; with a master it stays."""
    make_password(f"{spool.root}/password")
    pid = spawn(spool, _command(spool, "--linger", "1"), 30)
    client = connect(spool)
    rig.hear(client, lambda all_: sum(isinstance(e, Pool) for e in all_) >= 4, "four counts")
    client.close()
    rig.until(lambda: not rig.alive(pid), "the engine's end")
    assert not os.path.exists(spool.engine_socket)
    assert not os.path.exists(spool.engine_port)


def test_signals(real) -> None:
    """The terminal's signals do not reach it; SIGTERM ends everything in good order."""
    client = real.client()
    client.submit(TaskSpec("1.0#1", "sleep 600"))
    rig.state(client, "1.0#1", RUNNING)
    os.kill(real.pid, signal.SIGINT)
    os.kill(real.pid, signal.SIGHUP)
    assert rig.run(client, TaskSpec("1.1#1", "true")).outcome == "done"
    os.kill(real.pid, signal.SIGTERM)
    heard = rig.gone(client)
    assert [event.outcome for event in heard if isinstance(event, Result)] == ["cancelled"]


def test_killed_engine(real) -> None:
    """kill -9: the master hears that it has gone, and a new one starts on the same spool, on another port too."""
    client = real.client()
    client.submit(TaskSpec("1.0#1", "sleep 600"))
    rig.state(client, "1.0#1", RUNNING)
    os.kill(real.pid, signal.SIGKILL)
    rig.gone(client)
    again = connect_or_start(real.spool, real.settings)
    real.pid = again.hello.pid
    assert again.hello.tasks == ()


def test_full_disk_costs_only_the_output(real, tmp_path: Path) -> None:
    """An output that cannot be written (here: a limit on the size of files) ends its task and loses no worker."""
    client = real.client()
    client.submit(TaskSpec("1.0#1", "sleep 600"))
    rig.state(client, "1.0#1", RUNNING)
    resource.prlimit(real.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    big = TaskSpec("1.1#1", "head -c 1000000 /dev/zero > out", {}, (), (("out", str(tmp_path / "big")),))
    client.submit(big)
    heard = rig.hear(client, lambda all_: any(isinstance(e, Result) for e in all_), "the result")
    ended = next(event for event in heard if isinstance(event, Result))
    assert (ended.outcome, ended.exit) == ("output-missing", 0)
    assert "File too large" in ended.detail
    assert not (tmp_path / "big").exists()
    small = TaskSpec("1.2#1", "echo x > out", {}, (), (("out", str(tmp_path / "small")),))
    assert rig.run(client, small).outcome == "done"
    assert ("1.0#1", RUNNING, 1) in [row[:3] for row in real.client().hello.tasks]


def test_idle_costs_next_to_nothing(real) -> None:
    """With a worker and nothing to do, the engine uses less than a twentieth of a core."""
    client = real.client()
    rig.run(client, TaskSpec("1.0#1", "true"))
    before, begin = _cpu(real.pid), time.monotonic()
    rig.hear(client, lambda all_: sum(isinstance(e, Pool) for e in all_) >= 4, "four counts")
    assert (_cpu(real.pid) - before) / (time.monotonic() - begin) < 0.05


def test_many_waiting_cost_little(real) -> None:
    """5,000 tasks that nobody can run leave the engine with an answer within the second, and most of a core."""
    client = real.client()
    for number in range(5000):
        client.submit(TaskSpec(f"2.{number}#1", "true", cores=1000))
    rig.hear(client, lambda all_: any(isinstance(e, Pool) and e.waiting == 5000 for e in all_), "5000 waiting")
    before, begin = _cpu(real.pid), time.monotonic()
    rig.hear(client, lambda all_: sum(isinstance(e, Pool) for e in all_) >= 4, "four counts")
    assert (_cpu(real.pid) - before) / (time.monotonic() - begin) < 0.4
    begin = time.monotonic()
    client.cancel("2.0#1")
    rig.result(client, "2.0#1")
    assert time.monotonic() - begin < 2


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def test_running_comes_at_once(real) -> None:
    """From a submission to its running state: a few milliseconds, when there is room."""
    client = real.client()
    rig.run(client, TaskSpec("3.0#1", "true"))
    times = []
    for number in range(20):
        begin = time.monotonic()
        client.submit(TaskSpec(f"3.{number + 1}#1", "sleep 0.01"))
        heard = rig.hear(client, lambda all_: any(isinstance(e, StateChange) for e in all_), "running")
        times.append(time.monotonic() - begin)
        if not any(isinstance(event, Result) for event in heard):
            rig.result(client, f"3.{number + 1}#1")
        client.acknowledge([f"3.{number + 1}#1"])
        select.select([], [], [], 0.02)
    assert sorted(times)[10] < 0.1


def test_log_is_cut(tmp_path: Path) -> None:
    """A log that has grown too long is emptied and its end kept; a file that is not ours stays."""
    path = tmp_path / "log"
    code = (
        "import sys; from foremen.engine.process import cut_log; cut_log(sys.argv[1], 100); sys.stderr.write('on\\n')"
    )
    path.write_text("x" * 150 + "end\n")
    with open(path, "ab") as log:
        subprocess.run([sys.executable, "-c", code, str(path)], stderr=log, check=True)
    assert path.read_text() == "on\n"
    assert (tmp_path / "log.1").read_text().endswith("xend\n")
    other = tmp_path / "other"
    other.write_text("y" * 150)
    with open(path, "ab") as log:
        subprocess.run([sys.executable, "-c", code, str(other)], stderr=log, check=True)
    assert other.read_text() == "y" * 150


def test_a_task_goes_out_in_one_piece(real, tmp_path: Path) -> None:
    """The library sends a task in some thirty messages; the engine writes to its sockets a few times for each."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\ncat\n" * 100)
    client = real.client()

    def written() -> int:
        rows = dict(line.split(": ") for line in Path(f"/proc/{real.pid}/io").read_text().splitlines())
        return int(rows["syscw"])

    before, tasks = written(), 20
    for number in range(tasks):
        env = {f"NAME{at}": "value" for at in range(10)}
        output = (("out", str(tmp_path / f"out{number}")),)
        client.submit(
            TaskSpec(f"9.{number}#1", "echo $NAME9 > out", env, ((str(script), "in", False),), output, 1, 1, 1)
        )
    assert {ended.outcome for ended in rig.results(client, tasks)} == {"done"}
    for number in range(tasks):
        assert (tmp_path / f"out{number}").read_text() == "value\n"
    client.acknowledge([f"9.{number}#1" for number in range(tasks)])
    assert (written() - before) / tasks < 10


@pytest.mark.parametrize("size", [0, 1, 65000, 65535, 65536, 65537, 300000])
def test_inputs_of_every_size_arrive_whole(real, tmp_path: Path, size: int) -> None:
    """Those that fit into what the engine holds for a worker, and those that do not."""
    content = os.urandom(size)
    paths = [tmp_path / f"in{number}" for number in range(3)]
    for path in paths:
        path.write_bytes(content)
    inputs = tuple((str(path), path.name, False) for path in paths)
    outputs = (("all", str(tmp_path / "all")),)
    ended = rig.run(real.client(), TaskSpec("9.0#1", "cat in0 in1 in2 > all", {}, inputs, outputs, 1, 1, 1))
    assert (ended.outcome, ended.exit) == ("done", 0)
    assert (tmp_path / "all").read_bytes() == content * 3


def test_a_worker_that_goes_while_it_is_sent_to(real, tmp_path: Path) -> None:
    """It hangs, its tasks are on their way to it, it is killed: another worker gets them, each ends once."""
    big = tmp_path / "big"
    big.write_bytes(os.urandom(4_000_000))
    client = real.client()
    real.hang_worker()
    for number in range(4):
        client.submit(TaskSpec(f"9.{number}#1", "cat big > out", {}, ((str(big), "big", False),), (), 1, 1, 1))
    client.flush()
    real.lose_worker("")
    ended = rig.results(client, 4)
    assert sorted((one.tag, one.outcome) for one in ended) == [(f"9.{number}#1", "done") for number in range(4)]


def test_a_worker_is_heard_while_many_wait(real) -> None:
    """An offer of 3,000 tasks that nobody can run is not made each time that a worker says a line, nor waited for by what it says."""
    client = real.client()
    for number in range(3000):
        client.submit(TaskSpec(f"2.{number}#1", "true", cores=1000))
    rig.hear(client, lambda all_: any(isinstance(e, Pool) and e.waiting == 3000 for e in all_), "3000 waiting")
    took = []
    for number in range(10):
        begin = time.monotonic()
        client.submit(TaskSpec(f"3.{number}#1", "sleep 0.3", priority=1))
        rig.result(client, f"3.{number}#1")
        took.append(time.monotonic() - begin)
    assert statistics.median(took) < 0.45, took
