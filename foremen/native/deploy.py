"""Small C programs that the package carries for the architecture it was made on, and that are laid out on a node.

``foremen.native.build`` builds them. Each carries a stamp and says it when it is asked: what says nothing on a node (another
architecture, a file system that runs nothing) is not used there, and what it does is done without it, more slowly.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import subprocess
from collections.abc import Callable

_SECONDS = 5.0  # a node may be slow; one that is slower than this has other troubles


def file_name(name: str, machine: str = "") -> str:
    """Name of a program in the package, for an architecture as ``uname -m`` says it (this one's)."""
    return f"_{name}.{machine or os.uname().machine}"


def packaged(name: str) -> bytes:
    """A program for this node; empty when the package has none."""
    try:
        return pkgutil.get_data("foremen.native", file_name(name)) or b""
    except OSError:
        return b""


def lay_out(name: str, folder: str, says: Callable[[str], bytes]) -> str:
    """Put a program into ``folder`` and have it say its stamp; its path, empty when there is none that runs here."""
    path, content = f"{folder}/{name}", packaged(name)
    if not content:
        return ""
    try:
        if not _is(path, content):
            aside = f"{path}.{os.getpid()}"  # what is being written cannot be run
            with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o700), "wb") as file:
                file.write(content)
            os.replace(aside, path)
        return path if says(path) in content else ""
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""  # no room, a file system that runs nothing


def said(command: list[str], stamp: str, **variables: str) -> bytes:
    """What a command says, if it begins with ``stamp``. OSError, SubprocessError, ValueError when it does not."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True, env=environment)
    if not done.stdout.startswith(stamp.encode()):
        raise ValueError(command)
    return done.stdout.strip()


def _is(path: str, content: bytes) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read() == content
    return False
