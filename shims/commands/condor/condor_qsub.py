"""``condor_qsub``: SGE's and PBS's qsub as HTCondor's own script emulates it: options become a submit description.

Options in the script itself (``#$``, ``#PBS``) and dependencies (``-hold_jid``, ``-W``) are not offered, and said so.
"""

from __future__ import annotations

import os

from shims.cli import stdio
from shims.cli.run_command import condor
from shims.cli.stdio import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_VALUED = ("-A", "-b", "-d", "-e", "-l", "-M", "-m", "-N", "-o", "-p", "-q", "-r", "-S", "-shell", "-t", "-v", "-wd", "-hold_jid", "-W",
           "-a", "-c", "-f")  # fmt: skip
_FLAGS = ("-cwd", "-h", "-V", "--print", "--test", "--condor-keep-files")
_NOT_OFFERED = ("-hold_jid", "-W", "-a", "-c", "-f")
_RESOURCES = {"mem": "request_memory", "pmem": "request_memory", "h_vmem": "request_memory", "procs": "request_cpus",
              "ncpus": "request_cpus", "file": "request_disk"}  # fmt: skip
USAGE = """\
Usage:  condor_qsub [OPTIONS] [<command> [<command_args>]]

  -N name  -o path  -e path    name of the job, its output and error files
  -cwd  -wd dir  -d dir        folder it runs in
  -b y                         the command is a command line, not a script
  -S shell                     what runs the script (/bin/sh)
  -v a=1,b=2  -V               environment
  -l mem=2G,procs=4            what it needs
  -p number  -h  -r n          priority; submitted on hold; not run again
  -m e  -M address             mail
  -A name                      accounting group
  -t first[-last[:step]]       one job for each task id
  --print  --test              show the description; do not submit it
  -q queue                     accepted, ignored
"""


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_qsub, "condor_qsub", argv)


class Request:
    """A command line: options (name to value), the command and its arguments."""

    __slots__ = ("command", "given")

    def __init__(self, argv: Sequence[str]) -> None:
        self.given: dict[str, str] = {}
        words = list(argv)
        while words and words[0].startswith("-"):
            word = words.pop(0)
            if word in ("--help", "-help"):
                raise Answer(0, out=USAGE)
            if word == "--version":
                raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
            if word in _NOT_OFFERED:
                raise Answer(1, err=f"condor_qsub: {word} is not offered here\n")
            if word in _FLAGS:
                self.given[word] = "y"
            elif word in _VALUED:
                if not words:
                    raise Answer(1, err=f"condor_qsub: {word} needs a value\n")
                self.given[word] = words.pop(0)
            else:
                raise Answer(1, err=f"condor_qsub: unknown option {word}\n{USAGE}")
        self.command = words

    def has(self, name: str) -> bool:
        """Whether the option was given, and not with ``n``."""
        return self.given.get(name, "n") != "n"


def _condor_qsub(argv: Sequence[str]) -> int:
    request = Request(argv)
    script = ""
    if not request.command:
        script = _script_of_stdin()
        request.command = [script]
    try:
        return _submit(request, "STDIN" if script else os.path.basename(request.command[0]))
    finally:
        # A copy went into the spool with the submission.
        if script and not request.has("--condor-keep-files"):
            os.unlink(script)


def _submit(request: Request, default: str) -> int:
    name = request.given.get("-N", default)
    text = description(request, name)
    if request.has("--print"):
        stdio.write(1, text)
    cluster = "0"
    if not request.has("--test"):
        done = condor("condor_submit", ["-terse", "-"], text)
        cluster = done.stdout.partition(".")[0].strip()
        if done.returncode or not cluster.isdigit():
            raise Answer(1, err=f"{done.stderr}condor_qsub: the submission failed\n")
    return stdio.show(f'Your job {cluster} ("{name}") has been submitted\n')


def description(request: Request, name: str) -> str:
    """The submit description, in the words of HTCondor's condor_qsub 0.2."""
    given = request.given
    lines = ["universe = vanilla", "should_transfer_files = IF_NEEDED", f"executable = {given.get('-S', '/bin/sh')}"]
    lines += _arguments(request)
    folder = given.get("-wd") or given.get("-d") or (_here() if request.has("-cwd") else "")
    lines += [f"initialdir = {folder}"] if folder else []
    streams = [
        f"{word} = {_stream(given.get(option, ''), name, option[1])}"
        for word, option in (("error", "-e"), ("output", "-o"))
    ]
    lines += streams
    lines += ["getenv = True"] if request.has("-V") else []
    lines += [f"notify_user = {given['-M']}"] if "-M" in given else []
    notification = {"a": "Error", "e": "Complete"}.get(given.get("-m", "n")[:1], "Never")
    lines += [f"notification = {notification}", f"priority = {given.get('-p', '0')}"]
    lines += [f'+AccountingGroup = "{given["-A"]}"'] if "-A" in given else []
    variables = _variables(given.get("-v", ""))
    lines += [f'environment = "{variables}"'] if variables else []
    lines += _resources(given.get("-l", ""))
    lines += ["periodic_remove = ( JobStatus == 1 && NumJobStarts > 0)"] if given.get("-r") == "n" else []
    lines += ["hold = True"] if request.has("-h") else []
    return "\n".join([*lines, *_queue(given.get("-t", ""), variables, streams), ""])


def _arguments(request: Request) -> list[str]:
    if not request.has("-b"):
        path = request.command[0]
        if not os.path.exists(path):
            raise Answer(1, err=f"condor_qsub: {path}: No such file or directory\n")
        words = [os.path.basename(path), *request.command[1:]]
        return [f"arguments = {' '.join(words)}", f"transfer_input_files = {os.path.abspath(path)}"]
    line = " ".join(request.command).replace("'", "''").replace('"', '""')
    return [f"arguments = \"-c '{line}'\""]


def _stream(path: str, name: str, letter: str) -> str:
    default = f"{name}.{letter}$(Cluster)"
    if not path:
        return default
    return f"{path.rstrip('/')}/{default}" if os.path.isdir(path) else path


def _variables(text: str) -> str:
    return " ".join([word if "=" in word else f"{word}=True" for word in text.split(",") if word])


def _resources(text: str) -> list[str]:
    lines = []
    for word in filter(None, text.split(",")):
        name, equals, value = word.partition("=")
        command = _RESOURCES.get(name)
        if command is None or not equals:
            raise Answer(1, err=f"condor_qsub: -l {word} is not offered here; known are: {', '.join(_RESOURCES)}\n")
        amount = value.upper() if command != "request_cpus" else value
        lines.append(f"{command} = {amount}")
    return lines


def _queue(text: str, variables: str, streams: Sequence[str]) -> list[str]:
    """One queue statement, or one for each task id of ``1-10:2``."""
    if not text:
        return ["Queue"]
    ends, _, step = text.partition(":")
    first, _, last = ends.partition("-")
    if not all(word.isdigit() for word in (first, last or first, step or "1")) or step == "0":
        raise Answer(1, err=f"condor_qsub: -t needs first[-last[:step]], has {text}\n")
    lines = []
    for task in range(int(first), int(last or first) + 1, int(step or 1)):
        ids = f"SGE_TASK_ID={task} SGE_TASK_FIRST={first} SGE_TASK_STEPSIZE={step or 1} SGE_TASK_LAST={last or first}"
        lines.append(f'environment = "{f"{variables} " if variables else ""}{ids}"')
        lines += [f"{stream}.{task}" for stream in streams]
        lines.append("Queue")
    return lines


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        raise Answer(1, err="condor_qsub: the current folder is not there any more: go to another one\n") from None


def _script_of_stdin() -> str:
    """A script read from stdin, in a file of the current folder."""
    parts = []
    while True:
        part = os.read(0, 1 << 16)
        if not part:
            break
        parts.append(part)
    path = f"{_here()}/STDIN_qsub.{os.getpid()}"
    try:
        with open(path, "wb") as file:
            file.write(b"".join(parts))
    except OSError as error:
        raise Answer(1, err=f"condor_qsub: cannot write {path}: {error.strerror}\n") from None
    return path
