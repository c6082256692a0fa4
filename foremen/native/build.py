"""Small C programs of ours: compiled whole, put in place only when they are complete.

``python -m foremen.native.build`` builds the starter, the shortcut and the gate into the package.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from foremen.native import deploy, gate, preload, starter

_COMMON = ("-std=gnu11", "-O2", "-s", "-Wall", "-Wextra")
STATIC = (*_COMMON, "-static")
_SHARED = (*_COMMON, "-shared", "-fPIC")

_SLOWER = "pilots are started by the shell (a little slower); to have it: apt-get install"
_HERE = os.path.dirname(os.path.abspath(__file__))


class Program(NamedTuple):
    """What is built for nodes: how, and what to do where it cannot be."""

    name: str
    stamp: str
    flags: Sequence[str]
    compiler: str
    remedy: str


def musl() -> str:
    """A compiler for static programs that start in a quarter of a millisecond; "" when there is none."""
    return shutil.which("musl-gcc") or ""


def the_starter() -> Program:
    """Linked with musl."""
    return Program(starter.NAME, starter.STAMP, STATIC, musl(), f"{_SLOWER} musl-tools")


def the_shortcut() -> Program:
    """Linked with the library that workers have here."""
    line = f"-DAWQ_FIRST_LINE={json.dumps(starter.FIRST_LINE)}"
    return Program(preload.NAME, preload.STAMP, (*_SHARED, line), shutil.which("cc") or "", f"{_SLOWER} gcc libc6-dev")


def the_gate() -> Program:
    """Linked with the library that foremen have here."""
    remedy = "foremen cannot be started without it: apt-get install gcc libc6-dev"
    return Program(gate.NAME, gate.STAMP, (*_SHARED, "-DAWQ_PRELOAD"), shutil.which("cc") or "", remedy)


def compiled(compiler: str, source: str, target: str, flags: Sequence[str] = STATIC) -> str:
    """Compile ``source`` into ``target``; "" when it is there, else the reason, in words."""
    aside = f"{target}.{os.getpid()}"
    command = [*shlex.split(compiler), *flags, source, "-o", aside]
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


def build(program: Program, folder: str) -> str:
    """Build it into ``folder`` unless what is there is current; what was done, in a sentence. It need not succeed."""
    name, compiler = program.name, program.compiler
    target, source = os.path.join(folder, deploy.file_name(name)), os.path.join(_HERE, f"{name}.c")
    if not compiler:
        return f"no {name}, as there is no compiler for it: {program.remedy}"
    with open(source, "rb") as file:
        stamp = program.stamp + hashlib.sha256(repr((file.read(), compiler, program.flags)).encode()).hexdigest()
    with contextlib.suppress(FileNotFoundError), open(target, "rb") as file:
        if stamp.encode() in file.read():
            return f"up to date: {target}"
    problem = compiled(compiler, source, target, (*program.flags, f'-DAWQ_STAMP="{stamp}"'))
    return f"no {name}, as {problem}: {program.remedy}" if problem else f"built {target}"


if __name__ == "__main__":
    for each in (the_starter(), the_shortcut(), the_gate()):
        sys.stdout.write(f"{build(each, _HERE)}\n")
