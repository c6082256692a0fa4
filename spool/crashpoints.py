"""Named points at which a test lets a process die as kill -9 does: after each durable step, before the next one.

``AWQ_CRASH_AT=commit.done condor_submit ...`` dies at the first passage of that point, ``commit.done:3`` at the third. Nothing is flushed,
closed or unlocked by us. ``tests/unit/test_crash_points.py`` has the table of all points and goes over every one.
"""

from __future__ import annotations

import os

STATUS = 86  # exit status of a process that died at a point
_name, _, _number = os.environ.get("AWQ_CRASH_AT", "").partition(":")
_left = int(_number) if _number.isdigit() else 1


def point(name: str, here: object = True) -> None:
    """Die when the environment names this point; ``here`` false: this passage does not count."""
    global _left
    if name == _name and here:
        _left -= 1
        if not _left:
            os._exit(STATUS)
