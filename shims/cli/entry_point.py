"""How a command's process begins and ends; the launchers in PREFIX/bin call ``run``."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a command's ``main`` on the arguments and end the process with its exit status.

    Ends with ``os._exit``: taking the interpreter down in order costs a client more than a millisecond and does
    nothing for it.
    """
    os._exit(finished(main))


def finished(main: Callable[[list[str]], int]) -> int:
    """The exit status of a command's ``main``, run on the arguments, with all that it printed flushed; when that fails, it says so."""
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:
        status = 141  # as a command that SIGPIPE ended
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            os.write(2, f"{os.path.basename(sys.argv[0])}: cannot write the output: {error.strerror}\n".encode())
        status = status or 1
    return status
