"""Behind scripts/platforms: which releases and what is tried in them, and the table of it."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from platforming import cells, table
from platforming.cells import Cell
from platforming.roots import Root, RootError, Session, make, session

SOURCE = Path(__file__).resolve().parent.parent
RELEASES = ("bullseye", "bookworm", "trixie", "forky")
WORKERS_ONLY = ("bullseye",)  # its Python and CCTools are old: nodes may have it, a head node may not
COLUMNS = ("quickstart", "tests", "pairs")
_FACTS = (
    ". /etc/os-release; echo \"$PRETTY_NAME\"; work_queue_worker --version | head -n 1 | cut -d' ' -f3; "
    "python3 -V | cut -d' ' -f2; ldd --version | head -n 1 | sed 's/.* //'"
)


def main(arguments: Sequence[str]) -> int:
    """Make the roots, try everything, print the table."""
    options = _options().parse_args(arguments)
    try:
        if options.run:
            return _run(make(options.roots, options.run[0], SOURCE / "scripts/packages"), options.run[1])
        return _try(options)
    except RootError as error:
        print(f"platforms: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="platforms")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser.add_argument("--roots", type=Path, default=cache / "alien-workqueue/roots")
    parser.add_argument("--releases", type=_words, default=RELEASES)
    parser.add_argument("--only", type=_words, default=COLUMNS)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--run", nargs=2, metavar=("RELEASE", "LINE"))
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _run(root: Root, line: str) -> int:
    with session(root) as made:
        made.copy(SOURCE, cells.PROJECT)
        done = made.run(f"cd {cells.PROJECT}; {line}", 3600)
        sys.stdout.write(done.stdout)
        return done.returncode


def _try(options: argparse.Namespace) -> int:
    report = table.Report(time.strftime("%Y-%m-%d"))
    with contextlib.ExitStack() as stack:
        sessions: dict[str, Session] = {}
        for release in options.releases:
            _say(f"{release}: its root")
            made = stack.enter_context(session(make(options.roots, release, SOURCE / "scripts/packages")))
            made.copy(SOURCE, cells.PROJECT)
            report.facts[release] = tuple(made.run(_FACTS).stdout.strip().splitlines())
            sessions[release] = made
        heads = [release for release in sessions if release not in WORKERS_ONLY]
        for release in heads:
            for column, run in (("quickstart", cells.quickstart), ("tests", cells.tests)):
                if column in options.only or (column == "quickstart" and "pairs" in options.only):
                    report.cells[release, column] = _told(f"{release}: {column}", run(sessions[release]))
        if "pairs" in options.only:
            base = 20000 + secrets.randbelow(9000)
            for number, (head, node) in enumerate((head, node) for head in heads for node in sessions):
                found = cells.pair(sessions[head], sessions[node], base + 10 * number)
                report.cells[head, node] = _told(f"head {head}, workers {node}", found)
    text = report.text()
    print(text)
    if options.write:
        report.write(SOURCE / "docs/platforms.md", text)
    return 0 if all(cell.good for cell in report.cells.values()) else 1


def _told(what: str, cell: Cell) -> Cell:
    _say(f"{what}: {cell.word} ({cell.seconds:.0f} s)")
    if cell.said:
        _say("\n".join(f"    {line}" for line in cell.said.strip().splitlines()[-40:]))
    return cell


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
