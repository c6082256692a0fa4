"""A whole site for end-to-end tests: an installation made by scripts/install, master, foremen and workers on loopback."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from own_network import Ports

ROOT = Path(__file__).resolve().parents[2]
# A pilot that waits for $MARK.go. Bounded, because it outlives a worker that is killed with -9.
WAITS = """#!/bin/sh
echo started >> "$MARK"
n=0
while [ ! -e "$MARK.go" ] && [ -d "${MARK%/*}" ] && [ "$n" -lt 1200 ]; do sleep 0.1; n=$((n + 1)); done
exit 7
"""


@functools.cache
def install() -> Path:
    """The installation that the tests use, renewed when the sources changed; the test fails with what the installer says."""
    prefix = ROOT / "build" / "test-prefix"
    done = subprocess.run([str(ROOT / "scripts/install"), str(prefix)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"scripts/install failed; remedy: scripts/packages, then see\n{done.stdout}{done.stderr}"
    )
    return prefix


def eventually(condition: Callable[[], object], seconds: float = 60.0, what: str = "") -> None:
    """Wait until it holds; fail after ``seconds``. Looks seldom when it takes long: a look may start many processes."""
    begun = time.monotonic()
    while not condition():
        waited = time.monotonic() - begun
        assert waited < seconds, f"not within {seconds:.0f} s: {what or condition}"
        time.sleep(min(0.02 + waited / 50, 1.0))


@functools.cache
def _ports() -> Ports:
    return Ports()


def free_ports(count: int) -> int:
    """The first of ``count`` free ports in a row, which no other test process uses."""
    return _ports().free(count)


class Site:
    """Head node and execute node in one; every process that it starts is stopped by ``close``."""

    def __init__(self, prefix: Path, work: Path) -> None:
        self.prefix, self.work, self.spool = prefix, work, work / "spool"
        base = {key: value for key, value in os.environ.items() if not key.startswith(("AWQ_", "WQ_"))}
        base.update(AWQ_WORKDIR=str(self.spool), HOME=str(work))
        text = subprocess.run(
            ["bash", "-c", f". {prefix}/etc/env.sh && env -0"], env=base, check=True, capture_output=True
        ).stdout.decode(errors="surrogateescape")
        self.env = dict(line.split("=", 1) for line in text.split("\0") if line)
        self.env.update(WQ_WORKDIR=str(work / "wq"), WQ_DRAIN=str(work / "drain"), WQ_NUM_WORKERS="2")
        self.env.update(WQ_MASTER_BASEPORT=str(free_ports(2)), WQ_NUM_FOREMEN="2")
        self.master: subprocess.Popen[bytes] | None = None
        self._begun = 0
        self.enter: tuple[str, ...] = ()  # what every command line begins with: to run it on another host

    def command(self, *words: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as a user does; stdin is closed when there is no text."""
        done = subprocess.run(
            (*self.enter, *words), env=self.env, cwd=self.work, input=text, stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start_master(self, *options: str) -> None:
        """Start it on a free port (the same one after a restart) and wait until it publishes."""
        port = self.env.get("WQ_MASTER", ":0").rpartition(":")[2]
        with (self.work / "master.log").open("ab") as log:
            self.master = subprocess.Popen(
                [*self.enter, "alien_work_queue", "--port", port, *options],
                env=self.env, cwd=self.work, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(lambda: self.log().count(" takes jobs from ") > self._begun or self.ended(), 30, "the master begins")
        self._begun += 1
        assert not self.ended(), self.log()
        self.env["WQ_MASTER"] = f"127.0.0.1:{(self.spool / 'engine.port').read_text().strip()}"

    def ended(self) -> bool:
        """Whether the master has left."""
        return self.master is None or self.master.poll() is not None

    def log(self) -> str:
        """What the masters said."""
        return (self.work / "master.log").read_text()

    def stop_master(self, number: int = signal.SIGTERM) -> int:
        """Signal the master and wait for its end; its exit status."""
        assert self.master is not None
        self.master.send_signal(number)
        return self.master.wait(60)

    def start_pool(self) -> None:
        """Two foremen, two workers, through the commands."""
        self.command("start-foremen")
        self.command("start-workers")

    def worker(self, port: int | str, *options: str) -> subprocess.Popen[bytes]:
        """A worker by hand, as a foreign one is; the test ends it."""
        scratch = self.work / "foreign"
        scratch.mkdir(exist_ok=True)
        return subprocess.Popen(
            ["work_queue_worker", "--cores", "1", "--memory", "1000", "--disk", "500", "-s", str(scratch), "-i", "1", "-b", "2",
             *options, "127.0.0.1", str(port)],
            env={**self.env, "PATH": f"{self.env['CCTOOLS']}/bin:{self.env['PATH']}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @property
    def password(self) -> str:
        """The password file."""
        return str(self.spool / "password")

    @property
    def port(self) -> str:
        """The engine's port."""
        return self.env["WQ_MASTER"].rpartition(":")[2]

    @property
    def engine(self) -> int:
        """The engine's process id, as published; a master that has just begun says it a turn later."""
        eventually(self._published_engine, 10, "the engine's process is published")
        return self._published_engine()

    def _published_engine(self) -> int:
        for line in (self.spool / "stat/latest").read_text().splitlines():
            if line.startswith("ENGINE_PID="):
                return int(line.partition("=")[2])
        return 0

    def submit(self, script: str, arguments: str = "", **keys: str) -> str:
        """Submit one pilot in AliEn's form on stdin; its cluster."""
        agent = self.work / "agent.startup"
        agent.write_text(script)
        agent.chmod(0o700)
        facts = {
            "executable": str(agent),
            "arguments": arguments,
            "output": "$(Cluster).out",
            "error": "$(Cluster).err",
        }
        facts.update({"log": str(self.work / "log"), **keys})
        text = "".join(f"{key} = {value}\n" for key, value in facts.items()) + "queue\n"
        return self.command("condor_submit", text=text).stdout.split()[-1].rstrip(".")

    def af(self, command: str, cluster: str, *attributes: str) -> str:
        """``condor_q`` or ``condor_history`` for one cluster's attributes; stripped."""
        return self.command(command, cluster, "-af", *attributes).stdout.strip()

    def done(self, cluster: str) -> bool:
        """Whether the cluster has left the queue."""
        return bool(self.af("condor_history", cluster, "ClusterId"))

    def close(self) -> None:
        """Stop everything, whatever state it is in."""
        for verb in ("stop-workers", "stop-foremen"):
            self.command(verb, check=False)
        if self.master is not None and self.ended():
            self.command("timeout", "20", "alien_work_queue", "--port", self.port, "--stop-pilots", check=False) if (
                self.engine_lives()
            ) else None
        if not self.ended():
            self.stop_master(signal.SIGUSR1)

    def engine_lives(self) -> bool:
        """Whether there is an engine to stop."""
        return (self.spool / "engine.sock").exists()


@contextlib.contextmanager
def site(prefix: Path, work: Path) -> Iterator[Site]:
    """A site for one test."""
    made = Site(prefix, work)
    try:
        yield made
    finally:
        made.close()
