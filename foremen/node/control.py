"""What the operator's commands do: start, stop, count, drain, status. Only recorded processes are spoken to."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Callable

import foremen
from foremen.acceptor.binding import LOCAL
from foremen.errors import LaunchError
from foremen.node.drain.active import node_file, refuse_while_site_drains
from foremen.node.drain.files import end_drain, make_drain
from foremen.node.host import own_name
from foremen.node.host.kill import clean
from foremen.node.host.port import Command, Door, Identity
from foremen.node.log_rotation import last_words
from foremen.node.plan import Plan, plan_foremen, plan_workers, read_plan
from foremen.node.probe.protocols import misfit, spoken_by
from foremen.node.self_test.verdicts import FAILED, PENDING
from foremen.node.state_files import Place, Record, lock, read_json, read_record, remove
from spool.settings import Settings

Progress = Callable[[int, int], None]

_UP_SECONDS = 15.0
_TEST_SECONDS = 60.0
_NOT_LET_IN_SECONDS = 6.0
_MASTER_SECONDS = 2.0
_STOP_SECONDS = 8.0
_GRACE_SECONDS = 2.0
_STEP = 0.05
_WATCH = 0.5
_PATIENT = ("no foreman answers", "every foreman of the list drains")
_HOME_SECONDS = 30.0  # after a drain's deadline
# -I -S: nothing of the user's Python reaches the supervisor; the path is given because of that. It may be a zip file.
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from foremen.node.supervisor import main; sys.exit(main(sys.argv[2:]))"


@dataclass(frozen=True)
class Outcome:
    """What a command did: a sentence for stdout, remarks for stderr."""

    text: str
    remarks: tuple[str, ...] = ()


class Control:
    """The commands of one kind on this node."""

    def __init__(self, door: Door, settings: Settings, kind: str) -> None:
        self.door = door
        self.settings = settings
        self.kind = kind
        self.place = Place(settings.wq_workdir, kind)

    def living(self) -> dict[int, Record]:
        """Slot to record of those that live."""
        return {slot: record for slot, record in self.place.records().items() if self.door.alive(record.who)}

    def supervisor(self) -> Record | None:
        """The supervisor, None when none lives."""
        record = read_record(self.place.supervisor) if self.place.exists() else None
        return record if record and self.door.alive(record.who) else None

    def start(self, progress: Progress) -> Outcome:
        """Top up to the configured number, and wait until they are up. Ends a drain, but for one of the site."""
        self.place.create()
        refuse_while_site_drains(self.settings.wq_workdir)
        plan = self._make_plan()
        held = self._lock()
        try:
            before = len(self.living())
            self._check_ports(plan)
            for path in (self.settings.drain, node_file(self.settings.wq_workdir, self.place.host)):
                end_drain(path)
            where = self._where(plan, before)
            plan.write(self.place)
            remarks = (*_Waiting(self, plan, progress).wait(), *own_name.remarks(self.place.host), *where)
        finally:
            os.close(held)
        count = len(self.living())
        return Outcome(f"{count} {self.kind} run on {self.place.host} ({max(0, count - before)} started)", remarks)

    def stop(self, progress: Progress) -> Outcome:
        """End them now, with all they run; others' processes are not touched."""
        if not self.place.exists():
            return Outcome(f"no {self.kind} of this installation on {self.place.host}")
        held = self._lock()
        try:
            total = len(self.living())
            supervisor = self.supervisor()
            if supervisor is not None:
                self.door.signal(supervisor.who, signal.SIGTERM)
                self._until_gone(supervisor.who, total, progress)
                self.door.signal(supervisor.who, signal.SIGKILL)
            self._end_rest(total, progress)
            remove(self.place.supervisor)
        finally:
            os.close(held)
        left = self.living()
        if left:
            pids = ", ".join(str(record.who.pid) for record in left.values())
            raise LaunchError(f"{len(left)} {self.kind} cannot be stopped: processes {pids}")
        return Outcome(f"{total} {self.kind} stopped on {self.place.host}")

    def wait(self, asked: Callable[[], int], progress: Progress, grace: int | None = None) -> bool:
        """Stay until all have left (for batch jobs). False when somebody has asked for the end.

        ``asked``: how often that was. The first time a drain begins that ends after ``grace`` seconds; without ``grace``,
        or when asked again, or when the drain does not come to its end, they are stopped.
        """
        until = None
        while self.supervisor() is not None or self.living():
            late = until is not None and time.monotonic() > until
            if late or asked() > (0 if grace is None else 1):
                self.stop(progress)
                return False
            if asked() and grace is not None and until is None:
                make_drain(self.settings.drain, self.door.epoch() + grace)
                until = time.monotonic() + grace + _HOME_SECONDS
            self.ensure_supervisor()
            time.sleep(_WATCH)
        return not asked()

    def ensure_supervisor(self) -> None:
        """Start a supervisor where there is none."""
        if self.supervisor() is not None:
            return
        root = os.path.dirname(os.path.dirname(os.path.abspath(foremen.__file__)))
        argv = (sys.executable, "-I", "-S", "-c", _BOOT, root, self.place.workdir, self.kind)
        who = self.door.spawn(Command(argv, tuple(os.environ.items()), self.place.log), lambda _who: None)
        until = time.monotonic() + _UP_SECONDS
        while self.supervisor() is None:
            if not self.door.alive(who) or time.monotonic() > until:
                said = last_words(self.place.log)
                raise LaunchError(f"the supervisor of the {self.kind} does not start: {said} (see {self.place.log})")
            time.sleep(_STEP)

    def _make_plan(self) -> Plan:
        name = f"{time.time_ns():x}"
        if self.kind == "foremen":
            return plan_foremen(self.settings, name)
        return plan_workers(self.settings, name, self.door)

    def _where(self, plan: Plan, before: int) -> tuple[str, ...]:
        """On which address foremen listen, when that may surprise. To be asked before the new plan is written."""
        if plan.kind != "foremen":
            return ()
        old = read_plan(self.place) if before else None
        if old is not None and old.bind != plan.bind:
            return (
                f"{before} run already and listen on {old.bind or 'all addresses'}, not on {plan.bind}: stop-foremen first",
            )
        if plan.bind != LOCAL:
            return ()
        return (
            "they listen on 127.0.0.1, for workers of this host; for other hosts set WQ_FOREMEN to this host's name,"
            " or AWQ_BIND to an address, then stop-foremen and start-foremen",
        )

    def _lock(self) -> int:
        held = lock(f"{self.place.state}/start.lock", _UP_SECONDS + _STOP_SECONDS)
        if held is None:
            raise LaunchError(f"another start or stop of the {self.kind} is under way ({self.place.state}/start.lock)")
        return held

    def _check_ports(self, plan: Plan) -> None:
        if plan.kind != "foremen":
            return
        ours = self.living()
        for slot in range(plan.count):
            port = plan.port(slot)
            if slot not in ours and not self.door.port_free(port):
                raise LaunchError(f"port {port} is in use by another process: set WQ_MASTER_BASEPORT to a free range")

    def _until_gone(self, who: Identity, total: int, progress: Progress) -> None:
        until = time.monotonic() + _STOP_SECONDS
        while self.door.alive(who) and time.monotonic() < until:
            progress(total - len(self.living()), total)
            time.sleep(_STEP)

    def _end_rest(self, total: int, progress: Progress) -> None:
        """What no supervisor has ended: there was none, or it did not do its work."""
        living = self.living()
        for record in living.values():
            self.door.signal(record.who, signal.SIGTERM)
        until = time.monotonic() + _GRACE_SECONDS
        while self.living() and time.monotonic() < until:
            progress(total - len(self.living()), total)
            time.sleep(_STEP)
        for slot, record in self.place.records().items():
            clean(self.door, self.place, slot, record, session=slot in living)
        progress(total - len(self.living()), total)


def unfit(control: Control) -> tuple[str, ...]:
    """Why foremen may not be started on this node, as their supervisor has published it; nothing when they may."""
    facts = read_json(control.place.status) if control.supervisor() is not None else None
    notes = {str(row["note"]) for row in facts["slots"]} if facts else set()
    return tuple(sorted(note for note in notes if note.startswith(FAILED)))


class _Waiting:
    """Waits until what a plan wants is up, or says why it is not."""

    def __init__(self, control: Control, plan: Plan, progress: Progress) -> None:
        self.control = control
        self.plan = plan
        self.progress = progress
        self._begun = time.monotonic()

    def wait(self) -> tuple[str, ...]:
        """Remarks for the user; LaunchError when something cannot be started."""
        while True:
            self.control.ensure_supervisor()
            rows = self._rows()
            if rows is not None:
                up, why = self._look(rows)
                self.progress(up, self.plan.count)
                if why is not None:
                    return why
            elif time.monotonic() - self._begun > _UP_SECONDS:
                log = self.control.place.log
                raise LaunchError(f"the supervisor of the {self.plan.kind} does not answer: see {log}")
            time.sleep(_STEP)

    def _rows(self) -> list[dict[str, object]] | None:
        facts = read_json(self.control.place.status)
        if not facts or facts["plan"] != self.plan.id:
            return None
        rows = [row for row in facts["slots"] if row["slot"] < self.plan.count]
        return rows if len(rows) == self.plan.count else None

    def _look(self, rows: list[dict[str, object]]) -> tuple[int, tuple[str, ...] | None]:
        """How many are up, and the remarks when there is nothing more to wait for."""
        late = time.monotonic() - self._begun
        drained = [row for row in rows if self.plan.kind == "foremen" and row["shunned"]]
        if drained:
            return self._but_for(rows, drained)
        running = [row for row in rows if row["phase"] == "running"]
        up = [row for row in running if self._up(row)]
        notes = sorted({str(row["note"]) for row in rows if row["note"]})
        if PENDING in notes and late < _TEST_SECONDS:
            return len(up), None
        broken = [note for note in notes if not note.startswith(_PATIENT)]
        if broken:
            self._refuse_misfits([row for row in rows if row not in up])
            raise LaunchError(f"{len(up)} of {self.plan.count} {self.plan.kind} run; the others do not: {broken[0]}")
        if len(up) == len(rows):
            return len(up), self._connected(rows, late)
        if len(up) + sum(1 for row in rows if row["note"]) == len(rows):
            return len(up), tuple(f"{note}: the workers start when one does" for note in notes)
        if late > _NOT_LET_IN_SECONDS and self.plan.kind == "workers" and len(running) == len(rows):
            return len(up), self._not_let_in(rows)
        if late > _UP_SECONDS:
            log = self.control.place.log
            raise LaunchError(f"only {len(up)} of {self.plan.count} {self.plan.kind} came up: see {log}")
        return len(up), None

    def _but_for(
        self, rows: list[dict[str, object]], drained: list[dict[str, object]]
    ) -> tuple[int, tuple[str, ...] | None]:
        """Foremen that drain are not started; the others are waited for."""
        rest = [row for row in rows if row not in drained]
        up, why = self._look(rest) if rest else (0, ())
        names = ", ".join(str(row["foreman"]).lstrip(":") for row in drained)
        told = f"not started, for it drains: {names} (alien_wq_worker.sh undrain --foreman PORT)"
        return up, None if why is None else (*why, told)

    def _connected(self, rows: list[dict[str, object]], late: float) -> tuple[str, ...] | None:
        """Foremen that listen are up; it is only said when their master is not there within two seconds."""
        if all(row["connected"] for row in rows):
            return ()
        return self._not_let_in(rows) if late > _MASTER_SECONDS else None

    def _not_let_in(self, rows: list[dict[str, object]]) -> tuple[str, ...]:
        left = [row for row in rows if not row["connected"]]
        self._refuse_misfits(left)
        said = last_words(self.control.place.slot_log(int(str(left[0]["slot"]))))
        whom = f"the master {self.plan.master}" if self.plan.kind == "foremen" else "their foreman"
        return (
            f"{len(left)} {self.plan.kind} are not let in yet by {whom}: is it up, does it listen for this host (AWQ_BIND there),"
            f" is the password the same?{f' ({said})' if said else ''}",
        )

    def _refuse_misfits(self, left: list[dict[str, object]]) -> None:
        """LaunchError when those that are left out speak another protocol than who should let them in."""
        speech = spoken_by(self.plan.binary, self.control.place.work)
        for address in {self.plan.master if self.plan.kind == "foremen" else str(row["foreman"]) for row in left}:
            if problem := misfit(address, self.plan.password_file, speech):
                raise LaunchError(f"{len(left)} {self.plan.kind} are not let in: {problem}")

    def _up(self, row: dict[str, object]) -> bool:
        if self.plan.kind == "workers":
            return bool(row["connected"])
        slot = int(str(row["slot"]))
        record = self.control.living().get(slot)
        return record is not None and self.control.door.listens(record.who, self.plan.port(slot))
