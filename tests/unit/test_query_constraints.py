# ruff: noqa: E501 - lists of texts
"""Constraints: the shortcut says what HTCondor's ClassAd library says, and narrows only to what can pass."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shims.api.constraints import simple
from shims.api.jobs import passing, select
from shims.api.selection import ConstraintError, Wanted, parse_id
from spool.classad import evaluate, values
from spool.classad.job_record import JobRecord

OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "=?=", "=!="]
NUMBERS = st.integers(0, 9).map(str)
NAMES = st.sampled_from(["JobStatus", "ClusterId", "ProcId", "jobstatus", "CLUSTERID"])
COMPARISONS = st.one_of(
    st.tuples(NAMES, st.sampled_from(OPERATORS), NUMBERS).map(" ".join),
    st.tuples(NUMBERS, st.sampled_from(OPERATORS), NAMES).map("".join),
    st.tuples(st.just("Owner"), st.sampled_from(["==", "!=", "=?=", "=!="]), st.sampled_from(['"u1"', '"U1"', '"x"'])).map(" ".join),
    st.sampled_from(["true", "FALSE"]),
)  # fmt: skip
CONSTRAINTS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"!({text})"),
    ),
    max_leaves=8,
)
JOBS = st.builds(
    lambda *facts: job(*facts),  # noqa: PLW0108 - job is defined below
    st.integers(1, 9), st.integers(0, 9), st.integers(1, 7), st.sampled_from(['"u1"', '"U1"', '"other"', "undefined", "strcat(\"u\",1)"]),
)  # fmt: skip


def job(cluster: int, proc: int = 0, status: int = 1, owner: str = '"u1"', more: str = "") -> JobRecord:
    """A record with the attributes that the shortcut knows."""
    text = f"ClusterId = {cluster}\nProcId = {proc}\nJobStatus = {status}\nOwner = {owner}\n{more}"
    return JobRecord(cluster, proc, status, text)


class Jobs:
    """Stands for a view: gives the jobs that the ids and statuses leave."""

    def __init__(self, records: list[JobRecord]) -> None:
        self.records = records

    def jobs(self, ids=(), statuses=()):
        """As ``View.jobs``."""
        for record in self.records:
            if (not ids or (record.cluster, None) in ids or (record.cluster, record.proc) in ids) and (
                not statuses or record.status in statuses
            ):
                yield record


def by_library(text: str, record: JobRecord) -> bool:
    """What the library says."""
    return values.truth(evaluate.evaluate(text, record))


@given(CONSTRAINTS, st.lists(JOBS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_shortcut_agrees_with_the_library(text, records):
    """Whatever the constraint of the small grammar, the same jobs pass as with classad2, also after narrowing."""
    assert simple(text) is not None
    chosen = select(Jobs(records), Wanted(constraints=[text]))
    expected = sorted(
        [record for record in records if by_library(text, record)], key=lambda one: (one.cluster, one.proc)
    )
    assert [record.text for record in chosen] == [record.text for record in expected]


@given(st.text("JobStatus()!&|=<> 0123\"x'[]{};,.?:+-*/\\\n", max_size=30))
@settings(max_examples=400, deadline=None)
def test_any_text_is_answered_or_refused(text):
    """Any text either selects what classad2 selects or is a ConstraintError; nothing else happens."""
    records = [job(1, 0, 1), job(1, 1, 2), job(2, 0, 5)]
    try:
        chosen = select(Jobs(records), Wanted(constraints=[text]))
    except ConstraintError:
        assert not evaluate.is_expression(values.from_command_line(text))
        return
    written = values.from_command_line(text)
    assert chosen == [record for record in records if by_library(written, record)]


@pytest.mark.parametrize("text", ["JobStatus == 01", "JobStatus", "nothere == 1", "JobStatus + 1 == 2", "JobStatus == 1.0", "MY.ClusterId == 1",
                                  "ClusterId == 5K", "Owner < \"x\"", 'Owner == "a\\b"', "a[0]", "(" * 50 + "true" + ")" * 50, "JobStatus == 1 == true"])  # fmt: skip
def test_what_is_left_to_the_library(text):
    """Everything that is not plainly in the grammar is left alone."""
    assert simple(text) is None


def test_clusters_narrow_the_reading():
    """A constraint of BLAH's kind, of cluster numbers only, reads those clusters only."""
    assert simple("ClusterId==1 || ClusterId==7 && ProcId > 2").clusters == (1, 7)
    assert simple("ClusterId==1 || JobStatus == 2").clusters is None
    assert simple("ClusterId != 1").clusters is None
    assert simple("JobStatus < 3").statuses == (1, 2)


def test_several_constraints_must_all_hold():
    """Constraints are joined with and; ids and users with or."""
    records = [job(1, 0, 1), job(1, 1, 5), job(2, 0, 5, '"other"')]
    both = Wanted(constraints=["JobStatus == 5", "ClusterId == 1"])
    assert [record.proc for record in select(Jobs(records), both)] == [1]
    mixed = Wanted(ids=[(1, 0)], users=["OTHER"])
    assert [(record.cluster, record.proc) for record in select(Jobs(records), mixed)] == [(1, 0), (2, 0)]
    assert [record.proc for record in passing(iter(records), Wanted(ids=[(1, None)], constraints=["ProcId == 1"]))] == [
        1
    ]
    assert select(Jobs(records), Wanted(ids=[(3, None)], constraints=["ClusterId == 1"])) == []


def test_the_library_sees_other_attributes_and_functions():
    """Constraints beyond the grammar see what the ad refers to, directly and through other attributes."""
    more = 'HoldReason = "policy"\nLimit = Base * 2\nBase = 4\nWhere = [ a = 1 ]\n'
    records = [job(1, 0, 5, more=more), job(2, 0, 1)]
    for text in (
        'regexp("^po", HoldReason)',
        "Limit == 8",
        "Where.a == 1",
        'eval("Limit") == 8',
        "HoldReason isnt undefined",
        "MY.Base =?= 4",
    ):
        assert [record.cluster for record in select(Jobs(records), Wanted(constraints=[text]))] == [1], text


def test_time_of_the_query_is_in_the_ad():
    """ServerTime is the time of the query, for constraints too."""
    records = [job(1, more="QDate = 100\n"), job(2, more="QDate = 190\n")]
    assert [
        record.cluster for record in select(Jobs(records), Wanted(constraints=["ServerTime - QDate > 50"]), now=200.7)
    ] == [1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12", (12, None)),
        ("12.", (12, None)),
        ("12.3", (12, 3)),
        ("x", None),
        ("12.x", None),
        ("1.2.3", None),
        ("-1", None),
        ("", None),
    ],
)
def test_ids(text, found):
    """Ids are those of HTCondor's condor_q; what is none is a user."""
    assert parse_id(text) == found
