"""Write docs/settings.md and docs/commands.md from the program itself, or check that they are what it says.

    python scripts/make_docs.py            write
    python scripts/make_docs.py --check    fail when a file would change

The output is the same on every machine: helps are asked for in a clean environment of a fixed width.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from render_prefix import SHIMS  # noqa: E402

from spool.settings import TABLE  # noqa: E402

HOME = "/home/you"
ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": HOME,
    "COLUMNS": "100",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
}
OPERATORS = {
    "alien_work_queue": "foremen.operator.alien_work_queue",
    "alien_wq_worker.sh": "foremen.operator.alien_wq_worker",
}
FAILS_WITH_HELP = ("condor_config_val", "condor_run")  # as HTCondor's do
COMMAND = "import sys; sys.argv = sys.argv[1:]; from {module} import main; sys.exit(main({arguments}))"
VERBS = "from {module} import cli; print(*cli.commands)"

SETTINGS_HEAD = """\
# Settings

Made from the program by `scripts/make_docs.py`: change `spool/settings.py` instead.

Where a setting comes from, the later wins:

1. the default below;
2. the file `$ALIEN_WORKQUEUE/etc/alien-workqueue.conf`: `NAME=value`, one a line; `#` begins a comment, quotes around a
   value go; a name that is not below is an error;
3. the environment, when the variable is not empty;
4. the command's own option, where it has one ([commands.md](commands.md)).

They are read once, when a command starts. Kinds: a *path* may begin with `~/`, and is made absolute; a *count* and
*seconds* are whole numbers of 0 or more; a *port* is 0 to 65535; a *flag* is 0 or 1.

| name | default | kind | meaning |
|---|---|---|---|
"""

COMMANDS_HEAD = """\
# Commands

Made from what the commands say of themselves by `scripts/make_docs.py`.
"""


def main(arguments: list[str]) -> int:
    """Write, or check; the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 2
    stale = []
    for path, text in (("docs/settings.md", settings_page()), ("docs/commands.md", commands_page())):
        target = ROOT / path
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not arguments:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    if stale and arguments:
        print(f"not what the program says: {', '.join(stale)}; run: python scripts/make_docs.py", file=sys.stderr)
        return 1
    return 0


def settings_page() -> str:
    """The table of settings."""
    rows = []
    for name, _attribute, kind, default, meaning in TABLE:
        value = f"`{default}`" if default else "(empty)"
        rows.append(f"| `{name}` | {value} | {kind} | {meaning.replace('|', chr(92) + '|')} |\n")
    return SETTINGS_HEAD + "".join(rows)


def commands_page() -> str:
    """The help of every command that there is, with those of its subcommands."""
    parts = [COMMANDS_HEAD]
    for title, text in helps():
        parts.append(f"\n## {title}\n\n```\n{text}```\n")
    return "".join(parts)


def helps() -> Iterator[tuple[str, str]]:
    """Command and help text: the operator's commands, then HTCondor's."""
    for name, module in OPERATORS.items():
        yield name, told(COMMAND.format(module=module, arguments=""), name, "--help")
        for verb in told(VERBS.format(module=module)).split():
            yield f"{name} {verb}", told(COMMAND.format(module=module, arguments=""), name, verb, "--help")
    for name in SHIMS:
        if (ROOT / "shims/commands/condor" / f"{name}.py").exists():
            yield (
                name,
                told(COMMAND.format(module=f"shims.commands.condor.{name}", arguments="sys.argv[1:]"), name, "-help"),
            )


def told(code: str, *arguments: str) -> str:
    """What a Python process prints, without blanks at line ends; paths of this machine's user become ``~``."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # HTCondor's condor_rm says it there
        text=True,
        check=False,
    )
    if done.returncode != (arguments[:1] in [(name,) for name in FAILS_WITH_HELP]) or not done.stdout.strip():
        raise SystemExit(f"{' '.join(arguments)} has no help (exit status {done.returncode}):\n{done.stdout}")
    lines = done.stdout.replace(HOME, "~").expandtabs(8).strip("\n").split("\n")
    return "".join([f"{line.rstrip()}\n" for line in lines])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
