"""HTCondor's argument and environment syntaxes, both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spool.classad import arguments as syntax
from spool.classad.arguments import ArgumentsError

WORDS = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12), max_size=6)
NAMES = st.text(st.characters(categories=["L", "N"], exclude_characters="="), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b  c\td", ["a", "b", "c", "d"]),
        ("'a b' c", ["'a", "b'", "c"]),
        ('say \\"hi\\"', ["say", '"hi"']),
        ("\"a 'b  c' ''d'' 'it''s' \"\"q\"\" ''\"", ["a", "b  c", "d", "it's", '"q"', ""]),
        ('""', []),
    ],
)
def test_arguments_of_a_description(text, words):
    """Old syntax splits at blanks and knows no quotes; new syntax in double quotes does."""
    assert syntax.parse_arguments(text)[0] == words


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('a "b"', 'Found illegal unescaped double-quote: "b"'),
        ('"a', "Unterminated double-quote."),
        ('"a" b', "Unexpected characters following double-quote."),
        ('"a \'b"', "Unbalanced quote starting here: 'b"),
    ],
)
def test_arguments_that_are_refused(text, reason):
    """The reason is HTCondor's, word for word."""
    with pytest.raises(ArgumentsError, match="^" + reason.replace("?", r"\?")):
        syntax.parse_arguments(text)


@given(WORDS)
def test_new_syntax_goes_there_and_back(words):
    """Any words survive V2, raw and in the double quotes of a description."""
    raw = syntax.join_v2(words)
    assert syntax.split_v2(raw) == words
    assert syntax.unquote_v2(syntax.quote_v2(raw)) == raw


@given(WORDS)
def test_old_syntax_says_what_it_can(words):
    """V1 gives the words back, or says that it cannot hold them."""
    raw = syntax.join_v1(words)
    assert raw is None or syntax.split_v1(raw) == words


@given(st.text(max_size=60))
def test_any_arguments_are_read_or_refused(text):
    """No text makes anything else than words or ArgumentsError."""
    try:
        words, _old = syntax.parse_arguments(text)
    except ArgumentsError:
        return
    assert all(isinstance(word, str) for word in words)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=1;B=x y;C=", {"A": "1", "B": "x y", "C": ""}),
        (";A=1;;B=2;", {"A": "1", "B": "2"}),
        ("|A=1;2|B=3", {"A": "1;2", "B": "3"}),
        ("A=1; B=2", {"A": "1", "B": "2"}),
        ("A=b=c;A=2", {"A": "2"}),
        ("A=1;$$(X)", {"A": "1", "$$(X)": ""}),
        ("\"A=1 B='x y' C=it''s\"", {"A": "1", "B": "x y", "C": "its"}),
        ('"A=""q"""', {"A": '"q"'}),
    ],
)
def test_environment_of_a_description(text, variables):
    """Old syntax splits at semicolons only; new syntax is words in double quotes."""
    assert syntax.parse_environment(text)[0] == variables


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A=1;BROKEN;C=3", "Missing '=' after environment variable 'BROKEN'"),
        ("=1", "missing variable in '=1'"),
        ('"A"', "Missing '=' after environment variable 'A'"),
        ('"A=1" "B=2"', "Unexpected characters following double-quote"),
    ],
)
def test_environment_that_is_refused(text, reason):
    """A member without an equals sign or a name is an error, as in HTCondor (it hung the older project's master)."""
    with pytest.raises(ArgumentsError, match=reason):
        syntax.parse_environment(text)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_environment_goes_there_and_back(variables):
    """Any environment survives V2 and the job ad."""
    raw = syntax.join_environment_v2(variables)
    assert syntax.environment(syntax.split_v2(raw)) == variables
    from spool.classad.ads import quote

    assert syntax.environment_of({"Environment": quote(raw)}) == variables


@given(st.text(max_size=60))
def test_any_environment_is_read_or_refused(text):
    """No text makes anything else than variables or ArgumentsError."""
    try:
        variables, _old = syntax.parse_environment(text)
    except ArgumentsError:
        return
    assert all(name for name in variables)


def test_an_ad_with_either_attribute():
    """A job's ad holds Args or Arguments, Env or Environment; an empty new one does not hide an old one."""
    assert syntax.arguments_of({"Args": '"a \'b"'}) == ["a", "'b"]
    assert syntax.arguments_of({"Arguments": "\"'a b' c\""}) == ["a b", "c"]
    assert syntax.arguments_of({"Arguments": '""', "Args": '"x"'}) == ["x"]
    assert syntax.arguments_of({"Arguments": "undefined", "Args": '"x"'}) == ["x"]
    assert syntax.arguments_of({}) == []
    assert syntax.environment_of({"Env": '"A=1|B=2"', "EnvDelim": '"|"'}) == {"A": "1", "B": "2"}
    assert syntax.environment_of({}) == {}
