"""Plain literals: nearly every attribute of a job is one, and reading it needs no library (which costs 20 ms)."""

from __future__ import annotations

from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Plain = Union[bool, int, str, None]

_DIGITS = 18  # of a whole number that the library takes
_WORDS: dict[str, Plain] = {"true": True, "false": False, "undefined": None}


def literal(text: str) -> tuple[bool, Plain]:
    """Whether the text is a plain literal (or nothing), and its value."""
    if not text:
        return True, None
    if text.isascii() and text.isdigit():
        return (True, int(text)) if len(text) <= _DIGITS else (False, None)
    if text[0] == '"':
        value = ads.unquote(text)
        return value is not None, value
    folded = text.lower() if len(text) < 10 else ""
    return (True, _WORDS[folded]) if folded in _WORDS else (False, None)
