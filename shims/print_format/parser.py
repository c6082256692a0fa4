"""The little language of ``-print-format FILE``: which columns, with which widths and formats, under which conditions.

As ``make_printmask.cpp`` of 23.9.6 reads it::

    SELECT [BARE | NOTITLE | NOHEADER | NOSUMMARY] [UNIQUE | FROM AUTOCLUSTER] [LABEL [SEPARATOR s]]
           [RECORDPREFIX s] [RECORDSUFFIX s] [FIELDPREFIX s] [FIELDSUFFIX s]
        EXPRESSION [AS label] [PRINTF format | PRINTAS name] [WIDTH AUTO | WIDTH n] [TRUNCATE] [LEFT | RIGHT]
                   [NOPREFIX] [NOSUFFIX] [ALWAYS] [OR c | OR cc]
    [WHERE condition]
    [GROUP BY]
        ATTRIBUTE [ASCENDING | DESCENDING]
    [SUMMARY [STANDARD | NONE]]
        EXPRESSION ...

Keywords are upper case. What HTCondor only warns of is a warning here too; where its parser crashes (a keyword without its
word, a line before SELECT) the file is refused with the line.
"""

from __future__ import annotations

from shims.format.printf import ESCAPES
from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Word = tuple[int, str]  # where its text begins in the line, and its text

_BLANKS = " \t\r\n"
_ALTERNATIVES = " ?*.-_#0"
_SEPARATORS = {"RECORDPREFIX": "start", "FIELDPREFIX": "before", "FIELDSUFFIX": "after", "RECORDSUFFIX": "end"}
_HEADINGS = {
    "BARE": ("no_title", "no_header", "no_summary"),
    "NOTITLE": ("no_title",),
    "NOHEADER": ("no_header",),
    "NOSUMMARY": ("no_summary",),
}
_FLAGS = ("NOPREFIX", "NOSUFFIX", "LEFT", "RIGHT", "FIT", "TRUNCATE", "ALWAYS")
_KEYWORDS = (*_FLAGS, "AS", "AUTO", "OR", "PRINTAS", "PRINTF", "WIDTH")
STANDARD, CUSTOM = "standard", "custom"


class Field:
    """One column as written. ``width`` None: that of its heading; negative: to the left; 0: none. ``alternative``: what stands
    for a value that is not there (``??`` in brackets over the whole width)."""

    __slots__ = ("alternative", "attribute", "flags", "form", "label", "printas", "width", "width_given")

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self.label: str | None = None
        self.form: str | None = "%v"
        self.printas: str | None = None
        self.width = 0
        self.width_given = False
        self.alternative = ""
        self.flags: set[str] = set()


class Selection:
    """A file as read. ``summary``: STANDARD, CUSTOM (then ``summary_fields``) or empty; ``warnings`` are for stderr.

    ``group``: attributes whose strings the rows are sorted by.
    """

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.summary_fields: list[Field] = []
        self.start, self.before, self.after, self.end = "", " ", "", "\n"
        self.no_title = self.no_header = False
        self.summary = ""
        self.label_separator: str | None = None
        self.unique = self.autocluster = False
        self.where = ""
        self.group: list[str] = []
        self.warnings: list[str] = []


def read(path: str, names: Callable[[str], bool]) -> Selection:
    """The file's selection; ``-`` is stdin. ``names``: whether PRINTAS knows a name. OSError, AwqError."""
    if path == "-":
        import sys

        return parse(sys.stdin.read(), path, names)
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return parse(file.read(), path, names)


def parse(text: str, path: str, names: Callable[[str], bool]) -> Selection:
    """The selection of a text; ``path`` is what messages call it. AwqError."""
    return _Reader(path, names).read(text)


class _Reader:
    """Reads one file, line by line; ``_section`` is SELECT, WHERE, SUMMARY or one that means nothing."""

    def __init__(self, path: str, names: Callable[[str], bool]) -> None:
        self._path = path
        self._names = names
        self._line = 0
        self._section = ""
        self._found = Selection()

    def read(self, text: str) -> Selection:
        for number, line in _joined(text):
            self._line = number
            words = list(_words(line))
            if words and words[0][1] != "#":
                self._take(line, words)
        if not self._found.fields:
            raise AwqError(f"{self._path}: no SELECT with columns in it")
        return self._found

    def _take(self, line: str, words: list[Word]) -> None:
        first = words[0][1]
        if first in ("SELECT", "SUMMARY"):
            self._section = first
            (self._select if first == "SELECT" else self._summary)([text for _, text in words[1:]])
            return
        if first in ("WHERE", "JOIN", "AND", "GROUP"):
            self._section = first
            words = words[2 if [text for _, text in words[1:2]] == ["BY"] and first == "GROUP" else 1 :]
            if not words:
                return
        if self._section in ("SELECT", "SUMMARY"):
            self._field(line, words)
        elif self._section == "WHERE":
            self._found.where = line[words[0][0] :].strip()
        elif self._section == "GROUP":
            self._found.group.append(words[0][1])
        elif self._section == "":
            raise self._wrong("expected SELECT")
        else:
            raise self._wrong(f"{self._section} is not offered")

    def _select(self, words: list[str]) -> None:
        found, left = self._found, iter(words)
        for word in left:
            if word in _HEADINGS:
                for name in _HEADINGS[word]:
                    if name != "no_summary":
                        setattr(found, name, True)
            elif word in _SEPARATORS:
                setattr(found, _SEPARATORS[word], _collapsed(self._next(left, word)))
            elif word == "LABEL":
                found.label_separator = " = "
            elif word == "SEPARATOR" and found.label_separator is not None:
                found.label_separator = _collapsed(self._next(left, word))
            elif word == "UNIQUE":
                found.unique = True
            elif word == "FROM":
                found.autocluster = self._next(left, word) == "AUTOCLUSTER"
            else:
                found.warnings.append(f"Warning: Unknown header argument {word} for SELECT\n")

    def _summary(self, words: list[str]) -> None:
        self._found.summary = CUSTOM
        for word in words:
            if word in ("STANDARD", "NONE"):
                self._found.summary = STANDARD if word == "STANDARD" else ""
            else:
                self._found.warnings.append(f"Unknown argument {word} for SELECT\n")

    def _field(self, line: str, words: list[Word]) -> None:
        begin = next((at for at, (_, word) in enumerate(words) if at and word in _KEYWORDS), len(words))
        end = words[begin][0] if begin < len(words) else len(line)
        attribute = (line[words[0][0] : end] if begin < len(words) else line).strip()
        if not attribute or attribute[0] == "#":
            return
        field = Field(attribute)
        left = iter([text for _, text in words[begin:]])
        for word in left:
            if word in _FLAGS:
                field.flags.add(word)
            elif word in _KEYWORDS:
                self._clause(field, word, left)
        (self._found.fields if self._section == "SELECT" else self._found.summary_fields).append(field)

    def _clause(self, field: Field, word: str, left: Iterator[str]) -> None:
        if word == "AUTO":
            self._found.warnings.append(f"AUTO was unexpected at line {self._line} in SELECT\n")
            return
        value = self._next(left, word)
        if word == "AS":
            field.label = _collapsed(value)
        elif word == "PRINTF":
            field.form = value
        elif word == "PRINTAS":
            self._printas(field, value)
        elif word == "OR":
            if value and value[0] in _ALTERNATIVES:
                field.alternative = value[:2] if value[:2] == value[0] * 2 else value[0]
            else:
                self._found.warnings.append(f"Unknown argument {value} for OR\n")
        elif value == "AUTO":
            field.flags.add("WIDTH AUTO")
        else:
            field.width, field.width_given = _number(value), True
            if field.form == "%v":
                field.form = None

    def _printas(self, field: Field, name: str) -> None:
        if not self._names(name):
            self._found.warnings.append(f"Unknown argument {name} for PRINTAS\n")
            return
        field.printas, field.form = name, None

    def _next(self, left: Iterator[str], word: str) -> str:
        value = next(left, None)
        if value is None:
            raise self._wrong(f"expected a word after {word}")
        return value

    def _wrong(self, why: str) -> AwqError:
        return AwqError(f"{self._path}:{self._line}: {why}")


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, trimmed; a backslash at the end goes on in the next one."""
    whole = ""
    for number, line in enumerate(text.split("\n"), 1):
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield number, whole
        whole = ""
    yield 0, whole


def _words(line: str) -> Iterable[Word]:
    """Words between blanks; one that begins with a quote goes up to the next such quote."""
    at, end = 0, len(line)
    while at < end:
        if line[at] in _BLANKS:
            at += 1
        elif line[at] in "\"'":
            close = line.find(line[at], at + 1)
            close = end if close < 0 else close
            yield at + 1, line[at + 1 : close]
            at = close + 1
        else:
            begin = at
            while at < end and line[at] not in _BLANKS:
                at += 1
            yield begin, line[begin:at]


def _number(text: str) -> int:
    """As C's atoi: what is no number is 0; what no table needs is cut to it."""
    sign = -1 if text[:1] == "-" else 1
    digits = text[1:] if text[:1] in "+-" else text
    for at, char in enumerate(digits):
        if char not in "0123456789":
            digits = digits[:at]
            break
    return sign * min(int(digits[:9] or 0), 10000)


def _collapsed(text: str) -> str:
    """Escapes as the tokenizer reads them; an unknown one stays as it is."""
    out, at = [], 0
    while at < len(text):
        char = text[at : at + 1]
        following = text[at + 1 : at + 2]
        if char == "\\" and following in ESCAPES:
            char, at = ESCAPES[following], at + 1
        elif char == "\\" and following and following in "\\'\"?":
            char, at = following, at + 1
        out.append(char)
        at += 1
    return "".join(out)
