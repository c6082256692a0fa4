"""What a print-format file prints: the columns of its selection, in rows (``AttrListPrintMask``)."""

from __future__ import annotations

from shims.format import printf
from shims.format.autoformat import value_width
from shims.format.columns import Column, Layout, evaluator, growing_rows, printf_cell
from shims.format.printf import Format
from shims.print_format import renderers
from spool.classad import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shims.print_format.parser import Field, Selection
    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

    Cell = Callable[[JobRecord], str]
    Measure = Callable[[JobRecord], int]

_ABSENT = "\0"  # no ad's text holds it
_NUMBERS = (printf.INTEGER, printf.CHARACTER, printf.TIME, printf.DATE, printf.REAL)


def columns(selection: Selection) -> list[Column]:
    """The selection's columns. A column whose expression is none is printed as absent; ``selection.warnings`` gets a line."""
    return [_column(field, selection) for field in selection.fields]


def table(selection: Selection, records: Sequence[JobRecord], cut: int | None, foreseeing: bool = True) -> list[str]:
    """The headings, unless the file wants none, and the rows, cut at that column."""
    layout = Layout(selection.start, selection.before, selection.after, selection.end)
    lines = growing_rows(columns(selection), layout, records, foreseeing)
    if selection.no_header or selection.label_separator is not None:
        lines = lines[1:]
    if cut is None or cut < 2:
        return lines
    end = selection.end
    return [line[: len(line) - len(end)][: cut - 1] + end for line in lines]


def grouped(selection: Selection, records: Sequence[JobRecord]) -> list[JobRecord]:
    """The records in the order of GROUP BY. As with HTCondor only strings count, and the order is always ascending."""
    keys = [evaluator(name) for name in selection.group]

    def key(record: JobRecord) -> str:
        return "".join([f"{value}\n" for value in [value_of(record) for value_of in keys] if isinstance(value, str)])

    return sorted(records, key=key)


def summary(selection: Selection, total: JobRecord) -> str:
    """The file's own summary line of the ad of totals, below its headings. HTCondor puts nothing between them."""
    bare = Layout()
    found = [_column(field, selection) for field in selection.summary_fields]
    heading, row = growing_rows(found, bare, [total], foreseeing=False)
    return f"{heading if selection.label_separator is None else ''}\n{row}\n"


def referred(selection: Selection) -> list[str]:
    """The attributes that the columns and the totals read, for the forms that print whole ads."""
    names = ["JobStatus", "JobUniverse"] if selection.summary else []
    for field in selection.fields:
        names += _references(field.attribute)
        if field.printas is not None:
            names += renderers.TABLE[field.printas].extra
    return names


def _references(text: str) -> list[str]:
    if text.isidentifier():
        return [text]
    from spool.classad.evaluate import needed

    return [name for name in needed(values.from_command_line(text)) if name != "*"]


def _column(field: Field, selection: Selection) -> Column:
    heading = field.label if field.label is not None else field.attribute
    width = field.width if field.width_given else -len(heading)
    left = width < 0
    form, width = _form(field, selection, heading, width)
    if form is not None and not width:
        width, left = form.width, left or form.left
    column = Column(lambda record: "", heading, abs(width), left or "LEFT" in field.flags)
    column.joined_before, column.joined_after = "NOPREFIX" in field.flags, "NOSUFFIX" in field.flags
    column.grows = not field.width_given or "WIDTH AUTO" in field.flags
    column.cuts = width != 0 and not column.grows
    base, column.measure = _parts(field, form, selection)
    column.cell = _alternative(field.alternative, column, base, form is not None and form.kind in _NUMBERS)
    return column


def _form(field: Field, selection: Selection, heading: str, width: int) -> tuple[Format | None, int]:
    """The column's printf format, None for none, and the width that is left to the column."""
    text = field.form
    if text is None and field.printas is not None:
        text = renderers.TABLE[field.printas].form
    precision = "" if "WIDTH AUTO" in field.flags else f".{abs(width)}"
    if selection.label_separator is not None:
        made = f"%{width}{precision}" if field.width_given and width else "%"
        made += "s" if field.printas is not None else "v"
        return Format(heading + selection.label_separator + (text if text is not None else made)), 0
    if text is None and field.printas is None:
        text = f"%{width}{precision}v" if width else "%v"
    return (None if text is None else Format(text)), width


def _parts(field: Field, form: Format | None, selection: Selection) -> tuple[Cell, Measure]:
    """The texts of the column, ``_ABSENT`` where there is no value, and their widths as far as HTCondor foresees them."""
    if not _readable(field.attribute):
        selection.warnings.append(f"attribute or expression is not valid: {field.attribute}\n")
        return lambda record: _ABSENT, lambda record: 0
    if field.printas is not None:
        return _named(renderers.TABLE[field.printas], evaluator(field.attribute), form)
    if form is None:
        raise ValueError("a column without PRINTAS has a format")
    cell = printf_cell(form, field.attribute, _ABSENT)
    if form.kind in (printf.LITERAL, printf.RAW, *_NUMBERS):
        return cell, lambda record: _seen(cell(record))
    value = evaluator(field.attribute)
    return cell, lambda record: value_width(value(record))


def _seen(text: str) -> int:
    return 0 if text == _ABSENT else len(text)


def _named(name: renderers.Name, value: Callable[[JobRecord], Value], form: Format | None) -> tuple[Cell, Measure]:
    if name.kind == renderers.RENDER:
        return _rendered(name, value, form)
    wanted = {renderers.INTEGER: values.integer, renderers.REAL: values.real}.get(name.kind)

    def cell(record: JobRecord) -> str:
        found = value(record)
        if wanted is None:
            return str(name.make(found))
        number = wanted(found)
        return _ABSENT if number is None else str(name.make(number))

    return cell, (lambda record: _seen(cell(record))) if name.form is not None else (lambda record: 0)


def _rendered(name: renderers.Name, value: Callable[[JobRecord], Value], form: Format | None) -> tuple[Cell, Measure]:
    def cell(record: JobRecord) -> str:
        found = name.make(value(record), record)
        if found is None:
            return _ABSENT
        return _printed(form, found) if form is not None else values.plain(found)

    def measure(record: JobRecord) -> int:
        found = name.make(value(record), record)
        if isinstance(found, str):
            return len(found)
        return 0 if form is None or found is None else len(_printed(form, found))

    return cell, measure


def _printed(form: Format, found: str | float) -> str:
    """A renderer's value in the column's format."""
    if form.kind == printf.LITERAL:
        return form.text
    if form.kind == printf.REAL:
        return form.real(values.real(found) or 0.0)
    if form.kind in _NUMBERS:
        return form.number(values.integer(found) or 0)
    return form.string(values.plain(found))


def _alternative(wanted: str, column: Column, base: Cell, justified: bool) -> Cell:
    """The texts with what stands for absent values; a number fills the width before the column is aligned."""

    def cell(record: JobRecord) -> str:
        text = base(record)
        if text != _ABSENT:
            return text.rjust(column.width) if justified else text
        if len(wanted) < 2:
            return wanted.strip()
        return wanted[0] if column.width < 3 else f"[{wanted[0] * (column.width - 2)}]"

    return cell


def _readable(text: str) -> bool:
    if text.isidentifier() and text.isascii():
        return True
    from spool.classad.evaluate import is_expression

    return is_expression(values.from_command_line(text))
