"""A proof that an evaluation is cheap: so many steps at most, and no value longer than that.

An expression whose functions are linear in what they read costs at most its characters, and those of every attribute that
it refers to, as often as it refers to it. The same sum bounds the length of its value, since ``strcat`` only adds. What calls
another function, has nested ads, or refers to itself is not proven to be cheap; that says nothing about its real cost.
"""

from __future__ import annotations

from spool.classad import scope
from spool.classad.library import EVERYTHING
from spool.classad.literals import literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spool.classad.scope import LookUp, Parsed

MOST = 20_000
"""Steps of an evaluation that counts as cheap: two milliseconds."""

_STEP = 50  # pairs of characters that a regular expression compares in the time of one step
_DEEPEST = 60  # attributes that refer to each other; the library itself stops at about 100
_LINEAR = frozenset((
    "abs", "absent", "ceil", "ceiling", "formattime", "floor", "identicalmember", "ifthenelse", "int",
    "interval", "iserror", "isabstime", "isboolean", "isclassad", "isinteger", "islist", "isreal",
    "isreltime", "isstring", "isundefined", "max", "member", "min", "pow", "quantize", "random", "real",
    "bool", "round", "size", "strcat", "strcmp", "stricmp", "string", "stringlistimember", "stringlistmember",
    "stringlistsize", "substr", "time", "tolower", "toupper",
))  # fmt: skip


def cheap(parsed: Parsed, look_up: LookUp) -> bool:
    """Whether the evaluation costs at most ``MOST`` steps."""
    return _cost(parsed, look_up, {}, 0) <= MOST


def _cost(parsed: Parsed, look_up: LookUp, known: dict[str, int], depth: int) -> int:
    beyond = MOST + 1
    if parsed.nested or depth > _DEEPEST or EVERYTHING in parsed.names or not parsed.functions <= _LINEAR:
        return beyond
    total = parsed.length
    for word, count in parsed.counts.items():
        total += count * _cost_of(word, look_up, known, depth)
        if total > MOST:
            return beyond
    return total * total // _STEP if parsed.squared else total


def _cost_of(name: str, look_up: LookUp, known: dict[str, int], depth: int) -> int:
    """The cost of an attribute; one that is being counted refers to itself."""
    found = known.get(name)
    if found is None:
        text = look_up(name) or ""
        if not text or literal(text)[0]:
            found = len(text)
        else:
            known[name] = MOST + 1
            found = _cost(scope.parse(text), look_up, known, depth + 1)
        known[name] = found
    return found
