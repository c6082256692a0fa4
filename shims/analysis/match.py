"""Ads matched against each other: what an expression of one says of the other, and what it refers to."""

from __future__ import annotations

import time

import classad2

from shims.analysis.conditions import names
from shims.format.columns import evaluator
from spool.classad import ads, evaluate, values
from spool.classad.job_record import JobRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NOW = "currenttime"


class Party:
    """One ad of a match: a job, or a slot."""

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        self._attributes = record.ad()
        self._spelled = {name.lower(): name for name in self._attributes}
        self._made: Any = None

    def text(self, name: str) -> str | None:
        """The expression of an attribute, whatever the case of its name."""
        spelled = self._spelled.get(name.lower())
        return None if spelled is None else self._attributes[spelled]

    def string(self, name: str) -> str:
        """The string of an attribute; empty when it is none."""
        return ads.string(self.text(name))

    def value(self, name: str) -> str:
        """The value of an attribute as an expression."""
        return values.unparsed(evaluator(name)(self.record))

    def true(self, name: str) -> bool:
        """Whether the attribute is the word true."""
        return (self.text(name) or "").lower() == "true"

    def with_changes(self, changes: Mapping[str, str]) -> Party:
        """The ad with other values of some attributes."""
        return Party(JobRecord(self.record.cluster, self.record.proc, 0, ads.dump({**self._attributes, **changes})))

    def made(self) -> Any:
        """The library's ad of it."""
        if self._made is None:
            self._made = evaluate.whole_ad(self.record)
        return self._made


def holds(text: str, mine: Party, target: Party | None, strictly: bool = False) -> bool:
    """Whether the expression is true (or, not ``strictly``, a number other than 0) in ``mine``, matched with ``target``."""
    if not evaluate.readable(text):
        return False
    # As HTCondor does: a name that the one ad does not have is the other's. The library does so or not.
    lent = {name: _lent(name, target) for name in names(text) if "." not in name and mine.text(name) is None}
    given = {name: found for name, found in lent.items() if found is not None}
    scope = (mine.with_changes(given) if given else mine).made()
    try:
        found = evaluate.parse(text).eval(scope, classad2.ClassAd() if target is None else target.made())
    except (classad2.ClassAdException, TypeError, RuntimeError, UnicodeError):
        return False
    if isinstance(found, classad2.Value):  # an enum of integers: before the numbers
        return False
    return found is True if strictly else values.truth(found)


def _lent(name: str, target: Party | None) -> str | None:
    if name.lower() == _NOW:
        return str(int(time.time()))
    return None if target is None else target.text(name)


def accepts(mine: Party, target: Party) -> bool:
    """Whether the Requirements of the one ad take the other; an ad without any takes all."""
    return holds(mine.text("Requirements") or "true", mine, target)


def constant(text: str, mine: Party) -> bool | None:
    """The expression's value when it does not depend on any target; None when it does."""
    return None if references(text, mine)[1] else holds(text, mine, None, strictly=True)


def references(text: str, mine: Party) -> tuple[list[str], list[str]]:
    """What the expression refers to, directly or by what it refers to: of the ad itself, and of the target. Sorted without case."""
    own: dict[str, str] = {}
    other: dict[str, str] = {}
    wanted = list(names(text))
    while wanted:
        scope, dot, name = wanted.pop().rpartition(".")
        lowered = name.lower()
        written = mine.text(name)
        if lowered == _NOW and not dot:
            continue
        if scope.lower() == "target" or (not dot and written is None):
            other.setdefault(lowered, name)
        elif written is not None and lowered not in own:
            own[lowered] = name
            if values.literal(written) is values.NO_LITERAL:
                wanted += names(written)
    return [own[name] for name in sorted(own)], [other[name] for name in sorted(other)]
