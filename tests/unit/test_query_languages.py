"""The small languages of the queries: print-format files, and expressions taken apart for the analysis."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shims.analysis.conditions import TooDeep, clauses, names
from shims.analysis.reduce import reduced
from shims.api.userlog_jobs import jobs_of
from shims.cli.stdio import Answer
from shims.print_format import print_mask, renderers
from shims.print_format.parser import parse
from spool.classad.job_record import JobRecord
from spool.errors import AwqError

JOB = JobRecord(3, 1, 2, 'ClusterId = 3\nProcId = 1\nJobStatus = 2\nOwner = "x"\nQDate = 5\n')
WORDS = st.sampled_from(
    ["SELECT", "WHERE", "SUMMARY", "GROUP", "BY", "AS", "PRINTF", "PRINTAS", "WIDTH", "AUTO", "OR", "LABEL", "SEPARATOR", "Owner",
     "JobStatus", "nothere", "1 +", "'a b'", '"', "%d", "%-10s|", "-5", "??", "OWNER", "NOPREFIX", "UNIQUE", "NOHEADER", "\n", "\\\n"]
)  # fmt: skip
PARTS = st.sampled_from(
    [
        "a",
        "MY.b",
        "TARGET.c",
        "1",
        '"x"',
        "&&",
        "||",
        "!",
        "==",
        "is",
        "(",
        ")",
        "?",
        ":",
        "?:",
        "f(",
        ",",
        "+",
        "{",
        "}",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(WORDS, max_size=40).map(" ".join)))
def test_any_text_prints_or_is_refused(text):
    """A print-format file either makes a table, or is refused with its name and line."""
    try:
        selection = parse(text, "file", renderers.known)
    except AwqError as error:
        assert str(error).startswith("file:")
        return
    table = "".join(print_mask.table(selection, [JOB], 200))
    assert len(table) < 100000


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(PARTS, max_size=30).map(" ".join)))
@example(":.")
def test_any_text_is_taken_apart_or_not(text):
    """An expression becomes numbered conditions that refer to earlier ones only, or is left whole."""
    try:
        found = clauses(text)
    except TooDeep:
        return
    assert all(clause.left < at and clause.right < at for at, clause in enumerate(found))
    steps = reduced(found, lambda condition: None, lambda condition: len(condition) % 3, 2)
    assert bool(steps) == bool(found)


def test_nested_too_deep():
    """A thousand parentheses, or a thousand negations, are left whole."""
    for text in ("(" * 1000 + "a" + ")" * 1000, "!" * 5000 + "a", " && ".join(["(a || b)"] * 2000)):
        try:
            assert clauses(text)
        except TooDeep as error:
            assert "nested too deep" in str(error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b || c", ["a", "b", "a && b", "c", "a && b || c"]),
        ("a == 1 && (b < 2 || !c)", ["a == 1", "b < 2", "c", "b < 2 || !c", "a == 1 && (b < 2 || !c)"]),
        ("f(a && b, c) && x", ["f(a && b, c)", "x", "f(a && b, c) && x"]),
        ("a + 1 > 2 * b", ["a + 1 > 2 * b"]),
        ("((a))", ["a"]),
    ],
)
def test_conditions(text, expected):
    """Parts come before what they are parts of; calls and sums are whole."""
    assert [clause.text for clause in clauses(text)] == expected


def test_names():
    """Scopes stay with their names; functions, words of the language and members are none."""
    assert names('MY.a + TARGET.b == c.d && f(e) && true is "MY.x"') == ("MY.a", "TARGET.b", "c", "e")


def test_where_it_is_wrong():
    """File and line are in the message."""
    with pytest.raises(AwqError, match=r"^columns:3: expected a word after AS$"):
        parse("SELECT\n Owner\n Cmd AS\n", "columns", renderers.known)


LINES = st.sampled_from(
    [
        *[f"{number:03d} (012.000.000) 2026-11-20 12:00:0{number % 10} Job: <a>" for number in (*range(14), 28, 40)],
        "000 (012.001.000) 11/20 12:00:00 Job submitted from host: <b>", "001 (999.001.000) 2026-11-20 12:00:00 x", "...", "...",
        "\t(1) Normal termination (return value 3)", "\t(0) Abnormal termination (signal x)", "\tCode 1 Subcode 0", "\treason \0 \x1b",
        "\t\tUsr 0 00:00:99, Sys x 00:00:00  -  Run Remote Usage", "\tName = 1 + 2", "\tName = \"", "005 (1.2", "",
    ]
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(LINES, max_size=40))
def test_any_log_is_read_or_refused(tmp_path_factory, lines):
    """A job event log gives jobs whose ads can be printed, or is refused as none."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_text("\n".join(lines) + "\n")
    try:
        jobs = jobs_of(str(path), "me", 5)
    except Answer as answer:
        assert "is no job event log" in answer.err
        return
    for job in jobs:
        assert 1 <= job.status <= 7
        assert job.ad()["UserLog"].startswith('"/')
