"""Columns: what one attribute or expression of each job becomes, and how the columns of a row are put together.

A column's cell follows ``AttrListPrintMask::render`` and ``display`` (``ad_printmask.cpp``): the format's conversion says
what value is wanted, and a job that has none gets blanks of the format's width, or nothing.
"""

from __future__ import annotations

from shims.format import printf
from shims.format.printf import Format
from spool.classad import values
from spool.classad.lookup import fetcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

    Cell = Callable[[JobRecord], str]


_WORDS = ("true", "false", "error", "undefined", "currenttime")


class Column:
    """One column. ``cell`` gives its text for a job; ``heading`` is None in tables without headings.

    ``width`` pads (to the left when ``left``) and grows with the data when ``grows``; ``cuts`` cuts what is longer;
    ``padded``: the cell has done it. ``joined_before`` and ``joined_after``: no prefix before it, no suffix after it.
    """

    __slots__ = (
        "cell",
        "cuts",
        "grows",
        "heading",
        "joined_after",
        "joined_before",
        "left",
        "measure",
        "padded",
        "width",
    )

    def __init__(self, cell: Cell, heading: str | None = None, width: int = 0, left: bool = False) -> None:
        self.cell = cell
        self.heading = heading
        self.width = width
        self.left = left
        self.cuts = self.grows = self.padded = self.joined_before = self.joined_after = False
        self.measure: Callable[[JobRecord], int] | None = None


class Layout:
    """What stands around and between the cells of a row."""

    __slots__ = ("after", "before", "end", "start")

    def __init__(self, start: str = "", before: str = "", after: str = "", end: str = "") -> None:
        self.start = start
        self.before = before
        self.after = after
        self.end = end


def rows(columns: Sequence[Column], layout: Layout, records: Sequence[JobRecord]) -> list[str]:
    """The rows of the jobs, without headings."""
    if not columns:
        return []
    start, end = layout.start, layout.end
    gaps = _gaps(columns, layout)
    texts = [map(_padded(column), records) for column in columns]  # column by column: half the calls of row by row
    if len(set(gaps)) <= 1:
        gap = gaps[0] if gaps else ""
        return [start + gap.join(row) + end for row in zip(*texts)]
    pattern = start.replace("%", "%%") + "%s" + "".join([gap.replace("%", "%%") + "%s" for gap in gaps]) + end
    return [pattern % row for row in zip(*texts)]


def heading(columns: Sequence[Column], layout: Layout) -> str:
    """The line of headings."""
    gaps = ["", *_gaps(columns, layout)]
    texts = [(column.heading or "").ljust(column.width) for column in columns]
    return layout.start + "".join([gap + text for gap, text in zip(gaps, texts)]) + layout.end


def growing_rows(
    columns: Sequence[Column], layout: Layout, records: Sequence[JobRecord], foreseeing: bool = True
) -> list[str]:
    """The heading and the rows, with columns that grow to the data.

    As HTCondor does it: the heading knows what ``measure`` can tell of all rows; a column grows on when a row comes with
    something that is wider, from that row on.
    """
    for column in columns:
        if foreseeing and column.grows and column.measure:
            column.width = max([column.width, *map(column.measure, records)])
    out = [heading(columns, layout)]
    if not any(column.grows for column in columns):
        return out + rows(columns, layout, records)
    gaps = ["", *_gaps(columns, layout)]
    for record in records:
        parts = [layout.start]
        for gap, column in zip(gaps, columns):
            text = column.cell(record)
            if column.grows:
                column.width = max(column.width, len(text))
            elif column.cuts:
                text = text[: column.width]
            parts += (gap, text.ljust(column.width) if column.left else text.rjust(column.width))
        out.append("".join(parts) + layout.end)
    return out


def _gaps(columns: Sequence[Column], layout: Layout) -> list[str]:
    return [
        ("" if left.joined_after else layout.after) + ("" if right.joined_before else layout.before)
        for left, right in zip(columns, columns[1:])
    ]


def _padded(column: Column) -> Cell:
    cell, width, left = column.cell, column.width, column.left
    if not width or column.padded:
        return cell
    if column.cuts:
        return lambda record: cell(record)[:width].ljust(width) if left else cell(record)[:width].rjust(width)
    if left:
        return lambda record: cell(record).ljust(width)
    return lambda record: cell(record).rjust(width)


# --- cells of printf formats --------------------------------------------------------------------------------------------


def format_column(text: str, attribute: str, readable: bool = True) -> Column:
    """The column of ``-format TEXT ATTRIBUTE``; ATTRIBUTE may be an expression, or not ``readable`` as one."""
    form = Format(text)
    if not readable and form.kind != printf.LITERAL:
        return Column(lambda record: "", None, form.width, form.left)
    return Column(printf_cell(form, attribute), None, form.width, form.left)


def printf_cell(form: Format, attribute: str, absent: str = "") -> Cell:
    """The cell of a format; ``absent`` stands for a value that is not there, or not of the wanted type."""
    if form.kind == printf.LITERAL:
        literal = form.text
        return lambda record: literal
    if form.kind == printf.RAW:
        return _raw_cell(form, attribute)
    if form.kind == printf.STRING:
        return _string_cell(form, attribute, absent)
    if form.kind == printf.VALUE:
        return _plain_cell(attribute) if form.plain and form.letter == "v" else _value_cell(form, attribute)
    value = evaluator(attribute)
    return _real_cell(form, value, absent) if form.kind == printf.REAL else _integer_cell(form, value, absent)


def _integer_cell(form: Format, value: Callable[[JobRecord], Value], absent: str) -> Cell:
    def cell(record: JobRecord) -> str:
        number = values.integer(value(record))
        return absent if number is None else form.number(number)

    return cell


def _real_cell(form: Format, value: Callable[[JobRecord], Value], absent: str) -> Cell:
    def cell(record: JobRecord) -> str:
        number = values.real(value(record))
        return absent if number is None else form.real(number)

    return cell


def _raw_cell(form: Format, attribute: str) -> Cell:
    fetch = fetcher(attribute)
    absent: list[str] = []  # what stands for a job without the attribute, when it is known

    def cell(record: JobRecord) -> str:
        expression = fetch(record)
        if expression is not None:
            return form.string(raw(expression))
        if not absent:
            absent.append(form.string(_raw_expression(attribute)))
        return absent[0]

    return cell


def _raw_expression(attribute: str) -> str:
    """An expression given as a column, unevaluated; a mere name that is not in the ad is undefined."""
    if attribute.lower() in _WORDS:
        return attribute.lower()
    if all(part.isidentifier() for part in attribute.split(".")):
        return "undefined"
    from spool.classad.evaluate import old_form

    return old_form(values.from_command_line(attribute))


def _string_cell(form: Format, attribute: str, absent: str) -> Cell:
    fetch, value = fetcher(attribute), evaluator(attribute)
    bare = form.plain

    def cell(record: JobRecord) -> str:
        found = value(record)
        if isinstance(found, str):
            return found if bare else form.string(found)
        expression = fetch(record)
        if expression is None:
            return absent
        return form.string(raw(expression))

    return cell


def _value_cell(form: Format, attribute: str) -> Cell:
    value = evaluator(attribute)
    text = values.unparsed if form.letter == "V" else values.plain

    def cell(record: JobRecord) -> str:
        return form.string(text(value(record)))

    return cell


def _plain_cell(attribute: str) -> Cell:
    """``%v``, the conversion of ``-af``: the fast one."""
    fetch, value = fetcher(attribute), evaluator(attribute)

    def cell(record: JobRecord) -> str:
        text = fetch(record)
        if text is not None:
            if text[:1] == '"' and text.count('"') == 2 and "\\" not in text:
                return text[1:-1]
            if text.isdigit() and text[0] != "0":
                return text
        return values.plain(value(record))

    return cell


def raw(expression: str) -> str:
    """An ad's expression, unevaluated, in HTCondor's long form."""
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return expression if isinstance(found, bool) else values.unparsed(found)
    from spool.classad.evaluate import old_form

    return old_form(expression)


def evaluator(attribute: str) -> Callable[[JobRecord], Value]:
    """What gives the value of an attribute, or else of an expression, in a job's ad."""
    fetch = fetcher(attribute)
    if attribute.isidentifier() and attribute.lower() not in _WORDS:
        return lambda record: _value_of(fetch(record), record)

    written = values.from_command_line(attribute)

    def value(record: JobRecord) -> Value:
        expression = fetch(record)
        if expression is not None:
            return _value_of(expression, record)
        from spool.classad.evaluate import evaluate

        return evaluate(written, record)

    return value


def _value_of(expression: str | None, record: JobRecord) -> Value:
    if expression is None:
        return values.UNDEFINED
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return found
    from spool.classad.evaluate import evaluate_own

    return evaluate_own(expression, record)
