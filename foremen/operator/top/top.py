"""``alien_work_queue top``: the view on a terminal, refreshed until q or Ctrl-C; elsewhere once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Optional

from rich.console import Console
from rich.live import Live
from rich.text import Text

from foremen.node.host.linux import System
from foremen.operator.top.draw import draw
from foremen.operator.top.snapshot import Reader, Snapshot
from spool.errors import NotVouched
from spool.settings import Settings

_STEP = 0.1  # s: how long a key waits
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def top(settings: Settings, interval: float, once: bool) -> None:
    """Show it. NotVouched, with ``once`` or without a terminal, when nobody vouches for what is shown: after showing it."""
    console = Console(highlight=False)
    reader = Reader(settings, System(), time.time)
    if not once and console.is_terminal and not console.is_dumb_terminal:
        _Screen(console, reader, interval).run()
        return
    snapshot = reader.look()
    console.print(draw(snapshot), no_wrap=True, overflow="ignore", crop=False)
    if snapshot.trouble:
        raise NotVouched(snapshot.trouble)


class _Screen:
    """Looks in a thread, so that a foreman that hangs does not keep a key waiting; draws when there is something new."""

    def __init__(self, console: Console, reader: Reader, interval: float) -> None:
        self._console = console
        self._reader = reader
        self._interval = interval
        self._ended = False

    def run(self) -> None:
        """Until somebody wants the end; the terminal is then as it was."""
        looking = ThreadPoolExecutor(1, "look")
        try:
            with (
                _keys() as pressed,
                self._signals(),
                Live(Text("..."), console=self._console, screen=True, auto_refresh=False) as live,
            ):
                self._loop(looking, live, pressed)
        finally:
            looking.shutdown(wait=False, cancel_futures=True)

    def _loop(self, looking: ThreadPoolExecutor, live: Live, pressed: Callable[[float], str]) -> None:
        coming: Optional[Future[Snapshot]] = None
        snapshot: Optional[Snapshot] = None
        size, due = self._console.size, 0.0
        while not self._ended and pressed(_STEP) not in ("q", "Q", "\x03"):
            if coming is None and time.monotonic() >= due:
                coming = looking.submit(self._reader.look)
                due = time.monotonic() + self._interval
            new = coming is not None and coming.done()
            if coming is not None and new:
                snapshot, coming = coming.result(), None
            if snapshot is not None and (new or self._console.size != size):
                size = self._console.size
                live.update(draw(snapshot, size.height), refresh=True)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """What ends it, so that the terminal is put right first."""

        def end(_number: int, _frame: Any) -> None:
            self._ended = True

        before = {number: signal.signal(number, end) for number in _ENDS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """A function that waits at most so long for a key; without a terminal on stdin it only waits."""
    if not sys.stdin.isatty():
        yield _wait
        return
    file = sys.stdin.fileno()
    before = termios.tcgetattr(file)
    tty.setcbreak(file)
    try:
        yield lambda seconds: _pressed(file, seconds)
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)


def _wait(seconds: float) -> str:
    time.sleep(seconds)
    return ""


def _pressed(file: int, seconds: float) -> str:
    """The first character, "q" when the terminal has gone."""
    if not select.select([file], [], [], seconds)[0]:
        return ""
    try:
        return os.read(file, 64)[:1].decode("latin-1") or "q"
    except OSError:
        return "q"
