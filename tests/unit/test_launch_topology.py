"""The rows of ``status`` above the workers: what is asked, what is told of those that do not answer, and rates."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import replace

import pytest
from spool_rig import LivingMaster
from test_launch_ask import PASSWORD, manager, server

from foremen.node.host.fake import FakeSystem
from foremen.node.probe.status_protocol import Answer
from foremen.node.status_rows import Row
from foremen.node.status_table import status_table
from foremen.node.topology import _foreign, _rated, look, look_above
from spool.settings import load
from spool.store.layout import create_spool

FACTS = {"port": 9080, "starttime": 1000, "workers": 3, "cores_total": 48, "cores_inuse": 40}
FACTS.update(tasks_on_workers=40, tasks_running=1, tasks_waiting=2, tasks_done=500)
EXTRA = {"MASTER_PID": os.getpid(), "ENGINE_PID": os.getpid(), "PORT": 1, "WORKERS": 5, "CORES": 48, "CORES_USED": 40}


@pytest.fixture
def spool(tmp_path):
    """A head node's spool with a master that lives."""
    made = create_spool(str(tmp_path / "spool"))
    with open(os.open(f"{made.root}/password", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(PASSWORD)
    master = LivingMaster(made)
    master.publish({1: 7, 2: 40}, **EXTRA)
    yield made, master
    master.die()


def settings(spool, engine, *foremen):
    """Those of the head node; the engine listens where ``engine`` says."""
    with open(f"{spool.root}/engine.port", "w") as file:
        file.write(engine.rpartition(":")[2])
    return load({"AWQ_WORKDIR": spool.root, "HOME": spool.root, "WQ_FOREMEN": " ".join(foremen)})


def test_head_node(spool):
    """Master, engine, and the foremen of WQ_FOREMEN; one that is not there is told, without figures."""
    made, _master = spool
    talk = manager(json.dumps([FACTS]).encode())
    with server(talk) as engine, server(talk) as well, socket.create_server(("127.0.0.1", 0)) as gone:
        away = f"127.0.0.1:{gone.getsockname()[1]}"
        gone.close()
        rows = look_above(FakeSystem(), settings(made, engine, well, away))
    assert [(row.kind, row.state) for row in rows] == [
        ("master", "up"),
        ("engine", "up"),
        ("foremen", "connected"),
        ("foremen", "down"),
    ]
    assert (rows[0].running, rows[0].waiting, rows[1].cores, rows[1].cores_used) == (40, 7, 48, 40)
    found = rows[2]
    assert (found.slot, found.foreman, found.workers, found.cores, found.cores_used) == (-1, well, 3, 48, 40)
    assert (found.running, found.waiting, found.done, found.since) == (40, 2, 500, 1000.0)
    assert (rows[3].workers, rows[3].running, rows[3].done, rows[3].note) == (None, None, None, "nobody listens there")


def test_nobody_vouches(spool):
    """The master is dead: its row says so, and has no counts; nor has the engine's pool."""
    made, master = spool
    master.die()
    with server(manager(json.dumps([FACTS]).encode())) as engine, server(manager(b"[]", b"other")) as other:
        master, engine_row, foreman = look_above(FakeSystem(), settings(made, engine, other))
    assert (master.state, master.running, master.waiting, master.pid) == ("not vouched for", None, None, 0)
    assert "start alien_work_queue" in master.note
    assert (engine_row.state, engine_row.cores, engine_row.done) == ("up", None, 500)
    assert (foreman.state, foreman.note) == ("unknown", "has another password")


def test_node_with_workers_only(tmp_path):
    """Without a spool nobody is asked, not even the foremen of WQ_FOREMEN."""
    with server(lambda _link: pytest.fail("somebody was asked")) as address:
        found = load({"HOME": str(tmp_path), "WQ_FOREMEN": address})
        assert look(FakeSystem(), found) == []


def test_workers_of_others():
    """As a foreman knows them, without those of this node that serve it."""
    own = os.uname().nodename
    theirs = {
        "start_time": 5_000_000,
        "cores_total": 8,
        "cores_inuse": 3,
        "total_tasks_running": 3,
        "total_tasks_complete": 9,
    }
    rows = ({"hostname": own, **theirs}, {"hostname": "wn4", "address_port": "10.0.0.4:5", **theirs})
    ours = [Row("workers", 0, 77, "127.0.0.1:9080", 1.0, "busy", 0, "")]
    (found,) = _foreign({"127.0.0.1:9080": Answer("", rows)}, ours)
    assert (found.host, found.since, found.cores_used, found.running, found.done) == ("wn4", 5.0, 3, 3, 9)
    assert len(_foreign({"10.0.0.9:9081": Answer("", rows)}, ours)) == 2
    assert _foreign({"10.0.0.9:9081": Answer("does not answer")}, ours) == []


def test_rates():
    """By two looks; one that was started again in between has none."""
    row = Row("foremen", 0, 1, ":9080", 1.0, "connected", 0, "", done=30)
    assert _rated(row, 10, 5.0).per_minute == 240.0
    assert _rated(row, None, 5.0).per_minute is None
    assert _rated(row, 31, 5.0).per_minute is None
    assert _rated(replace(row, done=None), 10, 5.0).per_minute is None


def test_table_of_everything():
    """Columns that nobody knows anything for are left out; unknown is a dash; drains and odd connections are told."""
    rows = [
        Row("foremen", 0, 41, ":9080", 1000.0, "connected", 0, "", "head", workers=3, draining="site", until=1300.0),
        Row("workers", 0, 42, "head:9080", 1000.0, "busy", 0, "", "head", peer="10.0.0.1:9081", running=1, done=0),
        Row("foremen", -1, 0, "far:9080", 0.0, "stuck", 0, "does not answer"),
    ]
    assert status_table(rows, 1190.0).splitlines() == [
        "KIND     SLOT  PID  FOREMAN    UP     STATE      RESTARTS  WORKERS  RUNNING  DONE  NOTE",
        "foremen  0     41   :9080      3m10s  connected  0         3        -        -     drains (site, 1m50s to the deadline)",
        "workers  0     42   head:9080  3m10s  busy       0         -        1        0     is connected to 10.0.0.1:9081",
        "foremen  -     -    far:9080   -      stuck      0         -        -        -     does not answer",
    ]
