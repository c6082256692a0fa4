"""``WQ_DRAIN``: while it exists, what runs finishes and leaves; with a deadline, what is left then is ended.

A folder, as the older project makes it, or a file that somebody touched. The deadline (seconds since the epoch) is a
line in the file, or in a file ``deadline`` within the folder: whoever removes WQ_DRAIN removes it too.
"""

from __future__ import annotations

import os
from typing import Optional

from foremen.errors import LaunchError
from foremen.node.state_files import remove, write_text

_DIGITS = 12


def make_drain(path: str, deadline: Optional[float] = None) -> None:
    """Make WQ_DRAIN where there is none; a ``deadline`` replaces the one that is there, None leaves it."""
    try:
        if not os.path.lexists(path):  # a file does as well
            os.makedirs(path, exist_ok=True)
        if deadline is not None:
            write_text(_place(path), f"{deadline:.0f}\n")
    except OSError as error:
        raise LaunchError(f"cannot make {path}: {error.strerror} (set WQ_DRAIN)") from None


def end_drain(path: str) -> None:
    """Remove WQ_DRAIN: a file, or a folder that holds nothing of others."""
    try:
        if os.path.isdir(path) and not os.path.islink(path):
            remove(_place(path))
            os.rmdir(path)
        else:
            remove(path)
    except OSError as error:
        raise LaunchError(f"cannot remove the drain file {path}: {error.strerror}") from None


def deadline_of(path: str) -> Optional[float]:
    """When what is left is ended; None when nothing drains, when there is no deadline, or it cannot be read."""
    return read_time(_place(path))


def read_time(path: str) -> Optional[float]:
    """Seconds since the epoch, as a file holds them; None when it holds none."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(_DIGITS + 1).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return float(text) if text.isdigit() and len(text) <= _DIGITS else None


def _place(path: str) -> str:
    return f"{path}/deadline" if os.path.isdir(path) else path
