"""``condor_ssh_to_job``: not offered (``shims.cli.refusals``)."""

from __future__ import annotations

from shims.cli import refusals


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return refusals.main("condor_ssh_to_job", "pilots run under Work Queue, which has no way into them", argv)
