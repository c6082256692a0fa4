"""The query forms that clients use most, and how far HTCondor's own tools are the measure."""

from __future__ import annotations

from typing import NamedTuple


class Form(NamedTuple):
    """A command line, and the most that it may take compared with HTCondor's; ``whole``: prints something for every job."""

    name: str
    words: tuple[str, ...]
    most: float
    whole: bool


FORMS = (
    Form("condor_q -totals", ("-totals",), 1.2, False),
    Form("condor_q -nobatch", ("-nobatch",), 0.7, True),
    Form("condor_q -l", ("-l",), 0.7, True),
    Form("condor_q -json", ("-json",), 0.7, True),
    Form("JAliEn's condor_q -af", ("-const", "JobStatus < 3", "-af", "JobStatus", "GridResource"), 0.7, True),
)
