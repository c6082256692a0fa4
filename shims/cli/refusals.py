"""Commands of HTCondor that are not offered: they say so in one line and fail, so that nobody takes silence for success."""

from __future__ import annotations

from shims.cli import stdio
from shims.cli.stdio import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(name: str, why: str, argv: Sequence[str]) -> int:
    """Answer ``-help`` and ``-version``, refuse everything else; the exit status."""

    def refuse(words: Sequence[str]) -> int:
        told = {word.lstrip("-") for word in words if word.startswith("-")}
        if "help" in told:
            return stdio.show(f"Usage: {name} is not offered here: {why}\n")
        if "version" in told:
            return stdio.show(f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
        raise Answer(1, err=f"{name}: not offered here: {why}\n")

    return stdio.run(refuse, name, argv)
