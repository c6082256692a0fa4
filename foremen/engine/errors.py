"""What can go wrong around the engine."""

from __future__ import annotations

from spool.errors import AwqError


class EngineError(AwqError):
    """The engine cannot start or cannot be reached; one sentence with the remedy."""


class EngineGone(EngineError):
    """The connection to the engine ended; what it had not acknowledged comes again after a reconnect."""


class BuildError(EngineError):
    """The extension cannot be built: compiler, headers or library are missing or do not fit."""


class ProtocolError(AwqError):
    """A message that is not acceptable. ``tag`` names its task when it could be read."""

    def __init__(self, text: str, tag: str = "") -> None:
        super().__init__(text)
        self.tag = tag


class TaskRefused(AwqError):
    """The library does not take the task; ``args[0]`` says why."""
