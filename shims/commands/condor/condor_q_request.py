"""The question of a condor_q command line: which jobs, in which form."""

from __future__ import annotations

import os

from shims.api.selection import Wanted, parse_id
from shims.cli import identity, stdio
from shims.cli.stdio import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shims.analysis.analyze import Request
    from shims.cli.options import Parsed
    from shims.print_format.parser import Selection

STATUS_TESTS = {
    "run": "JobStatus == 2 || JobStatus == 6 || JobStatus == 7",
    "hold": "JobStatus == 5",
    "held": "JobStatus == 5",
    "idle": "JobStatus == 1",
}
_SELECTIONS = ("print-format", "io", "goodput", "autocluster")
_ANALYSES = ("better-analyze", "better-analyse", "analyze", "analyse", "reverse-analyze", "unmatchable")
_LONG_FORMS = {"json": "json", "xml": "xml", "new": "new"}


class Question:
    """Which jobs (``wanted``), in which form (``form``: long, json, xml, new; None: the columns of ``given`` or ``table``).

    ``cut``: columns that a table is cut at, None for all of it. ``analysis``: what is asked of the matches. ``jobads``: a file to
    read the jobs from; ``userlog``: a job event log. ``selection``: the table of a print-format file, or of an option that is
    written like one. ``autoclusters``: jobs that match alike are one.
    ``mine``: neither ids nor users nor -allusers were given, so that the user's own totals are shown too.
    """

    __slots__ = (
        "analysis", "attributes", "autoclusters", "cut", "everywhere", "form", "given", "jobads", "mine", "selection",
        "submitter", "table", "totals", "userlog", "wanted",
    )  # fmt: skip

    def __init__(self, parsed: Parsed, me: str) -> None:
        self.given = [word for word in parsed.given if word.name in ("af", "autoformat", "format")]
        ids, users = operands(parsed)
        self.submitter = parsed.last("submitter")
        if self.submitter is not None:
            users.append(self.submitter.partition("@")[0])
        self.mine = not ids and not users and not (parsed.has("allusers") or parsed.has("all-users"))
        if not ids and set(users) == {me}:
            users = []  # every job of a spool belongs to its user
        self.form = _form(parsed)
        self.selection = _selection(parsed, self.form is None and not self.given)
        self.autoclusters = parsed.has("autocluster") or (self.selection is not None and self.selection.autocluster)
        tests = _tests(parsed)
        if self.selection is not None and self.selection.where:
            tests.append(self.selection.where)
        self.wanted = Wanted(ids, users, tests, _limit(parsed))
        self.table = _table(parsed)
        self.totals = parsed.has("totals")
        self.jobads = parsed.last("jobads")
        self.userlog = parsed.last("userlog")
        self.cut = _cut(parsed)
        self.analysis = _analysis(parsed)
        self.everywhere = parsed.has("global") or parsed.has("schedd-constraint")
        lists = [word.value for word in parsed.given if word.name == "attributes"]
        self.attributes = [name for text in lists for name in text.replace(",", " ").split()]

    @property
    def clustered(self) -> bool:
        """Whether jobs that are alike are shown as one: for matching, or in what a print-format file selects."""
        return self.autoclusters or (self.selection is not None and self.selection.unique)

    @property
    def whole_clusters(self) -> bool:
        """Whether what is missing of a cluster must be done, because no test hid it."""
        return not self.wanted.constraints and all(proc is None for _, proc in self.wanted.ids)

    @property
    def needs_time(self) -> bool:
        """Whether the answer shows or tests the time of the query."""
        columns = [value for word in self.given for value in word.values]
        return (
            self.form is not None
            or self.selection is not None
            or any("servertime" in text.lower() for text in [*columns, *self.wanted.constraints])
        )


def _tests(parsed: Parsed) -> list[str]:
    tests = []
    for word in parsed.given:
        if word.name == "constraint":
            tests.append(word.value)
        elif word.name in STATUS_TESTS:
            tests.append(STATUS_TESTS[word.name])
        elif word.name == "grid":
            tests.append("JobUniverse == 9")
    return tests


def _analysis(parsed: Parsed) -> Request | None:
    if not any(parsed.has(name) for name in _ANALYSES):
        return None
    from shims.analysis.analyze import request

    return request(parsed.given)


def _selection(parsed: Parsed, tables: bool) -> Selection | None:
    """The table of a print-format file; when ``tables`` are wanted, that of an option which is written like one."""
    names = _SELECTIONS if tables else ("print-format",)
    if not any(parsed.has(name) for name in names):
        return None
    from shims.print_format.builtin import wanted

    return wanted([given for given in parsed.given if given.name in names])


def operands(parsed: Parsed) -> tuple[list[tuple[int, int | None]], list[str]]:
    """The ids and the users' names among the words."""
    ids: list[tuple[int, int | None]] = []
    users: list[str] = []
    for word in parsed.operands:
        found = parse_id(word)
        if found is not None:
            ids.append(found)
        elif word not in ("", "-"):  # some clients pass ''
            users.append(word)
    return ids, users


def _limit(parsed: Parsed) -> int | None:
    text = parsed.last("limit")
    if text is None:
        return None
    try:
        limit = int(text)
    except ValueError:
        raise Answer(1, err=f"Error: Unable to convert ({text}) to a number for -limit.\n") from None
    if limit <= 0:
        raise Answer(1, err=f"Error: {limit} is not a valid for -limit.\n")
    return limit


def _cut(parsed: Parsed) -> int | None:
    """``-wide`` cuts nothing, ``-wide:80`` at that width; else it is the terminal's."""
    for word in reversed(parsed.given):
        if word.name == "wide":
            given = word.modifiers or ""
            # 23.9.6 cuts no hold reasons at a width that was asked for.
            return int(given) if given.isdigit() and not (parsed.has("hold") or parsed.has("held")) else None
    return stdio.columns()


def _form(parsed: Parsed) -> str | None:
    """Whole ads: long, json, xml or new; None for tables and columns."""
    if parsed.has("xml"):
        return "xml"
    if parsed.has("json"):
        return "json"
    for word in parsed.given:
        if word.name == "long":
            return _LONG_FORMS.get(word.modifiers or "", "long")
    return None


def _table(parsed: Parsed) -> str:
    """The table that is wanted: a kind of ``jobtables.table``, or batch."""
    for word in reversed(parsed.given):
        if word.name in ("batch", "progress"):
            return "batch"
        if word.name == "grid":
            return "grid"
    kinds = (("hold", "hold"), ("held", "hold"), ("run", "run"), ("idle", "idle"))
    for option, kind in kinds:
        if parsed.has(option):
            return kind
    if parsed.has("nobatch") and (parsed.has("cputime") or parsed.has("cumulative-time")):
        return "cputime" if parsed.has("cputime") else "cumulative"
    if (
        parsed.has("nobatch")
        or parsed.has("unmatchable")
        or not identity.switched_on(os.environ, "CONDOR_Q_DASH_BATCH_IS_DEFAULT", True)
    ):
        return "nobatch"
    return "batch"
