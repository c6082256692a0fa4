"""Bounds of an expression's text, checked before the ClassAd library parses it.

The library builds a chain ``1+1+1...`` as a tree as deep as the chain is long, and walks it recursively, also when it frees
the tree: 60,000 terms overflow the stack and end the process. So no text goes to the library that exceeds these bounds.
"""

from __future__ import annotations

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_OPERATORS = "+-*/%<>=!&|^~?:.[("
_HARMLESS = 50
"""A text with at most so many operators and brackets needs no closer look, whatever the settings say."""
_MOST_TERMS = 10_000
"""The highest limit that a setting can reach: the library needs about 130 bytes of stack a term."""
_SHOWN = 40  # characters of the text in a message


class TooLarge(AwqError):
    """The expression exceeds a bound; the text says which one and names the setting."""


class Limits:
    """The bounds: characters, operators, and nested brackets of one expression."""

    __slots__ = ("depth", "size", "terms")

    def __init__(self, size: int, terms: int, depth: int) -> None:
        self.size = size
        self.terms = max(_HARMLESS, min(terms, _MOST_TERMS))
        self.depth = max(_HARMLESS, depth)


_limits: list[Limits] = []


def check(text: str) -> None:
    """TooLarge when the text exceeds a bound. Cheap for the texts that people write: a few counts in C."""
    if len(text) > _HARMLESS and _marks(text) > _HARMLESS:
        _check_closely(text, limits())
    elif len(text) > 1 << 16 and len(text) > limits().size:
        _refuse(text, f"{len(text)} characters, AWQ_EXPRESSION_SIZE is {limits().size}")


def fits(text: str) -> bool:
    """Whether the text is within the bounds."""
    try:
        check(text)
    except TooLarge:
        return False
    return True


def limits() -> Limits:
    """The bounds of the settings, which are read when the first long expression comes."""
    if not _limits:
        import os

        from spool.settings import load

        chosen = load(os.environ)
        _limits.append(Limits(chosen.expression_size, chosen.expression_terms, chosen.expression_depth))
    return _limits[0]


def _marks(text: str) -> int:
    """How many operators there can be at most: those inside of strings are counted too, ``is`` and ``isnt`` as well."""
    lowered = text.lower()
    return sum([text.count(mark) for mark in _OPERATORS]) + text.count("{") + lowered.count("is")


def _check_closely(text: str, bounds: Limits) -> None:
    if len(text) > bounds.size:
        _refuse(text, f"{len(text)} characters, AWQ_EXPRESSION_SIZE is {bounds.size}")
    terms, depth = _measure(text)
    if terms > bounds.terms:
        _refuse(text, f"{terms} operators, AWQ_EXPRESSION_TERMS is {bounds.terms}")
    if depth > bounds.depth:
        _refuse(text, f"brackets nested {depth} deep, AWQ_EXPRESSION_DEPTH is {bounds.depth}")


def _measure(text: str) -> tuple[int, int]:
    """The number of operators, and how deep brackets are nested."""
    import re

    token = re.compile(
        r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|(?P<word>\w+)'
        r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<operator>[-+*/%<>=!&|^~?:.]+)",
        re.S,
    )
    terms = inside = deepest = 0
    for found in token.finditer(text):
        kind = found.lastgroup
        if kind == "open":
            inside += 1
            deepest = max(deepest, inside)
            terms += found[0] == "["  # a subscript is an operator
        elif kind == "close":
            inside -= 1
        elif kind == "operator" or (kind == "word" and found[0].lower() in ("is", "isnt")):
            terms += 1
    return terms, deepest


def _refuse(text: str, why: str) -> NoReturn:
    raise TooLarge(f"the expression {text[:_SHOWN]}... is too large: {why}")
