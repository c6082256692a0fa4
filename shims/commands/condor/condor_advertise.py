"""``condor_advertise``: not offered (``shims.cli.refusals``)."""

from __future__ import annotations

from shims.cli import refusals


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return refusals.main("condor_advertise", "there is no collector; condor_status shows what Work Queue has", argv)
