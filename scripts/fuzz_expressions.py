"""Families of expressions that strangers may write: chains, nesting, values that double, patterns that never end."""

from __future__ import annotations

import random
from collections.abc import Callable

from hypothesis import strategies as st

Case = tuple[str, dict[str, str]]
"""An expression, and attributes of the job that it may refer to."""

_OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "&&",
    "==",
    "!=",
    "=?=",
    "=!=",
    " is ",
    " isnt ",
    "<",
    ">=",
    "<<",
    ">>",
    "|",
    "&",
    "^",
    "?:",
)
_LENGTHS = (1, 2, 10, 49, 51, 200, 349, 700, 1999, 2001, 5000, 20_000, 60_000, 100_000)
_DEPTHS = (1, 5, 20, 60, 99, 101, 150, 400, 5000, 60_000)
_LEAVES = ("1", "x", "A0", "true", '"s"', "undefined", "error", "1.5", "MY.A1", "TARGET.Cpus", "'q r'", "time()")


def _chain(rng: random.Random) -> Case:
    leaf = rng.choice(_LEAVES)
    return (rng.choice(_OPERATORS) + " ").join([leaf] * rng.choice(_LENGTHS)), {"x": rng.choice(_LEAVES)}


def _selection(rng: random.Random) -> Case:
    return "a" + rng.choice((".a", "[0]", "[a]", '["a"]')) * rng.choice(_LENGTHS), {"a": "[a = 1]"}


def _nested(rng: random.Random) -> Case:
    opened, closed = rng.choice(
        (("(", ")"), ("{", "}"), ("[a=", "]"), ("f(", ")"), ("-", ""), ("!", ""), ("~", ""), ("x ? 1 : ", ""), ("x ?: ", ""),
         ("strcat(", ")"), ("ifThenElse(x,1,", ")"), ("size({", "})"), ("eval(", ")"))
    )  # fmt: skip
    depth = rng.choice(_DEPTHS)
    return opened * depth + rng.choice(_LEAVES) + closed * depth, {"x": "false"}


def _flat(rng: random.Random) -> Case:
    inside = ", ".join([rng.choice(_LEAVES)] * rng.choice(_LENGTHS))
    return rng.choice(("{%s}", "strcat(%s)", "member(1, {%s})", "size({%s})", "max({%s})")) % inside, {}


def _doubling(rng: random.Random) -> Case:
    way = rng.choice(("strcat(A%d, A%d)", "A%d + A%d", "{A%d, A%d}", "A%d && A%d", "ifThenElse(A%d == 1, A%d, 2)"))
    levels = rng.choice((2, 8, 14, 17, 22, 40, 90))
    attributes = {f"A{level}": way % (level - 1, level - 1) for level in range(1, levels + 1)}
    attributes["A0"] = rng.choice(('"aaaaaaaaaaaaaaaa"', "1", "true"))
    top = f"A{levels}"
    return rng.choice((top, f"size({top})", f'regexp("a*[bc]", {top})', f"{top} == {top}", f"MY.{top}")), attributes


def _pattern(rng: random.Random) -> Case:
    pattern = rng.choice(
        ("a*[bc]", "(a+)+$", "(a|aa)+b", "(.*)(.*)(.*)(.*)x", "a?" * 30 + "a" * 30, "^.*$", "[", "(" * 500)
    )
    call = rng.choice(
        ('regexp("%s", A0)', 'regexps("%s", A0, "A0A0")', 'replaceAll("%s", A0, "aa")', 'regexpMember("%s", {A0, A0})')
    )
    return call % pattern, {"A0": '"' + "a" * rng.choice((5, 40, 1000, 30_000)) + '"'}


def _around(rng: random.Random) -> Case:
    text = rng.choice(
        ("A0", "A0 + A0", "eval(A1)", "A1", "A0.A0", "self()", "MY.A0 + TARGET.A0", "unparse(A0)", "toplevel.A0")
    )
    return text, {"A0": rng.choice(("A0", "A1 + A1", "eval(A1)", "MY.A0", "parent.A0")), "A1": '"eval(A1)"'}


def _contexts(rng: random.Random) -> Case:
    inner, depth = "true", rng.choice((1, 3, 6))
    for _ in range(depth):
        inner = rng.choice(("countMatches(%s, L)", "evalInEachContext(%s, L)", 'anyCompare("<", {%s}, 1)')) % inner
    return inner, {"L": "{" + ",".join(["[a = 1]"] * rng.choice((2, 20, 60))) + "}"}


def _broken(rng: random.Random) -> Case:
    text, attributes = rng.choice((_nested, _flat, _pattern))(rng)
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(('"', "'", "\\", "\0", "\udc80", "]", ";", "/*", "é")) + text[
        at + rng.randrange(2) :
    ], attributes


FAMILIES: tuple[Callable[[random.Random], Case], ...] = (
    _chain, _selection, _nested, _flat, _doubling, _pattern, _around, _contexts, _broken,
)  # fmt: skip


def case(number: int) -> Case:
    """The same for the same number."""
    rng = random.Random(number)
    return FAMILIES[number % len(FAMILIES)](rng)


def cases() -> st.SearchStrategy[Case]:
    """All of them."""
    return st.integers(0, 1 << 30).map(case)
