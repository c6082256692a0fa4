"""Ending a process together with all that it started."""

from __future__ import annotations

import signal
import time

from foremen.node.host.port import Door, Identity
from foremen.node.state_files import Place, Record, flags, remove, remove_tree

_ROUNDS = 20


def kill_members(door: Door, who: Identity, mark: str, session: bool) -> bool:
    """SIGKILL the process, its session, and what carries its mark; again until nobody is left.

    Again, because what is forked while we look is seen only at the next look. False when somebody stays (a process in
    an uninterruptible wait).
    """
    door.signal(who, signal.SIGKILL)
    for _round in range(_ROUNDS):
        found = door.members(who, mark, session)
        if not found:
            return True
        for member in found:
            door.signal(member, signal.SIGKILL)
        time.sleep(0.01)
    return False


def clean(door: Door, place: Place, slot: int, record: Record, session: bool) -> bool:
    """End what a process left behind and remove its folder and record; False when something stayed."""
    ended = kill_members(door, record.who, flags(record.life), session)
    removed = not record.life or remove_tree(record.life)
    remove(place.record(slot))
    return ended and removed
