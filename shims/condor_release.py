"""``condor_release``: release jobs (``shims.actions`` does the work)."""

from __future__ import annotations

from shims.actions import Command
from shims.query.verdicts import RELEASE


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_release", RELEASE).main(argv)
