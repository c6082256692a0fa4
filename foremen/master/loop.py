"""The master's loop: gather, decide and commit in one transaction, then do. The only writer of the database.

Order within a turn: what came (engine's events, task files) is applied and new attempts are recorded in one durable
transaction; only then the engine is told, logs are written, task files unlinked, counts published. Whatever a crash
cuts off is found again: task files in ``taken``, events in the outbox, attempts in ``given``, results unacknowledged.
"""

from __future__ import annotations

import contextlib
import os
import select
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from foremen.engine.client import EngineClient
from foremen.engine.errors import EngineError, EngineGone
from foremen.engine.protocol import Cancel, Complaint, Event, Pool, Result, StateChange, TaskSpec
from foremen.master import (
    cleanup,
    dispatch_window,
    failing_nodes,
    history_file,
    intake,
    internal_errors,
    output_unpacker,
    policy_rounds,
    statistics,
    userlog_outbox,
)
from foremen.master.evaluators import Evaluators
from foremen.master.in_flight import Effects
from foremen.master.in_hand import InHand
from foremen.master.intake import Damaged
from foremen.master.job_queue import Jobs
from spool import crashpoints
from spool.classad.matchmaking import Totals
from spool.errors import AwqError
from spool.job import IDLE, job_id
from spool.settings import Settings
from spool.store import published_counts
from spool.store.layout import Spool
from spool.store.sqlite import Database, open_writer

_HEARTBEAT = 1.0  # seconds between two publications of the counts, at most
# Seconds between two commits, at least: what comes faster shares one (each costs the disk a flush, and what is told is told anew).
_PACE = 0.02
_PACE_OF_A_CROWD = 0.05
_CROWD = 8  # events in one commit: when so many jobs begin and end at a time, nobody waits for one of them
_LONGEST_PAUSE = {False: 5.0, True: 30.0}  # s between two tries; True: an engine is started anew each time
_TRIM = 60.0  # seconds between two looks at the history's length


class Doors(NamedTuple):
    """The master's doors to the outside: an engine (connected, started if need be), the clock, the operator's ear.

    ``clock`` is the time of day, for what others read; ``ticks`` never steps, for everything that waits.
    """

    connect: Callable[[], EngineClient]
    clock: Callable[[], float]
    say: Callable[[str], None]
    ticks: Callable[[], float] = time.monotonic


class Master:
    """One master of one spool; the caller holds its lock."""

    def __init__(self, spool: Spool, settings: Settings, doors: Doors, owner: str, host: str) -> None:
        self._spool = spool
        self._settings = settings
        self._doors = doors
        self._owner = owner
        self._host = host
        self._pool = Pool(0, 0, 0, 0, 0, 0, 0, 0.0)
        self._unfit, self._flow = dispatch_window.Unfit(), dispatch_window.Flow(doors.ticks())
        self._nodes = failing_nodes.Nodes(settings)
        self._statistics = statistics.Statistics(spool, settings.statistics, doors.say)
        self._wakeup = _open_wakeup(spool)
        self._published = 0.0
        self._committed, self._pace = 0.0, _PACE
        self._trimmed = 0.0
        self._looks, self._listing = intake.Looks(), intake.Listing()
        self._unlinked: list[str] = []
        self._leftovers = cleanup.Leftovers(spool)
        self._db: Database = open_writer(spool)
        self._mishaps = internal_errors.Mishaps(doors.say)
        self._posting = userlog_outbox.Posting(self._db, doors.say, doors.ticks)
        self._in_hand = InHand(spool)
        self._evaluators = Evaluators(settings)
        self._jobs = Jobs(self._db, spool, settings, (owner, host), self._evaluators)
        self._rounds = policy_rounds.Rounds(self._db, settings, doors.say, self._mishaps, self._evaluators)
        self._jobs.in_hand = self._rounds.in_hand = self._in_hand
        self._returns = output_unpacker.Returns(self._db, spool, settings, self._wake, self._mishaps)
        self._taken: set[str] = set()
        self._engine: Optional[EngineClient] = None
        self.more = True  # whether there is work left that needs no event to be done

    # --- coming and going ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Finish what an earlier master left half done, and find the engine. EngineError when none can be started."""
        crashpoints.point("recover.appended", self._posting.begin())
        self._taken = self._db.taken()
        self._tidy()
        crashpoints.point("recover.tidied")
        self._publish(self._doors.clock())
        self._meet_engine()

    def _meet_engine(self) -> None:
        self._look_anew()
        self._engine = self._doors.connect()
        hello = self._engine.hello
        self._doors.say(
            f"engine {hello.pid} (CCTools {hello.cctools}) listens on port {hello.port}, has {len(hello.tasks)} tasks"
        )
        self._hold_suspect()
        self._transact(lambda: self._jobs.reconcile(hello.tasks, self._doors.clock()))
        crashpoints.point("engine.reconciled")
        self._after_commit([], [])
        self._published = (
            self._doors.ticks() - _HEARTBEAT
        )  # the next turn says its process and port, if the disk is sound

    def _hold_suspect(self) -> None:
        """What killed the master before us must not kill us: the job is held, a task file is set aside."""
        suspect = self._in_hand.suspect
        if suspect is None:
            return
        what = f"job {job_id(*suspect.key)}" if suspect.key else f"the task file {suspect.file}"
        self._doors.say(
            f"the master before died ({suspect.how}) while it had {what} in hand\n{self._in_hand.stack}".rstrip()
        )
        if suspect.key is not None:
            self._rounds.leave_alone(suspect.key)
            self._transact(lambda: self._jobs.hold_suspect(suspect, self._doors.clock()))
        elif os.path.exists(f"{self._spool.queue}/{suspect.file}"):
            why = f"{suspect.file}: alien_work_queue died ({suspect.how}) while it took this file up"
            intake.set_aside(self._spool, Damaged(suspect.file, why))
        self._in_hand.settled()

    def lost_engine(self, error: Exception) -> None:
        """The engine has gone, or the database refused a turn: begin anew from what is on the disk."""
        if isinstance(error, (AwqError, sqlite3.Error, OSError)):
            self._doors.say(str(error))
        else:
            self._mishaps.tell("a turn failed", error)
        if not isinstance(error, (EngineError, OSError)):
            self._withdraw()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def close(self, end_pilots: bool, handover: bool = False) -> None:
        """Leave in order. Pilots that run go on under the engine, unless ``end_pilots``; an engine without pilots ends.

        ``handover``: the engine stays as it is, with what runs and what waits, for the master that comes next.
        """
        if self._engine is not None:
            if handover:
                self._doors.say(f"the engine (process {self._engine.hello.pid}) keeps everything for the next master")
            elif end_pilots or not self._jobs.given.running:
                self._transact(lambda: self._jobs.put_back(self._doors.clock(), "alien_work_queue was stopped"))
                crashpoints.point("stop.committed")
                self._after_commit([], [])
                self._engine.stop()
                self._await_bye()
            else:
                self._doors.say(
                    f"{self._jobs.given.running} pilots go on under the engine (process {self._engine.hello.pid});"
                    " start alien_work_queue again to see them end"
                )
            self._engine.close()
        self._in_hand.close()
        self._evaluators.close()
        self._returns.close()
        self._leftovers.close()
        self._db.close()
        os.close(self._wakeup)

    def _await_bye(self) -> None:
        assert self._engine is not None
        deadline = self._doors.ticks() + 15
        try:
            while self._doors.ticks() < deadline:
                self._engine.flush()
                select.select([self._engine], [self._engine] if self._engine.pending else [], [], 0.5)
                self._engine.receive()
        except EngineGone:
            return
        self._doors.say("the engine takes long to end; it goes on doing so by itself")

    # --- a turn ------------------------------------------------------------------------------------------------------

    def wait(self, timeout: float) -> None:
        """Until something comes, or ``timeout`` seconds are over; not before the last commit is its pace ago."""
        early = self._committed + self._pace - self._doors.ticks()
        if 0 < early <= self._pace:
            select.select([], [], [], early)
        timeout = self._looks.patience(timeout, self._doors.ticks())
        readers: list[int] = [self._wakeup, *self._evaluators.fds()]
        writers: list[int] = []
        if self._engine is not None:
            readers.append(self._engine.fileno())
            if self._engine.pending:
                writers.append(self._engine.fileno())
        ready, _, _ = select.select(readers, writers, [], 0 if self.more else timeout)
        if self._wakeup in ready:
            os.read(self._wakeup, 65536)

    def _wake(self) -> None:
        """From another thread: there is something to do."""
        with contextlib.suppress(BlockingIOError):  # full of wake-ups that are still to be heard
            os.write(self._wakeup, b"u")

    def turn(self) -> None:
        """One turn of the loop. EngineGone and sqlite3.Error: call ``lost_engine`` and go on."""
        if self._engine is None:
            self._tidy()
            self._meet_engine()
        assert self._engine is not None
        now = self._doors.clock()
        self._evaluators.look()
        postponed = self._jobs.postponed.ready()
        self._jobs.postponed.drop(postponed)
        events = [*postponed, *self._returns.ready(self._heard(self._engine.receive()))]
        names = self._look()
        found = intake.read(self._spool, names, self._db, self._owner, self._in_hand.task_file) if names else []
        self._in_hand.nothing()
        crashpoints.point("claim.read", found)
        verdicts = self._rounds.slice(now)
        room = self._room()
        due = self._doors.ticks() - self._published >= _HEARTBEAT
        if due:
            self._posting.retry()
        if events or found or verdicts or room or (due and (self._unlinked or self._posting.done)):
            self._commit(events, found, verdicts, room, now)
        self.more = bool(self._room()) or bool(names) or self._rounds.busy
        self._engine.flush()
        self._leftovers.look(self._doors.ticks())
        if due:
            self._db.prove()
            self._publish(now)
            self._nodes.publish(self._spool, now)
            self._statistics.note((now, self._doors.ticks()), self._jobs.counts, self._jobs.happened, self._pool)
            self._trim()

    def _look(self) -> list[str]:
        """Names of the task files to take up now."""
        before = self._doors.ticks()
        if not self._looks.due(before):
            return []
        names = intake.look(self._spool, self._listing, frozenset(self._taken), os.path.exists(self._spool.drain))
        self._looks.looked(before, self._doors.ticks(), bool(names))
        return names

    def _room(self) -> int:
        """How many jobs to give, 0 when none waits."""
        given = self._jobs.given
        ungiven = self._jobs.counts[IDLE] - given.waiting
        if ungiven > 0:
            ungiven -= self._jobs.kept_back.count(self._totals())
        if ungiven <= 0:
            return 0
        pool = dispatch_window.Pool(self._pool.cores - self._pool.cores_used, given.waiting, given.running)
        return min(ungiven, dispatch_window.room(pool, self._settings.job_limit, self._unfit.tasks, self._flow.rate))

    def _totals(self) -> Totals:
        return Totals(self._pool.cores, self._pool.memory)

    def _heard(self, events: Sequence[Event]) -> list[StateChange | Result]:
        """What the engine said about tasks; the rest is taken note of at once."""
        about_tasks: list[StateChange | Result] = []
        ended = 0
        for event in events:
            if isinstance(event, (StateChange, Result)):
                about_tasks.append(event)
                if isinstance(event, Result):
                    ended += 1
                    self._note_luck(event)
            elif isinstance(event, Pool):
                self._pool = event
                free = event.cores - event.cores_used
                self._unfit = dispatch_window.look(
                    self._unfit, dispatch_window.Pool(free, event.waiting, event.running), self._flow.rate
                )
            elif isinstance(event, Complaint):
                self._doors.say(f"the engine complains: {event.detail}")
        self._flow.saw(ended, self._doors.ticks())
        return about_tasks

    def _note_luck(self, result: Result) -> None:
        """How the node fared; never at the cost of the result."""
        try:
            self._nodes.saw(result)
        except Exception as error:  # noqa: BLE001 - told, and the result counts all the same
            self._mishaps.tell(f"the look at the node of {result.tag} failed", error)

    def _look_anew(self, care: internal_errors.Care | None = None) -> None:
        """Forget what we think of the jobs for what the database says."""
        self._jobs = Jobs(self._db, self._spool, self._settings, (self._owner, self._host), self._evaluators, care)
        self._jobs.in_hand = self._in_hand

    def _transact(self, work: Callable[[], None]) -> None:
        """Durably; when one job or task file breaks it in a way that nobody foresaw, again, without that one."""
        try:
            self._transact_once(work)
        except Exception as error:
            if not internal_errors.of_one(error):
                raise
            self._look_anew(internal_errors.Care(self._db, self._mishaps))
            try:
                self._transact_once(work)
            finally:
                self._jobs.care = None

    def _transact_once(self, work: Callable[[], None]) -> None:
        with self._db.transaction():
            if self._unlinked:
                self._db.forget_taken(self._unlinked)
            self._posting.forget()
            work()
            self._posting.post(self._jobs.effects.events)
        self._taken.difference_update(self._unlinked)
        self._unlinked = []
        self._posting.forgotten()

    def _commit(
        self,
        events: Sequence[StateChange | Result],
        found: Sequence[intake.Read | Damaged],
        verdicts: Sequence[policy_rounds.Found],
        room: int,
        now: float,
    ) -> None:
        forgets = self._posting.done
        damaged: list[Damaged] = []
        taken: list[str] = []

        def work() -> None:
            taken[:], damaged[:] = self._take_up(found, now)
            crashpoints.point("claim.uncommitted", taken)
            for event in events:
                if isinstance(event, Result):
                    self._jobs.ended(event)
                else:
                    self._jobs.state_changed(event)
            self._jobs.judge(verdicts, now)
            if room:
                self._jobs.give(room, now, self._totals())

        self._transact(work)
        self._committed, self._pace = self._doors.ticks(), _PACE_OF_A_CROWD if len(events) >= _CROWD else _PACE
        crashpoints.point("events.forgotten", forgets)
        self._after_commit(taken, damaged)

    def _take_up(self, found: Sequence[intake.Read | Damaged], now: float) -> tuple[list[str], list[Damaged]]:
        """Names of the task files that are in the database now, and those that cannot be."""
        taken: list[str] = []
        damaged: list[Damaged] = []
        for one in found:
            if isinstance(one, Damaged):
                damaged.append(one)
                continue
            self._in_hand.task_file(one.name)
            problem = self._jobs.take_up(one.task, now)
            if problem:
                damaged.append(Damaged(one.name, f"{one.name}: internal error of alien_work_queue: {problem}"))
            else:
                taken.append(one.name)
        self._in_hand.nothing()
        self._db.take(taken)
        return taken, damaged

    def _after_commit(self, taken: list[str], damaged: list[Damaged]) -> None:
        effects = self._jobs.take_effects()
        self._taken.update(taken)
        crashpoints.point("claim.committed", taken)
        crashpoints.point("result.committed", effects.acks)
        crashpoints.point("engine.untold", effects.messages)
        crashpoints.point("events.posted", effects.events)
        if effects.events:
            self._posting.deliver(effects.events)
            crashpoints.point("events.appended")
        try:
            self._tell_engine(effects)
        finally:  # what is committed is committed, also when the engine has just gone
            if taken or effects.events:  # before the task files go: a job is to be found in one of the two
                self._publish(self._doors.clock())
            self._unlink(taken)
            self._leftovers.ended(effects.archives, effects.payloads)
        for one in damaged:
            if one.error:
                self._mishaps.tell(f"the task file {one.name} cannot be read", one.error)
            self._doors.say(f"set aside: {one.reason}")
            intake.set_aside(self._spool, one)

    def _tell_engine(self, effects: Effects) -> None:
        assert self._engine is not None
        for message in effects.messages:
            if isinstance(message, TaskSpec):
                self._engine.submit(message)
            elif isinstance(message, Cancel):
                self._engine.cancel(message.tag)
        self._engine.acknowledge(effects.acks)
        self._engine.flush()
        crashpoints.point("engine.told", effects.messages)
        crashpoints.point("result.acknowledged", effects.acks)

    def _unlink(self, names: list[str]) -> None:
        for name in names:
            try:
                self._leftovers.taken(name)
            except FileNotFoundError:
                pass  # it went before the crash that this start follows
            except OSError as error:
                self._doors.say(f"cannot remove the task file {name}, which is committed: {error.strerror}")
                continue
            crashpoints.point("claim.unlinked")
            self._unlinked.append(name)

    def _publish(self, now: float) -> None:
        pool = self._pool
        extra = {
            "MASTER_PID": os.getpid(),
            "ENGINE_PID": self._engine.hello.pid if self._engine else 0,
            "PORT": self._engine.hello.port if self._engine else 0,
            "WORKERS": pool.workers,
            "CORES": pool.cores,
            "CORES_USED": pool.cores_used,
            "MEMORY": pool.memory,
            "DISK": pool.disk,
            "LOGS_WAITING": self._posting.waiting,
            "GIVEN": self._jobs.given.waiting + self._jobs.given.running,
        }
        published_counts.publish(self._spool, published_counts.Counts(self._jobs.counts, int(now), extra))
        self._published = self._doors.ticks()

    def _withdraw(self) -> None:
        """Who cannot use the database vouches for nothing: rather at once than when the counts are stale."""
        try:
            published_counts.withdraw(self._spool)
        except OSError as error:
            self._doors.say(f"cannot withdraw the counts: {error.strerror}")

    def _trim(self) -> None:
        if self._doors.ticks() - self._trimmed >= _TRIM:
            self._trimmed = self._doors.ticks()
            self._transact(lambda: self._db.trim_history(self._settings.history))
            history_file.rotate(self._spool, self._doors.say)  # nothing is on its way into it
            crashpoints.point("history.trimmed")
            self._tidy()

    def _tidy(self) -> None:
        """Files that nobody needs any more: what a crash or an error kept from being removed, what dead clients left."""
        self._unlink(sorted(self._taken.difference(self._unlinked)))
        self._leftovers.sweep(self._db)


def run(
    master: Master, stopping: Callable[[], bool], say: Callable[[str], None], between: Callable[[], None] = lambda: None
) -> None:
    """Turn until ``stopping``; what fails in a turn is begun anew from the disk, with growing pauses. ``between`` turns is for chores."""
    pause = 0.0
    while not stopping():
        between()
        try:
            if pause:
                _rest(pause, stopping)
            master.wait(0 if pause else _HEARTBEAT)
            master.turn()
            pause = 0.0
        except Exception as error:  # noqa: BLE001 - no error ends the master: it is told, and tried again after a pause
            master.lost_engine(error)
            master.more = False
            pause = min(_LONGEST_PAUSE[isinstance(error, EngineError)], pause * 2 or 0.1)


def _rest(seconds: float, stopping: Callable[[], bool]) -> None:
    """Not cut short by submissions: an engine that dies at once is not to be started for each of them."""
    until = time.monotonic() + seconds
    while not stopping() and time.monotonic() < until:
        select.select([], [], [], min(0.2, seconds))


def _open_wakeup(spool: Spool) -> int:
    """The FIFO, open for both, so that it never ends."""
    if not os.path.exists(spool.wakeup):
        os.mkfifo(spool.wakeup, 0o600)
    return os.open(spool.wakeup, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
