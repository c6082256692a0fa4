"""The evaluators of the master: processes that evaluate what is not proven to be cheap, while the master goes on.

Who needs a value asks; when it is not known yet, ``NotYet`` ends that job's step, and the step is made again after the answer.
A question that ends its evaluator, or exceeds a limit, is answered with the reason: the job is held. Clusters take turns, so
that ten thousand costly jobs of one cluster delay another cluster by one evaluation.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Optional, TypeVar

from spool.classad.question import READY, Answer, Question, Value, question_line, read_answer
from spool.errors import AwqError
from spool.settings import Settings

PROCESSES = 2
_KEPT = 20_000  # answers
_FRESH = 180.0  # s for which an answer counts; policies are looked at every minute
_LONGEST = 1 << 20  # bytes of a question
_WALL = 5  # an evaluation may take so many times its CPU time on a machine that is busy
_START = 30.0  # s until a process must be ready
_IDLE = 60.0  # s after which a process that has nothing to do ends
_TRIES = 2  # a process may have been killed by somebody else

_Lasting = Optional[tuple[tuple[str, str], ...]]
Key = tuple[str, _Lasting, _Lasting]
Starter = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


_Item = TypeVar("_Item", bound=Hashable)


class NotYet(Exception):
    """The value is being computed; the step that needs it is to be made again when ``key`` is known (``Deferred``)."""

    def __init__(self, key: Key) -> None:
        super().__init__("being computed")
        self.key = key


class Unfinished(AwqError):
    """The value cannot be computed within the limits; ``args[0]`` says why."""


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """An evaluator. It ends when its stdin does: when we end, in whatever way."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


@dataclass
class _Asked:
    """A question on its way."""

    key: Key
    line: bytes
    tries: int = 0


@dataclass
class _Process:
    """An evaluator, the question in its hand, and until when it must answer."""

    popen: subprocess.Popen[bytes]
    deadline: float
    ready: bool = False
    asked: _Asked | None = None
    unsent: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    overdue: bool = False


class Evaluators:
    """Questions, answers, and the processes between them. Never waits."""

    def __init__(
        self, settings: Settings, starter: Starter = start, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = max(1, settings.evaluation_seconds)
        self._memory = settings.evaluation_memory
        self._starter, self._ticks = starter, ticks
        self._answers: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()
        self._waiting: dict[Key, int] = {}  # the cluster that asked first
        self._queues: OrderedDict[int, deque[_Asked]] = OrderedDict()
        self._processes: list[_Process] = []
        self._pause = 0.0
        self.news = 0  # how many answers have come
        self.refused = 0  # how many of them say that there is no value

    @property
    def pending(self) -> int:
        """Questions that are not answered yet."""
        return len(self._waiting)

    def value(self, cluster: int, question: Question, changing: str) -> Value:
        """The value. ``changing``: an attribute (the clock) that does not tell two questions apart. NotYet, Unfinished."""
        key = (question.text, _lasting(question.attributes, changing), _lasting(question.target, changing))
        found = self._answers.get(key)
        if found is not None and self._ticks() - found[0] < _FRESH:
            if found[1].problem:
                raise Unfinished(found[1].problem)
            return found[1].value
        self._ask(cluster, key, question)
        raise NotYet(key)

    def known(self, key: Key) -> bool:
        """Whether an answer has come."""
        return key not in self._waiting

    def fds(self) -> list[int]:
        """What becomes readable when an evaluator has something to say."""
        return [one.popen.stdout.fileno() for one in self._processes if one.popen.stdout is not None]

    def look(self) -> None:
        """Hear what was answered, end what takes too long, hand out what waits."""
        if not self._processes and not self._waiting:
            return
        now = self._ticks()
        for process in list(self._processes):
            self._hear(process, now)
            self._send(process)
            if now > process.deadline and (process.asked or not process.ready):
                process.overdue = True
                process.popen.kill()
        self._hand_out(now)

    def close(self) -> None:
        """End the processes; what they compute is of no use any more."""
        for process in self._processes:
            process.popen.kill()
            self._reap(process)
        self._processes.clear()

    def _ask(self, cluster: int, key: Key, question: Question) -> None:
        if key in self._waiting:
            return
        line = question_line(question)
        if len(line) > _LONGEST:
            self._note(key, Answer(None, f"it needs {len(line)} bytes of the job's ad, at most {_LONGEST} are taken"))
            return
        self._waiting[key] = cluster
        self._queues.setdefault(cluster, deque()).append(_Asked(key, line))

    def _note(self, key: Key, answer: Answer) -> None:
        self._waiting.pop(key, None)
        self._answers[key] = self._ticks(), answer
        self._answers.move_to_end(key)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        self.news += 1
        self.refused += bool(answer.problem)

    def _hand_out(self, now: float) -> None:
        while self._queues:
            process = next((one for one in self._processes if one.ready and one.asked is None), None)
            if process is None:
                starting = sum(not one.ready for one in self._processes)
                if len(self._processes) < PROCESSES and starting < sum(map(len, self._queues.values())):
                    self._start(now)
                return
            process.asked = self._next()
            process.unsent, process.deadline = process.asked.line, now + self._seconds * _WALL
            self._send(process)

    def _next(self) -> _Asked:
        cluster, waiting = self._queues.popitem(last=False)
        asked = waiting.popleft()
        if waiting:
            self._queues[cluster] = waiting  # behind the other clusters
        return asked

    def _start(self, now: float) -> None:
        if now < self._pause:
            return
        command = [
            sys.executable,
            "-X",
            "utf8",
            "-I",
            "-m",
            "spool.classad.evaluator",
            str(self._seconds),
            str(self._memory),
        ]
        try:
            popen = self._starter(command)
        except OSError:  # no process to be had: tried again, the jobs wait
            self._pause = now + 1.0
            return
        assert popen.stdin is not None
        assert popen.stdout is not None
        os.set_blocking(popen.stdin.fileno(), False)
        os.set_blocking(popen.stdout.fileno(), False)
        self._processes.append(_Process(popen, now + _START))

    def _send(self, process: _Process) -> None:
        assert process.popen.stdin is not None
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            while process.unsent:
                process.unsent = process.unsent[os.write(process.popen.stdin.fileno(), process.unsent) :]

    def _hear(self, process: _Process, now: float) -> None:
        assert process.popen.stdout is not None
        try:
            data = os.read(process.popen.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            if process.ready and process.asked is None and now - process.deadline > _IDLE:
                process.popen.kill()
            return
        if not data:
            self._ended(process, now)
            return
        process.received += data
        while b"\n" in process.received:
            line, _, rest = bytes(process.received).partition(b"\n")
            process.received = bytearray(rest)
            if not process.ready:
                process.ready = line + b"\n" == READY
            elif process.asked is not None:
                self._note(process.asked.key, read_answer(line))
                process.asked, process.deadline = None, now

    def _ended(self, process: _Process, now: float) -> None:
        self._processes.remove(process)
        status = self._reap(process)
        asked = process.asked
        if asked is None:
            self._pause = now if process.ready else now + 1.0  # one that cannot start at all
            return
        if process.overdue or status == -signal.SIGPROF:
            self._note(asked.key, Answer(None, f"it takes more than {self._seconds} s of CPU (AWQ_EVALUATION_SECONDS)"))
            return
        asked.tries += 1
        if status == -signal.SIGABRT:
            self._note(
                asked.key, Answer(None, f"it takes more than {self._memory} MB of memory (AWQ_EVALUATION_MEMORY)")
            )
        elif asked.tries < _TRIES:
            self._queues.setdefault(self._waiting[asked.key], deque()).append(asked)
        else:
            self._note(asked.key, Answer(None, f"it ends the process that evaluates it (status {status})"))

    def _reap(self, process: _Process) -> int:
        """Its exit status; it has ended, or was killed."""
        for pipe in (process.popen.stdin, process.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return process.popen.wait()


class Deferred(Generic[_Item]):
    """What waits for evaluations: results, jobs."""

    def __init__(self, evaluators: Evaluators | None) -> None:
        self._evaluators = evaluators
        self._items: dict[_Item, Key] = {}
        self._seen = 0

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: _Item, why: NotYet) -> None:
        """It waits for this value."""
        self._items[item] = why.key

    def ready(self) -> list[_Item]:
        """Those whose value is known; they stay until ``drop``."""
        if self._evaluators is None or not self._items or self._evaluators.news == self._seen:
            return []
        known = self._evaluators.known
        found = [item for item, key in self._items.items() if known(key)]
        if not found:
            self._seen = self._evaluators.news
        return found

    def drop(self, items: Sequence[_Item]) -> None:
        """They wait no more."""
        for item in items:
            self._items.pop(item, None)


def _lasting(attributes: dict[str, str] | None, changing: str) -> _Lasting:
    """What tells one ad from another, but for the clock."""
    if attributes is None:
        return None
    folded = changing.lower()
    return tuple(sorted([item for item in attributes.items() if item[0].lower() != folded]))
