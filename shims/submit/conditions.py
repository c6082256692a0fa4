"""``if``, ``elif``, ``else``, ``endif`` of a submit description: which lines count.

Recorded from HTCondor 23.9.6: a condition is a number, a truth, ``defined NAME`` or ``version OP N.N[.N]``, with ``!`` before it; what
is more than that is refused, also where HTCondor's own expressions could tell.
"""

from __future__ import annotations

from shims.cli.release import CONDOR_VERSION
from shims.submit.lines import SPACES
from shims.submit.macros import Macros

_WORDS = ("if", "elif", "else", "endif")
_TRUTHS = {"true": True, "t": True, "yes": True, "false": False, "f": False, "no": False}
_OPERATORS = ("==", "=", "!=", "<", "<=", ">", ">=")
_LIVE = ("cluster", "clusterid", "process", "procid", "node", "step", "row", "itemindex", "item")
_COMPLEX = "complex conditionals are not supported"
_NONE = "expression is not a conditional"


class NoCondition(Exception):
    """A line that is wrong: what HTCondor says about it."""


class Conditions:
    """The open ``if`` statements around a line."""

    __slots__ = ("_branches", "_macros")

    def __init__(self, macros: Macros) -> None:
        self._macros = macros
        # for every open if: [this branch counts, one counted before, all of it counts, else was there]
        self._branches: list[list[bool]] = []

    @property
    def open(self) -> bool:
        """Whether an ``if`` waits for its end."""
        return bool(self._branches)

    @property
    def counts(self) -> bool:
        """Whether a line here counts."""
        return not self._branches or self._branches[-1][0]

    def forget(self) -> None:
        """HTCondor forgets an open ``if`` at a queue statement."""
        self._branches.clear()

    def take(self, line: str) -> bool:
        """Whether it is one of these lines; keeps track of which branch counts. NoCondition."""
        words = line.split(None, 1)
        word, test = words[0].lower(), words[1] if len(words) > 1 else ""
        if word not in _WORDS or test[:1] == "=":
            return False
        if word == "if":
            outer = self.counts
            counts = outer and self._true(word, test)
            self._branches.append([counts, counts, outer, False])
            return True
        if not self._branches:
            raise NoCondition(f"{word} without matching if")
        if word == "endif":
            self._branches.pop()
        else:
            self._next_branch(word, test)
        return True

    def _next_branch(self, word: str, test: str) -> None:
        branch = self._branches[-1]
        if branch[3]:
            raise NoCondition(f"{word} is not allowed after else")
        branch[3] = word == "else"
        branch[0] = branch[2] and not branch[1] and (word == "else" or self._true(word, test))
        branch[1] = branch[1] or branch[0]

    def _true(self, word: str, test: str) -> bool:
        try:
            return self._value(self._macros.expand(test).strip(SPACES), "$" in test)
        except NoCondition as error:
            raise NoCondition(f"{test.strip(SPACES)} is not a valid {word} condition because {error}") from None

    def _value(self, text: str, expanded: bool) -> bool:
        if text[:1] == "!":
            return not self._value_of(text[1:].strip(SPACES))
        return bool(text or not expanded) and self._value_of(text)

    def _value_of(self, text: str) -> bool:
        found = _literal(text)
        if found is not None:
            return found
        word, _, rest = text.partition(" ")
        if word.lower() == "version":
            return _version(rest.strip(SPACES))
        if not text or (all(char.isalnum() or char in "_." for char in text) and word.lower() != "defined"):
            raise NoCondition(_NONE)
        if word.lower() != "defined" or any(char in '&|<>=!()"' for char in rest):
            raise NoCondition(_COMPLEX)
        return self._defined(rest.strip(SPACES))

    def _defined(self, name: str) -> bool:
        if any(char in SPACES for char in name):
            raise NoCondition("defined argument must be param name, boolean, or number")
        self._macros.use(name)
        return _literal(name) is not None or name.lower() in _LIVE or self._macros.has(name)


def _literal(text: str) -> bool | None:
    """A truth or a decimal number; None when it is neither."""
    found = _TRUTHS.get(text.lower())
    if found is not None or text[-1:] not in ".0123456789" or text.strip("0123456789.eE+-") != "":
        return found
    try:
        return float(text) != 0
    except ValueError:
        return None


def _version(test: str) -> bool:
    """``>= 8.1.6``, as far as it is given: ``== 23.9`` is true of 23.9.6."""
    at = next((place for place, char in enumerate(test) if char not in "<>=!"), len(test))
    operator, wanted = test[:at], test[at:].strip(SPACES)
    parts = wanted.split(".")
    if (test and operator not in _OPERATORS) or (any(not part.isdigit() for part in parts) and wanted):
        raise NoCondition(_COMPLEX)
    if len(parts) < 2:
        raise NoCondition("the version literal is invalid")
    asked = [int(part) for part in parts[:3]]
    have = [int(part) for part in CONDOR_VERSION.split()[1].split(".")][: len(asked)]
    if operator in ("=", "==", "!="):
        return (have == asked) == (operator != "!=")
    return (
        have > asked or (have == asked and operator in ("<=", ">="))
        if operator[0] == ">"
        else (have < asked or (have == asked and operator == "<="))
    )
