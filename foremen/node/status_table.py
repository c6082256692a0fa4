"""Pure text of the commands: the status table, and the variables with their values."""

from __future__ import annotations

import dataclasses
import json
from typing import Optional

from foremen.node.status_rows import Row
from spool.settings import TABLE, Settings

_HEADS = ("KIND", "SLOT", "PID", "FOREMAN", "UP", "STATE", "RESTARTS", "NOTE")
_SHOWN = ("WQ_", "CCTOOLS")
_EXTRA = ("WORKERS", "CORES", "RUNNING", "WAITING", "DONE", "/MIN")
_DRAINS = {"drain": "WQ_DRAIN"}


def status_table(rows: list[Row], now: float) -> str:
    """A table for a person; ``now`` is the epoch. Columns of which nothing is known are left out, but for the first seven."""
    if not rows:
        return "nothing of this installation runs here"
    known = [name for name in _EXTRA if any(_extra(row)[name] != "-" for row in rows)]
    lines = [(*_HEADS[:-1], *known, _HEADS[-1]), *(_cells(row, known, now) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def status_json(rows: list[Row]) -> str:
    """A list of objects, one a row (docs/operations.md); null is: not known."""
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=1)


def variables(settings: Settings) -> str:
    """The variables that matter here, each with its value now and its meaning, one a paragraph."""
    rows = [row for row in TABLE if row[0].startswith(_SHOWN)]
    lines = []
    for name, attribute, kind, _default, meaning in rows:
        value = getattr(settings, attribute)
        shown = str(int(value)) if kind == "flag" else str(value)
        lines.append(f"{name}={shown}\n    {meaning}")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """42s, 3m10s, 5h02m, 2d04h."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def _cells(row: Row, extra: list[str], now: float) -> tuple[str, ...]:
    up = duration(now - row.since) if row.since else "-"
    slot = str(row.slot) if row.slot >= 0 else "-"
    facts = _extra(row)
    base = (row.kind, slot, str(row.pid or "-"), row.foreman or "-", up, row.state, str(row.restarts))
    return (*base, *(facts[name] for name in extra), _note(row, now))


def _extra(row: Row) -> dict[str, str]:
    """The columns that not every row has; "-" is: not known, or makes no sense there."""
    used = f"{_shown(row.cores_used)}/{_shown(row.cores)}"
    return {
        "WORKERS": _shown(row.workers),
        "CORES": used if row.cores_used is not None else _shown(row.cores),
        "RUNNING": _shown(row.running),
        "WAITING": _shown(row.waiting),
        "DONE": _shown(row.done),
        "/MIN": _shown(row.per_minute),
    }


def _shown(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.10g}"


def _note(row: Row, now: float) -> str:
    """Why it drains, where it really is connected to, and the rest."""
    ends = f", {duration(row.until - now)} to the deadline" if row.until and row.until > now else ""
    notes = [f"drains ({_DRAINS.get(row.draining, row.draining)}{ends})"] if row.draining else []
    if row.host and row.slot < 0:
        notes.append(row.host)
    if row.peer and row.kind == "workers" and row.peer.rpartition(":")[2] != row.foreman.rpartition(":")[2]:
        notes.append(f"is connected to {row.peer}")
    return "; ".join([*notes, *([row.note] if row.note else [])])
