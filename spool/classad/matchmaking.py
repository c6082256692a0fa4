"""Whether a job's Requirements rule every worker out, as far as anything is known of the workers: the master keeps such a job back.

Work Queue says what all workers have together and nothing of a single one, so little is known: what all of them share
(``spool.classad.matchmaking``), and that none has more cores or memory than all (``Totals``). Only what is FALSE whatever the
rest may be counts; a
condition that speaks of anything else is unknown, and the job is given out. The conditions that ``condor_submit`` adds are
judged by their text, without the library.
"""

from __future__ import annotations

import os
import re
from collections import namedtuple

from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple

    from spool.classad.job_record import JobRecord

    class Totals(NamedTuple):
        """Cores and MB of memory of all workers together; 0: not known."""

        cores: int
        memory: int

    class Unmet(NamedTuple):
        """The condition that rules every worker out. ``attribute``: not for ever, but while the pool's total of it is below ``least``."""

        condition: str
        attribute: str
        least: int

else:  # the same: ``typing`` would cost a client 5 ms
    Totals = namedtuple("Totals", "cores memory")
    Unmet = namedtuple("Unmet", "condition attribute least")

_KEPT = 20000  # texts, and verdicts of the library
_DEEPEST = 50
_MATCHED = (5, 10, 11)  # universes whose jobs HTCondor matches with machines: vanilla, java, parallel

_WORD = r"(?:MY\.)?[A-Za-z_]\w*|-?\d+(?:\.\d+)?|\"[^\"\\]*\""
_LITERAL = re.compile(r'-?\d{1,18}(?:\.\d+)?|"[^"\\]*"|true|false|undefined', re.I)
_PART = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[()\[\]{}]|&&|\|\||\?', re.S)
_ALONE = re.compile(r"TARGET\.\w+", re.I)
_COMPARED = re.compile(rf"TARGET\.(\w+) ?(==|!=|<=|>=|<|>) ?({_WORD})", re.I)
_SIZE = re.compile(r"(TARGET\.)?(Cpus|Memory) ?(>=|>) ?(\d{1,15})", re.I)
_TARGET = re.compile(r"\bTARGET\b\s*\.?\s*(\w*)", re.I)
_MY = re.compile(r"\bMY\b\s*\.?\s*(\w*)", re.I)
# Operators and functions that make a value of what is undefined: with them what is unknown could look false.
_LOOKS = re.compile(r"=\?=|=!=|\?:|\bis(?:nt)?\b|\w\s*\(", re.I)
_CHANGES = re.compile(r"\bcurrenttime\b|time\w*\s*\(|random\w*\s*\(", re.I)


class Judge:
    """Judges jobs by what is known; remembers its verdicts."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self._facts = {name.lower(): text for name, text in facts.items()}
        self._open: dict[
            str, tuple[str, ...]
        ] = {}  # by Requirements: the conditions that need the job's ad, or are false
        self._verdicts: dict[tuple[str, ...], bool] = {}
        self._target: Any = None

    def unmet(self, record: JobRecord, totals: Totals) -> Unmet | None:
        """The condition that rules every worker out; None when there is none that is known to."""
        text = record.expression("Requirements") or _own(record, "Requirements")
        if not text:
            return None
        conditions = self._open.get(text)
        if conditions is None:
            _make_room(self._open)
            conditions = self._open[text] = tuple([one for one in conjuncts(text) if not self._harmless(one)])
        if not conditions or ads.number(record.expression("JobUniverse"), _MATCHED[0]) not in _MATCHED:
            return None
        found = [one for one in [self._judge(condition, record, totals) for condition in conditions] if one]
        return min(found, key=lambda one: bool(one.attribute)) if found else None  # rather one that is for ever

    def _judge(self, condition: str, record: JobRecord, totals: Totals) -> Unmet | None:
        size = _SIZE.fullmatch(condition)
        if size is None:
            return Unmet(condition, "", 0) if self._false(condition, record) else None
        if not size[1] and _own(record, size[2]):
            return None
        least = int(size[4]) + (size[3] == ">")
        attribute = "cores" if size[2].lower() == "cpus" else "memory"
        total: int = getattr(totals, attribute)
        return Unmet(condition, attribute, least) if 0 < total < least else None

    # --- by the text alone -----------------------------------------------------------------------------------------------

    def _harmless(self, condition: str) -> bool:
        """Whether the text alone shows that the condition is not false; a few forms, the rest is looked at closer."""
        if condition.lower() == "true" or _ALONE.fullmatch(condition):  # there is no fact that is false
            return True
        if _SIZE.fullmatch(condition):
            return False
        compared = _COMPARED.fullmatch(condition)
        if compared:
            fact = self._facts.get(compared[1].lower())
            return fact is None or (compared[2] == "==" and compared[3].lower() == fact.lower())
        if _CHANGES.search(condition) or (_LOOKS.search(condition) and self._strange(condition)):
            return True
        parts = _parts(condition, "||")
        return len(parts) > 1 and any(self._harmless(_bare(part)) for part in parts)

    def _strange(self, text: str) -> bool:
        """Whether it speaks of anything of the worker that is not known."""
        return any(name.lower() not in self._facts for name in _TARGET.findall(text))

    # --- by the library --------------------------------------------------------------------------------------------------

    def _false(self, condition: str, record: JobRecord) -> bool:
        if condition.lower() == "false":
            return True
        compared = _COMPARED.fullmatch(condition)
        if compared and compared[2] == "==" and compared[3][0] == '"' == self._facts[compared[1].lower()][0]:
            return True  # another string than the fact: else it were harmless
        have = self._needed(condition, record)
        if have is None:
            return False
        key = (condition, *[part for item in sorted(have.items()) for part in item])
        verdict = self._verdicts.get(key)
        if verdict is None:
            _make_room(self._verdicts)
            verdict = self._verdicts[key] = self._evaluate(condition, have) is False
        return verdict

    def _needed(self, condition: str, record: JobRecord) -> dict[str, str] | None:
        """What the condition refers to of the job's ad, directly or by what it refers to; None when it cannot be judged."""
        have: dict[str, str] = {}
        texts, unknown = [condition], False
        wanted = list(_references(condition))
        while wanted:
            name = wanted.pop()
            if name == "*":
                return None
            if name.lower() in have:
                continue
            text = _own(record, name)
            if not text:  # then it is the worker's
                text = self._facts.get(name.lower(), "")
                unknown = unknown or not text
            if text:
                have[name.lower()] = text
                if not (text.isascii() and _LITERAL.fullmatch(text)):
                    texts.append(text)
                    wanted += _references(text)
        whole = "\n".join(texts)
        if _CHANGES.search(whole) or any(not _own(record, name) for name in _MY.findall(whole)):
            return None
        if _LOOKS.search(whole) and (unknown or self._strange(whole)):
            return None
        return have

    def _evaluate(self, condition: str, have: Mapping[str, str]) -> object:
        """The value; None for what may be costly, which counts as not known."""
        from spool.classad import cost, scope

        parsed = scope.parse(condition)
        if parsed.tree is None or not cost.cheap(parsed, have.get):
            return None
        if self._target is None:
            self._target = scope.made(self._facts)
        return scope.plain(scope.evaluate(parsed, scope.made(have), self._target))


def conjuncts(text: str) -> list[str]:
    """The conditions that all have to hold, without the parentheses around them."""
    if "//" in text or "/*" in text:  # perhaps a comment
        return []
    return _conjuncts(text, 0)


def _conjuncts(text: str, depth: int) -> list[str]:
    inner = _bare(text)
    parts = _parts(inner, "&&")
    if len(parts) == 1 or depth > _DEEPEST:
        return [inner]
    return [one for part in parts for one in _conjuncts(part, depth + 1)]


def _parts(text: str, operator: str) -> list[str]:
    """The text cut at an operator outside of all brackets; whole when one stands there that binds less."""
    found, start, inside = [], 0, 0
    for part in _PART.finditer(text):
        word = part[0]
        inside += (word in "([{") - (word in ")]}")
        if inside:
            continue
        if word == "?" or (word == "||" and operator == "&&"):
            return [text]
        if word == operator:
            found.append(text[start : part.start()].strip())
            start = part.end()
    return [*found, text[start:].strip()]


def _bare(text: str) -> str:
    """Without the parentheses around all of it."""
    text = text.strip()
    for _ in range(_DEEPEST):
        if text[:1] != "(" or _closed(text) != len(text):
            break
        text = text[1:-1].strip()
    return text


def _closed(text: str) -> int:
    """Behind the bracket that closes the first one; 0: none does."""
    inside = 0
    for part in _PART.finditer(text):
        inside += (part[0] in "([{") - (part[0] in ")]}")
        if not inside and part[0] in ")]}":
            return part.end()
    return 0


def _own(record: JobRecord, name: str) -> str:
    """An attribute of the job, whatever the case of its name; empty when there is none."""
    text = record.text
    if not text.isascii():
        return ads.find(record.ad(), name) or ""
    start = f"\n{text}".lower().rfind(f"\n{name.lower()} = ")
    return "" if start < 0 else text[start + len(name) + 3 : text.find("\n", start)]


def _references(text: str) -> frozenset[str]:
    from spool.classad import scope
    from spool.classad.library import EVERYTHING

    parsed = scope.parse(text)
    return frozenset((EVERYTHING,)) if parsed.tree is None else parsed.names


def _make_room(cache: dict[Any, Any]) -> None:
    if len(cache) >= _KEPT:
        cache.clear()


# What is known of every worker of a house, whichever it is: for ``condor_status``, and for the jobs
# that are kept back.


def facts() -> dict[str, str]:
    """As ClassAd expressions. The workers are taken to be of this node's architecture; they run nowhere but on Linux."""
    return {"Arch": ads.quote(os.uname().machine.upper()), "OpSys": '"LINUX"', "HasFileTransfer": "true"}
