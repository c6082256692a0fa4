"""The children of the fork server: how many there are, whether their clients were stopped, and how many clients were served.

A launcher that SIGSTOP stops cannot pass that on, so it is looked for: its child is stopped too, and goes on when it does.
Children tell by a pipe whether they serve their client or why not; the sums are kept in a file for ``alien_work_queue status``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections import Counter

from shims.forkserver import client_identity
from spool.classad import ads

SERVED = "served"

_LOOK = 0.2  # s between two looks at the clients
_WRITE = 2.0  # s between two writings of the file, at least


class Watch:
    """``most``: children at a time. ``path``: the file with the sums."""

    def __init__(self, most: int, path: str) -> None:
        self._most, self._path = most, path
        self._children: dict[int, client_identity.Peer] = {}
        self._stopped: set[int] = set()
        self._told: Counter[str] = Counter()
        self._written = self._looked = 0.0
        self._changed = True
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """Readable when a child has told something."""
        return self._reader

    @property
    def patience(self) -> float | None:
        """How long to wait before the next look; None: until somebody comes."""
        return _LOOK if self._children or self._changed else None

    def full(self) -> bool:
        """Whether there can be no more children; then the client counts as not served."""
        if len(self._children) < self._most:
            return False
        self._note(f"{self._most} commands at a time (AWQ_COMMANDS)")
        return True

    def add(self, child: int, peer: client_identity.Peer) -> None:
        """A child has been made for this client."""
        self._children[child] = peer

    def tell(self, what: str) -> None:
        """By a child: SERVED, or why it is not."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, f"{what}\n".encode())

    def leave(self, peer: client_identity.Peer) -> None:
        """By a child that runs its command now: it keeps nothing of the server's open."""
        for one in (peer, *self._children.values()):
            one.close()
        os.close(self._reader)
        os.close(self._writer)

    def look(self) -> None:
        """Take note of what ended, was told, stopped, goes on."""
        self._reap()
        with contextlib.suppress(BlockingIOError):
            for what in os.read(self._reader, 1 << 16).decode("utf-8", "replace").splitlines():
                self._note(what)
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._follow()
        if self._changed and now - self._written >= _WRITE:
            self._written, self._changed = now, False
            self._write()

    def close(self) -> None:
        """Nobody looks any more: what was stopped goes on."""
        for child in self._stopped:
            _signal(child, signal.SIGCONT)
        self._write()

    def _reap(self) -> None:
        while self._children:
            try:
                child, _status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not child:
                return
            self._stopped.discard(child)
            peer = self._children.pop(child, None)
            if peer is not None:
                peer.close()

    def _follow(self) -> None:
        for child, peer in self._children.items():
            try:
                stopped = peer.stopped()
            except OSError:
                continue  # it has gone, and its child hears of that
            if stopped != (child in self._stopped):
                (self._stopped.add if stopped else self._stopped.discard)(child)
                _signal(child, signal.SIGSTOP if stopped else signal.SIGCONT)

    def _note(self, what: str) -> None:
        if what not in self._told and what != SERVED:
            print(
                f"fork server: commands start by themselves, slower, for clients that differ from the master: {what}",
                file=sys.stderr,
            )
        self._told[what] += 1
        self._changed = True

    def _write(self) -> None:
        alone = {what: count for what, count in self._told.items() if what != SERVED}
        why = ", ".join([f"{what} ({count})" for what, count in sorted(alone.items(), key=lambda item: -item[1])])
        facts = {"Served": str(self._told[SERVED]), "Alone": str(sum(alone.values())), "Why": ads.quote(why)}
        fresh = f"{self._path}.{os.getpid()}"
        try:
            fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                file.write(ads.dump(facts))
            os.rename(fresh, self._path)
        except OSError as error:  # a full disk; the commands matter more
            print(f"fork server: cannot write {self._path}: {error.strerror}", file=sys.stderr)


def _signal(child: int, number: int) -> None:
    """To all that the command has started, and to the child itself while it has no group of its own yet."""
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
