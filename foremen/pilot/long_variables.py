"""Variables that are too long for Work Queue travel in pieces, and the task's command, or the starter, puts them together again.

Work Queue carries a variable in one line of 4096 bytes (``foremen.engine.protocol.LONGEST_VARIABLE``); a job's ad, or one
variable of a user with ``getenv = true``, may well be longer.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from foremen.engine.protocol import LONGEST_VARIABLE

LIST = "AWQ_PIECES"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)
_ROOM = LONGEST_VARIABLE - 40  # for a value: the rest is for the name of a piece
_MOST_BYTES = 4  # of a character in UTF-8; one byte of a name that is not UTF-8 is one character


class Pieces(NamedTuple):
    """An environment of short variables, and the sh that makes of it the one that was meant (empty: it is).

    The starter does so by ``AWQ_PIECES``: of each long variable its name and how many pieces it has (foremen/native/starter.c).
    """

    environment: dict[str, str]
    script: str


def split(environment: dict[str, str]) -> Pieces:
    """Break what is too long. ValueError with the name of a long variable that no shell can set; or too many are long."""
    most = max([len(name) + len(value) for name, value in environment.items()], default=0)
    if (most + 1) * _MOST_BYTES <= LONGEST_VARIABLE:
        return Pieces(environment, "")
    short: dict[str, str] = {}
    script: list[str] = []
    counts: list[str] = []
    for name, value in environment.items():
        if _size(name) + _size(value) + 1 <= LONGEST_VARIABLE:
            short[name] = value
            continue
        if not _NAME.match(name) or len(name) > LONGEST_VARIABLE:
            raise ValueError(name)
        names: list[str] = []
        for piece in _break(value):
            names.append(f"AWQ_PIECE_{len(script)}_{len(names)}")
            short[names[-1]] = piece
        joined = "".join([f"${{{one}}}" for one in names])
        script.append(f"{name}={joined}; export {name}; unset {' '.join(names)}\n")
        counts.append(f"{name} {len(names)}")
    if not script:
        return Pieces(short, "")
    short[LIST] = " ".join(counts)
    if len(short[LIST]) > _ROOM:
        raise ValueError(LIST)
    return Pieces(short, f"{''.join(script)}unset {LIST}\n")


def _break(value: str) -> list[str]:
    """Pieces of at most _ROOM bytes that end between characters."""
    step = _ROOM if value.isascii() else _ROOM // _MOST_BYTES
    return [value[at : at + step] for at in range(0, len(value), step)]


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
