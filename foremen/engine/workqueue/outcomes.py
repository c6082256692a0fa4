"""Work Queue's result codes (``WORK_QUEUE_RESULT_*`` in work_queue.h) and what we call them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FLAGS = (
    0x7  # the low three bits are flags, what lies above is one code; a code wins (work_queue.c, update_task_result)
)
_PREFIX = "WORK_QUEUE_RESULT_"

# Constant without its prefix: (outcome of the protocol, what to tell). Releases have some and not others.
TABLE: Mapping[str, tuple[str, str]] = {
    "SUCCESS": ("done", ""),
    "INPUT_MISSING": ("input-missing", "an input file is missing or cannot be read"),
    "OUTPUT_MISSING": (
        "output-missing",
        "the command ended, but an output file was not made, or cannot be written here (see the engine's log)",
    ),
    "STDOUT_MISSING": ("failed", "the report of the launch script was cut"),
    "SIGNAL": ("failed", "the launch script was killed by a signal"),
    "RESOURCE_EXHAUSTION": ("failed", "the task used more than it asked for"),
    "TASK_TIMEOUT": ("failed", "the task ran beyond its end time"),
    "UNKNOWN": ("failed", "the library could not tell how the task ended"),
    "FORSAKEN": ("failed", "the worker gave the task up"),
    "MAX_RETRIES": ("failed", "too many workers vanished with the task"),
    "TASK_MAX_RUN_TIME": ("failed", "the task ran longer than allowed"),
    "DISK_ALLOC_FULL": ("failed", "the task filled its disk"),
    "RMONITOR_ERROR": ("failed", "the resource monitor did not report"),
    "OUTPUT_TRANSFER_ERROR": ("output-missing", "an output file could not be written on this side (disk, permissions)"),
    "LIBRARY_EXIT": ("failed", "the library task ended"),
    "FIXED_LOCATION_MISSING": ("failed", "no worker has the file that the task needs"),
}


def outcome_of(result: int, constants: Mapping[str, int]) -> tuple[str, str]:
    """The outcome and its detail. ``constants`` are those of the installed library, by full name.

    A code that no table knows is ``failed`` and names its number: a newer library must not stop the engine.
    """
    names = {value: name[len(_PREFIX) :] for name, value in constants.items()}
    wanted = [result & ~_FLAGS] if result & ~_FLAGS else [bit for bit in (1, 2, 4) if result & bit] or [0]
    for code in wanted:
        name = names.get(code, "")
        if name in TABLE:
            return TABLE[name]
    return "failed", f"result {result} of Work Queue is not known here"
