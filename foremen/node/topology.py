"""The whole of ``status``: master, engine, foremen and workers, as far as they can be seen from this node.

This node's own come from their supervisors; the others are asked (``ask``). Where the spool is, master and engine and the
foremen of WQ_FOREMEN are shown too; a node that only runs workers asks nobody, for there may be thousands of them.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any, Optional

from foremen.acceptor.binding import engine_address, foremen_address, reach
from foremen.node.control import Control
from foremen.node.drain.active import same_foreman
from foremen.node.host import procfs
from foremen.node.host.port import Door
from foremen.node.plan import foremen_of, read_plan
from foremen.node.probe.status_protocol import SILENT, Answer, ask_all
from foremen.node.status_rows import Row, rows_of
from spool.errors import AwqError
from spool.job import IDLE, RUNNING
from spool.settings import Settings
from spool.store import published_counts
from spool.store.layout import open_spool

_LOCAL = "127.0.0.1"


def look(door: Door, settings: Settings, every_worker: bool = False, over: int = 0) -> list[Row]:
    """All rows; with ``every_worker`` also those that the foremen know on other nodes.

    With ``over`` those who are asked are asked twice, so many seconds apart: only then their rates are known.
    """
    before = look_above(door, settings) if over else []
    began = time.monotonic()
    if over:
        time.sleep(over)
    above = look_above(door, settings)
    passed = {_key(row): row.done for row in before}
    above = [_rated(row, passed.get(_key(row)), time.monotonic() - began) for row in above]
    workers = rows_of(Control(door, settings, "workers"))
    if every_worker:
        here = _foremen_at(door, settings)
        reached = [_address(row, here) for row in above if row.kind == "foremen" and row.workers is not None]
        workers += _foreign(ask_all(reached, settings.password_file, "worker_status"), workers)
    return [*above, *workers]


def look_above(door: Door, settings: Settings) -> list[Row]:
    """Master, engine and foremen."""
    foremen = rows_of(Control(door, settings, "foremen"))
    head = os.path.isdir(f"{settings.workdir}/stat")  # some master has worked in it
    others = _others(door, settings, foremen) if head else ()
    engine = f"{reach(engine_address(settings))}:{_engine_port(settings)}"
    foremen_at = _foremen_at(door, settings)
    asked = [_address(row, foremen_at) for row in foremen if row.pid]
    answers = ask_all([*asked, *others, *([engine] if head else [])], settings.password_file)
    rows = [_foreman(row, answers.get(_address(row, foremen_at))) for row in foremen]
    rows += [found for address in others if (found := _other(door, address, answers[address])) is not None]
    return [*(_top(settings, answers[engine]) if head else ()), *rows]


def _foremen_at(door: Door, settings: Settings) -> str:
    """The address at which this node's foremen are reached: they listen where their plan said, whatever the settings say now."""
    control = Control(door, settings, "foremen")
    plan = read_plan(control.place) if control.place.exists() else None
    return reach(foremen_address(settings) if plan is None else plan.bind)


def _address(row: Row, here: str) -> str:
    """Where a foreman can be asked; ``here``: the address of this node's."""
    return f"{here}{row.foreman}" if row.foreman.startswith(":") else row.foreman


def _key(row: Row) -> tuple[str, str, int]:
    return row.kind, row.foreman, row.pid


def _rated(row: Row, before: Optional[int], seconds: float) -> Row:
    if before is None or row.done is None or row.done < before:
        return row
    return replace(row, per_minute=round((row.done - before) * 60 / seconds, 1))


def _others(door: Door, settings: Settings, ours: list[Row]) -> tuple[str, ...]:
    """The foremen of WQ_FOREMEN that are none of this node's slots."""
    own = [f"{_LOCAL}{row.foreman}" for row in ours]
    listed = foremen_of(settings) if settings.foremen_host.strip() else ()
    return tuple(one for one in listed if not any(same_foreman(one, mine, door.names) for mine in own))


def _engine_port(settings: Settings) -> str:
    try:
        with open(f"{settings.workdir}/engine.port", encoding="ascii") as file:
            return file.read(6).strip() or str(settings.port)
    except (OSError, UnicodeDecodeError):
        return str(settings.port)


def _top(settings: Settings, answer: Answer) -> list[Row]:
    """Master and engine. What nobody vouches for is not known."""
    host = os.uname().nodename
    unknown = Row("master", -1, 0, "", 0.0, "down", 0, "", host)
    try:
        spool = open_spool(settings.workdir)
        found = published_counts.vouched_counts(spool, settings.stale, time.time())
    except AwqError as error:
        return [replace(unknown, state="not vouched for", note=str(error)), _engine(unknown, {}, answer)]
    extra, draining = found.extra, "drain" if os.path.lexists(spool.drain) else ""
    master = replace(unknown, pid=extra["MASTER_PID"], since=_since(extra["MASTER_PID"]), state="up", draining=draining)
    master = replace(master, running=found.of(RUNNING), waiting=found.of(IDLE))
    return [master, _engine(unknown, extra, answer)]


def _engine(blank: Row, extra: dict[str, int], answer: Answer) -> Row:
    """The engine: its process and pool as the master publishes them, its tasks as it says itself."""
    pid = extra.get("ENGINE_PID", 0)
    facts = answer.rows[0] if answer.rows else {}
    row = replace(blank, kind="engine", pid=pid, since=_since(pid), state=_heard(answer, "up"), note=answer.trouble)
    row = replace(row, foreman=f":{facts['port']}" if "port" in facts else "", **_tasks(facts))
    return replace(row, workers=extra.get("WORKERS"), cores=extra.get("CORES"), cores_used=extra.get("CORES_USED"))


def _foreman(row: Row, answer: Optional[Answer]) -> Row:
    """One of this node's, with what it says of itself."""
    if answer is None or not answer.rows:
        return replace(row, note=row.note or (answer.trouble if answer else ""))
    return replace(row, **_pool(answer.rows[0]), **_tasks(answer.rows[0]))


def _other(door: Door, address: str, answer: Answer) -> Optional[Row]:
    """A foreman of another node; None where WQ_FOREMEN is this node and nobody is there."""
    here = os.uname().nodename in door.names(address.rpartition(":")[0])
    state = _heard(answer, "connected")
    if not answer.rows:
        return None if here else Row("foremen", -1, 0, address, 0.0, state, 0, answer.trouble)
    facts = answer.rows[0]
    row = Row("foremen", -1, 0, address, float(facts.get("starttime", 0)), state, 0, "")
    return replace(row, **_pool(facts), **_tasks(facts))


def _heard(answer: Answer, well: str) -> str:
    """The state of one that was asked. A port that refuses says that nobody is there; all else says nothing."""
    if answer.rows:
        return well
    return "stuck" if answer.trouble == SILENT else "down" if answer.refused else "unknown"


def _pool(facts: dict[str, Any]) -> dict[str, Any]:
    return {"workers": facts.get("workers"), "cores": facts.get("cores_total"), "cores_used": facts.get("cores_inuse")}


def _tasks(facts: dict[str, Any]) -> dict[str, Any]:
    """Not ``tasks_running``: that is what those below have reported last, 0 for the first seconds or minutes."""
    names = {"running": "tasks_on_workers", "waiting": "tasks_waiting", "done": "tasks_done"}
    return {name: facts.get(theirs) for name, theirs in names.items()}


def _foreign(answers: dict[str, Answer], ours: list[Row]) -> list[Row]:
    """Workers that the foremen know, without those that are rows of this node already."""
    own = os.uname().nodename
    known = {row.foreman.rpartition(":")[2] for row in ours if row.pid}
    found: list[Row] = []
    for address, answer in answers.items():
        here = address.rpartition(":")[2] in known
        found += [_worker(facts, address) for facts in answer.rows if not (here and facts.get("hostname") == own)]
    return found


def _worker(facts: dict[str, Any], foreman: str) -> Row:
    at = str(facts.get("address_port", ""))
    running = facts.get("total_tasks_running")
    since = facts.get("start_time", 0) / 1e6
    row = Row("workers", -1, 0, foreman, since, "busy" if running else "idle", 0, at, str(facts.get("hostname", "")))
    row = replace(row, cores=facts.get("cores_total"), cores_used=facts.get("cores_inuse"), running=running)
    return replace(row, done=facts.get("total_tasks_complete"))


def _since(pid: int) -> float:
    """When a process of this node was started (epoch); 0 when it is gone."""
    found = procfs.stat(pid) if pid else None
    if found is None:
        return 0.0
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + found.ticks / os.sysconf("SC_CLK_TCK")
