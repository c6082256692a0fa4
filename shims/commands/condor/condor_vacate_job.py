"""``condor_vacate_job``: end the run of jobs, which are idle again (``shims.commands.condor.job_actions`` does the work)."""

from __future__ import annotations

from shims.api.actions import VACATE
from shims.commands.condor.job_actions import Command


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return Command("condor_vacate_job", VACATE).main(argv)
