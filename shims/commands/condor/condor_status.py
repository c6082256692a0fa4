"""``condor_status``: what Work Queue has, as slots, and the ads of the daemons that clients look for.

Everything comes from what a living master vouches for. Kinds of ads that do not exist here are refused: an empty answer would
be read as an empty pool.
"""

from __future__ import annotations

import os
import time

from shims.cli import identity, stdio
from shims.cli.options import MANY, Given, MissingValue, Option, UnknownOption, is_option, parse
from shims.cli.stdio import Answer
from spool.errors import AwqError
from spool.job import RUNNING
from spool.settings import load
from spool.store.layout import open_spool
from spool.store.published_counts import vouched_counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shims.cli.options import Parsed
    from shims.print_format.parser import Selection
    from spool.classad.job_record import JobRecord

# The order and the shortest forms are those of status.cpp, as far as there is something behind them.
TABLE = (
    Option("help", 1),
    Option("version", 4),
    Option("debug", 1, modifiers=True),
    Option("schedd", 2),
    Option("pool", 1, values=1),
    Option("long", 1, modifiers=True),
    Option("limit", 2, values=1),
    Option("xml", 1),
    Option("json", 2),
    Option("attributes", 2, values=1),
    Option("constraint", 3, values=1),
    Option("format", 1, values=2),
    Option("af", 2, values=MANY, modifiers=True),
    Option("autoformat", 4, values=MANY, modifiers=True),
    Option("print-format", 2, values=1, modifiers=True),
    Option("name", 1, values=1),
    Option("direct", 2, values=1),
    Option("ads", 2, values=1, modifiers=True),
    Option("expert", 1),
    Option("wide", 1, modifiers=True),
    Option("natural", 3, modifiers=True),
    Option("sort", 3, values=1),
    Option("total", 1),
    Option("avail", 2),
    Option("claimed", 2),
    Option("collector", 3),
    Option("master", 1),
    Option("slots", 2),
    Option("startd", 4),
    Option("state", 5),
    Option("compact", 5),
    Option("any", 2),
    *[Option(name, 0) for name in (
        "absent", "cod", "data", "defrag", "generic", "gpus", "grid", "java", "license", "negotiator", "run", "server",
        "slot", "storage", "submitters", "vm", "pslot", "dslot", "annex-slots", "ckptsrvr", "diagnose",
    )],
    *[Option(name, 0, values=1) for name in ("annex-name", "merge", "statistics", "subsystem", "target")],
)  # fmt: skip
_NO_SUCH_ADS = (
    "absent", "cod", "data", "defrag", "generic", "gpus", "grid", "java", "license", "negotiator", "run", "server",
    "storage", "submitters", "vm", "startd", "any", "annex-slots", "annex-name", "ckptsrvr", "subsystem",
)  # fmt: skip
_NOT_OFFERED = ("diagnose", "merge", "statistics", "target")
_MISSING = {"format": "two other arguments", "limit": "one additional argument", "pool": "a hostname as an argument."}
_LONG_FORMS = {"json": "json", "xml": "xml", "new": "new"}
_MISSING_FILE = "Error: Argument -print-format requires a filename argument\n"
_WIDE = 100  # columns that a width must have for the wide form of the table
_KINDS = ("schedd", "master", "collector")


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_status, "condor_status", argv)


def _condor_status(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    selection = _selection(parsed)
    given = _from_file(parsed.last("ads")) if parsed.has("ads") else _known(parsed)
    records = _sorted(parsed, _selected(parsed, given, selection))
    if selection is None:
        return stdio.show(_text(parsed, records))
    from shims.print_format.print_mask import table

    text = "".join(table(selection, records, stdio.columns()))
    stdio.write(2, "".join(selection.warnings))
    return stdio.show(text)


def _selection(parsed: Parsed) -> Selection | None:
    """The table of a print-format file; None without one. Answer."""
    path = parsed.last("print-format")
    if path is None or path == "!":
        return None
    if any(parsed.has(form) for form in ("xml", "json", "long")):
        raise Answer(1, err="Error: -print-format contradicts the other form\n")
    from shims.print_format.builtin import of_machines

    return of_machines(path)


def _parse(argv: Sequence[str]) -> Parsed:
    try:
        parsed = parse(argv, TABLE)
    except UnknownOption as error:
        from shims.cli.help.actions import CONDOR_STATUS

        raise Answer(1, err=f"Error:  Unknown option {error.word}\n{CONDOR_STATUS}") from None
    except MissingValue as error:
        what = _MISSING.get(error.name, "another argument")
        text = f'condor_status: -{error.name} requires {what}\nUse "condor_status -help" for details\n'
        raise Answer(1, err=_MISSING_FILE if error.name == "print-format" else text) from None
    for given in parsed.given:
        _check(given)
    if len([kind for kind in _KINDS if parsed.has(kind)]) > 1:
        raise Answer(1, err="condor_status: one kind of ads at a time\n")
    return parsed


def _check(given: Given) -> None:
    if given.name == "help":
        from shims.cli.help.actions import CONDOR_STATUS

        raise Answer(0, out=CONDOR_STATUS)
    if given.name == "version":
        raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    if given.name in ("af", "autoformat") and not given.values:
        raise Answer(
            1,
            err=f'Error: Argument -{given.name} requires at least one attribute parameter\nUse "condor_status -help" for details\n',
        )
    if given.name == "print-format" and is_option(given.value):
        raise Answer(1, err=_MISSING_FILE)
    if given.name in _NO_SUCH_ADS:
        raise Answer(1, err=f"condor_status: -{given.name} is not offered here: there are no such ads\n")
    if given.name in _NOT_OFFERED:
        raise Answer(1, err=f"condor_status: -{given.name} is not offered here\n")


def _kind(parsed: Parsed) -> str:
    return next((kind for kind in _KINDS if parsed.has(kind)), "slots")


def _known(parsed: Parsed) -> list[JobRecord]:
    """The ads of the wanted kind. NotVouched."""
    from shims.api import machines

    settings = load(os.environ)
    spool = open_spool(settings.workdir)
    now = time.time()
    counts = vouched_counts(spool, settings.stale, now)
    kind = _kind(parsed)
    running: list[JobRecord] = []
    if kind in ("slots", "collector"):
        from spool.store.queue_view import open_view

        view = open_view(spool, settings.stale, now)
        try:
            running = list(view.jobs((), (RUNNING,)))
        finally:
            view.close()
    pool = machines.Pool(counts, running, settings, now)
    if kind == "slots":
        return [machines.record(ad) for ad in machines.machines(pool)]
    make = {"schedd": machines.schedd, "master": machines.master, "collector": machines.collector}[kind]
    return [machines.record(make(pool))]


def _from_file(path: str | None) -> list[JobRecord]:
    """The ads of ``-ads FILE``, in long form."""
    from spool.classad.job_record import JobRecord

    try:
        with open(path or "", encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        raise AwqError(f"can't open {path}: {error.strerror}") from None
    return [JobRecord(0, 0, 0, part.strip("\n") + "\n") for part in text.split("\n\n") if part.strip()]


def _selected(parsed: Parsed, records: list[JobRecord], selection: Selection | None) -> list[JobRecord]:
    """The records that conditions, names and the limit leave. Answer."""
    from spool.classad import evaluate, values

    for text in _conditions(parsed, selection):
        records = [record for record in records if values.truth(evaluate.evaluate(text, record))]
    records = _of_hosts(parsed, records)
    limit = parsed.last("limit") or ""
    counts = limit.isascii() and limit.isdigit() and len(limit) < 19 and int(limit)
    return records[: int(limit)] if counts else records


def _conditions(parsed: Parsed, selection: Selection | None) -> list[str]:
    """The expressions that a slot has to satisfy. Answer."""
    from spool.classad import evaluate, values

    state = "Unclaimed" if parsed.has("avail") else "Claimed" if parsed.has("claimed") else ""
    wanted = [f'State == "{state}"'] if state else []
    if selection is not None and selection.where:
        wanted.append(selection.where)
    for given in [one for one in parsed.given if one.name == "constraint"]:
        text = values.from_command_line(given.value)
        if not evaluate.is_expression(text):
            from_file = f"Invalid constraint expression : ( ({given.value}) )\n"
            raise Answer(1, err=from_file if parsed.has("ads") else "Error: invalid constraint\n\n")
        wanted.append(text)
    return wanted


def _of_hosts(parsed: Parsed, records: list[JobRecord]) -> list[JobRecord]:
    """Those of the slots and hosts that are named; all when none is. Answer."""
    names = [word for word in parsed.operands if word]
    if _kind(parsed) == "slots":
        names += [given.value for given in parsed.given if given.name in ("name", "direct")]
    if not names:
        return records
    known = {name for record in records for name in _names(record)}
    for name in names:
        if name not in known and name != identity.host_name():
            raise Answer(1, err=f"condor_status: unknown host {name}\n")
    return [record for record in records if _names(record) & set(names)]


def _names(record: JobRecord) -> set[str]:
    from spool.classad import ads

    return {ads.string(record.expression(name)) for name in ("Name", "Machine")}


def _sorted(parsed: Parsed, records: list[JobRecord]) -> list[JobRecord]:
    """By the values of the ``-sort`` expressions, the first the most important; else slots by their machines."""
    from spool.classad import evaluate, values

    keys = [given.value for given in parsed.given if given.name == "sort"]
    if not keys and _kind(parsed) == "slots":
        return sorted(records, key=_place)
    for text in reversed(keys):
        expression = values.from_command_line(text.lstrip("-"))  # HTCondor's does not sort downwards either
        if not evaluate.is_expression(expression):
            raise Answer(1, err=f"Error: Parse error of: {text}\n")

        def key(record: JobRecord, expression: str = expression) -> tuple[int, float, str]:
            value = evaluate.evaluate(expression, record)
            number = isinstance(value, (int, float))
            return (not number, value if isinstance(value, (int, float)) else 0, "" if number else str(value))

        records = sorted(records, key=key)
    return records


def _place(record: JobRecord) -> tuple[str, list[int], str]:
    """Machine, then the numbers of the slot: slot1_2 comes before slot1_10."""
    from spool.classad import ads

    name, machine = (ads.string(record.expression(attribute)) for attribute in ("Name", "Machine"))
    slot = name.partition("@")[0].replace("slot", "").split("_")
    return machine.lower(), [int(part) for part in slot if part.isascii() and part.isdigit()], name


def _form(parsed: Parsed) -> str | None:
    """Whole ads: xml, json, new or long; None for tables and columns."""
    found = next((form for form in ("xml", "json", "long") if parsed.has(form)), None)
    for given in parsed.given:
        if found == "long" and given.name == "long":
            return _LONG_FORMS.get(given.modifiers or "", "long")
    return found


def _text(parsed: Parsed, records: list[JobRecord]) -> str:
    # A slot has no id to print: j means nothing here.
    columns = [
        Given(given.name, given.modifiers and given.modifiers.replace("j", ""), given.values)
        for given in parsed.given
        if given.name in ("af", "autoformat", "format")
    ]
    form = _form(parsed)
    if form is not None:
        from shims.format.autoformat import referred
        from shims.format.whole_ads import STATUS_FORMS, Printer

        lists = [given.value for given in parsed.given if given.name == "attributes"]
        wanted = [name for one in lists for name in one.replace(",", " ").split()]
        text = Printer(STATUS_FORMS[form], [*wanted, *referred(columns)]).document(records)
        return text if records or form == "xml" else ""
    if columns:
        from shims.format.autoformat import Projection

        return "".join(Projection(columns).text(records))
    return _table(parsed)(records)


def _width(parsed: Parsed) -> int | None:
    """Columns that a table is cut at: of ``-wide:60``; 0 for ``-wide``, which cuts nothing; None: as the terminal has it."""
    for given in reversed(parsed.given):
        if given.name == "wide":
            return int(given.modifiers or 0) if (given.modifiers or "").isdecimal() else 0
    return None


def _table(parsed: Parsed) -> Callable[[Sequence[JobRecord]], str]:
    from shims.format import machine_tables as tables

    kind = _kind(parsed)
    if kind != "slots":
        return {"schedd": tables.schedds, "master": tables.masters, "collector": tables.collectors}[kind]
    if parsed.has("total"):
        return tables.claimed_totals if parsed.has("claimed") else tables.totals
    if parsed.has("claimed") or parsed.has("compact"):
        return tables.compact if parsed.has("compact") else tables.claimed
    if parsed.has("state"):
        return tables.states
    width = _width(parsed)
    return lambda records: tables.slots(
        records, width == 0 or (width or 0) > _WIDE, stdio.columns() if width is None else width or None
    )
