"""HTCondor's option grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shims.cli.options import MANY, MissingValue, Option, UnknownOption, parse

TABLE = (
    Option("verbose", 1),
    Option("terse", 3),
    Option("spool", 1),
    Option("single-cluster", 3),
    Option("maxjobs", 3, values=1),
    Option("format", 1, values=2),
    Option("af", 2, values=MANY, modifiers=True),
    Option("totals", 0),
)


@pytest.mark.parametrize(
    ("word", "name"),
    [("-v", "verbose"), ("-verb", "verbose"), ("--verbose", "verbose"), ("-s", "spool"), ("-sin", "single-cluster")],
)
def test_prefixes(word, name):
    """One dash takes a prefix, the first row that matches wins; two dashes take the whole name."""
    assert [given.name for given in parse([word], TABLE).given] == [name]


@pytest.mark.parametrize("word", ["-te", "--verb", "-verbosex", "--", "-terse:x", "-tota", "-x"])
def test_unknown(word):
    """What no row matches is an UnknownOption that says which word it is."""
    with pytest.raises(UnknownOption) as caught:
        parse(["a", word], TABLE)
    assert caught.value.word == word


def test_values_operands_and_modifiers():
    """Values follow their option whatever they look like; the other words keep their order; a colon brings modifiers."""
    parsed = parse(["a", "-maxjobs", "-1", "-", "-format", "%s", "X", "-af:jh", "B", "C", "-v", "", "d"], TABLE)
    assert parsed.operands == ["a", "-", "", "d"]
    assert [(one.name, one.modifiers, one.values) for one in parsed.given] == [
        ("maxjobs", None, ("-1",)),
        ("format", None, ("%s", "X")),
        ("af", "jh", ("B", "C")),
        ("verbose", None, ()),
    ]
    assert parsed.last("maxjobs") == "-1"
    assert parsed.last("terse") is None
    assert parsed.has("verbose")
    assert not parsed.has("terse")


def test_missing_values():
    """A command line that ends too early names the option in full."""
    with pytest.raises(MissingValue, match=r"^-maxjobs requires another argument$"):
        parse(["-max"], TABLE)
    with pytest.raises(MissingValue, match=r"^-format requires 2 arguments$"):
        parse(["-f", "x"], TABLE)


@given(st.lists(st.text(st.sampled_from("-:avtesfmx= "), max_size=6), max_size=6))
def test_any_command_line_is_read_or_refused(argv):
    """Every word ends up somewhere, or one of the two errors says why not."""
    try:
        parsed = parse(argv, TABLE)
    except (UnknownOption, MissingValue):
        return
    ends = argv.count("-")  # each may end the words of an option that takes many, and is nothing else then
    assert len(argv) - ends <= len(parsed.operands) + sum(1 + len(one.values) for one in parsed.given) <= len(argv)
