"""The master's door to ``classad2``: expressions of a job's ad, evaluated at a given time.

The library costs 20 ms and is imported when the first expression comes that is no literal. ``time()`` and ``CurrentTime``
are the time that the caller gives: in the texts ``time()`` is replaced by ``CurrentTime``, and that is in the ad. An ad is
made of those attributes only that the expression refers to, directly or by what it refers to: ten times faster than of all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Union

from spool import ad as ads
from spool.view import JobRecord

Value = Union[bool, int, float, str, None]
"""None: undefined, error, or neither number, string nor truth."""

_CLOCK = re.compile(r'"(?:[^"\\]|\\.)*"|\btime\s*\(\s*\)', re.IGNORECASE)
_DIGITS = 18  # of a whole number that the library takes
_KEPT = 20000  # texts whose trees are kept: those of JAliEn's pilots are all the same


class _Parsed(NamedTuple):
    """``tree`` None: no expression. ``names``: what it refers to. ``two``: it speaks of MY or TARGET."""

    tree: Any
    names: frozenset[str]
    two: bool


_NONE = _Parsed(None, frozenset(), False)
_parsed: dict[str, _Parsed] = {}


class Scope:
    """A job's ad at a time: ``now``, seconds since the epoch. ``target``: the ad of the machine, if one is spoken of."""

    def __init__(self, record: JobRecord, now: float, target: Mapping[str, str] | None = None) -> None:
        self._record = record
        self._now = int(now)
        self._target = target or {}

    def text(self, name: str) -> str:
        """The expression of an attribute, whatever the case of its name; empty when there is none."""
        found = self._record.expression(name)
        return found if found is not None else _search(self._record.text, name.lower())

    def value(self, name: str) -> Value:
        """The value of an attribute."""
        return self.evaluate(self.text(name))

    def true(self, name: str) -> bool | None:
        """Whether an attribute is true, or a number other than 0, as HTCondor's policies see it; None: neither true nor false."""
        value = self.value(name)
        return None if value is None or isinstance(value, str) else bool(value)

    def evaluate(self, text: str) -> Value:
        """The value of an expression in this ad."""
        known, value = literal(text)
        if known:
            return value
        import classad2

        parsed = _parse(text)
        if parsed.tree is None:
            return None
        made, two = self._made(parsed, classad2)
        # The library knows MY only while it looks at two ads, and that takes longer.
        target = _made_of({**self._target, "CurrentTime": str(self._now)}, classad2) if two else None
        try:
            found = parsed.tree.eval(made, target)
        except (classad2.ClassAdException, TypeError, RuntimeError, UnicodeError):
            return None
        if isinstance(found, classad2.Value):  # an enum of integers: before the numbers
            return None
        return found if isinstance(found, (bool, int, float, str)) else None

    def _made(self, parsed: _Parsed, classad2: Any) -> tuple[Any, bool]:
        """The ad of what the expression needs, and whether it takes two ads."""
        have: dict[str, str] = {"CurrentTime": str(self._now)}
        wanted, two = list(parsed.names), parsed.two or bool(self._target)
        while wanted:
            name = wanted.pop()
            if name == "*":
                return _made_of({**self._record.ad(), "CurrentTime": str(self._now)}, classad2), True
            # As HTCondor does: what the job does not have is the target's. The library by itself does so or not.
            text = "" if name in have else self.text(name) or ads.find(self._target, name) or ""
            if text:
                have[name] = text
                if not literal(text)[0]:
                    further = _parse(text)
                    two = two or further.two
                    wanted += further.names
        return _made_of(have, classad2), two


def literal(text: str) -> tuple[bool, Value]:
    """Whether the text is a plain literal (or nothing), and its value: those need no library."""
    if not text:
        return True, None
    if text.isascii() and text.isdigit():
        return (True, int(text)) if len(text) <= _DIGITS else (False, None)
    if text[0] == '"':
        value = ads.unquote(text)
        return value is not None, value
    word = {"true": (True, True), "false": (True, False), "undefined": (True, None)}.get(text.lower())
    return word or (False, None)


def _parse(text: str) -> _Parsed:
    found = _parsed.get(text)
    if found is None:
        if len(_parsed) >= _KEPT:
            _parsed.clear()
        found = _parsed[text] = _parse_anew(text)
    return found


def _parse_anew(text: str) -> _Parsed:
    from spool import expressions

    clocked = _CLOCK.sub(lambda found: found[0] if found[0][0] == '"' else "CurrentTime", text)
    tree = expressions.tree(clocked)
    if tree is None:
        return _NONE
    lowered = clocked.lower()
    return _Parsed(tree, expressions.references(clocked, tree), "my." in lowered or "target." in lowered)


def _search(text: str, lowered: str) -> str:
    """The last line of the ad's text that sets the attribute."""
    found = ""
    folded = text.lower()
    if f"\n{lowered} = " not in folded and not folded.startswith(f"{lowered} = "):
        return ""
    for line in text.split("\n"):
        name, equals, expression = line.partition(" = ")
        if equals and name.lower() == lowered:
            found = expression
    return found


def _takes(value: Value) -> bool:
    """Whether the library can be handed it: a str with bytes that are no UTF-8 ends the process (classad2 of 24.0, SIGSEGV)."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _made_of(attributes: Mapping[str, str], classad2: Any) -> Any:
    """One expression that cannot be read must not hide the others: it counts as an error, as in HTCondor."""
    made = classad2.ClassAd()
    for name, text in attributes.items():
        known, value = literal(text)
        if known and value is not None and _takes(value):
            made[name] = value
        else:
            tree = _parse(text).tree
            made[name] = classad2.Value.Error if tree is None else tree
    return made
