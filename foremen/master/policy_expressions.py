"""The master's door to ClassAd expressions: those of a job's ad, evaluated at a given time.

``time()`` and ``CurrentTime`` are the time that the caller gives: in the texts ``time()`` is replaced by ``CurrentTime``, and
that is in the ad. What is not proven to be cheap (``spool.classad.cost``) is asked of ``evaluators``; without any, which is for
tests and tools, it is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.classad.literals import literal
from spool.classad.question import Question, Value

if TYPE_CHECKING:
    from spool.classad.scope import Parsed

__all__ = ["Evaluates", "Scope", "Value", "literal"]

CLOCK = "CurrentTime"
_FOLDED_CLOCK = CLOCK.lower()
_TIME = re.compile(r'"(?:[^"\\]|\\.)*"|\btime\s*\(\s*\)', re.IGNORECASE)


class Evaluates(Protocol):
    """Who evaluates what may be costly: ``foremen.master.evaluators.Evaluators``."""

    def value(self, cluster: int, question: Question, changing: str) -> Value:
        """The value. NotYet, Unfinished."""


class Scope:
    """A job's ad at a time: ``now``, seconds since the epoch. ``target``: the ad of the machine, if one is spoken of."""

    def __init__(
        self,
        record: JobRecord,
        now: float,
        target: Mapping[str, str] | None = None,
        evaluators: Evaluates | None = None,
    ) -> None:
        self._record = record
        self._now = int(now)
        self._target = target or {}
        self._evaluators = evaluators

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
        """The value of an expression in this ad. NotYet, Unfinished."""
        known, value = literal(text)
        if known:
            return value
        from spool.classad import cost, scope

        parsed = scope.parse(_clocked(text))
        if parsed.tree is None:
            return self._unreadable(parsed)
        found = scope.need(parsed, self._expression)
        if found is None:
            attributes, two, cheap = self._whole_ad(), True, False
        else:
            # Always with the clock: once htcondor2 is loaded, the library does not name it among the references.
            attributes = {**found.attributes, CLOCK: str(self._now)}
            two = found.two or bool(self._target)
            folded = {name.lower(): attribute for name, attribute in attributes.items()}
            cheap = cost.cheap(parsed, folded.get)
        # The library knows MY only while it looks at two ads, and that takes longer.
        target = {**self._target, CLOCK: str(self._now)} if two else None
        if self._evaluators is not None and not cheap:
            question = Question(_clocked(text), attributes, target)
            return self._evaluators.value(self._record.cluster, question, CLOCK)
        made = scope.made(attributes)
        return scope.plain(scope.evaluate(parsed, made, None if target is None else scope.made(target)))

    def _unreadable(self, parsed: Parsed) -> Value:
        """What is no expression has no value; what is too large is a reason to hold the job."""
        if parsed.problem and self._evaluators is not None:
            from foremen.master.evaluators import Unfinished

            raise Unfinished(parsed.problem)
        return None

    def _expression(self, name: str) -> str | None:
        """An attribute for the library. As HTCondor does: what the job does not have is the target's."""
        if name.lower() == _FOLDED_CLOCK:
            return str(self._now)
        text = self.text(name) or ads.find(self._target, name)
        return _clocked(text) if text else None

    def _whole_ad(self) -> dict[str, str]:
        ad = {name: _clocked(text) for name, text in self._record.ad().items()}
        return {**ad, CLOCK: str(self._now)}


def _clocked(text: str) -> str:
    """The text with the given time in place of the machine's."""
    if "time" not in text and "time" not in text.lower():
        return text
    return _TIME.sub(lambda found: found[0] if found[0][0] == '"' else CLOCK, text)


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
