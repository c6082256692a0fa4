"""What to do with a worker or a foreman: pure functions from what is seen, and the time, to the next state and acts.

Times are seconds since boot. The figures of the pause (30 s after a life shorter than 30 s) are the older project's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

SHORT_LIFE = 30.0
PAUSE_CAP = 300.0
STUCK = 20.0  # a foreman that accepts connections but does not answer is left after so many seconds
SILENT = 20.0  # an idle worker leaves a foreman that has not answered for so long, when another one does
# A foreman that cannot be reached for so long has been given up by Work Queue (keepalive: 120 s, and 30 s to answer), with
# all that its workers run; one that hangs for so long is started again. Before, the pilots may still be saved.
LOST = 180.0
ALONE = (
    30.0  # a foreman whose workers have all gone is started again: what it was given for them would wait in it for ever
)
LEAVE_WAIT = 3.0  # waiting launches get so long to report that they were bounced
IDLE_GRACE = 30.0  # the worker's own --idle-timeout goes first
IDLE_EARLY = 5.0  # so much before we think so the worker may think that its idle timeout is over
EVICT_GRACE = 5.0  # from SIGTERM to SIGKILL, for pilots that are there at the deadline
EVICT_LIMIT = 20.0  # results get so long after the deadline to reach home


class Phase(str, Enum):
    """Where a slot is."""

    WAITING = "waiting"  # nothing runs; to be started at ``not_before``
    RUNNING = "running"
    LEAVING = "leaving"  # told to leave, waiting launches go home
    ENDING = "ending"  # SIGTERM was sent
    GONE = "gone"  # will not be started again


class Act(str, Enum):
    """What the supervisor does for a slot, in the order given."""

    START = "start"
    CLOSE = "close"  # create ``closed``
    OPEN = "open"  # remove ``closed``
    LEAVE = "leave"  # create ``leave``
    EVICT = "evict"  # create ``over``, and SIGTERM to the pilots: their launch scripts give the jobs back
    FORCE = "force"  # SIGKILL to the pilots
    TERM = "term"
    KILL = "kill"  # the process with everything it started
    CLEAN = "clean"  # it has ended: end what it left behind, remove its folder and record


@dataclass(frozen=True)
class Policy:
    """What the plan says about one kind. ``pause``: first pause after a short life; ``grace``: from SIGTERM to SIGKILL."""

    pause: float = 30.0
    grace: float = 2.0
    idle_timeout: float = 100.0
    norespawn: bool = False
    singletask: bool = False


@dataclass(frozen=True)
class World:
    """What is the same for all slots.

    ``overdue``: seconds since the deadline of the drain, negative before. ``quarantined``: pilots fail at once on this node.
    ``shunned`` (differs from slot to slot): the foreman that this worker serves, or that this slot is, drains alone.
    """

    now: float
    draining: bool = False
    stopping: bool = False
    overdue: float = -1.0
    quarantined: bool = False
    shunned: bool = False


@dataclass(frozen=True)
class Sight:
    """What is seen of one slot's process.

    ``busy``: children that are not waiting launches. ``waiting``: waiting launches (``bounce.PID``). ``held``: sandboxes
    whose result is not delivered. ``links``: workers connected to a foreman, -1: not counted. ``silent``: for how many seconds the foreman
    has not answered; ``cut``: because it cannot be reached; ``elsewhere``: another one answers.
    """

    alive: bool = False
    connected: bool = False
    busy: int = 0
    waiting: int = 0
    held: int = 0
    closed: bool = False
    links: int = 0
    silent: float = 0.0
    cut: bool = False
    elsewhere: bool = False

    @property
    def quiet(self) -> bool:
        """Nothing runs but waiting launches, and every result is delivered."""
        return self.busy == 0 and self.held == 0


@dataclass(frozen=True)
class Slot:
    """One worker or foreman that is to be kept alive, through all its lives."""

    number: int
    choices: tuple[str, ...] = ()
    phase: Phase = Phase.WAITING
    since: float = 0.0
    started: float = 0.0
    not_before: float = 0.0
    foreman: str = ""
    tried: frozenset[str] = frozenset()
    short: int = 0
    misses: int = 0
    restarts: int = 0
    shut: bool = False
    idle_since: float | None = None
    evicted: float | None = None
    manned: bool = False
    alone_since: float | None = None
    why: str = ""
    note: str = ""


Decision = tuple[Slot, tuple[Act, ...]]


def decide_worker(slot: Slot, sight: Sight, world: World, policy: Policy) -> Decision:
    """The next step of a worker's slot."""
    decided = _not_running(slot, sight, world, policy)
    if decided is not None:
        return decided
    if slot.phase is Phase.LEAVING:
        return _leaving(slot, sight, world)
    return _running(slot, sight, world, policy)


def decide_foreman(slot: Slot, sight: Sight, world: World, policy: Policy) -> Decision:
    """The next step of a foreman's slot: it drains by waiting until no worker is connected, or until it is too late."""
    decided = _not_running(slot, sight, world, policy)
    if decided is not None:
        return decided
    draining = world.draining or world.shunned
    if draining and (sight.links == 0 or world.overdue >= EVICT_LIMIT):
        return _phase(slot, Phase.ENDING, world, "drain"), (Act.TERM,)
    if sight.connected and sight.silent >= LOST:
        return _phase(slot, Phase.ENDING, world, "stuck"), (Act.TERM,)
    return (slot, ()) if draining else _manned(slot, sight, world)


def _manned(slot: Slot, sight: Sight, world: World) -> Decision:
    """Whether a foreman has workers, or had some and is alone now."""
    if sight.links > 0:
        return replace(slot, manned=True, alone_since=None), ()
    if sight.links == 0 and slot.manned:
        slot = replace(slot, alone_since=world.now if slot.alone_since is None else slot.alone_since)
    if slot.alone_since is not None and world.now - slot.alone_since >= ALONE:
        return _phase(slot, Phase.ENDING, world, "alone"), (Act.TERM,)
    return slot, ()


def started(slot: Slot, foreman: str, now: float) -> Slot:
    """The slot after its process was started."""
    again = replace(slot, phase=Phase.RUNNING, since=now, started=now, foreman=foreman, misses=0)
    return replace(again, shut=False, idle_since=None, evicted=None, manned=False, alone_since=None, why="", note="")


def nowhere(slot: Slot, now: float, policy: Policy, note: str) -> Slot:
    """The slot when it could not be started: no foreman answers, or the port is taken."""
    if policy.norespawn and now - slot.since >= policy.idle_timeout:
        return replace(slot, phase=Phase.GONE, note=note)
    if slot.tried:
        return _pause(slot, now, policy, note)
    wait = min(PAUSE_CAP / 10, 2.0 * 2**slot.misses)
    return replace(slot, not_before=now + wait, misses=min(slot.misses + 1, 10), note=note)


def ended(slot: Slot, world: World, policy: Policy) -> Slot:
    """The slot after its process has ended, for whatever reason."""
    now = world.now
    moves = slot.why == "foreman"  # it is to serve another foreman: not the end that WQ_NORESPAWN means
    if world.stopping or world.draining or (policy.norespawn and not moves):
        return _phase(slot, Phase.GONE, world, slot.why)
    again = replace(_phase(slot, Phase.WAITING, world, slot.why), restarts=slot.restarts + 1, not_before=now)
    if slot.why not in ("stuck", "silent") and (
        slot.why in ("task", "quarantine", "foreman") or now - slot.started >= SHORT_LIFE
    ):
        tired = slot.idle_since is not None and now - slot.idle_since >= policy.idle_timeout - IDLE_EARLY
        choices = _others_first(slot) if tired else slot.choices
        return replace(again, choices=choices, tried=frozenset(), short=0, note="")
    before = (
        frozenset() if slot.why == "silent" else slot.tried
    )  # silent: it had been let in, what was before counts no more
    again = replace(again, tried=before | {slot.foreman})
    if any(choice not in again.tried for choice in slot.choices):
        return again
    return _pause(again, now, policy, f"left after {now - slot.started:.0f} s")


def _others_first(slot: Slot) -> tuple[str, ...]:
    """The foremen from the one after its own on: a worker that finds nothing to do looks where there may be more than workers for it.

    A foreman that lost workers keeps what they ran, and nobody can take that back from it (docs/adr/0018).
    """
    at = slot.choices.index(slot.foreman) + 1 if slot.foreman in slot.choices else 0
    return slot.choices[at:] + slot.choices[:at]


def revive(slot: Slot, now: float) -> Slot:
    """A slot that was given up, when ``start`` is called again."""
    return Slot(slot.number, slot.choices, since=now, not_before=now, restarts=slot.restarts)


def _not_running(slot: Slot, sight: Sight, world: World, policy: Policy) -> Decision | None:
    """What is the same for foremen and workers; None for one that runs and is not to be stopped now."""
    if slot.phase is Phase.GONE:
        return slot, ()
    if slot.phase is Phase.WAITING:
        return _waiting(slot, world)
    if not sight.alive:
        return ended(slot, world, policy), (Act.CLEAN,)
    if slot.phase is Phase.ENDING:
        return _ending(slot, world, policy)
    if world.stopping:
        return _phase(slot, Phase.ENDING, world, "stop"), (Act.TERM,)
    return None


def _waiting(slot: Slot, world: World) -> Decision:
    if world.stopping or world.draining:
        return _phase(slot, Phase.GONE, world, "stop"), ()
    held = world.quarantined or world.shunned
    return slot, (Act.START,) if world.now >= slot.not_before and not held else ()


def _ending(slot: Slot, world: World, policy: Policy) -> Decision:
    hurry = 1.0 if world.stopping else 5.0  # nobody waits for a worker that leaves by itself: let it tidy up
    if world.now - slot.since < policy.grace * hurry:
        return slot, ()
    return replace(slot, since=world.now), (Act.KILL,)


def _leaving(slot: Slot, sight: Sight, world: World) -> Decision:
    if sight.busy:  # the last look was wrong (proc(5): children can be missed while one exits): it goes on
        return _phase(slot, Phase.RUNNING, world, ""), ()
    gone_home = sight.waiting == 0 and sight.held == 0
    if gone_home or world.now - slot.since >= LEAVE_WAIT:
        return replace(slot, phase=Phase.ENDING, since=world.now), (Act.TERM,)
    return slot, ()


def _running(slot: Slot, sight: Sight, world: World, policy: Policy) -> Decision:
    trouble = _trouble(slot, sight, world)
    if trouble:
        return _phase(slot, Phase.ENDING, world, trouble), (Act.TERM,)
    resting = sight.quiet and sight.waiting == 0 and sight.connected
    idle_since = (world.now if slot.idle_since is None else slot.idle_since) if resting else None
    slot = replace(slot, idle_since=idle_since)
    why = _reason_to_leave(slot, sight, world, policy)
    if why:
        return _way_out(slot, sight, world, why)
    if sight.closed and slot.shut:
        return replace(slot, shut=False, evicted=None, why=""), (Act.OPEN,)
    return slot, ()


def _trouble(slot: Slot, sight: Sight, world: World) -> str:
    """Why a worker that runs has to be ended at once; empty: it need not."""
    others = any(choice not in slot.tried and choice != slot.foreman for choice in slot.choices)
    if not sight.connected and others and world.now - slot.started >= STUCK and sight.quiet:
        return "stuck"
    patience = SILENT if sight.quiet and sight.elsewhere else LOST if sight.cut else float("inf")
    return "silent" if sight.silent >= patience else ""


def _reason_to_leave(slot: Slot, sight: Sight, world: World, policy: Policy) -> str:
    """Why a worker is to take nothing new; empty: it may."""
    idle = 0.0 if slot.idle_since is None else world.now - slot.idle_since
    reasons = (
        ("task", policy.singletask and sight.closed and not slot.shut),
        ("drain", world.draining),
        ("foreman", world.shunned),
        ("drain", slot.evicted is not None and not sight.quiet),  # an eviction that began is finished
        ("quarantine", world.quarantined),
        ("idle", slot.idle_since is not None and idle >= policy.idle_timeout + IDLE_GRACE),
    )
    return next((name for name, holds in reasons if holds), "")


def _way_out(slot: Slot, sight: Sight, world: World, why: str) -> Decision:
    """First ``closed``; at the next look everything that began before is seen as busy, what begins later waits."""
    if not sight.closed:
        return replace(slot, shut=True, why=why), (Act.CLOSE,)
    if not sight.quiet:
        slot = replace(slot, why=why)
        late = world.overdue >= 0 or slot.evicted is not None
        return _evict(slot, sight, world) if late else (slot, ())
    return _phase(slot, Phase.LEAVING, world, why), (Act.LEAVE,)


def _evict(slot: Slot, sight: Sight, world: World) -> Decision:
    """The deadline is over: the pilots go, their launch scripts report, and only a worker that hangs is ended with them."""
    if slot.evicted is None:
        return replace(slot, evicted=world.now), (Act.EVICT,)
    late = world.now - slot.evicted
    if late >= EVICT_LIMIT:
        return _phase(slot, Phase.ENDING, world, "deadline"), (Act.TERM,)
    return slot, (Act.FORCE,) if sight.busy and late >= EVICT_GRACE else ()


def _phase(slot: Slot, phase: Phase, world: World, why: str) -> Slot:
    return replace(slot, phase=phase, since=world.now, why=why)


def _pause(slot: Slot, now: float, policy: Policy, note: str) -> Slot:
    wait = min(PAUSE_CAP, policy.pause * 2**slot.short)
    short = min(slot.short + 1, 10)
    return replace(slot, not_before=now + wait, short=short, tried=frozenset(), note=f"{note}, waits {wait:.0f} s")
