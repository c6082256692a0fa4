"""One root for what can go wrong: an error carries facts, becomes text once, at the top, and knows its exit status."""

from __future__ import annotations


class AwqError(Exception):
    """What the user should read, one line, with the remedy; ``exit_status`` is what the command ends with."""

    exit_status = 1


class SpoolError(AwqError):
    """The spool folder is missing, not ours, full, read-only or damaged."""


class NotVouched(AwqError):
    """A count or a state that nobody can vouch for: master dead, stale or unreadable. Never answered with 0."""


class SettingsError(AwqError):
    """A setting that is unknown or cannot be read."""


class DamagedTaskFile(AwqError):
    """A task file that is incomplete or not in our form; ``args[0]`` names the place and the reason."""
