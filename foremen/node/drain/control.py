"""What the operator's drain and undrain do, and the progress of a drain."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Optional

from foremen.errors import LaunchError
from foremen.node.control import Control, Outcome
from foremen.node.drain.active import read_drains, same_foreman
from foremen.node.drain.files import deadline_of, end_drain, make_drain
from foremen.node.drain.scope import Scope, prepare, whole
from foremen.node.host.port import Door
from foremen.node.plan import read_plan
from foremen.node.state_files import KINDS, Place, read_json, read_record
from spool.settings import Settings

_WATCH = 0.3
_LONGEST = 10.0  # s between two looks
_SEEN = 90.0  # s until a node must have seen the file: NFS may keep an old listing of a folder for 60
_HOME = 60.0  # s after the deadline that the others get


@dataclass(frozen=True)
class Left:
    """What has not left yet; ``seconds`` to the deadline, None when there is none.

    ``nodes``: on how many nodes it is; ``silent``: those of them whose supervisors have not seen the drain.
    """

    foremen: int
    workers: int
    pilots: int
    seconds: Optional[int] = None
    nodes: int = 1
    silent: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether all have left."""
        return not (self.foremen or self.workers)

    def __str__(self) -> str:
        ends = "" if self.seconds is None else f", {max(0, self.seconds)} s to the deadline"
        where = "" if self.nodes <= 1 else f" on {self.nodes} nodes"
        silent = f"; not yet seen by {_some(self.silent)}" if self.silent else ""
        return (
            f"draining: {self.workers} workers with {self.pilots} pilots and {self.foremen} foremen are left"
            f"{where}{ends}{silent}"
        )


def drain(door: Door, settings: Settings, seconds: Optional[int] = None, scope: Optional[Scope] = None) -> Outcome:
    """Make the scope's file, with a deadline in ``seconds``. Where a supervisor of ours was lost, a new one is started: it sees it."""
    scope = scope or whole(settings)
    prepare(settings, scope)
    make_drain(scope.path, None if seconds is None else door.epoch() + seconds)
    now = left(door, settings, scope)
    deadline = deadline_of(scope.path)
    ends = "" if deadline is None else f"; what is left at {_clock(deadline)} is ended, its jobs run again elsewhere"
    counts = f"{now.foremen} foremen and {now.workers} workers"
    where = f"of {scope.what}" if scope.foreman or len(scope.hosts) != 1 else f"on {scope.hosts[0]}"
    if len(scope.hosts) > 1:
        where += f" ({_some(scope.hosts)})"
    leave = "finish what runs and go to other foremen" if scope.foreman else "finish what runs and leave"
    return Outcome(f"draining: {counts} {where} {leave} ({scope.path}){ends}", _remarks(door, settings, scope))


def undrain(door: Door, settings: Settings, scope: Optional[Scope] = None) -> Outcome:
    """Remove the scope's file: who has not left yet goes on."""
    scope = scope or whole(settings)
    drained = os.path.lexists(scope.path)
    end_drain(scope.path)
    still = _still(settings)
    if not drained:
        return Outcome(f"nothing drains ({scope.path} is not there)", still)
    now = left(door, settings, scope, revive=False)
    counts = f"{now.foremen} foremen and {now.workers} workers"
    if scope.foreman:
        return Outcome(f"no drain any more: {scope.what} is used, and started again where it has left", still)
    return Outcome(
        f"no drain any more: {counts} on {_some(scope.hosts)} go on; start-foremen and start-workers start those that have left",
        still,
    )


def _still(settings: Settings) -> tuple[str, ...]:
    """What lets everything on this node leave nevertheless."""
    own = os.uname().nodename
    ends = {"drain": "undrain", "node": f"undrain --node {own}", "site": "undrain --site"}
    why = read_drains(settings.drain, settings.wq_workdir, own).why
    return (f"{own} drains nevertheless: {ends[why]} ends that",) if why else ()


def left(door: Door, settings: Settings, scope: Optional[Scope] = None, revive: bool = True) -> Left:
    """How far the drain is; supervisors of this node that were lost are started."""
    scope = scope or whole(settings)
    parts = [part for host in scope.hosts for kind in KINDS if (part := _part(door, settings, scope, host, kind)).count]
    if revive:
        for part in parts:
            if part.place.host == os.uname().nodename:
                Control(door, settings, part.place.kind).ensure_supervisor()
    deadline = deadline_of(scope.path)
    seconds = None if deadline is None else int(deadline - door.epoch())
    counts = {kind: sum(part.count for part in parts if part.place.kind == kind) for kind in KINDS}
    pilots = sum(part.pilots for part in parts)
    silent = tuple(dict.fromkeys(part.place.host for part in parts if not part.seen))
    return Left(counts["foremen"], counts["workers"], pilots, seconds, len({part.place.host for part in parts}), silent)


def wait_drained(
    door: Door, settings: Settings, show: Callable[[Left], None], scope: Optional[Scope] = None
) -> Outcome:
    """Stay until all have left. LaunchError when somebody undoes the drain meanwhile, or nodes do not see it."""
    scope = scope or whole(settings)
    began = door.now()
    while True:
        now = left(door, settings, scope)
        show(now)
        if now.nothing:
            what = f"for {scope.foreman}" if scope.foreman else f"of this installation run on {_some(scope.hosts)}"
            return Outcome(f"drained: no foremen and no workers {what}")
        if not os.path.lexists(scope.path):
            raise LaunchError(f"the drain was undone: {scope.path} is gone")
        if now.silent and _late(now, door.now() - began):
            raise LaunchError(
                f"{_some(now.silent)} {'does' if len(now.silent) == 1 else 'do'} not see the drain: is the node up, its"
                " supervisor alive (alien_wq_worker.sh status there)?"
            )
        time.sleep(
            min(_LONGEST, _WATCH * max(1, len(scope.hosts) // 4))
        )  # each node costs a few reads on a shared disk


def _late(now: Left, waited: float) -> bool:
    """Whether only nodes are left that should have seen the drain long ago."""
    over = now.seconds is not None and now.seconds < -_HOME
    return waited >= _SEEN and (over or len(now.silent) == now.nodes)


@dataclass(frozen=True)
class _Part:
    """One kind on one node: how many live as far as is known, with how many pilots; whether their supervisor has seen the drain."""

    place: Place
    count: int
    pilots: int
    seen: bool


def _part(door: Door, settings: Settings, scope: Scope, host: str, kind: str) -> _Part:
    place = Place(settings.wq_workdir, kind, host)
    here = host == os.uname().nodename
    slots = [slot for slot, it in place.records().items() if door.alive(it.who)] if here else place.slots()
    facts: dict[str, Any] = (read_json(place.status) if slots else None) or {"slots": []}
    published = {int(row["slot"]): row for row in facts["slots"]}
    if scope.foreman:
        slots = [slot for slot in slots if _serves(door, place, slot, published.get(slot), scope.foreman)]
    rows = [published[slot] for slot in slots if slot in published]
    pilots = sum(int(row["busy"]) for row in rows) if kind == "workers" else 0
    seen = all(row.get("shunned") for row in rows) if scope.foreman else bool(facts.get("drain"))
    return _Part(place, len(slots), pilots, seen and len(rows) == len(slots))


def _serves(door: Door, place: Place, slot: int, row: Optional[dict[str, Any]], foreman: str) -> bool:
    """Whether a worker serves the foreman, or is it, by what its supervisor publishes; by its record where it does not."""
    record = read_record(place.record(slot)) if row is None else None
    address = str(row["foreman"]) if row else record.foreman if record else ""
    if place.kind == "foremen":
        plan = read_plan(place)
        address = f"{place.host}:{plan.port(slot)}" if plan else ""
    return bool(address) and same_foreman(address, foreman, door.names)


def _remarks(door: Door, settings: Settings, scope: Scope) -> tuple[str, ...]:
    """What the operator must know of nodes that have a WQ_WORKDIR of their own."""
    if scope.undo == "undrain --site" and len(scope.hosts) <= 1:
        return (f"only nodes that share {settings.wq_workdir} see this; so far that is {_some(scope.hosts) or 'none'}",)
    host, _, port = scope.foreman.rpartition(":")
    if not scope.foreman or host != os.uname().nodename:
        return ()
    parts = [_part(door, settings, scope, host, "workers") for host in scope.hosts]
    others = door.connections(int(port)) - sum(part.count for part in parts)
    if others <= 0:
        return ()
    return (
        f"{others} of its workers are of nodes with a WQ_WORKDIR of their own: drain --foreman {scope.foreman} there too,"
        " or set a deadline",
    )


def _some(names: tuple[str, ...]) -> str:
    """At most four of them by name."""
    rest = len(names) - 4
    return ", ".join(names[:4]) + (f" and {rest} more" if rest > 0 else "")


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
