"""Commands that are made of other commands: they find these beside themselves, or on PATH."""

from __future__ import annotations

import os
import subprocess
import sys

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def condor(name: str, arguments: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of HTCondor's commands (ours) with this text on its stdin; AwqError when it is not there."""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)
    program = beside if os.access(beside, os.X_OK) else name
    try:
        return subprocess.run(
            [program, *arguments], input=text, capture_output=True, text=True, errors="surrogateescape", check=False
        )
    except OSError as error:
        raise AwqError(f"cannot run {program}: {error.strerror}") from None
