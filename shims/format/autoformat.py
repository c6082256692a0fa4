"""``-af``, ``-autoformat`` and ``-format``: the columns that a command line asks for (``parse_autoformat_args``)."""

from __future__ import annotations

from shims.format.columns import Column, Layout, evaluator, format_column, growing_rows, rows
from spool.classad import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shims.cli.options import Given
    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

NAMES = ("af", "autoformat", "format")


class Projection:
    """The columns of the ``-af`` and ``-format`` options, in the order given.

    ``wrong`` is the first text that is no expression: HTCondor's condor_q takes the columns before it and says nothing.
    ``attributes`` are the texts of the columns, for the forms that print whole ads.
    """

    __slots__ = ("attributes", "columns", "headings", "layout", "wrong")

    def __init__(self, given: Sequence[Given]) -> None:
        self.columns: list[Column] = []
        self.attributes: list[str] = []
        self.layout = Layout()
        self.headings = False
        self.wrong: str | None = None
        for option in given:
            if self.wrong is not None:
                break
            if option.name == "format":
                self._add_format(option.values[0], option.values[1])
            elif option.name in NAMES:
                self._add_auto(option.modifiers or "", option.values)

    def _add_format(self, text: str, attribute: str) -> None:
        self.attributes.append(attribute)
        readable = _is_expression(attribute)
        self.columns.append(format_column(text, attribute, readable))
        if not readable:
            self.wrong = attribute

    def _add_auto(self, modifiers: str, attributes: Sequence[str]) -> None:
        self.layout = _layout(modifiers)
        labels, conversion = "l" in modifiers, "%v"
        if "V" in modifiers:
            conversion = "%V"
        if "r" in modifiers or "o" in modifiers:
            conversion = "%r"
        self.headings = self.headings or "h" in modifiers
        if "j" in modifiers:
            self.columns += _job_id_columns(self.headings, labels)
        for attribute in attributes:
            if not _is_expression(attribute):
                self.wrong = attribute
                return
            self.attributes.append(attribute)
            self.columns.append(_column(attribute, conversion, labels, self.headings))

    def text(self, records: Sequence[JobRecord], foreseeing: bool = True) -> list[str]:
        """The whole answer. Not ``foreseeing``: the widths of columns with headings do not know of the rows to come."""
        if not self.headings:
            return rows(self.columns, self.layout, records)
        return growing_rows(self.columns, self.layout, records, foreseeing)


def referred(given: Sequence[Given]) -> list[str]:
    """The attributes that the options' columns refer to."""
    names: list[str] = []
    for option in given:
        for text in option.values[1:] if option.name == "format" else option.values:
            if text.isidentifier():
                names.append(text)
            else:
                from spool.classad.evaluate import needed

                names += [name for name in needed(values.from_command_line(text)) if name != "*"]
    return names


def _layout(modifiers: str) -> Layout:
    start, before, after = "", " ", ""
    for letter in modifiers:
        if letter == "t":
            before = "\t"
        elif letter == "g":
            start, before = "\n", ""
        elif letter in (",", "n"):
            after = "," if letter == "," else "\n"
    return Layout(start, before, after, "\n")


def _column(attribute: str, conversion: str, labels: bool, headings: bool) -> Column:
    if headings:
        column = format_column(conversion, attribute)
        column.heading, column.width, column.left, column.grows = attribute, len(attribute), True, True
        column.measure = _measure(column, attribute, conversion)
        return column
    return format_column(f"{attribute} = {conversion}" if labels else conversion, attribute)


def _measure(column: Column, attribute: str, conversion: str) -> Callable[[JobRecord], int]:
    """What HTCondor knows of a cell's width before it prints (``calc_column_width``): a real in its longer spelling."""
    if conversion == "%r":
        return lambda record: len(column.cell(record))
    value = evaluator(attribute)
    return lambda record: value_width(value(record))


def value_width(found: Value) -> int:
    """The width that HTCondor foresees for a value; 0 for what it does not measure."""
    if isinstance(found, str):
        return len(found)
    if isinstance(found, float):
        return len(f"{found:.15E}") if found else 3
    return 0 if isinstance(found, bool) or not isinstance(found, int) else len(str(found))


def _job_id_columns(headings: bool, labels: bool) -> list[Column]:
    label = "ID = " if labels else ""
    if not headings:
        column = Column(lambda record: f"{label}{record.cluster}.{record.proc}")
        return [column]
    cluster = Column(lambda record: f"{label}{record.cluster:4d}.", " ID", 5)
    cluster.joined_after = cluster.grows = True
    cluster.measure = lambda record: len(cluster.cell(record))
    proc = Column(lambda record: f"{record.proc:<3d}", " ", 3)
    proc.joined_before = proc.grows = proc.left = True
    proc.measure = lambda record: len(proc.cell(record))
    return [cluster, proc]


def _is_expression(text: str) -> bool:
    if text.isidentifier() and text.isascii():
        return True
    from spool.classad.evaluate import is_expression

    return is_expression(values.from_command_line(text))
