"""``condor_submit_dag``: not offered (``shims.cli.refusals``)."""

from __future__ import annotations

from shims.cli import refusals


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return refusals.main(
        "condor_submit_dag", "there is no DAGMan; submit the jobs of the graph one after the other", argv
    )
