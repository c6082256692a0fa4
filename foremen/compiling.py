"""Small C programs of ours: compiled whole and static, put in place only when they are complete.

``python -m foremen.compiling`` builds the starter into the package.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from foremen import starter

FLAGS = ("-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra")

_HERE = os.path.dirname(os.path.abspath(__file__))
_REMEDY = "pilots are started by the shell (a little slower); to have it: apt-get install musl-tools"


def musl() -> str:
    """A compiler for static programs that start in a quarter of a millisecond; "" when there is none. ``AWQ_STARTER_CC`` names another."""
    return os.environ.get("AWQ_STARTER_CC") or shutil.which("musl-gcc") or ""


def compiled(compiler: str, source: str, target: str, defines: Sequence[str] = ()) -> str:
    """Compile ``source`` into the program ``target``; "" when it is there, else the reason, in words."""
    aside = f"{target}.{os.getpid()}"
    command = [*shlex.split(compiler), *FLAGS, *defines, source, "-o", aside]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            return f"{compiler} says: {(done.stdout.strip().splitlines() or ['nothing'])[-1]}"
        os.replace(aside, target)
    except OSError as error:
        return f"{error.strerror} ({compiler})"
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
    return ""


def build_starter(folder: str) -> str:
    """Build it into ``folder`` unless what is there is current; what was done, in a sentence. It need not succeed."""
    target, compiler = os.path.join(folder, starter.file_name()), musl()
    if not compiler:
        return f"no starter, as there is no musl-gcc: {_REMEDY}"
    source = os.path.join(_HERE, "starter.c")
    with open(source, "rb") as file:
        stamp = starter.STAMP + hashlib.sha256(repr((file.read(), compiler, FLAGS)).encode()).hexdigest()
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        if starter.says(target) == stamp.encode():
            return f"up to date: {target}"
    problem = compiled(compiler, source, target, [f'-DAWQ_STAMP="{stamp}"'])
    return f"no starter, as {problem}: {_REMEDY}" if problem else f"built {target}"


if __name__ == "__main__":
    sys.stdout.write(f"{build_starter(_HERE)}\n")
