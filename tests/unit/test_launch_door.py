"""What the real door and the fake one promise alike; and what only the real one can show."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time

import pytest
from spool_rig import python

from foremen.node.host.fake import FakeSystem
from foremen.node.host.linux import System
from foremen.node.host.port import Command, Identity


def until(condition):
    """Wait for a condition, ten seconds at most."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "not within ten seconds"
        time.sleep(0.01)


@pytest.fixture(params=[System, FakeSystem])
def door(request):
    """Both doors."""
    return request.param()


def sleeper(tmp_path, text="sleep 60", **environ):
    """A command that waits."""
    return Command(("/bin/sh", "-c", text), tuple({"PATH": os.environ["PATH"], **environ}.items()), f"{tmp_path}/log")


def test_life_of_a_process(door, tmp_path):
    """Recorded before it runs, alive until it is killed, its end known once."""
    seen = []
    who = door.spawn(sleeper(tmp_path), lambda it: (tmp_path / "record").write_text(f"{it.pid}") and seen.append(it))
    assert (tmp_path / "record").read_text() == str(who.pid)
    assert door.alive(who)
    assert door.exit_status(who) is None
    assert door.signal(who, signal.SIGKILL)
    until(lambda: not door.alive(who))
    assert door.exit_status(who) == -signal.SIGKILL
    assert not door.signal(who, signal.SIGTERM)
    assert door.descendants(who) == {}


def test_recycled_pid_is_not_ours(door, tmp_path):
    """Same pid but another start, or another boot: not alive, not signalled, no members."""
    who = door.spawn(sleeper(tmp_path), lambda it: None)
    try:
        for other in (Identity(who.pid, who.ticks - 1, who.boot), Identity(who.pid, who.ticks, "other")):
            assert not door.alive(other)
            assert not door.signal(other, signal.SIGKILL)
        assert door.members(Identity(who.pid, who.ticks, "other"), "", session=True) == ()
        assert door.alive(who)
    finally:
        door.signal(who, signal.SIGKILL)


def test_ports(door):
    """A port that somebody listens on is not free; an address that accepts is reachable."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        address = f"127.0.0.1:{port}"
        if isinstance(door, FakeSystem):
            door.answering, door.taken = {address}, {port}
        assert not door.port_free(port)
        assert door.reachable(frozenset({address, "127.0.0.1:1"})) == frozenset({address})
        assert door.reachable(frozenset()) == frozenset()


def test_cannot_start(tmp_path):
    """A program that is missing, or a record that cannot be written, is an OSError, and nothing lives."""
    door = System()
    with pytest.raises(OSError, match="none"):
        door.spawn(Command(("/none",), (), f"{tmp_path}/log"), lambda it: None)

    def fail(_who):
        raise OSError("disk full")

    with pytest.raises(OSError, match="preexec"):
        door.spawn(sleeper(tmp_path, f"touch {tmp_path}/ran"), fail)
    assert not (tmp_path / "ran").exists()


def test_members_and_descendants(tmp_path):
    """Children and grandchildren are seen; the session's and the marked ones are members, also after its death."""
    door = System()
    text = f"sleep 60 & setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60' & wait"
    who = door.spawn(sleeper(tmp_path, text, AWQ_WORKER_STATE="/mark"), lambda it: None)
    try:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        marked = int((tmp_path / "pid").read_text())
        assert len(door.descendants(who)) == 2
        assert {it.pid for it in door.members(who, "/mark", session=True)} == set(door.descendants(who))
        assert {it.pid for it in door.members(who, "/other", session=True)} == set(door.descendants(who)) - {marked}
        assert door.members(who, "/other", session=False) == ()
        door.signal(who, signal.SIGKILL)
        until(lambda: not door.alive(who))
        assert len(door.members(who, "/mark", session=True)) == 2
    finally:
        for member in door.members(who, "/mark", session=True):
            door.signal(member, signal.SIGKILL)
        door.signal(who, signal.SIGKILL)


def test_own_session_and_nothing_inherited(tmp_path):
    """A new session, umask 077, stdin empty, no descriptors but three."""
    door = System()
    with open(tmp_path / "other", "w") as other, open(tmp_path / "log", "w"):
        os.set_inheritable(other.fileno(), True)
        text = "umask; ls /proc/self/fd | wc -l; cat; ps -o sid= -p $$; echo end"
        who = door.spawn(sleeper(tmp_path, text), lambda it: None)
        until(lambda: "end" in (tmp_path / "log").read_text())
    umask, descriptors, session, _end = (tmp_path / "log").read_text().split()
    assert (umask, descriptors, int(session)) == ("0077", "4", who.pid)  # ls itself has the folder open


def test_listens_and_connections(tmp_path):
    """Who listens is told from who does not; established connections are counted."""
    door = System()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert door.listens(door.myself(), port)
        who = door.spawn(sleeper(tmp_path), lambda it: None)
        assert not door.listens(who, port)
        door.signal(who, signal.SIGKILL)
        assert door.connections(port) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert door.connections(port) == 1


def test_node(tmp_path):
    """Figures that a machine can have."""
    node = System().node(str(tmp_path))
    assert 0 < node.cores <= (os.cpu_count() or 1)
    assert node.memory > 100
    assert node.disk > 0
    assert sys.platform == "linux"


def test_identify(door, tmp_path):
    """Exactly those that live, as they are recorded."""
    who = door.spawn(sleeper(tmp_path), lambda it: None)
    assert door.identify((who.pid,)) == (who,)
    door.signal(who, signal.SIGKILL)
    until(lambda: door.identify((who.pid,)) == ())


def test_pilot_that_became_a_daemon_is_a_member(tmp_path):
    """The launch script takes AWQ_WORKER_STATE away from the pilot; its sandbox tells whose it is."""
    door = System()
    text = f"unset AWQ_WORKER_STATE; setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60'"
    environ = {"AWQ_WORKER_STATE": "/life/state", "_CONDOR_SCRATCH_DIR": "/life/worker-0-1/t.1"}
    who = door.spawn(sleeper(tmp_path, text, **environ), lambda it: None)
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    daemon = int((tmp_path / "pid").read_text())
    found = [it for it in door.members(who, "/life/state", session=False) if it.pid == daemon]
    try:
        assert found
        assert not [it for it in door.members(who, "/lif/state", session=False) if it.pid == daemon]
    finally:
        for it in (*found, who):
            door.signal(it, signal.SIGKILL)


def test_names_of_a_host(door):
    """Always the one that was asked for; loopback is this node; a name that nobody knows is only itself."""
    here = "node" if isinstance(door, FakeSystem) else os.uname().nodename
    assert door.names("127.0.0.1") >= {"127.0.0.1", here}
    assert door.names("no.such.host.invalid") == {"no.such.host.invalid"}


PEERS = """
import json, socket, sys
from foremen.node.host.port import Identity
from foremen.node.host.linux import System
door, host, family = System(), sys.argv[1], socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
me = door.myself()
before = Identity(me.pid, me.ticks - 1, me.boot)
with socket.socket(family) as server:
    server.bind((host, 0))
    server.listen()
    port = server.getsockname()[1]
    alone = door.peers({me: port})
    with socket.create_connection((host, port)) as link, server.accept()[0]:
        back = link.getsockname()[1]
        found = [alone, door.peers({me: port}), door.peers({me: back}), door.peers({before: 0})]
print(json.dumps([port, back, *(list(each.values()) for each in found)]))
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_peer(host):
    """Where a process is connected to, by its own descriptors; what came in at its own port does not count.

    In a process of its own, whose connections are known.
    """
    with python(PEERS, host) as child:
        said, _ = child.communicate(timeout=60)
    port, back, *found = json.loads(said)
    shown = f"[{host}]" if ":" in host else host
    assert found == [[], [f"{shown}:{port}"], [f"{shown}:{back}"], []]
