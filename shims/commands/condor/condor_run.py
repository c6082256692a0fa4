"""``condor_run "shell command"``: run it as a job and show what it says; the exit status is the command's."""

from __future__ import annotations

import os
import sys
import time

from shims.cli import stdio
from shims.cli.run_command import condor
from shims.cli.stdio import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PAUSE = 0.2  # seconds between two looks at the job event log


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_run, "condor_run", argv)


def _condor_run(argv: Sequence[str]) -> int:
    universe, appended, command = _parse(argv)
    files = {name: f".condor_{name}.{os.getpid()}" for name in ("run", "submit", "log", "out", "error")}
    cluster = ""
    ended = False
    try:
        _write(files["run"], f"#!{os.environ.get('SHELL') or '/bin/sh'}\n{' '.join(command)} \n")
        os.chmod(files["run"], 0o700)
        _write(files["submit"], _description(universe, appended, files))
        cluster = _submit(files["submit"])
        status, said = _wait(files["log"])
        ended = True
        for fd, name in ((1, "out"), (2, "error")):
            _copy(files[name], fd)
        stdio.write(2, said)
        return status
    finally:
        if cluster and not ended:  # interrupted: nobody will read what the job says
            condor("condor_rm", [cluster])
        for path in files.values():
            if os.path.exists(path):
                os.unlink(path)


def _parse(argv: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Universe, further submit commands, and the words of the command: ``-u``, ``-a`` and ``-h`` may stand anywhere."""
    universe = "vanilla"
    appended: list[str] = []
    command: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word.startswith("-h"):
            raise _usage()
        if word.startswith("-u"):
            universe = word[2:] or (words.pop(0) if words else universe)
        elif word.startswith("-a"):
            appended += [words.pop(0)] if words else []
        else:
            command.append(word)
    if not command:
        raise _usage()
    return universe, appended, command


def _description(universe: str, appended: Sequence[str], files: dict[str, str]) -> str:
    lines = [
        f"universe = {universe}",
        f"executable = {files['run']}",
        f"initialdir = {os.getcwd()}",
        "notification = NEVER",
        f"log = {files['log']}",
        f"output = {files['out']}",
        f"error = {files['error']}",
        "getenv = True",
    ]
    wanted = [os.environ["CONDOR_REQUIREMENTS"]] if "CONDOR_REQUIREMENTS" in os.environ else []
    for name, attribute in (("CONDOR_ARCH", "Arch"), ("CONDOR_OPSYS", "OpSys")):
        if name in os.environ:
            wanted.append(f'{attribute} == "{os.environ[name]}"')
    lines += [f"requirements = {' && '.join(wanted)}"] if wanted else []
    return "\n".join([*lines, *appended, "queue", ""])


def _submit(path: str) -> str:
    done = condor("condor_submit", ["-terse", path])
    cluster = done.stdout.partition(".")[0].strip()
    if done.returncode or not cluster.isdigit():
        raise Answer(1, err=f"{done.stdout}{done.stderr}Failed to submit Condor job.\n")
    return cluster


def _wait(path: str) -> tuple[int, str]:
    """The job's exit status and what is to be said of its end."""
    while True:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
        except FileNotFoundError:
            text = ""  # the master has not written it yet
        for line in text.split("\n"):
            if "termination (return value " in line:
                return int(line.partition("return value ")[2].rstrip(")")), ""
            if "termination (signal " in line:
                number = line.partition("(signal ")[2].rstrip(")")
                return 128 + int(number), f"Condor job killed by signal {number}.\n"
            if line.startswith("009 ") and "Job was aborted" in line:
                return 1, "The job was aborted\n"
        time.sleep(_PAUSE)


def _copy(path: str, fd: int) -> None:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return  # the job was aborted before it said anything
    stream = sys.stdout if fd == 1 else sys.stderr
    stream.flush()
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise Answer(1, err=f"Can't create temporary file in current directory: {error.strerror}.\n") from None


def _usage() -> Answer:
    from shims.cli.help.others import CONDOR_RUN

    return Answer(1, out=CONDOR_RUN)
