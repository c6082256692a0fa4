"""Seeing what a worker does: its children, its waiting launches, its sandboxes.

A workspace looks like this (CCTools 7.14.5 and Debian's 8.0.0-dev, watched): ``LIFE/worker-UID-PID/`` with ``cache``
(made when the manager has let the worker in, gone after the connection), ``t.N`` (the sandbox of task N, from its arrival
until the manager has fetched its result and said ``kill N``) and ``worker.stdout.*``.
"""

from __future__ import annotations

import os

from foremen.node.host.port import Door, Identity
from foremen.node.restart_policy import Sight
from foremen.node.self_test.foreman_modes import let_in
from foremen.node.state_files import flags


def see_worker(door: Door, who: Identity, life: str) -> Sight:
    """What is seen of a worker. Children are read before the sandboxes: a task in between shows in one of them."""
    if not door.alive(who):
        return Sight()
    bounces = _bounces(life)
    family = door.descendants(who)
    waiting: list[int] = []
    busy = 0
    for child, rest in family.items():
        bounced = [pid for pid in (child, *rest) if pid in bounces]
        waiting.extend(bounced[:1])
        busy += not bounced
    at_home = {os.path.basename(door.folder_of(pid)) for pid in waiting}
    names = _workspace(life)
    held = sum(1 for name in names if name.startswith("t.") and name not in at_home)
    closed = os.path.lexists(f"{flags(life)}/closed")
    return Sight(True, "cache" in names, busy, len(waiting), held, closed)


def pilots(door: Door, who: Identity, life: str) -> tuple[Identity, ...]:
    """All that runs below the worker's launch scripts, but for those that wait: not the scripts themselves."""
    bounces = _bounces(life)
    found: list[int] = []
    for child, rest in door.descendants(who).items():
        if not bounces.intersection((child, *rest)):
            found.extend(rest)
    return door.identify(tuple(found))


def see_foreman(door: Door, who: Identity, life: str, port: int, count: bool) -> Sight:
    """What is seen of a foreman; its connections are counted only when asked for (a node may have ten thousand)."""
    if not door.alive(who):
        return Sight()
    connected = any(let_in(workspace) for workspace in _workspaces(life))
    return Sight(True, connected, links=door.connections(port) if count else -1)


def _bounces(life: str) -> frozenset[int]:
    found = set()
    for name in _list(flags(life)):
        prefix, _dot, number = name.partition(".")
        if prefix == "bounce" and number.isdigit():
            found.add(int(number))
    return frozenset(found)


def _workspace(life: str) -> list[str]:
    return [name for workspace in _workspaces(life) for name in _list(workspace)]


def _workspaces(life: str) -> list[str]:
    return [f"{life}/{name}" for name in _list(life) if name.startswith("worker-")]


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # it is made and removed by the worker while we look
        return []
