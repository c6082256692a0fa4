"""Small C programs of ours: compiled whole and static, put in place only when they are complete."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

FLAGS = ("-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra")


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
