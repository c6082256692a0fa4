"""The command line that starts a foreman behind an acceptor (``foremen/acceptor/foreman.py``). Imports nothing that is slow."""

from __future__ import annotations

import os
import sys

import foremen

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from foremen.acceptor.foreman import main; sys.exit(main(sys.argv[2:]))"


def guarded(foreman: tuple[str, ...], port: int, bind: str, password_file: str, folder: str) -> tuple[str, ...]:
    """``foreman`` is the command line of the foreman itself, ``folder`` a private one for the library that it needs."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(foremen.__file__)))
    place = ("--port", str(port), "--bind", bind, "--password-file", password_file, "--folder", folder)
    refusals = ("--refusals", f"{folder}/refused-{port}.json")
    return (sys.executable, "-I", "-S", "-c", _BOOT, root, *place, *refusals, "--", *foreman)
