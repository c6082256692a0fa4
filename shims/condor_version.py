"""``condor_version``: the version of HTCondor whose behaviour the commands imitate."""

from __future__ import annotations

from shims.query import output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return output.run(_condor_version, "condor_version", argv)


def _condor_version(argv: Sequence[str]) -> int:
    for word in argv:
        if word in ("-help", "--help"):
            raise output.Answer(0, err=_usage())
        if word in ("-arch", "--arch"):
            return output.show(output.PLATFORM_LINE.split(" ")[1].partition("-")[0] + "\n")
        if word in ("-opsys", "--opsys"):
            return output.show(output.PLATFORM_LINE.split(" ")[1].partition("-")[2] + "\n")
        if word:
            kind = "unrecognized" if word.startswith("-") else "invalid"
            raise output.Answer(1, err=f"ERROR: {kind} argument: '{word}'\n{_usage()}")
    return output.show(f"{output.VERSION_LINE}\n{output.PLATFORM_LINE}\n")


def _usage() -> str:
    from shims.query.usage import CONDOR_VERSION

    return CONDOR_VERSION
