"""``condor_suspend``: refused for a running job: Work Queue has no way to (``shims.actions`` does the work)."""

from __future__ import annotations

from shims.actions import Command
from shims.query.verdicts import SUSPEND


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_suspend", SUSPEND).main(argv)
