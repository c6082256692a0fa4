"""What an operator sees of a real site: ``alien_wq_worker.sh status``, and ``alien_work_queue top`` on a terminal of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Node, network
from sites import Site, eventually, install, site

pytestmark = pytest.mark.engine
WAITS = """#!/bin/sh
n=0
while [ ! -e "$1" ] && [ -d "${1%/*}" ] && [ "$n" -lt 1800 ]; do sleep 0.1; n=$((n + 1)); done
exit 3
"""


@pytest.fixture
def of(tmp_path: Path) -> Iterator[Site]:
    """Master, two foremen, two workers."""
    with site(install(), tmp_path) as made:
        made.start_master()
        made.start_pool()
        yield made


def status(of: Site, *options: str) -> dict[str, list[dict[str, object]]]:
    """``status --json`` by kind."""
    rows = json.loads(of.command("alien_wq_worker.sh", "status", "--json", *options).stdout)
    kinds = ("master", "engine", "foremen", "workers")
    assert {row["kind"] for row in rows} <= set(kinds)
    return {kind: [row for row in rows if row["kind"] == kind] for kind in kinds}


def ended(of: Site) -> list[object]:
    """How many tasks have come back through each foreman."""
    return [row["done"] for row in status(of)["foremen"]]


def test_topology(of: Site) -> None:
    """Who holds and passes what, at every level; the worker is connected where its supervisor sent it."""
    jobs = [of.submit(WAITS, str(of.work / "go")) for _ in range(3)]
    eventually(lambda: [row["running"] for row in status(of)["workers"]] == [1, 1], what="two run, as the workers say")
    eventually(lambda: status(of)["master"][0]["running"] == 2, what="two run, as the master says")
    eventually(lambda: status(of)["engine"][0]["cores"] == 2, what="the engine has counted the foremen's cores")
    found = status(of)
    master, engine = found["master"][0], found["engine"][0]
    assert (master["state"], master["running"], master["waiting"], master["draining"]) == ("up", 2, 1, "")
    assert (engine["state"], engine["foreman"], engine["cores"]) == ("up", f":{of.port}", 2)
    assert [(row["workers"], row["cores"], row["running"], row["done"]) for row in found["foremen"]] == [
        (1, 1, 1, 0)
    ] * 2
    assert {row["peer"] for row in found["foremen"]} == {f"127.0.0.1:{of.port}"}
    assert [row["peer"] for row in found["workers"]] == [row["foreman"] for row in found["workers"]]
    (of.work / "go").touch()
    eventually(lambda: all(of.done(job) for job in jobs), what="all have ended")
    eventually(lambda: sum(row["done"] for row in status(of)["workers"]) == 3, what="the workers have passed three")
    assert sum(int(str(count)) for count in ended(of)) == 3
    text = of.command("alien_wq_worker.sh", "status").stdout.splitlines()
    assert text[0].split()[:7] == ["KIND", "SLOT", "PID", "FOREMAN", "UP", "STATE", "RESTARTS"]
    assert [line.split()[0] for line in text[1:]] == ["master", "engine", "foremen", "foremen", "workers", "workers"]


def test_rates(of: Site) -> None:
    """Looked at twice, foremen and engine have a rate; looked at once, it is not known."""
    assert [row["per_minute"] for row in status(of)["foremen"]] == [None, None]
    assert [row["per_minute"] for row in status(of, "--over", "1")["foremen"]] == [0, 0]
    assert status(of, "--over", "1")["engine"][0]["per_minute"] == 0


def test_unknown_is_not_none(of: Site) -> None:
    """A foreman that hangs and a password that nobody can read: null and why, not 0; a dead master: no counts."""
    first = status(of)["foremen"][0]
    os.kill(int(str(first["pid"])), signal.SIGSTOP)
    try:
        hung = status(of)["foremen"]
    finally:
        os.kill(int(str(first["pid"])), signal.SIGCONT)
    assert (hung[0]["workers"], hung[0]["done"], hung[0]["note"]) == (None, None, "does not answer")
    assert hung[1]["workers"] == 1
    of.env["WQ_PASSWORD_FILE"] = str(of.work / "none")
    blind = status(of)
    of.env["WQ_PASSWORD_FILE"] = of.password
    assert {row["workers"] for row in blind["foremen"]} == {None}
    assert (blind["engine"][0]["state"], blind["engine"][0]["done"]) == ("unknown", None)
    of.stop_master(signal.SIGKILL)
    dead = status(of)
    assert (dead["master"][0]["state"], dead["master"][0]["running"]) == ("not vouched for", None)
    assert dead["engine"][0]["cores"] is None
    assert dead["foremen"][1]["workers"] == 1


def test_workers_by_hand(of: Site) -> None:
    """--workers shows those that are not this node's slots too, as their foremen know them."""
    port = int(of.env["WQ_MASTER_BASEPORT"])
    stranger = of.worker(port, "-P", of.password)
    try:
        eventually(lambda: status(of)["foremen"][0]["workers"] == 2, what="the foreman has two workers")
        assert len(status(of)["workers"]) == 2
        assert len(status(of, "--workers")["workers"]) >= 2
    finally:
        stranger.kill()
        stranger.wait()


class Terminal:
    """A terminal of 80 x 24 with ``alien_work_queue top`` on it."""

    def __init__(self, of: Site) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        env = {key: value for key, value in of.env.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            ["alien_work_queue", "top", "--interval", "0.3"],
            env={**env, "TERM": "xterm-256color"}, cwd=of.work, start_new_session=True,
            stdin=self.slave, stdout=self.slave, stderr=self.slave,
            preexec_fn=lambda: fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0),  # noqa: PLW1509 we have one thread
        )  # fmt: skip
        self.whole = self.said = b""

    def read(self) -> str:
        """All that came so far, without the sequences for the terminal."""
        while select.select([self.master], [], [], 0)[0]:
            new = os.read(self.master, 65536)
            self.said += new
            self.whole += new
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.said.decode())

    def shows(self, *texts: str) -> None:
        """Wait until all of them have been shown from now on."""
        self.read()
        self.said = b""
        eventually(lambda: all(text in self.read() for text in texts), 30, f"{texts} in {self.read()[-2000:]}")

    def ends(self) -> int:
        """Wait for its end; its status. The terminal is as it was."""
        eventually(lambda: self.read() is not None and self.process.poll() is not None, 20, "top ends")
        self.read()
        assert termios.tcgetattr(self.slave) == self.before
        for on, off, what in ((b"[?1049h", b"[?1049l", "the screen of before"), (b"[?25l", b"[?25h", "the cursor")):
            assert self.whole.rindex(off) > self.whole.rindex(on), what
        return self.process.returncode

    def close(self) -> None:
        """End it, and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(of: Site) -> Iterator[Terminal]:
    """One on which top runs."""
    made = Terminal(of)
    try:
        yield made
    finally:
        made.close()


def test_top_shows_what_happens(of: Site, terminal: Terminal) -> None:
    """Jobs by state, the pilot that runs longest, the failure; a master that dies is told; q ends it."""
    terminal.shows("0 idle  0 running", "0 of 2 cores", f":{of.env['WQ_MASTER_BASEPORT']}", "connected")
    job = of.submit(WAITS, str(of.work / "go"))
    terminal.shows("1 running", f"{job}.0", "agent.startup", "1 of 2 cores")
    (of.work / "go").touch()
    terminal.shows("0 running", "exit status 3", "1 finished", "1 failed")
    of.stop_master(signal.SIGKILL)
    terminal.shows("start alien_work_queue", "not known")
    os.write(terminal.master, b"q")
    assert terminal.ends() == 0


@pytest.mark.parametrize("how", ["^C", "SIGTERM"])
def test_top_puts_the_terminal_right(terminal: Terminal, how: str) -> None:
    """Ctrl-C and SIGTERM end it as q does."""
    terminal.shows("running")
    if how == "^C":
        os.write(terminal.master, b"\x03")
    else:
        terminal.process.terminate()
    assert terminal.ends() == 0


def test_top_follows_the_size(terminal: Terminal) -> None:
    """A smaller terminal is filled, never exceeded."""
    terminal.shows("running")
    fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 40, 0, 0))
    terminal.process.send_signal(signal.SIGWINCH)
    terminal.shows("…")
    lines = terminal.read().replace("\r", "").split("\n")
    assert max(len(line) for line in lines[-6:]) <= 40


def test_top_once(of: Site) -> None:
    """Where stdout is no terminal it is shown once, without sequences; without a master the status is 1 and no count is there."""
    began = time.monotonic()
    shown = of.command("alien_work_queue", "top").stdout
    assert time.monotonic() - began < 20
    assert "0 idle  0 running" in shown
    assert "\x1b" not in shown
    of.stop_master(signal.SIGKILL)
    done = of.command("alien_work_queue", "top", "--once", check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "start alien_work_queue" in done.stderr
    assert "not known" in done.stdout
    assert " idle" not in done.stdout


def test_several_nodes(tmp_path: Path) -> None:
    """The head sees the foremen and workers of other nodes; a node of workers sees its own, and the foreman that they are connected to."""
    with network(tmp_path, "head", "fore", "wn1") as net:
        head = Node(net.hosts["head"], install(), tmp_path / "head", WQ_FOREMEN=f"{net.hosts['fore'].address}:9080")
        head.start_master()
        address = f"{net.hosts['fore'].address}:9080"
        common = {"WQ_PASSWORD_FILE": head.password, "WQ_FOREMEN": address, "WQ_NUM_FOREMEN": "1"}
        common.update(WQ_MASTER=f"{net.hosts['head'].address}:{head.port}", WQ_MASTER_BASEPORT="9080")
        fore = Node(net.hosts["fore"], head.prefix, tmp_path / "fore", **common)
        node = Node(net.hosts["wn1"], head.prefix, tmp_path / "wn1", **common)
        try:
            fore.command("start-foremen")
            node.command("start-workers")
            job = head.submit(WAITS, str(tmp_path / "go"))
            eventually(
                lambda: [row["running"] for row in status(head)["foremen"]] == [1], what="the foreman has a pilot"
            )
            (row,) = status(head)["foremen"]
            assert (row["foreman"], row["workers"], row["cores_used"], row["pid"]) == (address, 2, 1, 0)
            seen = status(head, "--workers")["workers"]
            assert [(one["host"], one["foreman"]) for one in seen] == [("wn1", address)] * 2
            assert sorted(int(str(one["running"])) for one in seen) == [0, 1]
            here = status(node)
            assert (here["master"], here["foremen"]) == ([], [])
            assert [one["peer"] for one in here["workers"]] == [address] * 2
            fore_row = status(fore)["foremen"][0]
            assert (fore_row["workers"], fore_row["peer"]) == (2, common["WQ_MASTER"])
            net.hosts["fore"].cut()
            (row,) = status(head)["foremen"]
            assert (row["state"], row["workers"], row["running"]) == ("unknown", None, None)
            net.hosts["fore"].join()
            (tmp_path / "go").touch()
            eventually(lambda: head.done(job), what="the pilot has ended")
        finally:
            for one in (node, fore, head):
                one.close()
