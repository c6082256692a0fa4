"""``condor_continue``: no job is ever suspended here (``shims.actions`` does the work)."""

from __future__ import annotations

from shims.actions import Command
from shims.query.verdicts import CONTINUE


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_continue", CONTINUE).main(argv)
