"""Start a foreman behind an acceptor: this process becomes the foreman, and the acceptor holds its port.

``work_queue_worker --foreman`` listens on every interface, and its own password handshake lets in whoever sends its
challenge back. With ``foremen/native/gate.c`` before its C library it listens nowhere.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from foremen.acceptor import keeper
from foremen.acceptor.service import Rules
from foremen.errors import LaunchError
from foremen.native.gate import PRELOAD, lay_out


def parser() -> argparse.ArgumentParser:
    """The arguments before ``--``; behind it comes the foreman's command line."""
    made = argparse.ArgumentParser(prog="python -m foremen.acceptor.foreman", description=__doc__.partition("\n")[0])
    made.add_argument("--bind", default="", help="numeric address to listen on; empty: all")
    made.add_argument("--port", type=int, required=True, help="TCP port for workers")
    made.add_argument("--password-file", required=True)
    made.add_argument("--folder", required=True, help="private folder for the library")
    made.add_argument("--refusals", default="", help="file for the counts of refused connections")
    made.add_argument("command", nargs=argparse.REMAINDER, help="-- work_queue_worker --foreman ...")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Becomes the foreman; status 1 and one line when it cannot."""
    options = parser().parse_args(arguments)
    command = options.command[1:]
    try:
        _become(options, command)
    except (LaunchError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
    return 1


def _become(options: argparse.Namespace, command: list[str]) -> None:
    library = lay_out(command[0], options.folder)
    listener = keeper.listen(options.bind, options.port)
    front = keeper.Front(options.password_file, options.refusals, Rules(insists=True))
    gate = keeper.start(listener, front)
    for inherited in (listener, gate):  # whoever looks for the process behind the port finds the foreman
        inherited.set_inheritable(True)
    before = os.environ.get(PRELOAD, "")
    environ = {**os.environ, PRELOAD: f"{library}:{before}" if before else library}
    environ["AWQ_GATE"] = f"{gate.fileno()},{listener.fileno()}"
    os.execve(command[0], command, environ)  # noqa: S606 it is what we were asked to start


if __name__ == "__main__":
    sys.exit(main())
