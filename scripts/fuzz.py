"""The fuzzer: see scripts/fuzz. Hypothesis makes the inputs and shrinks those that find something."""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import fuzz_targets
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed

_BATCH = 400  # inputs of one hypothesis run
_SLOW = 1.0  # s of CPU for one input: a hang
_MEMORY = 1 << 30  # bytes of address space beyond what the fuzzer begins with
_STUCK = 20.0  # s on the clock, when it does not even use the CPU, or does not end


class Hang(Exception):
    """An input took longer than it may."""


class Fuzzer:
    """One target: how much was tried, and what was found (by place, so that one bug is told once)."""

    def __init__(self, target: fuzz_targets.Target) -> None:
        self.target = target
        self.executions = 0
        self.slowest = 0.0
        self.found: dict[str, tuple[Any, str]] = {}
        self._known: set[str] = set()
        self._last: Optional[tuple[str, Any, str]] = None

    def batch(self, number: int) -> None:
        """Try one batch of inputs; what is found is shrunk and kept."""
        run = given(self.target.inputs)(self._try)
        run = settings(
            max_examples=_BATCH, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False,
        )(run)  # fmt: skip
        self._last = None
        try:
            hypothesis_seed(number)(run)()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if self._last is None:
                raise
            place, value, text = self._last
            self.found[place] = (value, text)
            self._known.add(place)
            del error

    def _try(self, value: Any) -> None:
        self.executions += 1
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_REAL, _STUCK)
        try:
            self.target.execute(value)
            signal.setitimer(signal.ITIMER_REAL, 0)
            took = time.process_time() - begin
            self.slowest = max(self.slowest, took)
            if took > _SLOW:
                raise Hang(f"{took:.1f} s")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            place = _place(error)
            if place in self._known:
                return
            self._last = (place, value, "".join(traceback.format_exception(error)[-4:])[:3000])
            raise


def _place(error: BaseException) -> str:
    """What tells one bug from another: the kind and the innermost line of ours."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    at = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "?"
    detail = str(error).partition(": ")[0][:60] if isinstance(error, fuzz_targets.Broken) else ""
    return f"{type(error).__name__} {at} {detail}".strip()


def _alarm(_number: int, _frame: Optional[FrameType]) -> None:
    raise Hang(f"not done after {_STUCK:.0f} s")


def _limit_memory() -> None:
    """What wants too much gets a MemoryError, and the machine lives on."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("--minutes", type=float, default=1.0, help="of each target")
    parser.add_argument("--only", default="", help="names with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="name the targets")
    return parser.parse_args()


def _work(fuzzer: Fuzzer, seconds: float, seed: int) -> None:
    begin = time.monotonic()
    number = seed * 1_000_000
    while number == seed * 1_000_000 or time.monotonic() - begin < seconds:
        fuzzer.batch(number)
        number += 1
    took = time.monotonic() - begin
    print(
        f"{fuzzer.target.name:<11} {fuzzer.executions:>8} executions, {fuzzer.executions / took:>6.0f}/s,"
        f" slowest {fuzzer.slowest * 1000:.0f} ms of CPU, {len(fuzzer.found)} findings",
        flush=True,
    )
    for place, (value, text) in fuzzer.found.items():
        print(f"  FOUND {place}\n    input: {value!r:.600}\n    " + text.replace("\n", "\n    "), flush=True)


def main() -> int:
    """0: nothing found."""
    options = _options()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = tempfile.mkdtemp(prefix="awq-fuzz.", dir=memory)
    signal.signal(signal.SIGALRM, _alarm)
    _limit_memory()
    # The commands switch the garbage collector off and end with os._exit; what is collected only here is nobody's loss.
    warnings.simplefilter("ignore")
    sys.unraisablehook = lambda _args: None
    try:
        targets = fuzz_targets.all_targets(fuzz_targets.Bench(folder))
        if options.list:
            print("\n".join([target.name for target in targets]))
            return 0
        wanted = [name for name in options.only.split(",") if name]
        unknown = set(wanted) - {target.name for target in targets}
        if unknown:
            print(f"scripts/fuzz: no target {', '.join(sorted(unknown))}; --list names them", file=sys.stderr)
            return 2
        fuzzers = [Fuzzer(target) for target in targets if not wanted or target.name in wanted]
        for fuzzer in fuzzers:
            _work(fuzzer, options.minutes * 60, options.seed)
        return 1 if any(fuzzer.found for fuzzer in fuzzers) else 0
    finally:
        os.chdir("/")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
