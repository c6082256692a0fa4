"""The passwords that are accepted."""

from __future__ import annotations


class Passwords:
    """``first`` is the one that the manager itself was started with. OSError when the file cannot be read."""

    def __init__(self, path: str) -> None:
        self.first = read(path)

    def all(self) -> tuple[bytes, ...]:
        """Every password that lets a peer in."""
        return (self.first,)


def read(path: str) -> bytes:
    """A password as CCTools reads it: the whole file, up to the first zero byte. OSError."""
    with open(path, "rb") as file:
        return file.read().partition(b"\0")[0]
