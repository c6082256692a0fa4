"""A snapshot as text for a terminal of a given height. Pure; texts of others are shown printable, and never as markup."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Optional

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from foremen.node.status_rows import Row
from foremen.node.status_table import duration
from foremen.operator.top.snapshot import Snapshot

_ALWAYS = ("idle", "running", "held")  # states that are shown when there are none, too
_HEAD = 7  # lines above the tables; a trouble takes two of them
_BARE = 2  # lines of a table besides its rows: its title and a blank


def draw(snapshot: Snapshot, height: int = 0) -> Group:
    """The whole view in at most ``height`` lines; 0: as many as it takes."""
    wanted = (len(snapshot.foremen), len(snapshot.slowest), len(snapshot.failures))
    rooms: Sequence[int] = share(height - _HEAD, wanted) if height else wanted
    parts: list[RenderableType] = [*_head(snapshot)]
    if rooms[0]:
        parts += [Text(), _foremen(snapshot, rooms[0])]
    if rooms[1]:
        parts += [Text(), _slowest(snapshot, rooms[1])]
    if rooms[2]:
        parts += [Text(), _failures(snapshot, rooms[2])]
    return Group(*parts)


def share(lines: int, wanted: Sequence[int]) -> Sequence[int]:
    """How many rows each table gets of so many lines: a row to each in turn, as long as it wants one and there is room."""
    given = [0] * len(wanted)
    left = lines
    while True:
        before = list(given)
        for at, want in enumerate(wanted):
            cost = 1 if given[at] else 1 + _BARE
            if given[at] < want and cost <= left:
                given[at] += 1
                left -= cost
        if given == before:
            return given


def _head(snapshot: Snapshot) -> list[Text]:
    clock = time.strftime("%H:%M:%S", time.localtime(snapshot.at))
    lines = [_line(("alien_work_queue", "bold"), f"  {clock}  {snapshot.spool}")]
    lines.append(
        _line(_process("master", snapshot.master, snapshot.at), ", ", _process("engine", snapshot.engine, snapshot.at))
    )
    if snapshot.trouble:
        return [*lines, Text(_printable(snapshot.trouble), style="bold red"), *_unknown()]
    counts = [(name, count) for name, count in snapshot.jobs if count or name in _ALWAYS]
    lines.append(_line(("jobs      ", "bold"), "  ".join(f"{count} {name}" for name, count in counts)))
    rates = snapshot.rates
    facts = {"submitted": rates.submitted, "started": rates.started, "finished": rates.finished, "failed": rates.failed}
    shown = "  ".join(f"{_rate(value)} {name}" for name, value in facts.items())
    lines.append(_line(("a minute  ", "bold"), shown))
    return [*lines, _pool(snapshot.engine)]


def _unknown() -> list[Text]:
    return [_line(("jobs      ", "bold"), "not known"), _line(("a minute  ", "bold"), "not known")]


def _process(name: str, row: Optional[Row], now: float) -> tuple[str, str]:
    if row is None:
        return f"{name}: none", "red"
    pid = f" {row.pid}" if row.pid else ""
    port = f" on port {row.foreman[1:]}" if row.foreman else ""
    up = f" for {duration(now - row.since)}" if row.since and row.state == "up" else ""
    drains = ", takes nothing new" if row.draining else ""
    return f"{name}{pid}{port} {row.state}{up}{drains}", "" if row.state == "up" else "bold red"


def _pool(engine: Optional[Row]) -> Text:
    if engine is None or engine.cores is None:
        return _line(("pool      ", "bold"), "not known")
    text = f"{engine.cores_used} of {engine.cores} cores, {engine.workers} workers and foremen"
    return _line(("pool      ", "bold"), text)


def _foremen(snapshot: Snapshot, room: int) -> Table:
    table = _table("foreman", ">workers", ">cores", ">running", ">waiting", ">done", ">/min", "state")
    for row in sorted(snapshot.foremen, key=lambda row: (row.state == "connected", row.foreman))[:room]:
        cores = "-" if row.cores is None else f"{row.cores_used}/{row.cores}"
        name = f"{row.host if row.slot >= 0 else ''}{row.foreman}"
        state = f"{row.state}{', drains' if row.draining else ''}{f': {row.note}' if row.note else ''}"
        counts = [_count(value) for value in (row.running, row.waiting, row.done)]
        table.add_row(_cell(name), _count(row.workers), cores, *counts, _rate(row.per_minute), _state(state))
    return table


def _slowest(snapshot: Snapshot, room: int) -> Table:
    table = _table("longest", ">runs", ">starts", "node", "executable")
    for pilot in snapshot.slowest[:room]:
        runs = duration(pilot.seconds)
        table.add_row(pilot.id, runs, str(pilot.starts), _cell(pilot.host), _cell(pilot.command))
    return table


def _failures(snapshot: Snapshot, room: int) -> Table:
    table = _table("failed", ">ago", "node", "how")
    for one in snapshot.failures[:room]:
        table.add_row(one.id, duration(snapshot.at - one.at), _cell(one.host), _cell(one.how))
    return table


def _table(*heads: str) -> Table:
    """Without lines; ``>`` puts a column to the right; the last takes what is left."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for head in heads:
        side = "right" if head.startswith(">") else "left"
        name = head.lstrip(">")
        table.add_column(name, justify=side, no_wrap=True, overflow="ellipsis", min_width=len(name))  # type: ignore[arg-type]
    return table


def _state(text: str) -> Text:
    return Text(_printable(text), style="" if text.startswith("connected") else "red")


def _cell(text: str) -> Text:
    return Text(_printable(text) or "-")


def _line(*parts: str | tuple[str, str]) -> Text:
    clean = [_printable(part) if isinstance(part, str) else (_printable(part[0]), part[1]) for part in parts]
    return Text.assemble(*clean, no_wrap=True, overflow="ellipsis")


def _printable(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text])


def _count(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.10g}"


def _rate(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
