"""``getenv = true`` or a list of names: the submitter's own environment in the job's."""

from __future__ import annotations

import os

from shims.submit.expressions import boolean


def imported(wish: str) -> dict[str, str]:
    """The variables that ``getenv`` asks for; a list may hold ``*`` and, after ``!``, names to leave out.

    Values with a newline are left out, as HTCondor does.
    """
    words = wish.replace(",", " ").replace(";", " ").split()
    everything = (
        {"yes": True, "t": True, "no": False, "f": False}.get(wish.lower(), boolean(wish)) if len(words) == 1 else None
    )
    if everything is False:
        return {}
    wanted = [] if everything else [word.lower() for word in words if word[0] != "!"]
    unwanted = [word[1:].lower() for word in words if word[0] == "!"]
    return {
        name: value
        for name, value in os.environ.items()
        if "\n" not in value and not _listed(name, unwanted) and (not wanted or _listed(name, wanted))
    }


def _listed(name: str, patterns: list[str]) -> bool:
    folded = name.lower()
    return any(matches(folded, pattern) for pattern in patterns)


def matches(text: str, pattern: str) -> bool:
    """Whether the text is the pattern, ``*`` in it standing for anything."""
    parts = pattern.split("*")
    if len(parts) == 1:
        return text == pattern
    if not text.startswith(parts[0]) or not text.endswith(parts[-1]) or len(text) < len(parts[0]) + len(parts[-1]):
        return False
    at, end = len(parts[0]), len(text) - len(parts[-1])
    for part in parts[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
