"""Expressions of a job's ad at a given time, through HTCondor's own library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foremen.master.policy_expressions import Scope, Value, literal
from spool.classad import ads
from spool.classad.job_record import JobRecord

NOW = 1_000_000
AD = {
    "QDate": "999000",
    "A": "MY.B + 1",
    "B": "time() - QDate",
    "Words": r'"a \"time()\""',
    "Loop": "Loop + 1",
    "Broken": "1 +",
    "Inner": "[ X = 5 ]",
}


def scope(**more: str) -> Scope:
    """A job's ad, and a machine with four cores."""
    return Scope(JobRecord(1, 0, 1, ads.dump({**AD, **more})), NOW, {"Cpus": "4", "Memory": "2000"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("5", 5), ("true", True), ("FALSE", False), ("undefined", None), ('"a\\"b"', 'a"b'), ("-3", -3), ("1.5E3", 1500.0),
        ("time()", NOW), ("TIME ( )", NOW), ("CurrentTime", NOW), ("time() - QDate > 5", True), ("qdate", 999000),
        ("A", 1001), ("MY.A", 1001), ("my.a + 1", 1002), ("TARGET.Cpus", 4), ("TARGET.Memory / 3", 666), ("Cpus", 4),
        ("NoSuch > 5", None), ("NoSuch =?= undefined", True), ("error", None), ("Loop", None), ("Broken", None), ("1 +", None),
        ("A; B", None), ("]", None), ('strcat(Words, "-")', 'a "time()"-'), ('"time()"', "time()"), ("Inner.X", 5), ("{1, 2}", None),
        ("Inner", None), ('eval("QDate + 1")', 999001), ("floor(MY.QDate / 1000)", 999), ('ifThenElse(1 > 2, 1, "x")', "x"),
    ],
)  # fmt: skip
def test_values(text: str, value: Value) -> None:
    """Numbers, strings, truths; None for what is neither; the clock is the one that was given; the job's before the target's."""
    found = scope().evaluate(text)
    assert found == value
    assert type(found) is type(value)


def test_true_is_what_policies_take_for_it() -> None:
    """Numbers other than 0 are true, a string is neither; the last line of an ad counts, whatever the case of the name."""
    one = scope(yes="5", no="0.0", word='"x"')
    assert [one.true(name) for name in ("Yes", "NO", "Word", "Missing")] == [True, False, None, None]
    record = JobRecord(1, 0, 1, "x = 1\nX = 2\nx = 3\n")
    assert Scope(record, NOW).value("X") == 2
    assert Scope(record, NOW).value("x") == 3


@given(st.text())
def test_any_text_has_a_value(text: str) -> None:
    """Or none; never an error."""
    value = scope().evaluate(text.replace("\n", " "))
    assert value is None or isinstance(value, (bool, int, float, str))


@given(
    st.one_of(
        st.integers(0, 10**12).map(str),
        st.booleans().map(str),
        st.text(st.characters(max_codepoint=127)).map(lambda t: ads.quote(t.replace("\0", ""))),
    )
)
def test_literals_are_the_librarys(text: str) -> None:
    """What is taken for a literal without the library has the value that the library gives it."""
    known, value = literal(text)
    assert known
    assert scope().evaluate(f"({text})") == value


def test_literals_need_no_library() -> None:
    """A plain pilot's policy is decided without importing classad2."""
    program = (
        "import sys\nfrom foremen.master import job_policy as policy\nfrom spool.classad.job_record import JobRecord\n"
        "record = JobRecord(1, 0, 4, 'LeaveJobInQueue = false\\nPeriodicHold = false\\nOnExitHold = false\\nJobStatus = 4\\n')\n"
        "assert not policy.stays(record, 1.0)\nassert policy.at_exit(record, 1.0).action == 'keep'\n"
        "assert 'classad2' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_functions_of_htcondor_are_known() -> None:
    """Policies may use the functions that HTCondor adds to the language."""
    assert scope().evaluate('stringListMember("b", "a,b")') is True
    assert scope().evaluate('stringListSize("a,b,c")') == 3
