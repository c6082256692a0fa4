"""What a supervisor publishes of its slots, in ``status.json``: the commands read it, on other nodes too if they share the folder."""

from __future__ import annotations

from foremen.node.restart_policy import Sight, Slot
from foremen.node.state_files import Record


def slot_facts(slot: Slot, sight: Sight, record: Record | None) -> dict[str, object]:
    """One slot and its process; ``pid`` and ``since`` (epoch) are 0 when there is none."""
    return {
        "slot": slot.number,
        "pid": record.who.pid if record else 0,
        "since": record.since if record else 0.0,
        "phase": slot.phase.value,
        "connected": sight.connected,
        "busy": sight.busy,
        "waiting": sight.waiting,
        "closed": sight.closed,
        "silent": sight.silent > 0,
        "restarts": slot.restarts,
    }


def passed_facts(done: int, lately: int) -> dict[str, object]:
    """Pilots that have ended in this life of a worker, and those of them within the last minute."""
    return {"done": done, "lately": lately}
