"""A job as its readers see it: its ids, its state, and its effective ad as text."""

from __future__ import annotations

from spool.classad import ads


class JobRecord:
    """One job as a reader sees it. ``text`` is its effective ad in long form; where an attribute is there twice, the later counts."""

    __slots__ = ("cluster", "proc", "status", "text")

    def __init__(self, cluster: int, proc: int, status: int, text: str) -> None:
        self.cluster = cluster
        self.proc = proc
        self.status = status
        self.text = text

    def expression(self, name: str) -> str | None:
        """The expression of an attribute given in its canonical spelling; None when it is not there. Fast: no parsing."""
        start = self.text.rfind(f"\n{name} = ")
        if start < 0:
            if not self.text.startswith(f"{name} = "):
                return None
            start = -1
        start += len(name) + 4
        return self.text[start : self.text.index("\n", start)]

    def ad(self) -> dict[str, str]:
        """The whole ad."""
        return ads.parse(self.text)
