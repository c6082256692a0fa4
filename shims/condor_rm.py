"""``condor_rm``: remove jobs (``shims.actions`` does the work)."""

from __future__ import annotations

from shims.actions import Command
from shims.query.verdicts import REMOVE


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_rm", REMOVE).main(argv)
