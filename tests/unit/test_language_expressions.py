"""ClassAd expressions as a submit description writes them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shims.submit.expressions import boolean, canonical, integer, old_syntax, parse

# (as written, as HTCondor 23.9.6 writes it into the ad), asked with +X = ...
SAID = [
    (
        "(JobStatus==2)||\t(JobStatus == 1&&GridJobStatus=?=undefined)",
        "(JobStatus == 2) || (JobStatus == 1 && GridJobStatus =?= undefined)",
    ),
    ("a ? b:c", "a ? b : c"),
    ("a?:b", "a ?: b"),
    ("{1,2}", "{ 1,2 }"),
    ("{}", "{  }"),
    ("[a=1;b=2]", "[ a = 1; b = 2 ]"),
    ("- 5", " -5"),
    ("-5", "-5"),
    ("! x", " !x"),
    ("1e3", "1000.0"),
    ("123456789.25", "123456789.25"),
    ("1e-5", "1E-05"),
    ("100000000000000000000.0", "1E+20"),
    (".5", "0.5"),
    ("a isnt b", "a =!= b"),
    ("a is b", "a =?= b"),
    ("'a b'+1", "'a b' + 1"),
    ("a+-1", "a + -1"),
    ("a>>>2", "a >>> 2"),
    ("TRUE && False || UNDEFINED", "true && false || undefined"),
    ("IfThenElse(x, 1 ,2)", "IfThenElse(x,1,2)"),
    ("a ? b ? c : d : e", "a ? b ? c : d : e"),
    ('{ "a", "b" }[0]', '{ "a","b" }[0]'),
    ("a.b[2].c", "a.b[2].c"),
    ("a|b&c^d", "a | b & c ^ d"),
    ("--5", " --5"),
    ("9223372036854775807", "9223372036854775807"),
    ('"C:\\temp"', '"C:\\temp"'),
    ('"a\\"b"', '"a\\"b"'),
]


@pytest.mark.parametrize(("text", "said"), SAID)
def test_written_as_htcondor_writes(text, said):
    """Blanks, keywords, operators and numbers come out as HTCondor's."""
    found = canonical(text)
    assert found is not None
    assert old_syntax(found) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo bar",
        "0x10",
        "010",
        "5.",
        "1K",
        "(a",
        "a b",
        "a ==",
        '"a',
        "f(",
        "a ? b",
        "[a=1",
        "not a",
        ".is",
        "a.true",
        "MY.error",
        "a\0b",
        "(" * 5000,
    ],
)
def test_refused(text):
    """What HTCondor calls a parse error is None; nesting without end is too."""
    assert canonical(text) is None


TOKENS = st.sampled_from(
    ["a", "MY.b", "TARGET.Memory", "1", "2.5", '"s"', "(", ")", "+", "-", "!", "==", "=?=", "&&", "||", "?",
     ":", "{", "}", ",", "[", "]", " ",
     "is", "isnt", "true", "undefined", "time()", "f(", ".", "'q r'", "<", ">>", "=", ";", "\\"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(TOKENS, max_size=12).map("".join))
def test_accepted_ones_are_accepted_by_htcondors_library(text):
    """What we write can be read by classad2, and reading it again changes nothing."""
    import classad2

    expression = parse(text)
    if expression is None:
        return
    classad2.ExprTree(expression.text)
    again = parse(expression.text.lstrip(" "))
    assert again is None or again.text.split() == expression.text.split()


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_not(text):
    """No text makes anything else than an expression on one line, or None."""
    found = canonical(text)
    assert found is None or "\n" not in found


def test_names_wanted_from_the_machine():
    """Names without a scope or behind TARGET count, those of the job do not."""
    expression = parse('TARGET.Memory > 5 && Arch == "x" && MY.RequestMemory > 2 && f(Disk)')
    assert expression is not None
    assert {"memory", "arch", "disk"} <= expression.names
    assert "requestmemory" not in expression.names


def test_values():
    """Integers and booleans are values of expressions; yes and no are none (``hold = yes`` is refused by 23.9.6)."""
    assert [integer(text) for text in ("5", "-1", "1 + 1", "2.5", "x", "", '"5"')] == [5, -1, 2, 2, None, None, None]
    assert [boolean(text) for text in ("True", "0", "1", "true && false", "yes", "f")] == [
        True,
        False,
        True,
        False,
        None,
        None,
    ]
