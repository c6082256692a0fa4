"""What can go wrong with foremen and workers, as one line for the user."""

from __future__ import annotations

from spool.errors import AwqError


class LaunchError(AwqError):
    """Foremen or workers cannot be started, stopped or counted; the text says why and what to do."""
