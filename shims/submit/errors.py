"""What can be wrong with a submit description; the text is HTCondor's where HTCondor refuses it too."""

from __future__ import annotations

from spool.errors import AwqError


class SubmitError(AwqError):
    """What follows ``ERROR: `` on stderr; ``lead`` is what stands before it (HTCondor begins some errors with an empty line)."""

    def __init__(self, text: str, lead: str = "\n") -> None:
        super().__init__(text)
        self.lead = lead


class MacroError(SubmitError):
    """A macro function that cannot be evaluated: HTCondor ends at once, with another exit status."""

    status = 4

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.where = ("", "")

    def at(self, line: int, which: str = "") -> MacroError:
        """The queue statement's line; ``which`` of its jobs, when it is one of them."""
        self.where = f" at Queue statement on Line {line}", which
        return self


class DescriptionError(SubmitError):
    """A description that cannot be read; ``line`` is the last line read, counted from 1 (0: nothing was read)."""

    def __init__(self, line: int, reason: str, detail: str = "") -> None:
        super().__init__(f"on Line {line} of submit file: {reason}")
        self.line = line
        self.detail = detail


class AdError(SubmitError):
    """A description that can be read but makes no job ad."""

    def __init__(self, text: str) -> None:
        super().__init__(text, lead="\n")
