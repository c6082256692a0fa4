"""The master keeps the commands' fork server running, and nothing depends on it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Optional

import pytest

from foremen.master import fork_server_keeper
from spool.store.layout import Spool


class Bench:
    """A clock, an ear, and servers that end when they are told to."""

    def __init__(self, problem: Optional[OSError] = None) -> None:
        self.now = 100.0
        self.said: list[str] = []
        self.servers: list[Any] = []
        self.problem = problem
        self.kept = fork_server_keeper.Commands(["serve"], self.said.append, self._start, lambda: self.now)

    def _start(self, _command: Sequence[str]) -> Any:
        if self.problem:
            raise self.problem
        server = SimpleNamespace(stdin=io.BytesIO(), returncode=None)
        server.poll = lambda: server.returncode
        self.servers.append(server)
        return server

    def after(self, seconds: float) -> int:
        """How many servers were started when so much time has gone by, with a look every tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.kept.look()
        return len(self.servers)


def test_starts_one_and_leaves_it_alone() -> None:
    """However often the master looks."""
    bench = Bench()
    assert bench.after(100) == 1
    assert bench.said == []


def test_starts_the_next_at_once_after_an_installation() -> None:
    """A server that ends with status 0 has seen that it is no longer what is installed."""
    bench = Bench()
    bench.after(1)
    bench.servers[0].returncode = 0
    assert bench.after(2.5) == 2
    assert bench.servers[0].stdin.closed
    assert bench.said == []


def test_backs_off_from_one_that_does_not_stay() -> None:
    """1, 2, 4 ... seconds, said each time; at once again after one that stayed."""
    bench = Bench()
    bench.after(1)
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        before = len(bench.servers)
        bench.servers[-1].returncode = -9
        assert bench.after(1.2) == before, "noticed, not started anew"
        assert f"ended with status -9; they start by themselves, again in {pause} s" in bench.said[-1]
        assert bench.after(pause) == before + 1
    bench.after(20)
    bench.servers[-1].returncode = -9
    bench.after(1.2)
    assert bench.said[-1].endswith("again in 1 s")


def test_one_that_cannot_be_started() -> None:
    """Told, and tried again."""
    bench = Bench(OSError(11, "Resource temporarily unavailable"))
    bench.after(2)
    assert (
        "cannot be started: Resource temporarily unavailable; they start by themselves, again in 1 s" in bench.said[0]
    )
    bench.problem = None
    assert bench.after(5) == 1


def test_none_where_there_are_no_launchers(spool: Spool) -> None:
    """A development tree; or the setting is off."""
    assert fork_server_keeper.command_of(spool, 100) == []
    kept = fork_server_keeper.Commands([], print, lambda _command: pytest.fail("started"))
    kept.look()
    kept.close()


@pytest.mark.parametrize("code", ["import sys; sys.stdin.read()", "import time; time.sleep(600)"])
def test_close_ends_it(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By closing its stdin; one that does not care is killed."""
    monkeypatch.setattr(fork_server_keeper, "_LAST_BREATH", 0.5)
    started: list[subprocess.Popen[bytes]] = []

    def starter(command: Sequence[str]) -> subprocess.Popen[bytes]:
        started.append(fork_server_keeper.start(command))
        return started[-1]

    kept = fork_server_keeper.Commands([sys.executable, "-c", code], print, starter)
    kept.look()
    kept.close()
    assert started[0].returncode in (0, -9)
    kept.close()
