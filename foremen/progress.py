"""Progress for a person who waits: a bar on a terminal, elsewhere a line when something has changed and it takes long.

Used by the operator's commands and by scripts; click draws, because the worker file carries it anyway.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Any, Callable, Optional, TextIO

import click

_WIDTH = 20  # characters of the bar
_WIPE = "\r\033[K\033[?25h"  # the bar's line, and show the cursor again, which click hides
_PATIENCE = 2.0  # s between two lines where there is no terminal, and before the first: what is quick needs none


class Progress:
    """``progress(done, total, note)`` as often as you like, ``end()`` in any case; or as a context manager.

    ``stream``: stderr when not given, so that stdout stays for what programs read.
    """

    def __init__(
        self, title: str, stream: Optional[TextIO] = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._stream = stream or sys.stderr
        self._clock = clock
        self._bar: Any = None
        self._shown = (0, 0)
        self._next = clock() + _PATIENCE
        self.on_terminal = self._stream.isatty()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total`` now; on a terminal with a remark behind it."""
        if self.on_terminal:
            self._draw(done, total, note)
        elif (done, total) != self._shown and self._clock() >= self._next:
            self._shown, self._next = (done, total), self._clock() + _PATIENCE
            self.say(f"{self._title} {done} of {total}")

    def say(self, text: str) -> None:
        """A line that stays; the bar goes on below it when there is more to show."""
        if self._bar is not None:
            click.echo(_WIPE, nl=False, file=self._stream)
            self._bar = None
        click.echo(text, file=self._stream)

    def end(self) -> None:
        """The bar stays as it is, and the cursor is below it."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def _draw(self, done: int, total: int, note: str) -> None:
        if self._bar is None:
            self._bar = click.progressbar(
                length=total, label=self._title, file=self._stream, width=_WIDTH, show_eta=False, show_pos=True,
                show_percent=False, bar_template="%(label)s [%(bar)s] %(info)s", item_show_func=self._clipped,
            )  # fmt: skip
        self._bar.length, self._bar.pos, self._bar.current_item = total, done, note
        self._bar.render_progress()

    def _clipped(self, note: Optional[str]) -> str:
        """As much of a remark as fits into the line: a longer one would leave its beginning behind at every change."""
        taken = len(self._title) + _WIDTH + len(f" [] {self._bar.pos}/{self._bar.length}  ")
        return (note or "")[: max(0, _columns(self._stream) - taken - 1)]


def _columns(stream: TextIO) -> int:
    """Of the terminal; 80 when it does not know."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return shutil.get_terminal_size().columns
