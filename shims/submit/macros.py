"""The macros of a submit description: ``$(X)``, ``$(X:default)``, ``$ENV(X)``; ``$$(X)`` is left for the match.

From HTCondor 23.9.6 (``expand_macro`` and ``next_config_macro`` in ``config.cpp``): names are case-insensitive, the first
macro from the left whose body is acceptable is replaced and the text is looked at again from its start, so macros nest;
a macro that is not defined is empty; an assignment expands references to itself at once, everything else late. HTCondor
never ends on a circular reference: here it is an error.
"""

from __future__ import annotations

import os

from shims.submit.errors import SubmitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_NAME = _LETTERS | frozenset("./")
_DEFAULT = _NAME | frozenset("$ ,\\:")
_FUNCTIONS = frozenset(
    [
        "ENV",
        "RANDOM_CHOICE",
        "RANDOM_INTEGER",
        "CHOICE",
        "SUBSTR",
        "INT",
        "REAL",
        "STRING",
        "EVAL",
        "BASENAME",
        "DIRNAME",
    ]
)
_AUTOMATIC = frozenset(["cluster", "clusterid", "process", "procid"])
"""What no assignment changes; it does change Step, Row, ItemIndex and Node (recorded from 23.9.6)."""
_MOST_WORK = 20_000_000
"""Characters looked at for one expansion before it is taken for endless."""
_MOST_STEPS = 10_000


class Macro:
    """One assignment: the name as first written, the value as written last, whether anybody asked for it."""

    __slots__ = ("live", "name", "used", "value")

    def __init__(self, name: str, value: str, live: bool = False) -> None:
        self.name = name
        self.value = value
        self.used = False
        self.live = live


class Macros:
    """The macros known at one point of a description.

    ``live`` holds those that change from job to job (lower-case name to value), ``touched`` is set when one of
    them, or chance, had a part in an expansion: what was expanded without it is the same for every job.
    """

    __slots__ = ("_table", "defaults", "live", "touched")

    def __init__(self, defaults: dict[str, str]) -> None:
        self._table: dict[str, Macro] = {}
        self.defaults = defaults
        self.live: dict[str, str] = {}
        self.touched = False

    def assign(self, name: str, value: str) -> None:
        """``name = value``; references of the value to the same name are expanded now."""
        if "$" in value:
            value = self._expand(value, only=name.lower())
        self.put(name, value)

    def put(self, name: str, value: str) -> None:
        """``name = value`` as it is."""
        known = self._table.get(name.lower())
        if known is None:
            self._table[name.lower()] = Macro(name, value)
        else:
            known.value, known.live = value, False

    def put_live(self, name: str, value: str) -> None:
        """The item variable of a queue statement: changes from job to job."""
        known = self._table.get(name.lower())
        if known is None:
            self._table[name.lower()] = Macro(name, value, live=True)
        else:
            known.value, known.live = value, True

    def raw(self, name: str) -> str | None:
        """The value as written; None when there is none. Counts as use."""
        folded = name.lower()
        known = self._table.get(folded)
        if known is not None:
            known.used = True
        if folded in _AUTOMATIC and folded in self.live:
            self.touched = True
            return self.live[folded]
        if known is not None:
            self.touched = self.touched or known.live
            return known.value
        value = self.live.get(folded)
        if value is not None:
            self.touched = True
            return value
        return self.defaults.get(folded)

    def get(self, *names: str) -> str | None:
        """The expanded value of the first of these names that is assigned; None when it is none or empty, as HTCondor has it."""
        for name in names:
            known = self._table.get(name.lower())
            if known is not None:
                known.used = True
                self.touched = self.touched or known.live
                return self.expand(known.value) or None
        return None

    def has(self, name: str) -> bool:
        """Whether it is assigned; does not count as use."""
        return name.lower() in self._table

    def peek(self, name: str) -> str | None:
        """The value as written; does not count as use."""
        known = self._table.get(name.lower())
        return None if known is None else known.value

    def use(self, name: str) -> None:
        """Count it as used."""
        known = self._table.get(name.lower())
        if known is not None:
            known.used = True

    def items(self) -> Iterator[Macro]:
        """All assignments, by name."""
        for _folded, macro in sorted(self._table.items()):
            yield macro

    def expand(self, text: str) -> str:
        """The text with every macro replaced. SubmitError when it does not end."""
        if "$" not in text:
            return text
        return self._expand(text, only="")

    def _expand(self, text: str, only: str) -> str:
        """Replace all macros but ``$(Dollar)`` and then that; or, with ``only``, just the references to this name."""
        whole, work = text, 0
        for _step in range(_MOST_STEPS):
            found = _next(text, only)
            if found is None:
                return text if only else _dollars(text)
            start, function, body, end = found
            text = text[:start] + self._value(function, body) + text[end:]
            work += len(text)
            if work > _MOST_WORK:
                break
        raise SubmitError(f"macro expansion of '{whole[:80]}' does not end: is a macro defined by itself?")

    def _value(self, function: str, body: str) -> str:
        if not function:
            name, colon, default = body.partition(":")
            return self.raw(name) or (default if colon else "")
        if function == "ENV":
            name, colon, default = body.partition(":")
            value = os.environ.get(name)
            return value if value is not None else (default if colon else "UNDEFINED")
        from shims.submit.macro_functions import call

        return call(self, function, body)


def _next(text: str, only: str) -> tuple[int, str, str, int] | None:
    """The first macro to replace: start, function ("" for a plain one), body, end. None when there is none."""
    at, end = 0, len(text)
    while True:
        start = text.find("$", at)
        if start < 0:
            return None
        at = start + 2 if text.startswith("$", start + 1) else start + 1
        while at < end and text[at] in _LETTERS:
            at += 1
        if not text.startswith("(", at):
            continue
        function = text[start + 1 : at]
        if function and function not in _FUNCTIONS and not _is_filename(function):
            continue
        close = _close(text, at + 1, function in ("", "ENV"))
        if close < 0:
            at += 1
            continue
        body = text[at + 1 : close]
        if _skip(function, body, only):
            at = close
            continue
        return start, function, body, close + 1


def _skip(function: str, body: str, only: str) -> bool:
    if only:
        return bool(function) or body.partition(":")[0].lower() != only
    return not function and body.lower() == "dollar"


def _is_filename(function: str) -> bool:
    """``$F``, ``$Fpnx`` ...: parts of a file name."""
    return function[0] == "F" and all(char in "pnxdqabfwuPNXDQABFWU" for char in function[1:])


def _close(text: str, at: int, named: bool) -> int:
    """Where the body that begins at ``at`` is closed; -1 when it is none. ``named``: a name and perhaps ``:default``."""
    if not named:
        return text.find(")", at)
    colon, end = False, len(text)
    while at < end:
        char = text[at]
        if char == ")":
            return at
        at += 1
        if char == ":" and not colon:
            colon = True
        elif colon and char == "(" and text.find(")", at) >= 0:
            at = text.find(")", at) + 1
        elif char not in (_DEFAULT if colon else _NAME):
            return -1
    return -1


def _dollars(text: str) -> str:
    """Replace ``$(Dollar)``, last of all."""
    at = 0
    while True:
        at = text.find("$(", at)
        if at < 0:
            return text
        if text[at + 2 : at + 9].lower() == "dollar)":
            text = text[:at] + "$" + text[at + 9 :]
        at += 1
