"""The tables with one line per job: ``-nobatch``, ``-run``, ``-hold``, ``-idle``, ``-grid``, and condor_history's.

Columns, widths and their quirks are those of 23.9.6 (``queue.cpp``, "print-format definitions"): with four digits of a
cluster the columns ID and SIZE grow, before that a SIZE of more than four characters is cut. Names are printed without
control characters, so that no job can write on the terminal.
"""

from __future__ import annotations

from shims.format.columns import Column, Layout, growing_rows, heading, rows
from shims.format.row_cache import distinct, extracts, remembered
from shims.format.times import date_text, duration_text
from spool.classad import values
from spool.job import GRID, HELD, IDLE, RUNNING, STATUS_LETTERS, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shims.format.columns import Cell
    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

_UNIVERSES = {5: "Vanilla", 7: "Scheduler", 9: "Grid", 10: "Java", 11: "Parallel", 12: "Local", 13: "VM"}
_LAYOUT = Layout(before=" ", end="\n")
_TIMES = "Owner QDate ShadowBday JobCurrentStartDate LastRemoteWallClockTime"
_NEEDED = {
    "nobatch": f"{_TIMES} JobPrio MemoryUsage ResidentSetSize ImageSize Cmd JobDescription Arguments Args",
    "dag": f"{_TIMES} JobPrio MemoryUsage ResidentSetSize ImageSize Cmd JobDescription Arguments Args",
    "cputime": f"{_TIMES} RemoteUserCpu JobPrio MemoryUsage ResidentSetSize ImageSize Cmd JobDescription Arguments Args",
    "cumulative": f"{_TIMES} RemoteWallClockTime JobPrio MemoryUsage ResidentSetSize ImageSize Cmd JobDescription Arguments Args",
    "run": f"{_TIMES} JobUniverse GridResource RemoteHost",
    "hold": "Owner EnteredCurrentStatus HoldReason",
    "idle": "Owner JobUniverse RequestCpus RequestMemory NumShadowStarts LastRemoteHost",
    "grid": "Owner GridJobStatus GridResource GridJobId",
}
LETTERS = {status: f"{letter} " for status, letter in STATUS_LETTERS.items()}
LETTERS[TRANSFERRING_OUTPUT] = " >"
_HISTORY_LETTERS = {1: "I ", 2: "R ", 3: "X ", 4: "C ", 6: "> "}  # it has none for held and suspended jobs
_NO_TIME, _NO_DATE = duration_text(0), " " * 11
_USUAL_MEMORY = "((ResidentSetSize + 1023) / 1024)"


def table(kind: str, records: Sequence[JobRecord], now: float, terminal: int | None) -> list[str]:
    """Heading and rows. ``kind``: nobatch, run, hold, idle or grid; ``terminal``: columns to cut at, None for no cut."""
    records = extracts(records, _NEEDED[kind])
    columns = _KINDS[kind](int(now))
    ids, different = (5, 3), distinct(records, _USUAL_MEMORY)
    if any(record.cluster >= 9999 or record.proc >= 999 for record in records) or _longest_owner(different) > 14:
        _grow(columns, different, terminal)
        ids = _id_widths(records)
    _widen_priority(columns, different)
    if len(different) < len(records):
        columns = [_joined(columns)]
    lines = growing_rows([_job_id(*ids), *columns], _LAYOUT, records)
    if terminal:
        return [line[: terminal - 1].rstrip("\n") + "\n" for line in lines]
    return [lines[0], *[line.rstrip() + "\n" for line in lines[1:]]]


def history_table(records: Sequence[JobRecord], terminal: int | None) -> list[str]:
    """Heading and rows of condor_history."""
    columns = [
        _left(" ID", 7, lambda record: f"{record.cluster}.{record.proc}"),
        _left("OWNER", 14, _text("Owner", "undefined")),
        Column(_date("QDate"), "SUBMITTED", 11),
        Column(_history_time, "RUN_TIME", 12),
        _padded(_left("ST", 2, lambda record: _HISTORY_LETTERS.get(record.status, "  "))),
        Column(_date("CompletionDate"), "COMPLETED", 11),
        _left("CMD", 15, _command_line),
    ]
    columns[0].grows = columns[1].grows = True
    lines = growing_rows(columns, _LAYOUT, records)
    return [line[: terminal - 1].rstrip("\n") + "\n" for line in lines] if terminal else lines


# --- columns ------------------------------------------------------------------------------------------------------------


def _job_id(cluster: int, proc: int) -> Column:
    """ID of these widths, the point included in the cluster's."""
    pattern = f"%{cluster - 1}d.%-{proc}d"
    return _padded(Column(lambda record: pattern % (record.cluster, record.proc), " ID", cluster + proc))


def _joined(columns: Sequence[Column]) -> Column:
    """The columns as one, whose cell is made once for all jobs that look the same."""
    between = Layout(before=_LAYOUT.before)
    joined = Column(
        remembered(lambda record: rows(columns, between, [record])[0], _USUAL_MEMORY), heading(columns, between)
    )
    return _padded(joined)


def _grow(columns: Sequence[Column], records: Sequence[JobRecord], terminal: int | None) -> None:
    """HTCondor's ``fixup_std_column_widths``."""
    for column in columns:
        if column.heading == "SIZE":
            column.width = max([column.width, *[len(column.cell(record)) for record in records]])
        elif column.heading == "OWNER" and terminal:
            column.width = max(column.width, min(_longest_owner(records), 14 + terminal - 80))


def _id_widths(records: Sequence[JobRecord]) -> tuple[int, int]:
    """Of cluster and proc, the point included in the cluster's."""
    cluster = len(str(max([record.cluster for record in records])))
    proc = len(str(max([record.proc for record in records])))
    return max(5, cluster + 1), max(3, proc)


def _widen_priority(columns: Sequence[Column], records: Sequence[JobRecord]) -> None:
    """PRI is as wide as the widest; HTCondor lets it grow from row to row only where JobPrio is no number."""
    for column in columns:
        if column.heading == "PRI":
            column.width = max([3, *[len(column.cell(record)) for record in records]])


def _longest_owner(records: Sequence[JobRecord]) -> int:
    owners = {record.expression("Owner") for record in records}
    return max([len(owner) - 2 for owner in owners if owner], default=0)


def _nobatch(now: int) -> list[Column]:
    priority = _left("PRI", 3, _priority)
    return [
        _owner(),
        _padded(Column(_date("QDate"), "  SUBMITTED", 11)),
        _padded(Column(run_time(now), "    RUN_TIME", 12)),
        _padded(_left("ST", 2, _status)),
        priority,
        _cut(Column(_memory(), "SIZE", 4)),
        Column(description, "CMD"),
    ]


def _dag(now: int) -> list[Column]:
    owner = _cut(_left("OWNER/NODENAME", 17, _text("Owner", "")))
    return [owner, *_nobatch(now)[1:]]


def _cputime(now: int) -> list[Column]:
    columns = _nobatch(now)
    columns[2] = _padded(Column(lambda record: _seconds(record, "RemoteUserCpu", 0), "    CPU_TIME", 12))
    return columns


def _cumulative(now: int) -> list[Column]:
    columns = _nobatch(now)

    def cell(record: JobRecord) -> str:
        start = 0
        if record.status in (RUNNING, TRANSFERRING_OUTPUT, SUSPENDED):
            start = _integer("ShadowBday")(record) or _integer("JobCurrentStartDate")(record) or 0
        return _seconds(record, "RemoteWallClockTime", max(0, now - start) if start else 0)

    columns[2] = _padded(Column(cell, "    RUN_TIME", 12))
    return columns


def _seconds(record: JobRecord, name: str, more: int) -> str:
    text = record.expression(name)
    return duration_text(more + int(values.real(_value(text, record)) or 0 if text is not None else 0))


def _run(now: int) -> list[Column]:
    return [
        _owner(),
        _padded(Column(_date("QDate"), "  SUBMITTED", 11)),
        _padded(Column(run_time(now), "    RUN_TIME", 12)),
        Column(_host(), "HOST(S)"),
    ]


def _hold(_now: int) -> list[Column]:
    return [
        _owner(),
        Column(_date("EnteredCurrentStatus"), "HELD_SINCE ", 11),
        Column(_text("HoldReason", "undefined"), "HOLD_REASON"),
    ]


def _idle(_now: int) -> list[Column]:
    universe, starts = _integer("JobUniverse"), _integer("NumShadowStarts")
    return [
        _owner(),
        _left("UNIVERSE ", 9, lambda record: _UNIVERSES.get(universe(record) or 0, "")),
        _growing(Column(_number("RequestCpus"), "CPUS", 4)),
        _growing(Column(_number("RequestMemory"), "MEMORY", 6)),
        _growing(Column(lambda record: str(starts(record) or 0), "STARTS", 6)),
        Column(_text("LastRemoteHost", "undefined"), "LAST_HOST"),
    ]


def _grid(_now: int) -> list[Column]:
    return [
        _cut(_left("OWNER", 14, _text("Owner", ""))),
        _cut(_left("STATUS", 10, _text("GridJobStatus", ""))),
        _cut(_left("GRID->MANAGER    HOST", 27, grid_resource)),
        Column(grid_job_id, "GRID_JOB_ID"),
    ]


_KINDS: dict[str, Callable[[int], list[Column]]] = {
    "nobatch": _nobatch,
    "dag": _dag,
    "cputime": _cputime,
    "cumulative": _cumulative,
    "run": _run,
    "hold": _hold,
    "idle": _idle,
    "grid": _grid,
}


def _left(heading: str, width: int, cell: Cell) -> Column:
    return Column(cell, heading, width, left=True)


def _padded(column: Column) -> Column:
    column.padded = True
    return column


def _growing(column: Column) -> Column:
    column.grows, column.measure = True, lambda record: len(column.cell(record))
    return column


def _cut(column: Column) -> Column:
    column.cuts = True
    return column


def _owner() -> Column:
    return _cut(_left("OWNER", 14, _text("Owner", "[????????????]")))


# --- cells --------------------------------------------------------------------------------------------------------------


def shown(text: str) -> str:
    """The text for a table: control characters (also those from 128 to 159) as their ClassAd escapes."""
    if text.isprintable():
        return text
    return "".join([char if char.isprintable() else f"\\{ord(char) & 0xFF:03o}" for char in text])


def _is_small(expression: str) -> bool:
    """Whether it is a plain whole number of few digits: no need to look further."""
    return expression.isascii() and expression.isdigit() and len(expression) < 19


def _value(expression: str | None, record: JobRecord) -> Value:
    if expression is None:
        return values.UNDEFINED
    if expression[:1] == '"' and "\\" not in expression and expression.count('"') == 2:
        return expression[1:-1]
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return found
    from spool.classad.evaluate import evaluate_own

    return evaluate_own(expression, record)


def _text(name: str, otherwise: str) -> Cell:
    known: dict[str, str] = {}

    def cell(record: JobRecord) -> str:
        expression = record.expression(name)
        if expression is None:
            return otherwise
        text = known.get(expression)
        if text is None:
            found = _value(expression, record)
            text = shown(found) if isinstance(found, str) else otherwise
            if values.literal(expression) is not values.NO_LITERAL:
                known[expression] = text
        return text

    return cell


def _priority(record: JobRecord) -> str:
    expression = record.expression("JobPrio")
    return "0" if expression == "0" else values.plain(_value(expression, record))


def _integer(name: str) -> Callable[[JobRecord], int | None]:
    def number(record: JobRecord) -> int | None:
        expression = record.expression(name)
        if expression is None:
            return None
        return int(expression) if _is_small(expression) else values.integer(_value(expression, record))

    return number


def _number(name: str) -> Cell:
    number = _integer(name)

    def cell(record: JobRecord) -> str:
        found = number(record)
        return "" if found is None else str(found)

    return cell


def _date(name: str) -> Cell:
    number = _integer(name)

    def cell(record: JobRecord) -> str:
        found = number(record)
        return _NO_DATE if found is None else date_text(found)

    return cell


def _status(record: JobRecord) -> str:
    return LETTERS.get(record.status, "  ")


def run_time(now: int) -> Cell:
    """Wall-clock time of the current run, or of the last one of a job that waits."""

    def cell(record: JobRecord) -> str:
        if record.status in (RUNNING, TRANSFERRING_OUTPUT, SUSPENDED):
            start = record.expression("ShadowBday") or record.expression("JobCurrentStartDate")
            if start is not None:
                since = int(start) if _is_small(start) else values.integer(_value(start, record))
                return duration_text(max(0, now - since)) if since else _NO_TIME
        elif record.status in (IDLE, HELD):
            last = record.expression("LastRemoteWallClockTime")
            if last is not None:
                return duration_text(int(values.real(_value(last, record)) or 0))
        return _NO_TIME

    return cell


def _history_time(record: JobRecord) -> str:
    seconds = values.real(_value(record.expression("RemoteWallClockTime"), record))
    if seconds is None:
        seconds = values.real(_value(record.expression("RemoteUserCpu"), record)) or 0.0
    return duration_text(int(seconds)) if int(seconds) else ""


def _memory() -> Cell:
    """Megabytes: MemoryUsage, else ImageSize, which is in KiB. Most jobs have the size of their neighbours."""
    known: dict[str, str] = {}

    def cell(record: JobRecord) -> str:
        if record.expression("MemoryUsage") is not None:
            return _size(record)
        image = record.expression("ImageSize") or "undefined"
        text = known.get(image)
        if text is None:
            text = _size(record)
            if image.isdigit():
                known[image] = text
        return text

    return cell


def _size(record: JobRecord) -> str:
    usage, found = record.expression("MemoryUsage"), None
    if usage == _USUAL_MEMORY:  # what HTCondor puts into every ad: no need of the ClassAd library
        resident = _integer("ResidentSetSize")(record)
        found = None if resident is None else (resident + 1023) // 1024
    elif usage is not None:
        found = values.integer(_value(usage, record))
    if found is not None:
        return f"{found:.1f}"
    size = _integer("ImageSize")(record)
    return "" if size is None else f"{size / 1024.0:.1f}"


def _command_line(record: JobRecord) -> str:
    name = _value(record.expression("Cmd"), record)
    if not isinstance(name, str):
        return ""
    arguments = _arguments(record)
    return shown(f"{name} {arguments}" if arguments else name)


def description(record: JobRecord) -> str:
    """JobDescription in parentheses, else the command's name and arguments."""
    name = _value(record.expression("Cmd"), record)
    if not isinstance(name, str):
        return ""
    described = record.expression("JobDescription")
    if described is not None:
        told = _value(described, record)
        if isinstance(told, str) and told:
            return shown(f"({told})")
    arguments = _arguments(record)
    name = name[name.rfind("/") + 1 :]
    return shown(f"{name} {arguments}" if arguments else name)


def _arguments(record: JobRecord) -> str:
    expression = record.expression("Arguments")
    if expression is None:
        expression = record.expression("Args")
    if expression is None or expression == '""':
        return ""
    found = _value(expression, record)
    return found if isinstance(found, str) else ""


def _host() -> Cell:
    universe = _integer("JobUniverse")

    def cell(record: JobRecord) -> str:
        name = "GridResource" if universe(record) == GRID else "RemoteHost"
        found = _value(record.expression(name), record)
        return shown(found) if isinstance(found, str) else "[????????????????]"

    return cell


def grid_resource(record: JobRecord) -> str:
    """``type->manager host``, as ``render_grid_resource`` puts it together."""
    resource = _value(record.expression("GridResource"), record)
    if not isinstance(resource, str):
        return ""
    kind, blank, rest = resource.partition(" ")
    if not blank:
        kind, rest = "globus", resource
    url, gap, manager = rest.partition(" ")
    if not gap:
        url, gap, manager = rest.partition("jobmanager-")
    scheme = url.find("://")
    host = url[scheme + 3 :] if scheme >= 0 else url
    for stop in ":/":
        host = host.partition(stop)[0]
    return shown(f"{kind}->{manager.replace(' ', '/') if gap else '[?]'} {host}")


def grid_job_id(record: JobRecord) -> str:
    """The last word, without the host of a URL (``render_grid_job_id``)."""
    found = _value(record.expression("GridJobId"), record)
    if not isinstance(found, str):
        return ""
    word = found[found.rfind(" ") + 1 :]
    scheme = word.find("://")
    rest = word[scheme + 3 :] if scheme >= 0 else word
    return shown(rest[rest.find("/") :] if "/" in rest else rest)
