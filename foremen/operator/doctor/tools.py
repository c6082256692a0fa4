"""The doctor's door to commands of the system: asked, never trusted to answer."""

from __future__ import annotations

import subprocess
from typing import Optional


def answer(*command: str, seconds: float) -> Optional[subprocess.CompletedProcess[str]]:
    """How a command ended, and what it printed; None when there is none, or it takes longer than ``seconds``."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
