"""What the master and the engine say to each other: one JSON object a line (docs/protocols.md).

Text that came from the system (paths, commands, reports) may hold any bytes: surrogateescape on both ends, and JSON
stays ASCII. Times are seconds since the epoch, memory and disk MB (2**20 bytes). A field that has its default may be
left out; a field that is not known is an error, so that two releases do not misread each other silently.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, fields
from typing import Any, Union

from foremen.engine.errors import ProtocolError

VERSION = 1
MAX_LINE = 64 * 2**20  # of one message; the longest is a hello with every task
_MOST = 2**31 - 1  # the library keeps resources as int
_MOST_COUNTED = 2**62
# Work Queue builds each line for a worker in 4096 bytes, and ends the process when one does not fit (work_queue.c,
# send_worker_msg; 9.9 and before): every pilot would die with the engine. A line holds one variable, or a file's two names,
# of which each byte may become three (url_encode).
LONGEST_VARIABLE = 4000  # bytes of NAME=VALUE
_LONGEST_REMOTE = 1000
_LATEST = 4e9 * 25  # s since the epoch: far beyond any clock, within what calendars take

WAITING, RUNNING, DONE = "waiting", "running", "done"
OUTCOMES = ("done", "cancelled", "input-missing", "output-missing", "refused", "failed")


# Master to engine.
@dataclass(frozen=True)
class HelloMaster:
    """First message of a master."""

    version: int = VERSION


@dataclass(frozen=True)
class TaskSpec:
    """A task to take: ``inputs`` are (local, remote, cache), ``outputs`` (remote, local); MB; higher priority first."""

    tag: str
    command: str
    env: dict[str, str] = field(default_factory=dict)
    inputs: tuple[tuple[str, str, bool], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    cores: int = 1
    memory: int = 128
    disk: int = 128
    gpus: int = 0
    priority: float = 0.0


@dataclass(frozen=True)
class Cancel:
    """End the task."""

    tag: str


@dataclass(frozen=True)
class Ack:
    """These results are committed: forget them."""

    tags: tuple[str, ...]


@dataclass(frozen=True)
class Stop:
    """End everything that runs and exit."""


Request = Union[HelloMaster, TaskSpec, Cancel, Ack, Stop]


# Engine to master.
@dataclass(frozen=True)
class Hello:
    """The engine's answer: ``tasks`` are (tag, state, tries, host); ``started`` is when the engine started."""

    version: int
    pid: int
    port: int
    cctools: str
    started: float
    tasks: tuple[tuple[str, str, int, str], ...] = ()


@dataclass(frozen=True)
class StateChange:
    """A task is ``running`` (handed to a worker or foreman) or ``waiting`` again; ``tries`` counts hand-outs."""

    tag: str
    state: str
    tries: int
    host: str
    at: float


@dataclass(frozen=True)
class Result:
    """How a task ended; kept by the engine until acknowledged. ``exit`` -1: there is none. Bytes are files'."""

    tag: str
    outcome: str
    exit: int = 0
    report: str = ""
    tries: int = 0
    host: str = ""
    started: float = 0.0
    ended: float = 0.0
    sent: int = 0
    received: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Pool:
    """What Work Queue has at the moment; workers behind foremen are counted, and foremen too. Once a second.

    ``links``: connections to the engine itself: foremen, and workers that come directly.
    """

    workers: int
    cores: int
    cores_used: int
    memory: int
    disk: int
    waiting: int
    running: int
    at: float
    links: int = 0


@dataclass(frozen=True)
class Complaint:
    """The engine could not read a message of the master."""

    detail: str


@dataclass(frozen=True)
class Bye:
    """The engine has ended everything and exits."""


Event = Union[Hello, StateChange, Result, Pool, Complaint, Bye]

_OPS: dict[str, type] = {"hello": HelloMaster, "submit": TaskSpec, "cancel": Cancel, "ack": Ack, "stop": Stop}
_EVENTS: dict[str, type] = {
    "hello": Hello, "state": StateChange, "result": Result, "pool": Pool, "error": Complaint, "bye": Bye,
}  # fmt: skip
_WORD = {kind: ("op", word) for word, kind in _OPS.items()}
_WORD.update({kind: ("ev", word) for word, kind in _EVENTS.items()})
_KNOWN = {kind: frozenset(one.name for one in fields(kind)) for kind in _WORD}
_encode = json.JSONEncoder(separators=(",", ":")).encode


def encode(message: Union[Request, Event]) -> bytes:
    """One line, with its newline."""
    key, word = _WORD[type(message)]
    return (_encode({key: word, **vars(message)}) + "\n").encode("ascii")


def decode_request(line: bytes) -> Request:
    """What a master said; ProtocolError (with the tag, when there is one) when it is not acceptable."""
    word, values = _object(line, "op")
    kind = _OPS.get(word)
    tag = values.get("tag", "")
    tag = tag if isinstance(tag, str) else ""
    if kind is None:
        raise ProtocolError(f"unknown op {word!r}; known are: {', '.join(_OPS)}", tag)
    try:
        request: Request = _make(kind, values)
        if kind is TaskSpec:
            _check_task(request)  # type: ignore[arg-type]
        elif kind is Cancel:
            _check_tag(request.tag)  # type: ignore[union-attr]
        elif kind is Ack and not all(isinstance(one, str) for one in request.tags):  # type: ignore[union-attr]
            raise ProtocolError("tags: needs a list of tags")
    except ProtocolError as error:
        raise ProtocolError(f"{word}: {error}", tag) from None
    return request


def decode_event(line: bytes) -> Event:
    """What the engine said; ProtocolError when it is no message of this version."""
    word, values = _object(line, "ev")
    kind = _EVENTS.get(word)
    if kind is None:
        raise ProtocolError(f"unknown event {word!r} from the engine: master and engine are of different releases")
    event: Event = _make(kind, values)
    for name, check in _CHECKS[kind]:
        check(name, getattr(event, name))
    if isinstance(event, Hello) and event.version != VERSION:
        raise ProtocolError(
            f"the engine (process {event.pid}) speaks version {event.version} and this master {VERSION}:"
            " let its tasks end, then stop it"
        )
    return event


def _object(line: bytes, key: str) -> tuple[str, dict[str, Any]]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise ProtocolError(f"not a line of JSON: {line[:80]!r}") from None
    if not isinstance(values, dict):
        raise ProtocolError(f"not a JSON object: {line[:80]!r}")
    word = values.pop(key, None)
    if not isinstance(word, str):
        raise ProtocolError(f"a message needs {key!r}: {line[:80]!r}")
    return word, values


def _make(kind: type, values: dict[str, Any]) -> Any:
    unknown = values.keys() - _KNOWN[kind]
    if unknown:
        raise ProtocolError(f"unknown field {', '.join(sorted(unknown))}")
    for name in ("inputs", "outputs", "tasks"):
        if name in values:
            values[name] = _rows(name, values[name])
    if "tags" in values:
        values["tags"] = tuple(values["tags"]) if isinstance(values["tags"], list) else (None,)
    try:
        return kind(**values)
    except TypeError:
        needed = sorted(_KNOWN[kind] - values.keys())
        raise ProtocolError(f"missing field, one of: {', '.join(needed)}") from None


def _check_number(name: str, value: object) -> None:
    """A whole number that the database takes."""
    if type(value) is not int or not -_MOST_COUNTED <= value <= _MOST_COUNTED:
        raise ProtocolError(f"{name}: needs a whole number, has {value!r:.80}")


def _check_time(name: str, value: object) -> None:
    """Seconds since the epoch that a calendar has."""
    if type(value) not in (int, float) or not 0 <= value < _LATEST:  # type: ignore[operator]
        raise ProtocolError(f"{name}: needs a time, has {value!r:.80}")


def _check_words(name: str, value: object) -> None:
    _check_text(name, value, empty=True)


def _check_tasks(name: str, rows: object) -> None:
    for row in rows if isinstance(rows, tuple) else (None,):
        if not isinstance(row, tuple) or len(row) != 4:
            raise ProtocolError(f"{name}: needs [tag, state, tries, host], has {row!r:.80}")
        for word in (row[0], row[1], row[3]):
            _check_words(name, word)
        _check_number(name, row[2])


_BY_ANNOTATION = {"int": _check_number, "float": _check_time, "str": _check_words}
_CHECKS = {
    kind: [(one.name, _BY_ANNOTATION.get(str(one.type), _check_tasks)) for one in fields(kind)]
    for kind in _EVENTS.values()
}


def _rows(name: str, rows: object) -> tuple[tuple[Any, ...], ...]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise ProtocolError(f"{name}: needs a list of lists")
    return tuple([tuple(row) for row in rows])


def _check_task(spec: TaskSpec) -> None:
    _check_tag(spec.tag)
    _check_text("command", spec.command)
    if not isinstance(spec.env, dict):
        raise ProtocolError("env: needs an object of names and values")
    for name, value in spec.env.items():
        _check_text("env", name)
        _check_text(f"env {name}", value, empty=True)
        if "=" in name:
            raise ProtocolError(f"env: a name cannot hold '=': {name!r}")
        if len(f"{name}={value}".encode("utf-8", "surrogateescape")) > LONGEST_VARIABLE:
            raise ProtocolError(f"env {name:.80}: longer than {LONGEST_VARIABLE} bytes, which Work Queue cannot carry")
    for row in spec.inputs:
        if len(row) != 3 or not isinstance(row[2], (bool, int)):
            raise ProtocolError(f"inputs: needs [local, remote, cache], has {list(row)!r}")
        _check_file("inputs", row[0], row[1])
    for pair in spec.outputs:
        if len(pair) != 2:
            raise ProtocolError(f"outputs: needs [remote, local], has {list(pair)!r}")
        _check_file("outputs", pair[1], pair[0])
    for name, remotes in (("inputs", [row[1] for row in spec.inputs]), ("outputs", [pair[0] for pair in spec.outputs])):
        if len(set(remotes)) < len(remotes):
            raise ProtocolError(f"{name}: the same remote path twice")
    _check_amounts(spec)


def _check_amounts(spec: TaskSpec) -> None:
    for name, amount, least in (
        ("cores", spec.cores, 1), ("memory", spec.memory, 1), ("disk", spec.disk, 1), ("gpus", spec.gpus, 0),
    ):  # fmt: skip
        if type(amount) is not int or not least <= amount <= _MOST:
            raise ProtocolError(f"{name}: needs a whole number of {least} or more, has {amount!r}")
    if (
        isinstance(spec.priority, bool)
        or not isinstance(spec.priority, (int, float))
        or not math.isfinite(spec.priority)
    ):
        raise ProtocolError(f"priority: needs a number, has {spec.priority!r}")


def _check_tag(tag: object) -> None:
    if not isinstance(tag, str) or not tag or len(tag) > 200:
        raise ProtocolError(f"tag: needs a text of 1 to 200 characters, has {tag!r:.220}")


def _check_file(name: str, local: object, remote: object) -> None:
    """A local path is absolute; a remote one stays in the sandbox."""
    if not _check_text(name, local).startswith("/"):
        raise ProtocolError(f"{name}: the local path must be absolute: {local!r}")
    inside = _check_text(name, remote)
    if inside.startswith("/") or ".." in inside.split("/"):
        raise ProtocolError(f"{name}: the remote path must lie in the sandbox: {remote!r}")
    if len(inside) > _LONGEST_REMOTE:
        raise ProtocolError(f"{name}: a remote path has at most {_LONGEST_REMOTE} characters: {remote!r:.80}")
    if not inside.isascii() or not inside.isprintable():  # url_encode() of every release spoils the other bytes
        raise ProtocolError(f"{name}: Work Queue carries only printable ASCII in remote paths: {remote!r}")


def _check_text(name: str, text: object, empty: bool = False) -> str:
    """A text that C can take: encodable, without NUL."""
    if not isinstance(text, str) or (not text and not empty):
        raise ProtocolError(f"{name}: needs a text, has {text!r:.80}")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ProtocolError(f"{name}: is not UTF-8 and not bytes with surrogateescape: {text!r:.80}") from None
    if "\0" in text:
        raise ProtocolError(f"{name}: a NUL byte cannot be passed on")
    return text
