"""This node's own name: Work Queue looks it up, and sends what happens to be in memory when it cannot (8.0.0, seen)."""

from __future__ import annotations

import socket
from typing import Callable


def remarks(name: str, look_up: Callable[[str, int], object] = socket.getaddrinfo) -> tuple[str, ...]:
    """What the operator should know: nothing when the name is found."""
    try:
        look_up(name, 0)
    except OSError as error:
        return (
            f"this node's own name {name} cannot be looked up ({error.strerror or error}): Work Queue needs it, and its peers"
            " may refuse what it sends instead; add the name to /etc/hosts",
        )
    return ()
