"""Reading a submit description line by line: comments, continuations, blanks, and the place of every line.

From HTCondor 23.9.6 (``getline_implementation`` in ``config.cpp``), with two differences on purpose: a comment between two
continued lines is passed over whole (HTCondor keeps its last character), and a last line without newline is trimmed too.
"""

from __future__ import annotations

SPACES = " \t\n\v\f\r"


class Lines:
    """The logical lines of one text. ``line`` is the number of the last physical line read (newlines passed so far)."""

    __slots__ = ("_at", "_last", "_lines", "line")

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._last = len(self._lines) - 1  # what follows the last newline
        self._at = 0
        self.line = 0

    def next(self) -> str | None:
        """The next logical line, trimmed, continuations joined, comments and empty lines included; None at the end."""
        if self._at > self._last or (self._at == self._last and not self._lines[self._last]):
            return None
        parts: list[str] = []
        while self._at <= self._last:
            part = self._take()
            if parts and part[:1] == "#":
                if part[-1:] == "\\":
                    continue
                break
            if part[-1:] != "\\" or (not parts and part[:1] == "#"):
                parts.append(part)
                break
            parts.append(part[:-1])
        return "".join(parts)

    def next_raw(self) -> str | None:
        """The next physical line, trimmed (the items of a queue statement); None at the end."""
        if self._at > self._last or (self._at == self._last and not self._lines[self._last]):
            return None
        return self._take()

    def _take(self) -> str:
        part = self._lines[self._at].strip(SPACES)
        if self._at < self._last:
            self.line += 1
        self._at += 1
        return part
