"""The starter: a small static program that starts plain pilots on the nodes of its architecture (``starter.c``).

It is built with the installation (``python -m foremen.starter``), travels in the worker file, and a supervisor lays it into its
folder and names it to its workers in ``AWQ_STARTER1``. Where it is missing, or does not run, the shell does its work: it makes a
start cheaper, it is needed nowhere. The number in the variable's name is that of what both sides understand by it: a launch script
of another release is left to the shell.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pkgutil
import subprocess
import sys

from foremen import compiling

VARIABLE = "AWQ_STARTER1"
_STAMP = "awq-starter:"
_SECONDS = 5.0  # a node may be slow; one that is slower than this has other troubles
_REMEDY = "pilots are started by the shell (a little slower); to have it: apt-get install musl-tools"


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
        return path if _says(path) in content else ""
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""  # no room, a file system that runs nothing: the shell does


def _is(path: str, content: bytes) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        return file.read() == content
    return False


def _says(path: str) -> bytes:
    """The stamp that it carries. ValueError when it says none."""
    said = subprocess.run([path, "--stamp"], capture_output=True, timeout=_SECONDS, check=True).stdout.strip()
    if not said.startswith(_STAMP.encode()):
        raise ValueError(path)
    return said


def build(folder: str) -> str:
    """Build it into ``folder`` unless what is there is current; what was done, in a sentence. It need not succeed."""
    target, compiler = os.path.join(folder, file_name()), compiling.musl()
    if not compiler:
        return f"no starter, as there is no musl-gcc: {_REMEDY}"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "starter.c")
    with open(source, "rb") as file:
        stamp = _STAMP + hashlib.sha256(repr((file.read(), compiler, compiling.FLAGS)).encode()).hexdigest()
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        if _says(target) == stamp.encode():
            return f"up to date: {target}"
    problem = compiling.compiled(compiler, source, target, [f'-DAWQ_STAMP="{stamp}"'])
    return f"no starter, as {problem}: {_REMEDY}" if problem else f"built {target}"


if __name__ == "__main__":
    sys.stdout.write(f"{build(os.path.dirname(os.path.abspath(__file__)))}\n")
