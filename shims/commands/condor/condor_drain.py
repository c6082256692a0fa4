"""``condor_drain``: not offered (``shims.cli.refusals``)."""

from __future__ import annotations

from shims.cli import refusals


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return refusals.main("condor_drain", "workers are drained on their own node: alien_wq_worker.sh drain", argv)
