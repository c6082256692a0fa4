"""Durations and dates as HTCondor prints them (``format_time.cpp``). Local time; without the ``datetime`` module."""

from __future__ import annotations

import time

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
_dates: dict[int, str] = {}


def duration_text(seconds: int) -> str:
    """``  0+00:05:15``: days+hours:minutes:seconds; a negative one is unknown."""
    if seconds < 0:
        return "[?????]"
    days, rest = divmod(seconds, _DAY)
    return f"{days:3d}+{rest // _HOUR:02d}:{rest % _HOUR // _MINUTE:02d}:{rest % _MINUTE:02d}"


def date_text(seconds: int) -> str:
    """``11/20 12:50``: month/day hour:minute; a negative one is unknown."""
    if seconds < 0:
        return "    ???    "
    minute = seconds // _MINUTE  # every time zone in use is off by whole minutes
    text = _dates.get(minute)
    if text is None:
        try:
            at = time.localtime(seconds)
        except (OverflowError, OSError, ValueError):
            return "    ???    "
        text = _dates[minute] = f"{at.tm_mon:2d}/{at.tm_mday:<2d} {at.tm_hour:02d}:{at.tm_min:02d}"
    return text


def stamp_text(seconds: float) -> str:
    """``11/20/26 12:53:11``, as in the line above a table."""
    return time.strftime("%m/%d/%y %H:%M:%S", time.localtime(seconds))
