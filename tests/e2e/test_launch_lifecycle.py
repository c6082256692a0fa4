"""Real foremen and workers: start, count, stop, adopt, and whose processes are touched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from test_launch_helpers import lives, manager_binary, site, until  # noqa: F401 fixtures

from foremen.batch import worker_file
from foremen.node.state_files import Place

pytestmark = pytest.mark.engine


def test_tasks_run_through_foremen(site):  # noqa: F811
    """Foremen dispatch to our workers, because these name their disk; workers are spread evenly."""
    site.ok("start-foremen")
    site.ok("start-workers", WQ_NUM_WORKERS="4")
    assert (site.count("foremen"), site.count("workers")) == (2, 4)
    for number in range(8):
        site.submit(f"echo task-{number}")
    until(lambda: len(site.done()) == 8, lambda: site.lines()[-5:])
    assert all("result 0 exit 0" in line for line in site.done())
    used = sorted(row["foreman"] for row in site.rows("workers"))
    assert used == sorted([f"127.0.0.1:{site.base}"] * 2 + [f"127.0.0.1:{site.base + 1}"] * 2)


def test_start_tops_up_and_does_not_block_its_caller(site):  # noqa: F811
    """A second start adds what is missing; stdout reaches its end though the daemons live on."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    first = {row["pid"] for row in site.rows("foremen")}
    assert "(1 started)" in site.ok("start-foremen", WQ_NUM_FOREMEN="2")
    assert first < {row["pid"] for row in site.rows("foremen")}


def test_stop_leaves_a_foreign_worker_alone(site, tmp_path):  # noqa: F811
    """A work_queue_worker that somebody else started beside ours survives stop, and is not counted."""
    site.ok("start-foremen")
    site.ok("start-workers")
    (tmp_path / "foreign").mkdir()
    command = ["work_queue_worker", "127.0.0.1", str(site.base), "-P", str(tmp_path / "password"), "-s"]
    with subprocess.Popen([*command, str(tmp_path / "foreign")], stdout=subprocess.DEVNULL) as foreign:
        try:
            assert site.count("workers") == 2
            site.ok("stop-workers")
            assert site.count("workers") == 0
            assert foreign.poll() is None
        finally:
            foreign.kill()


def test_stop_ends_what_workers_run(site, tmp_path):  # noqa: F811
    """Tasks die with their worker, also one that made itself a daemon in a session of its own."""
    site.ok("start-foremen")
    site.ok("start-workers")
    site.submit(f"echo $$ > {tmp_path}/plain; sleep 600")
    site.submit(f"setsid sh -c 'echo $$ > {tmp_path}/daemon; sleep 600' & sleep 600")
    until(lambda: (tmp_path / "plain").exists() and (tmp_path / "daemon").exists(), site.lines)
    pids = [int((tmp_path / name).read_text()) for name in ("plain", "daemon")]
    assert all(lives(pid) for pid in pids)
    site.ok("stop-workers")
    assert not any(lives(pid) for pid in pids)
    assert not [name for _, _, names in os.walk(tmp_path / "wq/work") for name in names]


def test_supervisor_killed_is_survived(site, tmp_path):  # noqa: F811
    """kill -9 of the supervisor: count still counts, start adopts without a restart, stop stops."""
    site.ok("start-foremen")
    site.ok("start-workers")
    site.submit(f"echo $$ > {tmp_path}/pid; sleep 600")
    until((tmp_path / "pid").exists, site.lines)
    before = [row["pid"] for row in site.rows("workers")]
    os.kill(site.supervisor("workers"), signal.SIGKILL)
    until(lambda: not lives(site.supervisor("workers")), "the supervisor is dead")
    assert site.count("workers") == 2
    assert {row["state"] for row in site.rows("workers")} == {"unsupervised"}
    assert "(0 started)" in site.ok("start-workers")
    assert [row["pid"] for row in site.rows("workers")] == before
    assert lives(int((tmp_path / "pid").read_text()))
    os.kill(site.supervisor("workers"), signal.SIGKILL)
    site.ok("stop-workers")
    assert site.count("workers") == 0
    assert not lives(int((tmp_path / "pid").read_text()))


def test_adopted_workers_are_watched(site):  # noqa: F811
    """A worker that dies under an adopting supervisor is started again."""
    site.ok("start-foremen")
    site.ok("start-workers")
    before = {row["pid"] for row in site.rows("workers")}
    os.kill(site.supervisor("workers"), signal.SIGKILL)
    site.ok("start-workers")
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len({row["pid"] for row in site.rows("workers")} - {0, *before}) == 1, site.logs)


def test_worker_goes_to_another_foreman(site):  # noqa: F811
    """When a foreman is gone its workers go to the other, without the pause of thirty seconds."""
    site.ok("start-foremen")
    site.ok("start-workers")
    gone, stays = site.rows("foremen")
    os.kill(site.supervisor("foremen"), signal.SIGKILL)  # or it would come back at once
    os.kill(gone["pid"], signal.SIGKILL)
    other = f"127.0.0.1:{site.base + 1}"
    until(lambda: all((r["foreman"], r["state"]) == (other, "idle") for r in site.rows("workers")), site.logs, 25)
    assert lives(stays["pid"])


def test_foreman_is_started_again(site):  # noqa: F811
    """A foreman that dies comes back on its port."""
    site.ok("start-foremen")
    pid = site.rows("foremen")[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: site.rows("foremen")[0]["pid"] not in (0, pid), site.logs)
    assert site.rows("foremen")[0]["restarts"] == 1


def test_foreman_connects_again_to_a_new_master(site):  # noqa: F811
    """Foremen stay when the master goes and find the next one within seconds."""
    site.ok("start-foremen")
    before = [row["pid"] for row in site.rows("foremen")]
    site.manager.kill()
    site.manager.wait()
    until(lambda: {row["state"] for row in site.rows("foremen")} == {"no master"}, site.logs)
    site.start_manager()
    until(lambda: {row["state"] for row in site.rows("foremen")} == {"connected"}, site.logs, 20)
    assert [row["pid"] for row in site.rows("foremen")] == before


def test_port_in_use(site):  # noqa: F811
    """A port that is taken is one clear sentence, and nothing is started."""
    with socket.create_server(("", site.base + 1)):
        done = site.run("start-foremen")
    assert done.returncode == 1
    assert f"port {site.base + 1} is in use by another process" in done.stderr
    assert site.count("foremen") == 0


def test_workers_before_foremen(site):  # noqa: F811
    """Workers that find no foreman wait for one: said on stderr, and later they are there."""
    done = site.run("start-workers")
    assert done.returncode == 0
    assert "no foreman answers" in done.stderr
    site.ok("start-foremen")
    until(lambda: site.count("workers") == 2, site.logs)


def test_password_is_needed_and_hidden(site, tmp_path):  # noqa: F811
    """No password file: refused with the remedy. With WQ_DEBUG=1 the password is in no log."""
    done = site.run("start-workers", WQ_PASSWORD_FILE=str(tmp_path / "none"))
    assert (done.returncode, "scp" in done.stderr) == (1, True)
    site.ok("start-foremen", WQ_DEBUG="1")
    site.ok("start-workers", WQ_DEBUG="1")
    found = [path.read_bytes() for path in tmp_path.glob("wq/state/*/*/*") if path.is_file()]
    assert any(b"work_queue_worker[" in text and b"auth" in text for text in found)
    assert not any(b"to be seen nowhere" in text for text in found)


def test_single_file(site, tmp_path):  # noqa: F811
    """Packed into one file with click, foremen and workers start and stop the same: what ships to execute nodes."""
    (tmp_path / "awq.pyz").write_bytes(worker_file.packed())
    environ = {name: value for name, value in site.environ.items() if name != "PYTHONPATH"}

    def run(verb):
        command = [sys.executable, "-I", str(tmp_path / "awq.pyz"), verb]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "2 foremen run" in run("start-foremen")
    assert "2 workers run" in run("start-workers")
    assert run("count-workers") == "2\n"
    assert "2 workers stopped" in run("stop-workers")
    assert "2 foremen stopped" in run("stop-foremen")


def test_young_tasks_and_deaf_ones_do_not_hold_up_a_stop(site, tmp_path):  # noqa: F811
    """A worker waits up to three seconds for each young task, and a task may ignore SIGTERM: stop takes about two."""
    import time

    site.ok("start-foremen")
    site.ok("start-workers", "--cores", "4", WQ_NUM_WORKERS="1")
    for number in range(4):
        site.submit(f"trap '' TERM; echo $$ > {tmp_path}/pid{number}; while :; do sleep 1; done")
    until(lambda: len(list(tmp_path.glob("pid*"))) == 4, site.lines)
    begun = time.monotonic()
    site.ok("stop-workers")
    assert time.monotonic() - begun < 6
    assert not any(lives(int(path.read_text())) for path in tmp_path.glob("pid*"))


def test_wrong_password_is_said(site, tmp_path):  # noqa: F811
    """Workers that are not let in: start says so with what the worker said, and does not fail for it."""
    site.ok("start-foremen")
    (tmp_path / "other").touch(mode=0o600)
    (tmp_path / "other").write_text("another")
    done = site.run("start-workers", WQ_PASSWORD_FILE=str(tmp_path / "other"))
    assert done.returncode == 0
    assert "2 workers are not let in yet by their foreman" in done.stderr
    assert "wrong password" in done.stderr


def test_foremen_before_the_master(site):  # noqa: F811
    """Foremen start without a master, and it is said."""
    done = site.run("start-foremen", WQ_MASTER="127.0.0.1:1")
    assert (done.returncode, site.count("foremen")) == (0, 2)
    assert "2 foremen are not let in yet by the master 127.0.0.1:1" in done.stderr


def marked(folder):
    """Session leaders that carry a worker's state folder below ``folder``: all workers ever started from there."""
    found = []
    mark = f"AWQ_WORKER_STATE={Place(f'{folder}/wq', 'workers').work}/w".encode()
    for name in os.listdir("/proc"):
        try:
            environ = Path(f"/proc/{name}/environ").read_bytes() if name.isdigit() else b""
            if mark in environ and os.getsid(int(name)) == int(name):
                found.append(int(name))
        except OSError:
            continue
    return found


def test_supervisor_killed_at_any_moment_loses_no_worker(site, tmp_path):  # noqa: F811
    """kill -9 while it starts workers: the next start has exactly the wanted ones, each of them recorded."""
    site.ok("start-foremen", WQ_NUM_FOREMEN="1")
    for round_ in range(8):
        with site.popen("start-workers", "--workers", "6") as starting:
            record = until(lambda: next(iter(tmp_path.glob("wq/state/*/workers/supervisor.json")), None), "a record")
            until(lambda wanted=round_: starting.poll() is not None or len(marked(tmp_path)) >= wanted, "some workers")
            os.kill(int(site.supervisor("workers")), signal.SIGKILL)
            starting.wait(30)
        assert record.exists()
        site.ok("start-workers", "--workers", "6")
        pids = {row["pid"] for row in site.rows("workers")}
        assert set(marked(tmp_path)) == pids
        assert len(pids) == 6
        site.ok("stop-workers")
        assert marked(tmp_path) == []
