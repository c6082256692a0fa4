"""The names that ``PRINTAS`` of a print-format file knows (``print_format_tables.cpp``, and condor_q's own of ``queue.cpp``).

HTCondor has two sorts. *Formats* make a text of the column's value, when it has one of the wanted type, and that is all.
*Renderers* look at the whole ad and make a value, which the column's printf format then prints (``form`` is the default one).
Not here: what is about GPUs, which no ad here knows.
"""

from __future__ import annotations

from shims.format import job_tables
from shims.format.columns import evaluator
from shims.format.times import date_text, duration_text
from spool.classad import values
from spool.job import RUNNING, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from spool.classad.job_record import JobRecord
    from spool.classad.values import Value

INTEGER, REAL, ANY, RENDER = "integer", "real", "any", "render"
"""The kinds: formats of a whole number, of a real, of any value; renderers."""

_GRID_WIDTH = 36
_UNITS = ("B ", "KB", "MB", "GB", "TB")
_RAW_STATUS = {1: "Idle   ", 2: "Running", 3: "Removed", 4: "Complet", 5: "Held   ", 6: "XFerOut", 7: "Suspend"}
_GRID_STATUS = {1: "IDLE", 2: "RUNNING", 3: "REMOVED", 4: "COMPLETED", 5: "HELD", 6: "XFER_OUT", 7: "SUSPENDED"}
_FACTORY_MODES = {-1: "Errs", 0: "Norm", 1: "Held", 2: "Done", 3: "Gone"}
_UNIVERSES = (
    "NULL", "Standard", "Pipe", "Linda", "PVM", "Vanilla", "PVMD", "Scheduler", "MPI", "Grid", "Java", "Parallel", "Local", "VM",
)  # fmt: skip
_STATES = {
    "Owner": "O",
    "Unclaimed": "U",
    "Matched": "M",
    "Claimed": "C",
    "Preempting": "P",
    "Backfill": "F",
    "Drained": "D",
}
_ACTIVITIES = {
    "Idle": "i", "Busy": "b", "Retiring": "r", "Vacating": "v", "Suspended": "s", "Benchmarking": "e", "Killing": "k",
}  # fmt: skip


class Name:
    """One name: its kind, the function (of the value; of a renderer: of value and record), the printf format, what else it reads."""

    __slots__ = ("extra", "form", "kind", "make")

    def __init__(self, kind: str, make: Callable[..., Any], form: str | None = None, extra: str = "") -> None:
        self.kind = kind
        self.make = make
        self.form = form
        self.extra = extra.split()


def known(name: str) -> bool:
    """Whether there is such a name."""
    return name in TABLE


def known_to_history(name: str) -> bool:
    """Whether condor_history has such a name: the one with the time of the query it has not."""
    return name in TABLE and name != "CPU_TIME"


def _text(record: JobRecord, name: str) -> str | None:
    found = evaluator(name)(record)
    return found if isinstance(found, str) else None


def _number(record: JobRecord, name: str) -> int | None:
    return values.integer(evaluator(name)(record))


def _units(factor: int) -> Callable[[Value], str]:
    def text(value: Value) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return " " * 8
        amount, power = float(value) * factor, 0
        while amount > 1024.0 and power < len(_UNITS) - 1:
            amount, power = amount / 1024.0, power + 1
        return f"{amount:.1f} {_UNITS[power]}"

    return text


def _factory_mode(value: Value) -> str:
    if value is values.UNDEFINED:
        return ""
    mode = values.integer(value)
    return "????" if mode is None else _FACTORY_MODES.get(mode, "Unk")


def _universe(number: int) -> str:
    return _UNIVERSES[number] if 0 < number < len(_UNIVERSES) else "Unknown"


# --- renderers ----------------------------------------------------------------------------------------------------------


def _whole(attribute: str) -> Callable[[Value, JobRecord], str | None]:
    return lambda _, record: _text(record, attribute)


def _cell(cell: Callable[[JobRecord], str]) -> Callable[[Value, JobRecord], str | None]:
    """What the tables show; what they leave empty is not there."""
    return lambda _, record: cell(record) or None


def _command(_: Value, record: JobRecord) -> str | None:
    command, arguments = _text(record, "Cmd"), _text(record, "Args")
    arguments = _text(record, "Arguments") if arguments is None else arguments
    return command if command is None or arguments is None else f"{command} {arguments}"


def _grid_resource(_: Value, record: JobRecord) -> str | None:
    return job_tables.grid_resource(record)[:_GRID_WIDTH] or None


def _batch_name(_: Value, record: JobRecord) -> str | None:
    name = _text(record, "JobBatchName")
    if name is None and _number(record, "JobUniverse") == 7:
        return f"DAG: {record.cluster}"
    if name is None and record.expression("DAGManJobId") is not None:
        node = _text(record, "DAGNodeName")
        return None if node is None else f"NODE: {node}"
    return name


def _status(_: Value, record: JobRecord) -> str | None:
    status = _number(record, "JobStatus")
    if status is None:
        return None
    if status == TRANSFERRING_OUTPUT or evaluator("TransferringOutput")(record) is True:
        return "q>" if evaluator("TransferQueued")(record) is True else " >"
    if evaluator("TransferringInput")(record) is True:
        return "<q" if evaluator("TransferQueued")(record) is True else "< "
    return job_tables.LETTERS.get(status, "  ")


def _cpu_time(_: Value, record: JobRecord) -> str | None:
    now = _number(record, "ServerTime")
    if values.real(evaluator("RemoteUserCpu")(record)) is None:
        return None
    return "[?????]" if now is None else job_tables.run_time(now)(record)


def _memory(_: Value, record: JobRecord) -> float | None:
    usage = _number(record, "MemoryUsage")
    if usage is not None:
        return float(usage)
    size = _number(record, "ImageSize")
    return None if size is None else size / 1024.0


def _host(_: Value, record: JobRecord) -> str | None:
    return _text(record, "GridResource" if _number(record, "JobUniverse") == 9 else "RemoteHost")


def _grid_status(_: Value, record: JobRecord) -> str | None:
    text, number = _text(record, "GridJobStatus"), _number(record, "GridJobStatus")
    return text if number is None else _GRID_STATUS.get(number, str(number))


def _buffer_misc(_: Value, record: JobRecord) -> str:
    pairs = (("TransferringInput", "in"), ("TransferringOutput", "out"), ("TransferQueued", "queued"))
    words = [word for name, word in pairs if evaluator(name)(record) is True]
    return f" transfer={','.join(words)}" if words else ""


def _cpu_util(_: Value, record: JobRecord) -> float | None:
    cpu, wall = values.real(evaluator("RemoteUserCpu")(record)), _number(record, "CommittedTime")
    if cpu is None or not wall:
        return None
    used = cpu / wall * 100.0
    return None if used < 0 else min(used, 100.0)


def _wall_clock(record: JobRecord) -> float:
    """Seconds of all runs, and of the current one up to its last checkpoint."""
    wall = values.real(evaluator("RemoteWallClockTime")(record)) or 0.0
    born, saved = _number(record, "ShadowBday") or 0, _number(record, "LastCkptTime") or 0
    runs = _number(record, "JobStatus") in (RUNNING, TRANSFERRING_OUTPUT, SUSPENDED)
    return wall + saved - born if runs and born and saved > born else wall


def _goodput(_: Value, record: JobRecord) -> float | None:
    wall, useful = _wall_clock(record), _number(record, "CommittedTime") or 0
    return None if wall <= 0.0 or useful < 0 else min(useful / wall * 100.0, 100.0)


def _megabits(_: Value, record: JobRecord) -> float | None:
    sent, received = (values.real(evaluator(name)(record)) for name in ("BytesSent", "BytesRecvd"))
    wall = _wall_clock(record)
    if sent is None or sent + (received or 0.0) <= 0 or wall <= 0.0:
        return None
    return (sent + (received or 0.0)) * 8 / (1 << 20) / wall


def _activity_code(value: Value, record: JobRecord) -> str | None:
    word = value if isinstance(value, str) else ""
    state, activity = _text(record, "State") or "", _text(record, "Activity") or ""
    if word not in _STATES and word not in _ACTIVITIES:
        return None
    return _STATES.get(state, " ") + _ACTIVITIES.get(activity, " ")


def _activity_time(value: Value, record: JobRecord) -> int | None:
    now = _number(record, "MyCurrentTime")
    now = _number(record, "LastHeardFrom") if now is None else now
    return None if now is None else max(0, now - (values.integer(value) or 0))


def _since_heard(sign: int) -> Callable[[Value, JobRecord], int | None]:
    def seconds(value: Value, record: JobRecord) -> int | None:
        heard = _number(record, "LastHeardFrom")
        return None if heard is None else heard + sign * (values.integer(value) or 0)

    return seconds


def _platform(_: Value, record: JobRecord) -> str | None:
    system = _text(record, "OpSysShortName" if _text(record, "OpSys") == "WINDOWS" else "OpSysAndVer")
    arch = _text(record, "Arch") or ""
    return None if system is None else f"{ {'X86_64': 'x64', 'X86': 'x86'}.get(arch, arch) }/{system}"


def _version(value: Value, _: JobRecord) -> str | None:
    words = value.split() if isinstance(value, str) else []
    if len(words) < 2:
        return None
    after_date = words[3 if "-" in words[2][4:5] else 5 :] if len(words) > 3 else []
    build = next((word.partition("-")[0] for word in after_date if word[0] != "B"), "$")
    return words[1] if build == "$" else f"{words[1]}.{build}"


def _condor_platform(value: Value, _: JobRecord) -> str | None:
    word = value.split()[1] if isinstance(value, str) and len(value.split()) > 1 else ""
    name = word.partition(".")[0].replace("-", "_")
    return ("x" + name[1:] if name[:1] == "X" else name) or None


def _items(value: Value) -> list[Any] | None:
    if not isinstance(value, values.Composite) or not value.text.startswith("{"):
        return None
    from spool.classad import evaluate

    found = evaluate.parts(value.text)
    return found if isinstance(found, list) else None


def _member_count(value: Value, _: JobRecord) -> int | None:
    if isinstance(value, str):
        return len(value.replace(",", " ").split())
    items = _items(value)
    return None if items is None else len(items)


def _strings(value: Value, _: JobRecord) -> str | None:
    items = _items(value)
    return None if items is None else ", ".join([item for item in items if isinstance(item, str)])


def _unique(value: Value, _: JobRecord) -> str | None:
    items = _items(value)
    return None if items is None else ", ".join(sorted({_item(item) for item in items}))


def _item(item: Any) -> str:
    from spool.classad import evaluate

    return item if isinstance(item, str) else evaluate.old_form(evaluate.tree_text(item))


_REMOTE = "JobUniverse RemoteHost EC2RemoteVirtualMachineName GridResource"
_RUN = "JobStatus ServerTime ShadowBday RemoteWallClockTime LastRemoteWallClockTime RemoteUserCpu"
_STATUS = "LastSuspensionTime TransferringInput TransferringOutput TransferQueued"
_GOODPUT = "CommittedTime RemoteWallClockTime ShadowBday LastCkptTime JobStatus"
_DESCRIBED = "Args Arguments JobDescription MATCH_EXP_JobDescription"

TABLE = {
    "ACTIVITY_CODE": Name(RENDER, _activity_code, None, "State"),
    "ACTIVITY_TIME": Name(RENDER, _activity_time, "%T", "LastHeardFrom MyCurrentTime"),
    "BATCH_NAME": Name(RENDER, _batch_name, None, "JobBatchName Cmd DAGManJobId DAGNodeName"),
    "BUFFER_IO_MISC": Name(RENDER, _buffer_misc, None, _STATUS),
    "CONDOR_PLATFORM": Name(RENDER, _condor_platform),
    "CONDOR_VERSION": Name(RENDER, _version),
    "CPU_TIME": Name(RENDER, _cpu_time, None, _RUN),
    "CPU_UTIL": Name(RENDER, _cpu_util, "%.1f", "CommittedTime"),
    "DAG_OWNER": Name(RENDER, _whole("Owner"), None, "NiceUser DAGManJobId DAGNodeName"),
    "DATE": Name(INTEGER, date_text),
    "DUE_DATE": Name(RENDER, _since_heard(1), "%Y", "LastHeardFrom"),
    "ELAPSED_TIME": Name(RENDER, _since_heard(-1), "%T", "LastHeardFrom"),
    "GRID_JOB_ID": Name(RENDER, _cell(job_tables.grid_job_id), None, "GridResource"),
    "GRID_RESOURCE": Name(RENDER, _grid_resource, None, "EC2RemoteVirtualMachineName"),
    "GRID_STATUS": Name(RENDER, _grid_status),
    "JOB_COMMAND": Name(RENDER, _command, None, "JobDescription MATCH_EXP_JobDescription"),
    "JOB_DESCRIPTION": Name(RENDER, _cell(job_tables.description), None, _DESCRIBED),
    "JOB_FACTORY_MODE": Name(ANY, _factory_mode),
    "JOB_ID": Name(RENDER, lambda _, record: f"{record.cluster}.{record.proc}", None, "ProcId"),
    "JOB_STATUS": Name(RENDER, _status, None, _STATUS),
    "JOB_STATUS_RAW": Name(INTEGER, lambda status: _RAW_STATUS.get(status, "Unk    ")),
    "JOB_UNIVERSE": Name(INTEGER, _universe),
    "LOAD_AVG": Name(REAL, lambda load: f"{load:.3f}"),
    "MEMBER_COUNT": Name(RENDER, _member_count, "%d"),
    "MEMORY_USAGE": Name(RENDER, _memory, "%.1f", "MemoryUsage"),
    "OWNER": Name(RENDER, _whole("Owner"), None, "NiceUser"),
    "PLATFORM": Name(RENDER, _platform, None, "Arch OpSysAndVer OpSysShortName"),
    "QDATE": Name(INTEGER, date_text, "%Y"),
    "READABLE_BYTES": Name(ANY, _units(1)),
    "READABLE_KB": Name(ANY, _units(1 << 10)),
    "READABLE_MB": Name(ANY, _units(1 << 20)),
    "REMOTE_HOST": Name(RENDER, _host, None, _REMOTE),
    "RUNTIME": Name(REAL, lambda seconds: duration_text(int(seconds))),
    "STDU_GOODPUT": Name(RENDER, _goodput, "%.1f", _GOODPUT),
    "STDU_MPBS": Name(RENDER, _megabits, "%.2f", f"{_GOODPUT} BytesRecvd"),
    "STRINGS_FROM_LIST": Name(RENDER, _strings),
    "TIME": Name(INTEGER, duration_text),
    "UNIQUE": Name(RENDER, _unique),
}
