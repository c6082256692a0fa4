"""Constraints that need no ClassAd library: comparisons of JobStatus, ClusterId, ProcId and Owner with literals.

These four are plain literals in every job, so that no comparison is undefined and ``&&``, ``||``, ``!`` are those of Python.
What the small grammar below does not cover exactly is left to ``classad2`` (``simple`` answers None)::

    or  := and { || and }        and := unit { && unit }
    unit := ( or ) | ! unit | true | false | attribute OP literal | literal OP attribute

A string compared with ``==`` ignores case, with ``=?=`` it does not (the ClassAd language).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Facts = tuple[int, int, int, str]  # cluster, proc, status, owner
    Test = Callable[[Facts], bool]

_NUMBERS = {"clusterid": 0, "procid": 1, "jobstatus": 2}
_OWNER = 3
_OPERATORS = ("=?=", "=!=", "==", "!=", "<=", ">=", "<", ">")
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
_DEEPEST = 40


class Simple:
    """A constraint as a test of a job's facts, and what it says about the jobs that can pass.

    ``statuses``: when nothing else matters, the values of JobStatus that pass, else None. ``clusters``: the clusters that
    can pass; None when that is not known.
    """

    __slots__ = ("clusters", "owner_matters", "statuses", "test")

    def __init__(self, test: Test, atoms: list[tuple[int, str, int | str]]) -> None:
        self.test = test
        self.owner_matters = any(atom[0] == _OWNER for atom in atoms)
        self.clusters = _clusters(test, atoms)
        self.statuses: tuple[int, ...] | None = None
        if all(atom[0] == _NUMBERS["jobstatus"] for atom in atoms):
            self.statuses = tuple([status for status in range(1, 8) if test((0, 0, status, ""))])


def simple(text: str) -> Simple | None:
    """The constraint, when it is within the grammar; None when it must be left to the ClassAd library."""
    tokens = _tokens(text)
    if tokens is None:
        return None
    atoms: list[tuple[int, str, int | str]] = []
    try:
        test, at = _or(tokens, 0, atoms, 0)
    except _Outside:
        return None
    return Simple(test, atoms) if at == len(tokens) else None


class _Outside(Exception):
    """The text is outside of the grammar."""


def _clusters(test: Test, atoms: list[tuple[int, str, int | str]]) -> tuple[int, ...] | None:
    """The clusters named with ``==``, when a job of any other cluster cannot pass whatever its other facts are."""
    equal = [atom for atom in atoms if atom[0] == 0]
    if not equal or len(atoms) > 12 or any(operator not in ("==", "=?=") for _, operator, _ in equal):
        return None
    named = sorted({int(value) for _, _, value in equal})
    fresh = max(named) + 1
    for status in range(1, 8):
        for proc in _edges(atoms, 1):
            for owner in {str(value) for which, _, value in atoms if which == _OWNER} | {"\0"}:
                if test((fresh, proc, status, owner)):
                    return None
    return tuple(named)


def _edges(atoms: list[tuple[int, str, int | str]], which: int) -> set[int]:
    """Values of which one stands for every other in comparisons with these atoms."""
    edges = {0}
    for atom in atoms:
        if atom[0] == which:
            edges |= {int(atom[2]) - 1, int(atom[2]), int(atom[2]) + 1}
    return edges


def _or(tokens: list[str], at: int, atoms: list[tuple[int, str, int | str]], depth: int) -> tuple[Test, int]:
    first, at = _and(tokens, at, atoms, depth)
    tests = [first]
    while tokens[at : at + 1] == ["||"]:
        following, at = _and(tokens, at + 1, atoms, depth)
        tests.append(following)
    return (first, at) if len(tests) == 1 else (lambda facts: any(test(facts) for test in tests), at)


def _and(tokens: list[str], at: int, atoms: list[tuple[int, str, int | str]], depth: int) -> tuple[Test, int]:
    first, at = _unit(tokens, at, atoms, depth)
    tests = [first]
    while tokens[at : at + 1] == ["&&"]:
        following, at = _unit(tokens, at + 1, atoms, depth)
        tests.append(following)
    return (first, at) if len(tests) == 1 else (lambda facts: all(test(facts) for test in tests), at)


def _unit(tokens: list[str], at: int, atoms: list[tuple[int, str, int | str]], depth: int) -> tuple[Test, int]:
    word = tokens[at] if at < len(tokens) else ""
    if depth > _DEEPEST:
        raise _Outside
    if word == "(":
        inner, at = _or(tokens, at + 1, atoms, depth + 1)
        if tokens[at : at + 1] != [")"]:
            raise _Outside
        return inner, at + 1
    if word == "!" and tokens[at + 1 : at + 2] == ["("]:
        negated, at = _unit(tokens, at + 1, atoms, depth + 1)
        return (lambda facts: not negated(facts)), at
    operator = tokens[at + 1] if at + 2 < len(tokens) else ""
    if operator in _OPERATORS:
        return _comparison(word, operator, tokens[at + 2], atoms), at + 3
    if word.lower() in ("true", "false"):
        answer = word.lower() == "true"
        return (lambda facts: answer), at + 1
    raise _Outside


def _comparison(left: str, operator: str, right: str, atoms: list[tuple[int, str, int | str]]) -> Test:
    if right.lower() in _NUMBERS or right.lower() == "owner":
        left, right, operator = right, left, _MIRRORED.get(operator, operator)
    name = left.lower()
    if name == "owner" and right[:1] == '"' and operator in ("==", "!=", "=?=", "=!="):
        text = right[1:-1]
        atoms.append((_OWNER, operator, text))
        return _text_test(operator, text)
    which = _NUMBERS.get(name)
    if which is None or not right.isdigit():
        raise _Outside
    number = int(right)
    atoms.append((which, operator, number))
    return _number_test(which, operator, number)


def _text_test(operator: str, text: str) -> Test:
    folded = text.lower()
    if operator == "==":
        return lambda facts: facts[3].lower() == folded
    if operator == "!=":
        return lambda facts: facts[3].lower() != folded
    return lambda facts: (facts[3] == text) == (operator == "=?=")


def _number_test(which: int, operator: str, number: int) -> Test:
    if operator in ("==", "=?="):
        return lambda facts: facts[which] == number
    if operator in ("!=", "=!="):
        return lambda facts: facts[which] != number
    if operator == "<":
        return lambda facts: int(facts[which]) < number
    if operator == ">":
        return lambda facts: int(facts[which]) > number
    if operator == "<=":
        return lambda facts: int(facts[which]) <= number
    return lambda facts: int(facts[which]) >= number


def _tokens(text: str) -> list[str] | None:
    """Words, numbers, strings without escapes, operators; None when there is anything else."""
    if not text.isascii():
        return None
    tokens: list[str] = []
    at, end = 0, len(text)
    while at < end:
        if text[at] in " \t\n\r":
            at += 1
            continue
        token = _token(text, at)
        if token is None or len(tokens) > 1000:
            return None
        tokens.append(token)
        at += len(token)
    return tokens


def _token(text: str, at: int) -> str | None:
    char = text[at]
    if char.isalnum():
        word = _word(text, at)
        return word if char.isalpha() or _is_count(word) else None
    if char == '"':
        close = text.find('"', at + 1)
        return text[at : close + 1] if close > at and "\\" not in text[at:close] else None
    for symbol in ("&&", "||", *_OPERATORS):
        if text.startswith(symbol, at):
            return symbol
    return char if char in "()" or (char == "!" and text[at + 1 : at + 2] == "(") else None


def _word(text: str, at: int) -> str:
    """A name or a number, with what belongs to it."""
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] in "_."):
        end += 1
    return text[at:end]


def _is_count(word: str) -> bool:
    return word.isdigit() and len(word) < 10 and (word[0] != "0" or word == "0")
