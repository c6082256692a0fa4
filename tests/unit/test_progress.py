"""Progress for a person: what a terminal of any width sees, and what a log gets."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Callable

import pytest
from benching import shown

from foremen.progress import Progress


def on_terminal(columns: int, show: Callable[[Progress], None]) -> str:
    """What comes out of a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(theirs, "w") as stream:
        progress = Progress("drained", stream)
        show(progress)
        progress.end()
    seen = b""
    try:
        while more := os.read(ours, 65536):
            seen += more
    except OSError:  # EIO: its other end is closed, and all is read
        os.close(ours)
    return seen.decode()


def three(progress: Progress) -> None:
    """Nothing, half, all."""
    for done in (0, 2, 4):
        progress(done, 4, f"{4 - done} workers with {4 - done} pilots and 2 foremen are left, 120 s to the deadline")


@pytest.mark.parametrize("columns", [200, 80, 40, 10])
def test_a_terminal_has_one_bar_whatever_its_width(columns: int) -> None:
    """It grows in its line, a remark is cut rather than wrapped, and the cursor is given back below it."""
    seen = on_terminal(columns, three)
    frames = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame).rstrip() for frame in seen.split("\r")]
    frames = [frame for frame in frames if frame.strip()]
    assert len(frames) == 3
    assert frames[-1].startswith(f"drained [{'#' * 20}] 4/4")
    assert all(len(frame) < max(columns, len("drained [####################] 4/4  ")) for frame in frames)
    assert seen.count("\n") == 1
    assert seen.rstrip("\r\n").endswith("\x1b[?25h")
    assert ("120 s to the deadline" in seen) == (columns == 200)


def test_a_line_that_stays_takes_the_bars_place() -> None:
    """The bar goes on below it."""

    def show(progress: Progress) -> None:
        progress(1, 4)
        progress.say("something happened")
        progress(2, 4)

    seen = on_terminal(80, show)
    assert re.search(r"1/4.*\r\x1b\[K\x1b\[\?25hsomething happened\r\n.*2/4", seen, re.DOTALL)


def test_elsewhere_there_are_lines_and_only_when_it_takes_long() -> None:
    """Nothing in the first two seconds, then a line when something has changed, never more than one in two seconds."""
    stream, now = io.StringIO(), [0.0]
    with Progress("start: workers", stream, lambda: now[0]) as progress:
        for second in range(9):
            now[0] = float(second)
            progress(min(second, 6), 8, "not shown")
    assert stream.getvalue() == "start: workers 2 of 8\nstart: workers 4 of 8\nstart: workers 6 of 8\n"


def test_what_is_quick_says_nothing_in_a_log() -> None:
    """The outcome says it all."""
    stream = io.StringIO()
    with Progress("start: workers", stream) as progress:
        progress(8, 8)
    assert stream.getvalue() == ""


def test_the_bench_says_its_steps_line_by_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A log gets what is measured, and no bar."""
    with shown.each(["start", "tasks"]) as names:
        for name in names:
            shown.say(f"{name}: measured")
    assert capsys.readouterr().err == "start: measured\ntasks: measured\n"
