"""The master keeps a fork server (``shims.forkserver.server``) running, for condor_* commands that start in a third of the time.

Nothing depends on it: while there is none, commands start by themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from spool.classad import ads
from spool.store.layout import Spool

_INTERVAL = 1.0  # s between two looks
_LONGEST_PAUSE = 60.0  # s between two starts of one that does not stay
_STAYED = 10.0  # s; who served so long had a reason to end
_LAST_BREATH = 5.0  # s

Starter = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


def command_of(spool: Spool, most: int) -> list[str]:
    """What starts the fork server of this installation; empty where it has no launchers (``scripts/install`` makes them).

    ``most``: how many commands it may run at a time.
    """
    prefix = os.path.realpath(os.path.dirname(os.path.dirname(sys.prefix)))
    if not os.path.isdir(f"{prefix}/lib/commands"):
        return []
    return [sys.executable, "-X", "utf8", "-I", "-m", "shims.forkserver.server", spool.root, prefix, str(most)]


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A fork server; it ends when we close its stdin, or end ourselves, in whatever way. In a session of its own: Ctrl-C is for us.

    Its environment is empty: each child takes its client's.
    """
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env={}, cwd="/", start_new_session=True
    )


class Clients(NamedTuple):
    """How many commands the fork server has run, how many it left alone, and why those."""

    served: int = 0
    alone: int = 0
    why: str = ""


def clients(spool: Spool) -> Clients:
    """As the fork server wrote it (``shims.forkserver.children``); zeros when there is nothing that can be read."""
    try:
        with open(spool.commands_state, encoding="utf-8") as file:
            ad = ads.load(file.read().split("\n"))
    except (OSError, ValueError):
        return Clients()
    return Clients(ads.number(ad.get("Served")), ads.number(ad.get("Alone")), ads.string(ad.get("Why")))


class Commands:
    """Starts it, and again when it has ended, with growing pauses."""

    def __init__(
        self,
        command: Sequence[str],
        say: Callable[[str], None],
        starter: Starter = start,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._say, self._starter, self._ticks = command, say, starter, ticks
        self._server: Optional[subprocess.Popen[bytes]] = None
        self._began = self._next = ticks()
        self._pause = 0.0

    def look(self) -> None:
        """See to it that it runs; costs nothing but once a second."""
        now = self._ticks()
        if now < self._next or not self._command:
            return
        self._next = now + _INTERVAL
        if self._server is None:
            self._start(now)
        elif self._server.poll() is not None:
            self._ended(self._server, now)

    def close(self) -> None:
        """End it. Commands that run in its children go on."""
        if self._server is None:
            return
        assert self._server.stdin is not None
        self._server.stdin.close()
        try:
            self._server.wait(_LAST_BREATH)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def _start(self, now: float) -> None:
        self._began = now
        try:
            self._server = self._starter(self._command)
        except OSError as error:
            self._back_off(now, f"cannot be started: {error.strerror}")

    def _ended(self, server: subprocess.Popen[bytes], now: float) -> None:
        assert server.stdin is not None
        server.stdin.close()
        self._server = None
        if server.returncode == 0:  # another release has been installed: the next one loads that
            return
        if now - self._began >= _STAYED:
            self._pause = 0.0
        self._back_off(now, f"ended with status {server.returncode}")

    def _back_off(self, now: float, what: str) -> None:
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _INTERVAL)
        self._next = now + self._pause
        self._say(
            f"the fork server of the condor_* commands {what}; they start by themselves, again in {self._pause:.0f} s"
        )
