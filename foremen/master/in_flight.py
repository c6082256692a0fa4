"""What the master keeps in memory beside the queue: the attempts that the engine has, and what a turn leaves to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foremen.engine.protocol import Request


class Given:
    """The attempts that the engine has, by job: their number, and whether they run. Counts are kept, not made."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[int, int], tuple[int, bool]] = {}
        self.running = 0

    @property
    def waiting(self) -> int:
        """Attempts that wait in the engine."""
        return len(self._attempts) - self.running

    def put(self, job_key: tuple[int, int], attempt: int, runs: bool) -> None:
        """The engine has this attempt of the job."""
        self.drop(job_key)
        self._attempts[job_key] = (attempt, runs)
        self.running += runs

    def drop(self, job_key: tuple[int, int]) -> None:
        """The engine has nothing of the job any more."""
        self.running -= self._attempts.pop(job_key, (0, False))[1]

    def copy(self) -> Given:
        """As it is now."""
        other = Given()
        other._attempts, other.running = dict(self._attempts), self.running
        return other

    def attempt(self, job_key: tuple[int, int]) -> int:
        """Number of the attempt; 0: none."""
        return self._attempts.get(job_key, (0, False))[0]

    def all(self) -> list[tuple[tuple[int, int], int, bool]]:
        """(job, attempt, runs) of all."""
        return [(job_key, attempt, runs) for job_key, (attempt, runs) in self._attempts.items()]


@dataclass
class Effects:
    """What is done after the commit, in this order."""

    events: list[tuple[str, str]] = field(default_factory=list)
    messages: list[Request] = field(default_factory=list)
    acks: list[str] = field(default_factory=list)
    payloads: list[int] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)

    def lengths(self) -> tuple[int, ...]:
        """How much there is of each."""
        return tuple([len(one) for one in self._all()])

    def cut(self, lengths: tuple[int, ...]) -> None:
        """Forget what came since ``lengths``."""
        for one, length in zip(self._all(), lengths):
            del one[length:]

    def _all(self) -> tuple[list[Any], ...]:
        return self.events, self.messages, self.acks, self.payloads, self.archives
