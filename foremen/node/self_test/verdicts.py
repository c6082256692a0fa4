"""Whether foremen of a program may be started, and how: what its self-test says.

The test runs in a process of its own, so that a foreman that hangs does not hang the supervisor.
A verdict holds for a minute and for the same file, so foremen that start together share one test,
and a foreman that starts after an upgrade of CCTools is tested again.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import foremen
from foremen.errors import LaunchError
from foremen.node.host.kill import kill_members
from foremen.node.host.port import Command, Door, Identity
from foremen.node.self_test.foreman_modes import Mode
from foremen.node.self_test.run import Verdict
from foremen.node.state_files import Place, read_json, remove

PENDING = "the self-test of the foremen runs"
FAILED = "the self-test of the foremen failed"
_HOLDS = 60.0
_HOLDS_UNCERTAIN = 5.0
_LONGEST = 120.0  # every answer in the test has its own, shorter time
_RUN = "import sys; sys.path.insert(0, sys.argv[1]); from foremen.node.self_test.run import main; sys.exit(main(sys.argv[2:]))"
_SAME = ("st_dev", "st_ino", "st_size", "st_mtime_ns")


@dataclass(frozen=True)
class Readiness:
    """How to start a foreman; without ``mode`` none may be started: ``note`` says why, or that this is not known yet."""

    mode: Mode | None
    note: str = ""

    @property
    def pending(self) -> bool:
        """The test has not ended."""
        return self.note == PENDING


class Fitness:
    """The self-tests of one supervisor."""

    def __init__(self, door: Door, place: Place) -> None:
        self._door, self._place = door, place
        self._tested: tuple[object, ...] = ()
        self._verdict: Verdict | None = None
        self._at = 0.0
        self._running: Identity | None = None

    @property
    def testing(self) -> bool:
        """A test runs."""
        return self._running is not None

    @property
    def verdict(self) -> Verdict | None:
        """The last one, for those who look."""
        return self._verdict

    def ask(self, binary: str) -> Readiness:
        """What is known of the program now. Starts a test when the last one does not count any more."""
        now = self._door.now()
        if self._running is not None:
            self._poll(self._running, now)
        elif not self._holds(binary, now):
            self._begin(binary, now)
        if self._running is not None or self._verdict is None:
            return Readiness(None, PENDING)
        if not self._verdict.mode:
            return Readiness(None, f"{FAILED} ({binary}): {self._verdict.trouble}")
        return Readiness(Mode(self._verdict.mode))

    def _holds(self, binary: str, now: float) -> bool:
        if self._verdict is None or self._tested != _identity(binary):
            return False
        return now - self._at < (_HOLDS if self._verdict.certain else _HOLDS_UNCERTAIN)

    def _begin(self, binary: str, now: float) -> None:
        root = os.path.dirname(os.path.dirname(os.path.abspath(foremen.__file__)))
        argv = (sys.executable, "-I", "-S", "-c", _RUN, root, binary, self._place.work, self._place.verdict)
        remove(self._place.verdict)
        self._tested, self._at, self._verdict = _identity(binary), now, None
        try:
            self._running = self._door.spawn(
                Command(argv, tuple(os.environ.items()), self._place.log), lambda _who: None
            )
        except OSError as error:
            self._verdict = Verdict("", f"it cannot be started: {error}", certain=False)

    def _poll(self, who: Identity, now: float) -> None:
        if self._door.alive(who):
            if now - self._at < _LONGEST:
                return
            kill_members(self._door, who, "", session=True)
        self._door.exit_status(who)  # reaps it
        self._running, self._at = None, now
        self._verdict = self._read()

    def _read(self) -> Verdict:
        try:
            facts = read_json(self._place.verdict)
            if facts is not None:
                return Verdict(**facts)
        except (LaunchError, TypeError) as error:
            return Verdict("", f"its verdict cannot be read ({error})", certain=False)
        return Verdict("", f"it ended without a verdict (see {self._place.log})", certain=False)


def _identity(binary: str) -> tuple[object, ...]:
    """What tells this program from the one after an upgrade; it may be gone."""
    try:
        info = os.stat(binary)
    except OSError:
        return (binary,)
    return (binary, *(getattr(info, name) for name in _SAME))
