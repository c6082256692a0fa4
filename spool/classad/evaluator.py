"""The process that evaluates what is not proven to be cheap: ``python -m spool.classad.evaluator SECONDS MB``.

It reads questions on stdin and answers on stdout, one after the other (``question``). The kernel ends it when one
evaluation takes more than SECONDS of CPU or MB of memory: the ClassAd library cannot be interrupted in any other way.
It ends by itself when stdin does, and after many questions, since the library never gives all memory back.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import NoReturn

from spool.classad import scope
from spool.classad.question import READY, Answer, Question, answer_line, read_question

QUESTIONS = 5000
"""How many it answers before it makes room for a fresh process."""

_LONGEST = 1 << 16  # characters of a value
_NICENESS = 5


def main(argv: list[str]) -> NoReturn:
    """Answer until stdin ends."""
    seconds, megabytes = max(1, int(argv[0])), int(argv[1])
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory(megabytes)
    os.write(1, READY)
    with open(0, "rb", closefd=False) as questions:
        for _number in range(QUESTIONS):
            line = questions.readline()
            if not line:
                break
            signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process
            answer = _answer(line)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _write_all(answer_line(answer))
    os._exit(0)


def limit_memory(megabytes: int) -> None:
    """From now on the process may take so much more."""
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = used + (max(16, megabytes) << 20)
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def answer_to(question: Question) -> Answer:
    """Evaluate here and now."""
    parsed = scope.parse(question.text)
    if parsed.tree is None:
        return Answer(None, parsed.problem)
    ad = scope.made(question.attributes)
    target = None if question.target is None else scope.made(question.target)
    value = scope.plain(scope.evaluate(parsed, ad, target))
    if isinstance(value, str) and len(value) > _LONGEST:
        return Answer(None, f"its value has {len(value)} characters, at most {_LONGEST} are taken")
    return Answer(value)


def _answer(line: bytes) -> Answer:
    try:
        return answer_to(read_question(line))
    except MemoryError:
        return Answer(None, "it takes too much memory (AWQ_EVALUATION_MEMORY)")


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1:])
