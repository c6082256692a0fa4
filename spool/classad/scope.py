"""The ad that an expression needs: what it refers to, directly or by what it refers to. Ten times faster than the whole ad."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

import classad2

from spool.classad import bounds, library
from spool.classad.library import EVERYTHING
from spool.classad.literals import literal

_KEPT = 20000  # texts whose trees are kept: those of JAliEn's pilots are all the same
_ONE_REPEAT = re.compile(r'regexp\s*\(\s*"(?:[^"\\*+?{}]*|[^"\\*+?{}()]*[*+][^"\\*+?{}()]*)"\s*,', re.IGNORECASE)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|([A-Za-z_]\w*)(\s*\()?|([\[\'])', re.S)

LookUp = Callable[[str], Optional[str]]
"""The expression of an attribute, whatever the case of its name; None or empty when there is none."""


class Parsed(NamedTuple):
    """What is known of an expression by its text.

    ``tree`` None: it is no expression, or too large (``problem``). ``names``: attributes of the own ad that it refers to.
    ``two``: it speaks of MY or TARGET. ``counts``: how often each word stands in it, in lower case. ``functions``: what it
    calls. ``nested``: it has ads, subscripts or quoted names. ``length``: of the text.
    ``squared``: it calls ``regexp``, each time with a literal pattern that repeats one character at most: its cost is the square of
    what it reads. With any other pattern ``regexp`` is among the functions.
    """

    tree: Any
    problem: str
    names: frozenset[str]
    two: bool
    counts: Mapping[str, int]
    functions: frozenset[str]
    nested: bool
    length: int = 0
    squared: bool = False


class Need(NamedTuple):
    """What an expression needs: attributes by name, and whether the library must match two ads (it knows MY only then)."""

    attributes: dict[str, str]
    two: bool


_parsed: dict[str, Parsed] = {}


def parse(text: str) -> Parsed:
    """The expression, parsed once a process."""
    found = _parsed.get(text)
    if found is None:
        if len(_parsed) >= _KEPT:
            _parsed.clear()
        found = _parsed[text] = _parse(text)
    return found


def _parse(text: str) -> Parsed:
    nothing: frozenset[str] = frozenset()
    try:
        bounds.check(text)
    except bounds.TooLarge as error:
        return Parsed(None, str(error), nothing, False, {}, nothing, False)
    tree = library.tree(text)
    if tree is None:
        return Parsed(None, "", nothing, False, {}, nothing, False)
    lowered = text.lower()
    words, functions, nested = Counter[str](), set(), False
    for found in _WORD.finditer(lowered):
        if found[2]:
            functions.add(found[1])
        elif found[1]:
            words[found[1]] += 1
        nested = nested or bool(found[3])
    squared = lowered.count("regexp") == len(_ONE_REPEAT.findall(lowered)) > 0
    if squared:
        functions.discard("regexp")
    two = "my." in lowered or "target." in lowered
    names = library.references(text, tree)
    return Parsed(tree, "", names, two, words, frozenset(functions), nested, len(text), squared)


def need(parsed: Parsed, look_up: LookUp) -> Need | None:
    """What the expression needs; None when that is the whole ad."""
    have: dict[str, str] = {}
    wanted, two = list(parsed.names), parsed.two
    while wanted:
        name = wanted.pop()
        if name == EVERYTHING:
            return None
        text = "" if name in have else look_up(name)
        if text:
            have[name] = text
            if not literal(text)[0]:
                further = parse(text)
                two = two or further.two
                wanted += further.names
    return Need(have, two)


def made(attributes: Mapping[str, str]) -> Any:
    """The library's ad. One expression that cannot be read must not hide the others: it is an error, as in HTCondor."""
    ad = classad2.ClassAd()
    for name, text in attributes.items():
        known, value = literal(text)
        if known and value is not None and _takes(value):
            ad[name] = value
        else:
            tree = parse(text).tree
            ad[name] = classad2.Value.Error if tree is None else tree
    return ad


def evaluate(parsed: Parsed, ad: Any, target: Any) -> Any:
    """The value as the library has it; ``classad2.Value.Error`` when it has none."""
    try:
        return parsed.tree.eval(ad, target)
    except (classad2.ClassAdException, TypeError, RuntimeError, UnicodeError):
        return classad2.Value.Error


def plain(found: Any) -> bool | int | float | str | None:
    """A number, a string or a truth; None for every other value."""
    if isinstance(found, classad2.Value):  # an enum of integers: before the numbers
        return None
    return found if isinstance(found, (bool, int, float, str)) else None


def _takes(value: object) -> bool:
    """Whether the library can be handed it: a str with bytes that are no UTF-8 ends the process (classad2 of 24.0, SIGSEGV)."""
    if not isinstance(value, str) or value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
