"""``condor_vacate_job``: end the run of jobs, which are idle again (``shims.actions`` does the work)."""

from __future__ import annotations

from shims.actions import Command
from shims.query.verdicts import VACATE


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_vacate_job", VACATE).main(argv)
