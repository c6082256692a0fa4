"""``condor_release``: release jobs (``shims.commands.condor.job_actions`` does the work)."""

from __future__ import annotations

from shims.api.actions import RELEASE
from shims.commands.condor.job_actions import Command


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_release", RELEASE).main(argv)
