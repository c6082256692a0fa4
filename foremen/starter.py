"""The starter: a small static program that starts plain pilots on the nodes of its architecture (``starter.c``).

It is built with the installation (``foremen.compiling``), travels in the worker file, and a supervisor lays it into its
folder and names it to its workers in ``AWQ_STARTER1``. Where it is missing, or does not run, the shell does its work: it makes a
start cheaper, it is needed nowhere. The number in the variable's name is that of what both sides understand by it: a launch script
of another release is left to the shell.
"""

from __future__ import annotations

import contextlib
import os
import pkgutil
import subprocess

VARIABLE = "AWQ_STARTER1"
STAMP = "awq-starter:"
_SECONDS = 5.0  # a node may be slow; one that is slower than this has other troubles


def file_name(machine: str = "") -> str:
    """Name of the program in the package, for an architecture as ``uname -m`` says it (this one's)."""
    return f"_starter.{machine or os.uname().machine}"


def packaged() -> bytes:
    """The program for this node; empty when the package has none."""
    try:
        return pkgutil.get_data("foremen", file_name()) or b""
    except OSError:
        return b""


def lay_out(folder: str) -> str:
    """Put the starter for this node into ``folder``; its path, empty when there is none that runs here."""
    path, content = f"{folder}/starter", packaged()
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
        return ""  # no room, a file system that runs nothing: the shell does


def _is(path: str, content: bytes) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read() == content
    return False


def says(path: str) -> bytes:
    """The stamp that a starter carries. OSError, SubprocessError, ValueError when it says none."""
    said = subprocess.run([path, "--stamp"], capture_output=True, timeout=_SECONDS, check=True).stdout.strip()
    if not said.startswith(STAMP.encode()):
        raise ValueError(path)
    return said
