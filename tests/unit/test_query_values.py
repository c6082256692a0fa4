"""Values: literals read here are what the ClassAd library reads, and are printed as HTCondor prints them."""

from __future__ import annotations

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spool.classad import ads, values
from spool.classad.job_record import JobRecord

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@given(
    st.one_of(
        st.integers(-(2**62), 2**62).map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        TEXTS.map(ads.quote),
    )
)
def test_literals_are_the_librarys(text):
    """Whatever is read here has the value that classad2 gives it."""
    found = values.literal(text)
    if found is not values.NO_LITERAL:
        value = classad2.ExprTree(text).eval()
        assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["007", "0x1f", "5K", "1 + 2", "a", "{1}", "[a=1]", '"a" "b"', '"a"x"', "1.2.3", "-", "--1", "", "TRUEX", "1e"],
)
def test_no_literals(text):
    """What is not plainly a literal is left to the library."""
    assert values.literal(text) is values.NO_LITERAL


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_reals_are_printed_as_htcondor_prints_them(number):
    """The long form of a real is the library's."""
    made = classad2.ClassAd()
    made["X"] = number
    assert made.printOld() == f"X = {values.real_text(number)}\n"


def test_words_of_any_case():
    """true, undefined and error have no case."""
    assert values.literal("TRUE") is True
    assert values.literal("Undefined") is values.UNDEFINED
    assert values.literal("error") is values.ERROR
    assert values.plain(values.UNDEFINED) == "undefined"


def test_strings_cannot_write_lines_of_their_own():
    """A newline in a string stays inside of its line."""
    assert values.quoted('a"b\nJobStatus = 2\x1b') == '"a\\"b\\012JobStatus = 2\\033"'


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ('regexp("^a\\.b", X)', 'regexp("^a\\\\.b", X)'),
        ('"q\\"z"', '"q\\"z"'),
        ("plain", "plain"),
        ('"a\\b" == c', '"a\\\\b" == c'),
    ],
)
def test_backslashes_of_the_command_line(given_text, kept):
    """A backslash stands for itself in HTCondor's own dialect, but before a double quote."""
    assert values.from_command_line(given_text) == kept


def test_attributes_have_no_case():
    """An attribute is found whatever the case of its name; the later of two counts."""
    from spool.classad.lookup import fetcher

    record = JobRecord(7, 3, 5, 'mycase = "x"\nOwner = "a"\nOwner = "b"\nÄ = 1\n')
    assert fetcher("MYCASE")(record) == '"x"'
    assert fetcher("owner")(record) == '"b"'
    assert (fetcher("clusterid")(record), fetcher("ProcID")(record), fetcher("JOBSTATUS")(record)) == ("7", "3", "5")
    assert fetcher("nothere")(record) is None
    assert fetcher("case")(JobRecord(1, 0, 1, "Case = 5\n")) == "5"
