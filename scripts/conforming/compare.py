"""Two sessions side by side: what is of the moment or the machine made alike, what is left explained or not."""

from __future__ import annotations

import base64
import difflib
import fnmatch
import re
from collections.abc import Sequence
from typing import NamedTuple

from conforming.session import STEPS, Step


class Answer(NamedTuple):
    """What a step said, made alike."""

    status: int
    out: tuple[str, ...]
    err: tuple[str, ...]


class Known(NamedTuple):
    """A difference that is wanted: a step's name (a pattern), what its lines look like, and why.

    ``line`` is searched in ``-out HTCondor's line``, ``+out our line``, ``-err ...``, ``-status 0``.
    """

    step: str
    line: str
    reason: str


class Difference(NamedTuple):
    """One line that only one side has (``-out``: HTCondor, ``+out``: here), and why; empty: nobody knows."""

    step: Step
    line: str
    reason: str


class SessionError(Exception):
    """A session that did not come to its end."""


_SAME = (
    (r"<[^<>\s]*:\d+[^<>]*>", "<ADDRESS>"),
    (r"<[\d.]+:\d+\?\.\.\.", "<ADDRESS"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?", "TIME"),
    (r"\b\d\d?/\d\d?(/\d\d)?  ?\d\d:\d\d(:\d\d)?", "TIME"),
    (r"\b\d+\+\d\d:\d\d:\d\d", "SPAN"),
    (r"Usr \d+ \d\d:\d\d:\d\d, Sys \d+ \d\d:\d\d:\d\d", "Usr SPAN, Sys SPAN"),
    (r"\b1[789]\d{8}\b", "EPOCH"),
    (r"(Time(?:Execute|SlotBusy) \(s\) +: +)\d+", r"\1SECONDS"),
    (r"(?<=Image size of job updated: )\d+|\d+(?=  -  (?:MemoryUsage|ResidentSetSize) of job)", "SIZE"),
    (r"(?m)^(\S+ )?(init_local_hostname.*|.*ENABLE_IPV6.*)\n", ""),
    (r"(?m)^(Total for (?:all users|USER):).*", r"\1 JOBS"),
    (r"slot1(_\d+)?@HOST", "SLOT"),
    (r"(?<=/dev/fd/)\d+", "N"),
)  # fmt: skip
"""What two runs of anything differ in; ``USER``, ``HOST``, ``FOLDER`` and the clusters' names are put in first."""


def read(text: str) -> dict[str, Answer]:
    """A session's answers by the name of the step. SessionError when it did not come to its end."""
    raw: dict[int, list[str]] = {}
    names: dict[str, str] = {}
    who: list[str] = []
    for line in text.splitlines():
        words = line.split(" ")
        if words[0] == "step" and len(words) == 5:
            raw[int(words[1])] = words[2:]
        elif words[0] == "names":
            names = {number: name for name, _, number in (word.partition("=") for word in words[1:] if word)}
        elif words[0] == "whoami":
            who = words[1:]
    if len(raw) != len(STEPS) or len(who) != 3:
        raise SessionError(f"only {len(raw)} of {len(STEPS)} steps have an answer; the last words: {text[-300:]!r}")
    alike = _Alike(names, *who)
    return {
        STEPS[number].name: Answer(int(status), alike.lines(out), alike.lines(err))
        for number, (status, out, err) in raw.items()
    }


class _Alike:
    """Replaces what is one session's own."""

    def __init__(self, names: dict[str, str], user: str, host: str, folder: str) -> None:
        self._names = names
        self._texts = ((folder, "FOLDER"), (f"{user}@{host}", "USER@HOST"))
        numbers = "|".join(sorted(names, key=len, reverse=True)) or "x{9}"
        self._number = re.compile(rf"(?<!\d)0*({numbers})(?![\d:])")
        self._words = re.compile(rf"\b({re.escape(user)}|{re.escape(host)})\b")
        self._word = {user: "USER", host: "HOST"}

    def lines(self, encoded: str) -> tuple[str, ...]:
        text = base64.b64decode(encoded).decode(errors="backslashreplace")
        for found, instead in self._texts:
            text = text.replace(found, instead)
        text = self._words.sub(lambda found: self._word[found[1]], text)
        for pattern, instead in _SAME:
            text = re.sub(pattern, instead, text)
        text = self._number.sub(lambda found: self._names[found[1]], text)
        return tuple([re.sub(" +", " ", line).strip(" ") for line in text.split("\n")])


def compare(theirs: dict[str, Answer], ours: dict[str, Answer], known: Sequence[Known]) -> list[Difference]:
    """Every line that differs, in the order of the steps."""
    found: list[Difference] = []
    for step in STEPS:
        a, b = theirs[step.name], ours[step.name]
        lines = [*_differ("out", a.out, b.out), *_differ("err", a.err, b.err)]
        if a.status != b.status:
            lines += [f"-status {a.status}", f"+status {b.status}"]
        found += [Difference(step, line, _why(step, line, known)) for line in lines]
    return found


def _differ(what: str, a: Sequence[str], b: Sequence[str]) -> list[str]:
    changed = [line for line in difflib.ndiff(a, b) if line[:2] in ("- ", "+ ")]
    return [f"{line[0]}{what} {line[2:]}" for line in changed]


def _why(step: Step, line: str, known: Sequence[Known]) -> str:
    return next((one.reason for one in known if fnmatch.fnmatch(step.name, one.step) and re.search(one.line, line)), "")


def unneeded(differences: Sequence[Difference], known: Sequence[Known]) -> list[Known]:
    """Rows of the table that explained nothing this time."""
    return [
        one
        for one in known
        if not any(fnmatch.fnmatch(each.step.name, one.step) and re.search(one.line, each.line) for each in differences)
    ]
