"""Run a module or a command of ours and write down where its CPU goes: ``python sampler.py FILE MODULE FUNCTION [ARGUMENT ...]``.

Every thousandth of a second of CPU the stack of the main thread is noted, with the CPU since the last note: what a call of
a library takes counts for who called it. FILE gets lines ``SECONDS STACK``, the stack from outside in, ``module.function``
with ``;`` between; it is written anew every second of CPU, and at the end. Nothing is traced: it costs about one percent.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections import Counter
from types import FrameType
from typing import Optional

_EVERY = 0.001  # s of CPU
_WRITE = 1.0  # s of CPU between two versions of the file


class Sampler:
    """Collects stacks from now on."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._stacks: Counter[str] = Counter()
        self._last = self._written = time.process_time()
        signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)

    def _note(self, _number: int, frame: Optional[FrameType]) -> None:
        now = time.process_time()
        names = []
        while frame is not None:
            code = frame.f_code
            module = str(frame.f_globals.get("__name__", "?"))
            names.append(f"{module}.{getattr(code, 'co_qualname', code.co_name)}")
            frame = frame.f_back
        self._stacks[";".join(reversed(names))] += int((now - self._last) * 1e9)
        self._last = now
        if now - self._written > _WRITE:
            self.write()

    def write(self) -> None:
        """Rename a new version of the file into place."""
        self._written = time.process_time()
        lines = [f"{count / 1e9:.6f} {stack}\n" for stack, count in self._stacks.items()]
        with open(f"{self._path}.new", "w", encoding="utf-8") as file:
            file.writelines(lines)
        os.rename(f"{self._path}.new", self._path)


def main() -> int:
    """Run it."""
    path, module, function, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    called = getattr(importlib.import_module(module), function)
    sampler = Sampler(path)
    try:
        status = called()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sampler.write()
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    sys.exit(main())
