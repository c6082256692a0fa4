"""``condor_version``: the version of HTCondor whose behaviour the commands imitate."""

from __future__ import annotations

from shims.cli import stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_version, "condor_version", argv)


def _condor_version(argv: Sequence[str]) -> int:
    for word in argv:
        if word in ("-help", "--help"):
            raise stdio.Answer(0, err=_usage())
        if word in ("-arch", "--arch"):
            return stdio.show(stdio.PLATFORM_LINE.split(" ")[1].partition("-")[0] + "\n")
        if word in ("-opsys", "--opsys"):
            return stdio.show(stdio.PLATFORM_LINE.split(" ")[1].partition("-")[2] + "\n")
        if word:
            kind = "unrecognized" if word.startswith("-") else "invalid"
            raise stdio.Answer(1, err=f"ERROR: {kind} argument: '{word}'\n{_usage()}")
    return stdio.show(f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")


def _usage() -> str:
    from shims.cli.help.actions import CONDOR_VERSION

    return CONDOR_VERSION
