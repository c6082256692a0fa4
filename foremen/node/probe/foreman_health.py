"""Whether foremen answer: a silent cut gives no sign of itself on the connection of an idle worker, so they are asked.

Who accepts a connection says ``auth password ...`` at once (CCTools link_auth.c); a foreman that hangs, or has no master,
does not. A question costs a foreman 0.2 ms (measured), so only those in use are asked, and others when these are silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from foremen.node.host.port import Door, Greeting

EVERY = 20.0  # seconds between two questions to one that answers
RETRY = 4.0  # to one that did not


@dataclass(frozen=True)
class Health:
    """What is known of one address: when to ask next, since when it is silent (None: it is not), and in which way."""

    next: float
    asking: float | None = None
    answered: bool = False
    silent_since: float | None = None
    cut: bool = False


class Watch:
    """Asks without waiting; ``look`` is to be called every second or so with the addresses that matter now."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[str, Health] = {}

    def look(self, addresses: set[str]) -> None:
        """Ask whose turn it is, hear who has answered, forget whom nobody needs."""
        now = self._door.now()
        for address in set(self._known) - addresses:
            self._door.hang_up(address)
            del self._known[address]
        for address in addresses:
            health = self._known.get(address, Health(now))
            if health.asking is None and now >= health.next:
                health = replace(health, asking=now)
            if health.asking is not None:
                health = _heard(health, self._door.greeting(address), now)
            self._known[address] = health

    def silent(self, address: str) -> float:
        """For how many seconds it has not answered; 0.0 when it did, or is not known."""
        health = self._known.get(address)
        if health is None or health.silent_since is None:
            return 0.0
        return self._door.now() - health.silent_since

    def cut(self, address: str) -> bool:
        """Whether it is silent because it cannot be reached (and not because it accepts connections and says nothing)."""
        health = self._known.get(address)
        return health is not None and health.silent_since is not None and health.cut

    def answers(self, address: str) -> bool:
        """Whether it has answered when it was last asked."""
        health = self._known.get(address)
        return health is not None and health.answered


def _heard(health: Health, greeting: Greeting, now: float) -> Health:
    """The first failure says in which way it is silent: who hangs cannot be reached either when its backlog is full."""
    if greeting is Greeting.PENDING or health.asking is None:
        return health
    if greeting is Greeting.ANSWERS:
        return Health(now + EVERY, answered=True)
    if health.silent_since is not None:
        return replace(health, next=now + RETRY, asking=None)
    return Health(now + RETRY, silent_since=health.asking, cut=greeting is Greeting.CUT)
