"""``condor_history``: the jobs that left the queue, the latest first. It needs no living master."""

from __future__ import annotations

import os

from shims.api.selection import ConstraintError, Wanted
from shims.cli import stdio
from shims.cli.options import MANY, MissingValue, Option, UnknownOption, is_option, parse
from shims.cli.stdio import Answer
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shims.cli.options import Given, Parsed
    from shims.print_format.parser import Selection
    from spool.classad.job_record import JobRecord

# The order and the shortest forms are those of history.cpp.
TABLE = (
    Option("long", 1),
    Option("xml", 3),
    Option("jsonl", 5),
    Option("json", 4),
    Option("backwards", 1),
    Option("nobackwards", 3),
    Option("forwards", 4),
    Option("wide", 1, modifiers=True),
    Option("match", 1, values=1),
    Option("limit", 3, values=1),
    Option("scanlimit", 4, values=1),
    Option("local", 2),
    Option("startd", 3),
    Option("schedd", 3),
    Option("file", 2, values=1),
    Option("userlog", 1, values=1),
    Option("attributes", 2, values=1),
    Option("help", 1),
    Option("format", 1, values=2),
    Option("af", 2, values=MANY, modifiers=True),
    Option("autoformat", 5, values=MANY, modifiers=True),
    Option("print-format", 2, values=1, modifiers=True),
    Option("epochs", 2, modifiers=True),
    Option("directory", 3),
    Option("search", 3, values=1),
    Option("constraint", 1, values=1),
    Option("since", 4, values=1),
    Option("completedsince", 3, values=1),
    Option("debug", 3, modifiers=True),
    Option("name", 1, values=1),
    Option("pool", 1, values=1),
    Option("submitter", 3, values=1),  # not HTCondor's: DIRAC 8 asks with it, as of condor_q (docs/adr/0008)
)
_MISSING = {
    "match": "Error: Argument -match requires a number value as a parameter.\n",
    "limit": "Error: Argument -match requires a number value as a parameter.\n",
    "format": "Error: Argument -format requires a spec and classad attribute name as parameters.\n"
    "\t\te.g. condor_history -format '%d' ClusterId\n",
    "userlog": "Error: Argument -userlog requires another parameter\n",
    "print-format": "Error: Argument -print-format requires a filename argument\n",
    "attributes": "Error: Argument -attributes must be followed by a list of attributes\n",
}
_NOT_OFFERED = ("startd", "epochs", "directory", "search")
_NARROW = 80  # columns of a print-format table when stdout is no terminal


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_history, "condor_history", argv)


def _condor_history(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    from shims.commands.condor.condor_q_request import operands

    ids, users = operands(parsed)
    users += [given.value.partition("@")[0] for given in parsed.given if given.name == "submitter"]
    constraints = [given.value for given in parsed.given if given.name == "constraint"]
    selection = _selection(parsed)
    if selection is not None and selection.where:
        constraints.append(selection.where)
    wanted = Wanted(ids, users, constraints, _count(parsed, "match", "limit"))
    try:
        records = _records(parsed, wanted)
    except ConstraintError as error:
        raise Answer(1, err=f"Error:  could not parse constraint ( ({error.constraint}) )\n") from None
    return stdio.show(_text(parsed, records, selection))


def _parse(argv: Sequence[str]) -> Parsed:
    try:
        parsed = parse(_older_form(argv), TABLE)
    except UnknownOption as error:
        from shims.cli.help.actions import CONDOR_HISTORY

        raise Answer(1, err=f"Error: Unknown argument {error.word}\n{CONDOR_HISTORY}") from None
    except MissingValue as error:
        text = _MISSING.get(error.name, f"Error: Argument -{error.name} requires another parameter\n")
        raise Answer(1, err=text) from None
    for given in parsed.given:
        _check(given)
    if sum([parsed.has(form) for form in ("xml", "json", "jsonl")]) > 1:
        raise Answer(1, err="Error: Cannot use more than one of XML and JSON[L]\n")
    return parsed


def _older_form(argv: Sequence[str]) -> list[str]:
    """``-f FILE`` as BLAH and ARC write it: it meant -file once. 23.9.6 reads -format there, and prints nothing."""
    following = [*argv[1:], ""]
    return ["-file" if word == "-f" and os.path.isfile(after) else word for word, after in zip(argv, following)]


def _check(given: Given) -> None:
    if given.name == "help":
        from shims.cli.help.actions import CONDOR_HISTORY

        raise Answer(0, out=CONDOR_HISTORY)
    if given.name in ("af", "autoformat") and not given.values:
        text = f"Error: Argument -{given.name} requires at least one attribute parameter\n"
        raise Answer(1, err=f"{text}\t\te.g. condor_history -{given.name} ClusterId\n")
    if given.name == "print-format" and is_option(given.value):
        raise Answer(1, err=_MISSING["print-format"])
    if given.name in _NOT_OFFERED:
        raise Answer(1, err=f"Error: -{given.name} is not offered: there is no HTCondor behind this condor_history\n")


def _count(parsed: Parsed, *names: str) -> int | None:
    """The last of these numbers; none, a wrong one or one below 1 means all, as with HTCondor's atoi."""
    found: int | None = None
    for given in parsed.given:
        if given.name in names:
            found = int(given.value) if given.value.isascii() and given.value.isdigit() and len(given.value) < 19 else 0
    return found or None


def _records(parsed: Parsed, wanted: Wanted) -> list[JobRecord]:
    """The jobs asked for. ConstraintError, NotVouched."""
    from shims.api.history import History, stopped
    from shims.api.jobs import passing

    oldest_first = parsed.has("forwards") or parsed.has("nobackwards")
    with_stop = [(given.name, given.value) for given in parsed.given if given.name in ("since", "completedsince")]
    path, log = parsed.last("file"), parsed.last("userlog")
    if log is not None:
        return _first_of_log(log, wanted)
    spool = None if path is not None else open_spool(load(os.environ).workdir)
    with History(spool, path, wanted, oldest_first) as scanned:
        limited = _first(scanned, _count(parsed, "scanlimit"))
        return list(_first(passing(stopped(limited, with_stop), wanted), wanted.limit))


def _first_of_log(path: str, wanted: Wanted) -> list[JobRecord]:
    """The jobs of a job event log, in its order: for each what its events tell. Answer, ConstraintError."""
    import time

    from shims.api.jobs import passing
    from shims.api.userlog_jobs import CannotOpen, jobs_of
    from shims.cli import identity

    try:
        found = jobs_of(path, identity.user_name(), int(time.time()))
    except CannotOpen:
        raise Answer(1, err=f"Error: Can't open userlog {path}\n") from None
    return list(_first(passing(iter(found), wanted), wanted.limit))


def _first(records: Iterator[JobRecord], limit: int | None) -> Iterator[JobRecord]:
    if limit is None:
        return records
    return (record for _, record in zip(range(limit), records))


def _selection(parsed: Parsed) -> Selection | None:
    """The table of a print-format file; None without one. Answer."""
    path = parsed.last("print-format")
    if path is None or path == "!":
        return None
    from shims.print_format.builtin import of_history

    return of_history(path)


def _width(parsed: Parsed, otherwise: int | None) -> int | None:
    """Columns that a table is cut at: of ``-wide:60``; None for ``-wide``, which cuts nothing."""
    for given in reversed(parsed.given):
        if given.name == "wide":
            return int(given.modifiers or 0) if (given.modifiers or "").isdecimal() else None
    return otherwise


def _selected(parsed: Parsed, records: Sequence[JobRecord], selection: Selection) -> str:
    from shims.print_format.print_mask import table

    width = _width(parsed, stdio.columns() or _NARROW)
    text = "".join(table(selection, records, width, foreseeing=False))
    stdio.write(2, "".join(selection.warnings))
    return text


def _text(parsed: Parsed, records: Sequence[JobRecord], selection: Selection | None) -> str:
    columns = [given for given in parsed.given if given.name in ("af", "autoformat", "format")]
    for form in ("xml", "jsonl", "json", "long"):
        if parsed.has(form):
            from shims.format.autoformat import referred as named
            from shims.format.whole_ads import HISTORY_FORMS, Printer

            lists = [given.value for given in parsed.given if given.name == "attributes"]
            wanted = [*[name for one in lists for name in one.replace(",", " ").split()], *named(columns)]
            if selection is not None:
                from shims.print_format.print_mask import referred

                wanted += referred(selection)
            return Printer(HISTORY_FORMS[form], wanted).document(records)
    if selection is not None:
        return _selected(parsed, records, selection)
    if columns:
        from shims.format.autoformat import Projection

        projection = Projection(columns)
        if projection.wrong is not None:
            raise Answer(1, err=f"Error: invalid expression : {projection.wrong}\n")
        return "".join(projection.text(records, foreseeing=False))
    from shims.format.job_tables import history_table

    width = _width(parsed, stdio.columns(unsized=None))
    return "".join(history_table(records, width + 1 if width and parsed.has("wide") else width))
