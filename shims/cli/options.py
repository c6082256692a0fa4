"""HTCondor's option grammar: ``-const EXPR``, ``-af:jh ClusterId``, ``--json``; pure, and cheap to import.

A command describes its options as a table, tried **in order, the first match wins** (that is how HTCondor's own tools
do it: ``-s`` is ``-spool`` for condor_submit, although ``-single-cluster`` begins with an s too)::

    TABLE = (
        Option("verbose", 1),             # -v -verb -verbose --verbose
        Option("terse", 3),               # -ter ... -terse, but not -te
        Option("file", 2, values=1),      # -file PATH
        Option("format", 1, values=2),    # -format FMT ATTR
        Option("af", 2, values=MANY, modifiers=True),   # -af:jh A B C: all words up to the next one with a dash
    )
    parsed = parse(argv, TABLE)
    for given in parsed.given:            # in the order of the command line
        given.name, given.modifiers, given.values
    parsed.operands                       # the words that belong to no option, in order
    parsed.words                          # both, interleaved, for commands where the order matters

Rules, from HTCondor's ``match_prefix.cpp`` and checked with 23.9.6: after one dash, any prefix of at least ``least``
characters; after two dashes the whole name; ``least = 0`` means the whole name after one dash too. ``:modifiers`` may
be attached when the row allows it. A value is the next word whatever it looks like (``-maxjobs -1``), except for
``MANY``. A lone ``-`` is an operand, and so is
an empty word (some clients pass ``''``: drop them where they mean nothing). There is no ``--`` separator.
"""

from __future__ import annotations

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MANY = -1
"""Number of values: all words up to the next one that begins with a dash; a lone dash ends them, and means nothing else."""


class UnknownOption(AwqError):
    """A word with a dash that no row matches; ``word`` is it. Commands answer with their usage."""

    def __init__(self, word: str) -> None:
        super().__init__(f"unknown option {word}")
        self.word = word


class MissingValue(AwqError):
    """The command line ends before an option has its values; ``name`` is the option's full name, ``wanted`` how many."""

    def __init__(self, name: str, wanted: int) -> None:
        super().__init__(
            f"-{name} requires another argument" if wanted == 1 else f"-{name} requires {wanted} arguments"
        )
        self.name = name
        self.wanted = wanted


class Option:
    """One row: the full name, the shortest prefix that is accepted (0: only the whole name), how many values follow."""

    __slots__ = ("least", "modifiers", "name", "values")

    def __init__(self, name: str, least: int, values: int = 0, modifiers: bool = False) -> None:
        self.name = name
        self.least = least or len(name)
        self.values = values
        self.modifiers = modifiers


class Given:
    """One option as given: its full name, the text after the colon (None without a colon), and its values."""

    __slots__ = ("modifiers", "name", "values")

    def __init__(self, name: str, modifiers: str | None, values: Sequence[str]) -> None:
        self.name = name
        self.modifiers = modifiers
        self.values = tuple(values)

    @property
    def value(self) -> str:
        """The first value."""
        return self.values[0]


class Parsed:
    """A command line: ``words`` holds ``Given`` for options and ``str`` for operands, in order."""

    __slots__ = ("words",)

    def __init__(self, words: Sequence[Given | str]) -> None:
        self.words = tuple(words)

    @property
    def given(self) -> list[Given]:
        """The options, in order."""
        return [word for word in self.words if isinstance(word, Given)]

    @property
    def operands(self) -> list[str]:
        """The other words, in order."""
        return [word for word in self.words if isinstance(word, str)]

    def has(self, name: str) -> bool:
        """Whether the option was given."""
        return any(given.name == name for given in self.given)

    def last(self, name: str) -> str | None:
        """The first value of the last time the option was given; None when it was not."""
        found = None
        for given in self.given:
            if given.name == name:
                found = given.values[0]
        return found


def parse(argv: Sequence[str], table: Iterable[Option]) -> Parsed:
    """The command line (without the command's own name). UnknownOption, MissingValue."""
    rows = tuple(table)
    words: list[Given | str] = []
    at, end = 0, len(argv)
    while at < end:
        word = argv[at]
        at += 1
        if not is_option(word):
            words.append(word)
            continue
        row, modifiers = _match(word, rows)
        stop = at + row.values
        if row.values == MANY:
            stop = at
            while stop < end and argv[stop][:1] != "-":
                stop += 1
        if stop > end:
            raise MissingValue(row.name, row.values)
        words.append(Given(row.name, modifiers, argv[at:stop]))
        at = stop + 1 if row.values == MANY and argv[stop : stop + 1] == ["-"] else stop
    return Parsed(words)


def is_option(word: str) -> bool:
    """Whether the word is read as an option: it begins with a dash and is not a lone dash."""
    return word[:1] == "-" and word != "-"


def _match(word: str, rows: Sequence[Option]) -> tuple[Option, str | None]:
    whole = word[:2] == "--"
    text, colon, modifiers = word[2 if whole else 1 :].partition(":")
    for row in rows:
        if colon and not row.modifiers:
            continue
        if text == row.name if whole else (len(text) >= row.least and row.name.startswith(text)):
            return row, modifiers if colon else None
    raise UnknownOption(word)
