"""The process that keeps the foremen, or the workers, of one node alive. Standard library only: it lives on execute nodes.

Each step looks (``sight``), decides (``decide``), does. Whoever kills it with -9 loses nothing: its processes go on, their
records stay, and the next supervisor adopts them.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from foremen.acceptor.binding import reach
from foremen.errors import LaunchError
from foremen.native import starter
from foremen.native.preload import Shortcut
from foremen.node import black_hole, restart_policy
from foremen.node.black_hole import Ends, Guard
from foremen.node.drain.active import Drains, read_drains, shunned
from foremen.node.host.kill import clean, kill_members
from foremen.node.host.port import Command, Door, Identity
from foremen.node.log_rotation import LogKeeper, last_words
from foremen.node.machine_features import Features
from foremen.node.plan import Plan, read_plan
from foremen.node.probe.foreman_health import Watch
from foremen.node.probe.worker_health import pilots, see_foreman, see_worker
from foremen.node.restart_policy import Act, Phase, Policy, Sight, Slot, World
from foremen.node.self_test.foreman_modes import Mode
from foremen.node.self_test.verdicts import Fitness, Readiness
from foremen.node.state_files import Place, Record, flags, lock, read_record, remove, remove_tree, touch, write_json
from foremen.node.status_file import passed_facts, slot_facts

_STEP = 1.0
_QUICK_STEP = 0.1
_GUARD_STEP = 0.05  # between two looks at how pilots end
_LOCK_WAIT = 10.0
_PROBE_AGE = 2.0
_COUNT_EVERY = 10.0  # seconds between two counts of a foreman's connections
_QUICK = (Phase.LEAVING, Phase.ENDING)


class Supervisor:
    """Keeps what ``place`` has as its plan alive; ``step`` is one round, ``run`` all of them.

    ``preload`` gives the variables that a program is to have beside ``environ``.
    """

    def __init__(
        self,
        door: Door,
        place: Place,
        environ: dict[str, str],
        host: str = "",
        preload: Callable[[str], Mapping[str, str]] = lambda _program: {},
    ) -> None:
        self.door = door
        self.place = place
        self.host = host or place.host
        self.stopping = False
        self.fitness: Fitness | None = None  # foremen are tested before they are started; None: no test (workers)
        self.slots: dict[int, Slot] = {}
        self.records: dict[int, Record] = {}
        self._features = Features(place.features, environ.get("MACHINEFEATURES", ""))
        booted = str(int(door.epoch() - door.now()))
        self._environ, self._preload = {**environ, "AWQ_BOOTED": booted}, preload
        self._plan: Plan | None = None
        self._plan_key: tuple[int, int] = (0, 0)
        self._watch = Watch(door)
        self._drains = Drains()
        self._shunned: dict[str, float | None] = {}
        self._counts, self._counted = False, 0.0
        self._guard = Guard()
        self._ends = Ends()
        self._sights: dict[int, Sight] = {}
        self._answers: dict[str, tuple[float, bool]] = {}
        self._published: object = None
        self._logs = LogKeeper(place)

    @property
    def plan(self) -> Plan:
        """The plan it works by."""
        if self._plan is None:
            raise LaunchError(f"no plan in {self.place.plan}: start with alien_wq_worker.sh")
        return self._plan

    def step(self) -> bool:
        """One round; False when nothing is left to do."""
        now = self.door.now()
        self._read_plan(now)
        self._read_drains()
        self._publish_features()
        self.judge(now)
        whole = self._world(now)
        look = restart_policy.decide_worker if self.plan.kind == "workers" else restart_policy.decide_foreman
        self._watch.look(self._watched())
        self._counts = now - self._counted >= _COUNT_EVERY
        self._counted = now if self._counts else self._counted
        sights: dict[int, Sight] = {}
        for number, slot in list(self.slots.items()):
            world = self._world_of(slot, whole)
            sights[number] = self._see(slot, world)
            self.slots[number], acts = look(slot, sights[number], world, self._policy(number))
            for act in acts:
                self._try(act, number)
        self._sights = sights
        self._housekeeping(now, sights)
        return any(slot.phase is not Phase.GONE for slot in self.slots.values())

    def _world(self, now: float) -> World:
        """As it is for all slots: what drains, and since when it should be over."""
        until, epoch = self._until(), self.door.epoch()
        draining = bool(self._drains.why) or (0 < self.plan.until <= epoch)
        return World(now, draining, self.stopping, -1.0 if until is None else epoch - until, self._guard.active(now))

    def _read_drains(self) -> None:
        self._drains = read_drains(self.plan.drain, self.place.workdir, self.host)
        addresses = set(self.plan.foremen) or {self._foreman(slot) for slot in self.slots.values()}
        self._shunned = shunned(self._drains, addresses, self.door.names)

    def _world_of(self, slot: Slot, world: World) -> World:
        """For one slot: its foreman may drain while the others do not. A worker that waits has none."""
        foreman = self._foreman(slot)
        if foreman not in self._shunned or (self.plan.kind == "workers" and slot.phase is Phase.WAITING):
            return world
        until = self._shunned[foreman]
        overdue = -1.0 if until is None else self.door.epoch() - until
        return replace(world, shunned=True, overdue=max(world.overdue, overdue))

    def judge(self, now: float) -> bool:
        """How pilots end on this node, read before the folders of the dead are removed; whether that begins a quarantine."""
        ends = self._ends.look([flags(record.life) for record in self.records.values()], now)
        before, self._guard = self._guard, black_hole.judge(self._guard, ends, now, self.plan.limits)
        if self._guard.until <= before.until:
            return False
        say(f"{self._guard.note(now, self.plan.limits)}: no pilots here for {self._guard.until - now:.0f} s")
        return True

    def _until(self) -> float | None:
        """When all must have left (epoch): the drain's deadline or the end of the batch job, whichever is first."""
        ends = [when for when in (self.plan.until, self._drains.until) if when]
        return min(ends, default=None)

    def _publish_features(self) -> None:
        """Before anything is started: a pilot finds the files."""
        if self.plan.kind != "workers" or not os.path.isdir(self.place.state):
            return
        try:
            cores = self.door.node(self.place.workdir).cores
            self._features.publish(self.plan.count * self.plan.cores, cores, self._until())
            lives = {record.life: self._shunned.get(record.foreman) for record in self.records.values()}
            self._features.publish_own(lives)
        except OSError as error:
            say(f"cannot write {self.place.features}: {error}")

    @property
    def pause(self) -> float:
        """Seconds until the next round: short while somebody is on the way out or comes up."""
        now = self.door.now()
        if self.fitness is not None and self.fitness.testing:
            return _QUICK_STEP
        for slot in self.slots.values():
            young = slot.phase is Phase.RUNNING and now - slot.started < 3.0
            if young or slot.phase in _QUICK or slot.evicted is not None:
                return _QUICK_STEP
        return _STEP

    def adopt(self) -> None:
        """Take over what a former supervisor left: living processes by their records, and the ends of dead ones."""
        for number, record in self.place.records().items():
            self.records[number] = record
            if not self.door.alive(record.who):
                self._clean(number, session=False)
        kept = {record.life for record in self.records.values()}
        for life in self.place.lives():
            if life not in kept:
                remove_tree(life)

    def _read_plan(self, now: float) -> None:
        try:
            info = os.stat(self.place.plan)
        except OSError:
            return
        key = (info.st_ino, info.st_mtime_ns)
        if key == self._plan_key:
            return
        first, self._plan_key = self._plan is None, key
        self._guard = Guard()  # whoever calls start knows better
        try:
            self._plan = read_plan(self.place)
        except LaunchError as error:
            say(f"goes on with the plan it has: {error}")
            return
        self._fill_slots(now, first)

    def _fill_slots(self, now: float, first: bool) -> None:
        """Slots by the plan: as many as it wants, and those above that still run. A new plan revives the given-up ones."""
        orders = self.plan.choices(self.host, self.plan.count)
        for number in sorted({*range(self.plan.count), *self.records, *self.slots}):
            choices = orders[number] if number < len(orders) else ()
            slot = self.slots.get(number)
            if slot is None:
                slot = self._new_slot(number, choices, now)
            elif number < self.plan.count and slot.phase in (Phase.GONE, Phase.WAITING):
                slot = restart_policy.revive(slot, now)
            elif slot.phase is Phase.WAITING:  # more than the plan wants
                slot = replace(slot, phase=Phase.GONE)
            self.slots[number] = replace(slot, choices=choices)
        say(f"{'plan' if first else 'new plan'}: {self.plan.count} {self.plan.kind}")

    def _new_slot(self, number: int, choices: tuple[str, ...], now: float) -> Slot:
        record = self.records.get(number)
        if record is None:
            return Slot(number, choices, since=now, not_before=now)
        say(f"slot {number}: adopts process {record.who.pid}")
        began = record.who.ticks / os.sysconf("SC_CLK_TCK")
        shut = not self.plan.singletask and os.path.lexists(f"{flags(record.life)}/closed")
        slot = replace(restart_policy.started(Slot(number, choices), record.foreman, began), restarts=record.restarts)
        return replace(slot, shut=shut)

    def _policy(self, number: int) -> Policy:
        """More than the plan wants now: they go on as long as they live."""
        policy = self.plan.policy
        return policy if number < self.plan.count else replace(policy, norespawn=True)

    def _see(self, slot: Slot, world: World) -> Sight:
        record = self.records.get(slot.number)
        if record is None:
            return Sight()
        if self.plan.kind == "workers":
            sight = see_worker(self.door, record.who, record.life)
        else:
            port = self.plan.port(slot.number)
            sight = see_foreman(
                self.door, record.who, record.life, port, world.draining or world.shunned or self._counts
            )
        foreman = self._foreman(slot)
        elsewhere = any(self._watch.answers(choice) for choice in slot.choices if choice != foreman)
        return replace(sight, silent=self._watch.silent(foreman), cut=self._watch.cut(foreman), elsewhere=elsewhere)

    def _foreman(self, slot: Slot) -> str:
        """The address of the foreman that is this slot, or that its worker works for."""
        here = f"{reach(self.plan.bind)}:{self.plan.port(slot.number)}"
        return slot.foreman if self.plan.kind == "workers" else here

    def _watched(self) -> set[str]:
        """The foremen in use that have let us in; while one of them is silent, those that its workers could go to as well."""
        used = [slot for slot in self.slots.values() if slot.phase is Phase.RUNNING and self._let_in(slot.number)]
        found = {self._foreman(slot) for slot in used}
        for slot in used:
            if self._watch.silent(self._foreman(slot)):
                found.update(slot.choices)
        return found

    def _let_in(self, number: int) -> bool:
        sight = self._sights.get(number)
        return sight is not None and sight.connected

    def _try(self, act: Act, number: int) -> None:
        """A full disk must not end the supervisor: what could not be done is seen again in the next round."""
        try:
            self._do(act, number)
        except OSError as error:
            say(f"slot {number}: cannot {act.value}: {error}")

    def _do(self, act: Act, number: int) -> None:
        if act is Act.START:
            self._start(number)
            return
        record = self.records[number]
        slot = self.slots[number]
        if act is Act.CLOSE:
            touch(f"{flags(record.life)}/closed")
        elif act is Act.OPEN:
            remove(f"{flags(record.life)}/over")
            remove(f"{flags(record.life)}/closed")
        elif act is Act.LEAVE:
            touch(f"{flags(record.life)}/leave")
        elif act in (Act.EVICT, Act.FORCE):
            self._evict(number, record, act)
        elif act is Act.TERM:
            say(f"slot {number}: ends process {record.who.pid} ({slot.why})")
            self.door.signal(record.who, signal.SIGTERM)
        elif act is Act.KILL:
            kill_members(self.door, record.who, flags(record.life), session=True)
        elif act is Act.CLEAN:
            self._log_end(number, record)
            self._clean(number, session=True)

    def _evict(self, number: int, record: Record, act: Act) -> None:
        """``over`` first: a launch script whose pilot ends from now on gives the job back."""
        touch(f"{flags(record.life)}/over")
        found = pilots(self.door, record.who, record.life)
        if act is Act.EVICT:
            say(f"slot {number}: the deadline is over: ends {len(found)} processes of pilots")
        for who in found:
            self.door.signal(who, signal.SIGTERM if act is Act.EVICT else signal.SIGKILL)

    def _log_end(self, number: int, record: Record) -> None:
        status = self.door.exit_status(record.who)
        how = "" if status is None else f" with status {status}" if status >= 0 else f" by signal {-status}"
        slot = self.slots[number]
        say(
            f"slot {number}: process {record.who.pid} has ended{how}; {slot.phase.value} {slot.why} {slot.note}".rstrip()
        )
        words = last_words(self.place.slot_log(number))
        if slot.phase is Phase.WAITING and slot.note and words:
            self.slots[number] = replace(slot, note=f"{slot.note}: {words}")

    def _clean(self, number: int, session: bool) -> None:
        if not clean(self.door, self.place, number, self.records.pop(number), session):
            say(f"slot {number}: something of it cannot be ended or removed")

    def _start(self, number: int) -> None:
        slot, now = self.slots[number], self.door.now()
        ready = Readiness(Mode.PLAIN) if self.fitness is None else self.fitness.ask(self.plan.binary)
        if ready.pending:
            self.slots[number] = replace(slot, not_before=now, note=ready.note)
            return
        foreman, note = self._where(slot, now)
        if ready.mode is None or note:
            self.slots[number] = restart_policy.nowhere(slot, now, self._policy(number), ready.note or note)
            return
        try:
            self._spawn(number, foreman, ready.mode)
        except OSError as error:
            self.slots[number] = restart_policy.nowhere(slot, now, self._policy(number), f"cannot start: {error}")
            return
        self.slots[number] = restart_policy.started(slot, foreman, now)
        say(f"slot {number}: started process {self.records[number].who.pid} {foreman}".rstrip())

    def _where(self, slot: Slot, now: float) -> tuple[str, str]:
        """The foreman for a worker, or why it cannot be started now."""
        if self.plan.kind == "foremen":
            port = self.plan.port(slot.number)
            return "", "" if self.door.port_free(port) else f"port {port} is in use by another process"
        due = [self._untried(each) for each in self._due(now)]
        choices = self._untried(slot)
        first = self._ask({each[0] for each in due if each}, now)
        if not choices or choices[0] not in first:
            first = self._ask({choice for each in self._due(now) for choice in each.choices}, now)
        for choice in choices:
            if choice in first:
                return choice, ""
        if all(choice in self._shunned for choice in slot.choices):
            return "", "every foreman of the list drains (alien_wq_worker.sh undrain --foreman)"
        names = " ".join(sorted(slot.choices)[:4])
        return "", f"no {'other ' if slot.tried else ''}foreman answers ({names})"

    def _untried(self, slot: Slot) -> tuple[str, ...]:
        return tuple(choice for choice in slot.choices if choice not in slot.tried and choice not in self._shunned)

    def _due(self, now: float) -> list[Slot]:
        return [each for each in self.slots.values() if each.phase is Phase.WAITING and each.not_before <= now]

    def _ask(self, addresses: set[str], now: float) -> set[str]:
        """Who of them answers. As few as possible are asked: a foreman complains of a caller that says nothing."""
        known = {address: answer for address, answer in self._answers.items() if now - answer[0] <= _PROBE_AGE}
        unknown = frozenset(addresses - set(known))
        found = self.door.reachable(unknown) if unknown else frozenset()
        known.update({address: (now, address in found) for address in unknown})
        self._answers = known
        return {address for address in addresses if known[address][1] and not self._watch.silent(address)}

    def _spawn(self, number: int, foreman: str, mode: Mode) -> None:
        life = self.place.new_life(number)
        path = self.place.record(number)
        preload = self._preload(self.plan.binary) if self.plan.preload else {}
        restarts = self.slots[number].restarts
        command = Command(
            self.plan.argv(self.place, number, foreman, life, mode.options),
            self.plan.environ({**self._environ, **preload}, life),
            self.place.slot_log(number),
        )

        def record(who: Identity) -> None:
            Record(who, life, foreman, time.time(), restarts).write(path)
            mode.prepare(life, who.pid)

        try:
            self._features.begin(life)
            self.door.spawn(command, record)
        except OSError:
            remove(path)
            remove_tree(life)
            raise
        found = read_record(path)
        if found is None:
            raise LaunchError(f"the record {path} has vanished: who else writes there?")
        self.records[number] = found

    def _housekeeping(self, now: float, sights: dict[int, Sight]) -> None:
        if not os.path.isdir(self.place.state):
            self.stopping = True  # somebody removed our folder: without records nobody could stop these processes
            return
        try:
            self._logs.keep(now)
            self._publish(sights)
        except OSError as error:
            say(f"cannot write in {self.place.state}: {error}")

    def _publish(self, sights: dict[int, Sight]) -> None:
        """Rewrite the status file when it says something new."""
        rows = [self._row(slot, sights.get(slot.number, Sight())) for slot in self.slots.values()]
        facts = {"plan": self.plan.id, "drain": self._drains.why, "until": self._until(), "slots": rows}
        if facts != self._published:
            write_json(self.place.status, facts)
            self._published = facts

    def _row(self, slot: Slot, sight: Sight) -> dict[str, object]:
        record, foreman = self.records.get(slot.number), self._foreman(slot)
        foremen = self.plan.kind == "foremen"
        return {
            **slot_facts(slot, sight, record),
            "foreman": f":{self.plan.port(slot.number)}" if foremen else slot.foreman,
            **passed_facts(*self._ends.passed(flags(record.life) if record else "")),
            "shunned": foreman in self._shunned,
            "until": self._shunned.get(foreman),
            "note": slot.note or self._guard.note(self.door.now(), self.plan.limits),
        }


def say(text: str) -> None:
    """A line for the supervisor's log (its stdout)."""
    try:
        sys.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        sys.stdout.flush()
    except OSError:
        return  # the disk is full: better no log than no supervisor


def run(supervisor: Supervisor) -> None:
    """Rounds until nothing is left. A signal only sets a flag and wakes the loop."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def stop(_number: int, _frame: object) -> None:
        supervisor.stopping = True

    def wake(_number: int, _frame: object) -> None:
        """Only to wake up. Not SIG_IGN: the workers and all that they start would inherit that."""

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
    for number in (signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, wake)
    supervisor.adopt()
    while supervisor.step():
        _rest(supervisor, reader)


def _rest(supervisor: Supervisor, reader: int) -> None:
    """Until the next round is due, a signal comes, or a quarantine begins: a black hole takes a hundred pilots a second."""
    until = time.monotonic() + supervisor.pause
    while (left := until - time.monotonic()) > 0:
        if select.select([reader], [], [], min(left, _GUARD_STEP))[0]:
            os.read(reader, 4096)
            return
        if supervisor.judge(supervisor.door.now()):
            return


def main(arguments: list[str]) -> int:
    """Supervise ``KIND`` in ``WQ_WORKDIR`` until it is over; the environment goes to the workers."""
    workdir, kind = arguments
    place = Place(workdir, kind)
    try:
        held = lock(f"{place.state}/lock", _LOCK_WAIT)
        if held is None:
            raise LaunchError(f"another supervisor holds {place.state}/lock")
        from foremen.node.host.linux import System

        door = System()
        Record(door.myself(), since=time.time()).write(place.supervisor)
        environ = {name: value for name, value in os.environ.items() if name not in starter.THREADS}
        if kind == "foremen":
            supervisor = Supervisor(door, place, environ)
            supervisor.fitness = Fitness(door, place)
            run(supervisor)
        else:
            environ[starter.VARIABLE] = starter.lay_out(place.state)
            environ["AWQ_THREADS"] = " ".join(starter.THREADS)
            run(Supervisor(door, place, environ, preload=Shortcut(place.state, environ).variables))
        remove(place.supervisor)
    except LaunchError as error:
        say(str(error))
        return error.exit_status
    say("nothing left to do")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
