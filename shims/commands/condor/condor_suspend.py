"""``condor_suspend``: refused for a running job: Work Queue has no way to (``shims.commands.condor.job_actions`` does the work)."""

from __future__ import annotations

from shims.api.actions import SUSPEND
from shims.commands.condor.job_actions import Command


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_suspend", SUSPEND).main(argv)
