"""The one door to libwork_queue. C memory never leaves it: what comes out are values.

One queue a process, one thread (the library keeps global state). A *turn* does all that is pending and comes back at
once; why that works is in docs/adr/0003-engine-turns.md.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import select
import shutil
import socket
import time
from dataclasses import dataclass
from typing import Any, Union

from foremen.acceptor import keeper
from foremen.acceptor.service import Rules
from foremen.engine.errors import EngineError, TaskRefused
from foremen.engine.protocol import RUNNING, WAITING, Pool, Result, StateChange, TaskSpec
from foremen.engine.workqueue.outcomes import outcome_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_REPORT = 65536  # bytes of a launch script's report that are passed on; a good one has a few hundred
_TURN = 0.025  # s: with more to do than that, the master is listened to in between
_STEP = 1e9  # between two priorities there is room for so many tasks in their order
_MOST_NUDGED = 64  # with more foremen and workers connected, a nudge would cost more than it brings
_KEEPALIVE = {"keepalive-interval": 60.0, "keepalive-timeout": 30.0}  # s; the library's own interval is 300
_LEAVES = 1.0  # s that the acceptor of an engine that ended may take
_LOOK_SHARE = 20  # looking at waiting tasks may cost a twentieth of the time


@dataclass(frozen=True)
class QueueOptions:
    """How to listen. ``port`` 0: any. ``bind``: a numeric address, empty for all. No catalog: announced nowhere.

    ``aliases`` is a folder of the engine's own, for links to files whose names the library cannot take; ``refusals`` the
    file in which the acceptor counts who was refused.
    """

    port: int
    password_file: str
    aliases: str
    refusals: str = ""
    bind: str = ""
    project_name: str = ""
    catalog_host: str = ""
    catalog_port: int = 9097


class _Task:
    """A task in the library, and what we have said about it."""

    __slots__ = ("aliased", "handle", "id", "outputs", "state", "tag", "tries")

    def __init__(self, spec: TaskSpec, number: int, handle: Any) -> None:
        self.tag, self.id, self.handle = spec.tag, number, handle
        self.outputs = [local for _remote, local in spec.outputs]
        self.aliased = [local for local, _remote, _cache in spec.inputs if _spoils(local)]
        self.aliased += [local for local in self.outputs if _spoils(local)]
        self.state, self.tries = WAITING, 0


class WorkQueue:
    """Work Queue's manager. EngineError when it cannot listen or the extension is missing."""

    def __init__(self, options: QueueOptions) -> None:
        try:
            from foremen.engine.workqueue._workqueue import ffi, lib
        except ImportError as error:
            raise EngineError(
                f"the engine's extension cannot be loaded ({error}): python -m foremen.engine.workqueue.build"
            ) from None
        self._ffi, self._lib = ffi, lib
        self._ready, self._null = lib.WORK_QUEUE_TASK_READY, ffi.NULL
        self._results = {name: getattr(lib, name) for name in dir(lib) if name.startswith("WORK_QUEUE_RESULT_")}
        self._outcomes: dict[int, tuple[str, str]] = {}
        self._stats = ffi.new("struct work_queue_stats *")
        self._tasks: dict[str, _Task] = {}
        self._by_id: dict[int, _Task] = {}
        self._waiting: dict[int, _Task] = {}
        self._accounted = 0  # hand-outs that we know of
        self._submitted = 0
        self._connected = 0
        self._next_look = 0.0
        self.idle = True  # the last turn did all there was to do
        self.idle_cost = 0.0  # s, of a pass that found nothing to do
        self.listening_cost = 0.0  # s, of one that offered nothing to anybody either
        self._queue = self._create(options)
        self.version = self._read_version()
        self._links = _Links(lib.awq_gate_used())
        self._aliases = _Aliases(options.aliases)

    def _create(self, options: QueueOptions) -> Any:
        lib = self._lib
        for name in ("WORK_QUEUE_PORT", "WORK_QUEUE_NAME", "WORK_QUEUE_PRIORITY"):
            os.environ.pop(name, None)  # work_queue_create() would take them for ours
        gate = self._open_gate(options)
        lib.awq_use_gate(gate.fileno(), self._listener.fileno())
        queue = lib.work_queue_create(self.port)
        gate.close()
        if queue == self._null or lib.awq_gate_used() < 0:
            raise EngineError(f"Work Queue cannot be started on port {self.port}: {os.strerror(self._ffi.errno)}")
        if options.catalog_host:
            lib.work_queue_specify_catalog_server(queue, _bytes(options.catalog_host), options.catalog_port)
            lib.work_queue_specify_name(queue, _bytes(options.project_name))  # a name switches announcing on
        for name, value in _KEEPALIVE.items():
            lib.work_queue_tune(queue, name.encode(), value)
        lib.awq_index(queue)
        self._make_waits_short(queue)
        return queue

    def _open_gate(self, options: QueueOptions) -> socket.socket:
        """Listen, and put an acceptor in front: the library gets only connections that have proven themselves."""
        try:
            self._listener = _listen(options.bind, options.port)
        except OSError as error:
            raise EngineError(
                f"cannot listen on port {options.port or 'any'}{' of ' + options.bind if options.bind else ''}"
                f" ({error.strerror}): stop what uses it, or set AWQ_PORT to another"
            ) from None
        self.port: int = self._listener.getsockname()[1]
        try:
            return keeper.start(self._listener, keeper.Front(options.password_file, options.refusals, Rules()))
        except OSError as error:
            raise EngineError(f"cannot read the password file {options.password_file} ({error.strerror})") from None

    def _make_waits_short(self, queue: Any) -> None:
        """Let work_queue_wait() come back whenever there is nothing left to do (docs/adr/0003-engine-turns.md).

        With its process module on, the library looks after each idle pass whether a child of this process has exited,
        and returns. It never takes the child off its list, so one child that exited is enough for ever. WNOWAIT: the
        child must have exited, but it is the library that has to reap it.
        """
        self._lib.work_queue_enable_process_module(queue)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)

    def _read_version(self) -> str:
        text = self._ffi.new("char[256]")
        self._lib.awq_version(text, 256)
        words = self._text(text).split()
        return words[0] if words else "unknown"

    def submit(self, spec: TaskSpec) -> None:
        """Take a task; TaskRefused when the library does not want it. The caller keeps tags apart."""
        handle = self._lib.work_queue_task_create(_bytes(spec.command))
        if handle == self._null:
            raise TaskRefused("the library could not make the task")
        number = 0
        try:
            self._describe(handle, spec)
            number = self._lib.work_queue_submit(self._queue, handle)
            if number < 1:
                raise TaskRefused(f"the library did not take the task (work_queue_submit: {number})")
        finally:
            if number < 1:
                self._lib.work_queue_task_delete(handle)
        task = _Task(spec, number, handle)
        for local in task.aliased:
            self._aliases.make(local)
        self._tasks[spec.tag] = self._by_id[number] = self._waiting[number] = task

    def _describe(self, handle: Any, spec: TaskSpec) -> None:
        lib = self._lib
        for name, value in spec.env.items():
            lib.work_queue_task_specify_environment_variable(handle, _bytes(name), _bytes(value))
        for local, remote, cache in spec.inputs:
            flag = lib.WORK_QUEUE_CACHE if cache else lib.WORK_QUEUE_NOCACHE
            self._add_file(handle, (local, remote), lib.WORK_QUEUE_INPUT, flag)
        for remote, local in spec.outputs:
            self._add_file(handle, (local, remote), lib.WORK_QUEUE_OUTPUT, lib.WORK_QUEUE_NOCACHE)
        lib.work_queue_task_specify_cores(handle, spec.cores)
        lib.work_queue_task_specify_memory(handle, spec.memory)
        lib.work_queue_task_specify_disk(handle, spec.disk)
        if spec.gpus:
            lib.work_queue_task_specify_gpus(handle, spec.gpus)
        # Of equal priority the library takes the latest first: so no two are equal, and the oldest is the highest.
        self._submitted += 1
        lib.work_queue_task_specify_priority(handle, spec.priority * _STEP - self._submitted)

    def _add_file(self, handle: Any, names: tuple[str, str], direction: int, flags: int) -> None:
        local, remote = names
        if _spoils(local):
            local = self._aliases.path(local)
        if not self._lib.work_queue_task_specify_file(handle, _bytes(local), _bytes(remote), direction, flags):
            raise TaskRefused(f"the library does not take the file {remote!r} (is it named twice?)")

    def cancel(self, tag: str) -> Result:
        """End a task that ``submit`` took: a worker that runs it kills it. KeyError for another."""
        task = self._tasks[tag]
        handle = self._lib.work_queue_cancel_by_taskid(self._queue, task.id)
        self._lib.awq_flush()
        if handle == self._null:
            raise EngineError(f"Work Queue lost task {tag}")
        return self._finish(task, handle, ("cancelled", ""))

    def turn(self, offer: bool = True) -> list[Union[StateChange, Result]]:
        """Do what is pending and tell what came of it. ``idle`` says whether everything was done.

        Without ``offer`` workers are only listened to: the library holds every task that it offers against every worker.
        """
        events: list[Union[StateChange, Result]] = []
        begin = time.monotonic()
        self.idle = False
        self._lib.awq_offer(offer)
        while True:
            spent = time.thread_time()  # CPU: on a busy machine the clock would say too much
            handle = self._lib.awq_wait(self._queue, 1)  # the least; it returns after a pass that found nothing to do
            now = time.monotonic()
            if handle != self._null:
                self._end(handle, events)
            elif not self._lib.awq_spoken():  # it hears one line of each worker in a pass
                self.idle = True
                break
            if now - begin > _TURN:
                break
        self._lib.awq_flush()
        looks = offer and now >= self._next_look
        if looks and self._waiting:
            self._look(events)
            looked = time.monotonic()
            self._next_look = looked + (looked - now) * _LOOK_SHARE
        if self.idle and not events:
            if not offer:
                self.listening_cost = time.thread_time() - spent
            elif looks or not self._waiting:
                self.idle_cost = time.thread_time() - spent
        return events

    def _look(self, events: list[Union[StateChange, Result]]) -> None:
        """Find out which waiting tasks were handed out: the library does not say."""
        ready, state, queue = self._ready, self._lib.work_queue_task_state, self._queue
        gone = [task for number, task in self._waiting.items() if state(queue, number) != ready]
        for task in gone:
            self._say_running(task, events)
        if gone and self._connected <= _MOST_NUDGED:
            self._nudge()

    def _nudge(self) -> None:
        """Say something more to every foreman: it hands a task out only when it next hears something, or a second later."""
        self._lib.work_queue_broadcast_message(self._queue, b"check\n")
        self._lib.awq_flush()

    def _say_running(self, task: _Task, events: list[Union[StateChange, Result]]) -> None:
        tries = task.handle.try_count
        self._accounted += tries - task.tries
        task.state, task.tries = RUNNING, tries
        self._waiting.pop(task.id, None)
        events.append(StateChange(task.tag, RUNNING, tries, self._text(task.handle.hostname), time.time()))

    def _end(self, handle: Any, events: list[Union[StateChange, Result]]) -> None:
        """A task came back from the library."""
        task = self._by_id[handle.taskid]
        outcome = self._outcomes.get(handle.result)
        if outcome is None:
            outcome = self._outcomes[handle.result] = outcome_of(handle.result, self._results)
        if handle.try_count > task.tries and outcome[0] != "input-missing":
            self._say_running(task, events)
        if outcome[0] in ("done", "output-missing"):
            missing = [local for local in task.outputs if not os.path.isfile(_bytes(local))]
            error = self._lib.awq_write_error() if missing else 0
            if missing and (error or outcome[0] == "done"):
                reason = os.strerror(error) if error else "it is not there"
                outcome = ("output-missing", f"{missing[0]} could not be written: {reason}")
        events.append(self._finish(task, handle, outcome))

    def _finish(self, task: _Task, handle: Any, outcome: tuple[str, str]) -> Result:
        del self._tasks[task.tag], self._by_id[task.id]
        self._waiting.pop(task.id, None)
        self._accounted += handle.try_count - task.tries
        try:
            return self._result(task.tag, handle, outcome)
        finally:
            self._lib.work_queue_task_delete(handle)
            for local in task.aliased:
                self._aliases.drop(local)

    def _result(self, tag: str, handle: Any, outcome: tuple[str, str]) -> Result:
        kind, detail = outcome
        status = handle.return_status if kind in ("done", "output-missing") else -1
        # Through a foreman, between the two ends of the transfer lies also the wait for a free worker; the time that
        # the command ran comes from the worker itself.
        ended = handle.time_when_retrieval / 1e6 if status >= 0 else time.time()
        ran = handle.time_workers_execute_last / 1e6
        return Result(
            tag=tag, outcome=kind, exit=status, report=self._text(handle.output, MAX_REPORT), tries=handle.try_count,
            host=self._text(handle.hostname), started=ended - ran if ran else handle.time_when_commit_end / 1e6,
            ended=ended, sent=handle.bytes_sent, received=handle.bytes_received, detail=detail,
        )  # fmt: skip

    def pool(self) -> tuple[Pool, list[StateChange]]:
        """The counts, and what happened to running tasks unnoticed (a worker vanished). For once a second: it scans."""
        stats = self._stats
        self._lib.work_queue_get_stats(self._queue, stats)
        links = stats.workers_connected
        self._lib.work_queue_get_stats_hierarchy(self._queue, stats)
        events: list[Union[StateChange, Result]] = []
        self._look(events)
        if stats.tasks_waiting != len(self._waiting) or stats.tasks_dispatched != self._accounted:
            self._sweep(events)
        self._connected = links
        self._links.refresh((stats.workers_joined, stats.workers_removed, stats.workers_init))
        counts = Pool(
            workers=stats.workers_connected, cores=stats.total_cores, cores_used=stats.committed_cores,
            memory=stats.total_memory, disk=stats.total_disk, waiting=len(self._waiting),
            running=len(self._tasks) - len(self._waiting), at=time.time(), links=links,
        )  # fmt: skip
        return counts, [event for event in events if isinstance(event, StateChange)]

    def _sweep(self, events: list[Union[StateChange, Result]]) -> None:
        """Look at every task that we believe running: is it still, and in the same hands?"""
        for task in list(self._by_id.values()):
            if task.state != RUNNING:
                continue
            if self._lib.work_queue_task_state(self._queue, task.id) == self._ready:
                self._accounted += task.handle.try_count - task.tries
                task.state, task.tries = WAITING, task.handle.try_count
                self._waiting[task.id] = task
                events.append(StateChange(task.tag, WAITING, task.tries, "", time.time()))
            elif task.handle.try_count > task.tries:
                self._say_running(task, events)

    def fileno(self) -> int:
        """A descriptor that is readable when a worker or foreman says something."""
        return self._links.poll.fileno()

    def close(self) -> None:
        """End every task and let the workers go. Nothing may be called afterwards."""
        for tag in list(self._tasks):
            self.cancel(tag)
        self._lib.work_queue_delete(self._queue)
        self._queue = self._null
        self._links.poll.close()
        self._listener.close()

    def _text(self, pointer: Any, most: int = 1024) -> str:
        """A copy of a C string; empty for NULL."""
        if pointer == self._null:
            return ""
        copied: bytes = self._ffi.string(pointer, most)
        return copied.decode("utf-8", "surrogateescape")


class _Aliases:
    """Links with plain names to files whose own names the library cannot take.

    It makes the name of a file on the worker from its local name and reads it back differently when url_encode()
    changes it, and it expands ``$`` in the paths of inputs. A link has the same name for the same path: what may be
    cached is cached.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._users: dict[str, int] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def path(self, local: str) -> str:
        """The link's path; it need not exist yet."""
        return f"{self._folder}/{hashlib.sha256(_bytes(local)).hexdigest()[:32]}"

    def make(self, local: str) -> None:
        """One more task needs the link."""
        self._users[local] = self._users.get(local, 0) + 1
        if self._users[local] == 1:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            os.symlink(_bytes(local), self.path(local))

    def drop(self, local: str) -> None:
        """One task less needs it."""
        self._users[local] -= 1
        if not self._users[local]:
            del self._users[local]
            os.unlink(self.path(local))


_PLAIN = re.compile(r"[!#-$&(-;=?-\[\]-z]+")  # what url_encode() leaves alone


def _spoils(local: str) -> bool:
    """Whether the library would spoil this name."""
    return not _PLAIN.fullmatch(local, local.rfind("/") + 1) or "$" in local


class _Links:
    """The library's sockets, found among the process's own: with them the engine can sleep until one speaks."""

    def __init__(self, gate: int) -> None:
        self.poll = select.epoll()
        self.poll.register(gate, select.EPOLLIN)
        self._known: dict[int, str] = {}
        self._seen: tuple[int, ...] = ()
        self.refresh((-1,))

    def refresh(self, workers: tuple[int, ...]) -> None:
        """Watch new sockets; only when the counts of ``workers`` have changed. Closed ones leave epoll by themselves."""
        if workers == self._seen:
            return
        self._seen = workers
        found = dict(_sockets())
        for number, name in found.items():
            if self._known.get(number) != name and _is_tcp(number):
                try:
                    self.poll.register(number, select.EPOLLIN)
                except FileExistsError:  # the number was taken again by another socket of the same name: watched
                    continue
        self._known = found


def _sockets() -> Iterator[tuple[int, str]]:
    for number in os.listdir("/proc/self/fd"):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
        if name.startswith("socket:"):
            yield int(number), name


def _is_tcp(number: int) -> bool:
    with socket.socket(fileno=os.dup(number)) as copy:
        return copy.family in (socket.AF_INET, socket.AF_INET6) and copy.type == socket.SOCK_STREAM


def _listen(address: str, port: int) -> socket.socket:
    """OSError; EngineError for a text that is no address. The acceptor of an engine that has just ended is waited for."""
    try:
        socket.getaddrinfo(address or None, port, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        raise EngineError(f"cannot listen on {address!r}: AWQ_BIND needs a numeric address, or nothing") from None
    until = time.monotonic() + _LEAVES
    while True:
        try:
            return keeper.listen(address, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise
        time.sleep(_LEAVES / 20)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
