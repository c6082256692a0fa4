"""Writing an answer out: gathered, then written at once; errors become one text here; ``| head`` is no error."""

from __future__ import annotations

import gc
import os

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERSION = "23.9.6"
VERSION_LINE = "$CondorVersion: 23.9.6 2026-07-12 PackageID: alien-workqueue $"
PLATFORM_LINE = "$CondorPlatform: X86_64-Debian_13 $"


class Answer(Exception):
    """What a command ends with early: its texts and exit status."""

    def __init__(self, status: int, out: str = "", err: str = "") -> None:
        super().__init__(err or out)
        self.status = status
        self.out = out
        self.err = err


def run(command: Callable[[Sequence[str]], int], name: str, argv: Sequence[str]) -> int:
    """The command's exit status; what goes wrong becomes one line on stderr and an exit status other than 0."""
    gc.disable()  # the process is short, and a hundred thousand jobs are no garbage
    try:
        return command(argv)
    except Answer as answer:
        write(2, answer.err)
        return answer.status if write(1, answer.out) else 1
    except AwqError as error:
        write(2, f"{name}: {error}\n")
        return error.exit_status
    except KeyboardInterrupt:
        return 130


def show(text: str) -> int:
    """Write to stdout; the exit status."""
    return 0 if write(1, text) else 1


def write(fd: int, text: str) -> bool:
    """All of the text, in UTF-8; a reader that has left is no error. False when it cannot be written."""
    left = memoryview(text.encode("utf-8", "surrogateescape"))
    try:
        while left:
            try:
                left = left[os.write(fd, left) :]
            except BlockingIOError:  # somebody made the pipe non-blocking
                _wait_for(fd)
    except BrokenPipeError:
        return True
    except OSError as error:
        if fd != 2:
            write(2, f"cannot write the answer: {error.strerror}\n")
        return False
    return True


def _wait_for(fd: int) -> None:
    import select

    select.select([], [fd], [])


def columns(unsized: int | None = 80) -> int | None:
    """Columns of the terminal, ``unsized`` of one that does not say; None when stdout is none, and then nothing is cut."""
    try:
        return os.get_terminal_size(1).columns or unsized
    except (OSError, ValueError):
        return None
