"""One row of ``status``: a worker, a foreman, the engine, the master; what a supervisor has published becomes rows here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from foremen.node.control import Control
from foremen.node.host.port import Identity
from foremen.node.plan import Plan, read_plan
from foremen.node.state_files import Record, read_json


@dataclass(frozen=True)
class Row:
    """``since`` is the epoch, 0 when nothing runs; ``state`` a word; ``note`` why it waits. What is not known is None, never 0.

    ``slot`` is -1 for what is none of this node's. ``running`` and ``waiting``: pilots (for the master: jobs). ``done``: that have
    ended since it was started; ``per_minute``: of those in the last minute. ``peer``: ``host:port`` that it is connected to, as the
    kernel says. ``draining``: "" or what drains it ("drain" is WQ_DRAIN, "node", "site", "foreman"), until ``until`` (epoch).
    """

    kind: str
    slot: int
    pid: int
    foreman: str
    since: float
    state: str
    restarts: int
    note: str
    host: str = ""
    peer: Optional[str] = None
    workers: Optional[int] = None
    cores: Optional[int] = None
    cores_used: Optional[int] = None
    running: Optional[int] = None
    waiting: Optional[int] = None
    done: Optional[int] = None
    per_minute: Optional[float] = None
    draining: Optional[str] = None
    until: Optional[float] = None


def rows_of(control: Control) -> list[Row]:
    """Every slot of one kind on this node, as the supervisor last saw it and as its process is now."""
    if not control.place.exists():
        return []
    facts = read_json(control.place.status) or {"slots": []}
    supervised = control.supervisor() is not None
    living = control.living()
    seen = {int(row["slot"]): row for row in facts["slots"]} if supervised else {}
    ports = {record.who: _port(seen.get(slot, {})) for slot, record in living.items()}
    node = _Node(read_plan(control.place), str(facts.get("drain", "")), facts.get("until"), control.door.peers(ports))
    return [_row(control, node, slot, seen.get(slot), living.get(slot)) for slot in sorted({*seen, *living})]


@dataclass(frozen=True)
class _Node:
    """What is the same for all slots of a kind; ``drain`` and ``until`` as ``Drains`` has them."""

    plan: Optional[Plan]
    drain: str
    until: Optional[float]
    peers: dict[Identity, str]


def _row(control: Control, node: _Node, slot: int, seen: Optional[dict[str, Any]], record: Optional[Record]) -> Row:
    known = seen or {}
    worker = control.kind == "workers"
    pid, since = (record.who.pid, record.since) if record else (0, 0.0)
    runs = worker and record is not None
    return Row(
        kind=control.kind,
        slot=slot,
        pid=pid,
        foreman=str(known.get("foreman") or (record.foreman if record else "")),
        since=since,
        state=_state(control.kind, known, record),
        restarts=int(known.get("restarts", record.restarts if record else 0)),
        note=str(known.get("note", "")),
        host=control.place.host,
        peer=node.peers.get(record.who) if record else None,
        cores=node.plan.cores if node.plan and runs else None,
        running=known.get("busy") if runs else None,
        waiting=known.get("waiting") if runs else None,
        done=known.get("done") if runs else None,
        per_minute=known.get("lately") if runs else None,
        draining=None if seen is None else "foreman" if seen.get("shunned") else node.drain,
        until=known.get("until") or node.until,
    )


def _port(known: dict[str, Any]) -> int:
    """Where a foreman listens: that is not where it is connected to."""
    address = str(known.get("foreman", ""))
    return int(address[1:]) if address.startswith(":") else 0


def _state(kind: str, seen: dict[str, Any], record: Optional[Record]) -> str:
    if not seen:
        return "unsupervised"
    if record is None or seen["phase"] != "running":
        return str(seen["phase"])
    if not seen["connected"]:
        return "no master" if kind == "foremen" else "connecting"
    if kind == "foremen":
        return "stuck" if seen.get("silent") else "connected"
    closed, silent = (", closed" if seen["closed"] else ""), (", foreman silent" if seen.get("silent") else "")
    return ("busy" if seen["busy"] else "idle") + closed + silent
