"""Job ads: literals against HTCondor's own library, the long form, names."""

from __future__ import annotations

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spool.classad import ads

# Text that a ClassAd string can hold: no NUL; half surrogate pairs the library cannot take.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
names = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,20}\Z")


@given(texts)
def test_library_reads_what_we_quote(text):
    """The library's value of our literal is the text, and the literal is one line without control characters."""
    literal = ads.quote(text)
    assert classad2.ExprTree(literal).eval() == text
    assert not [char for char in literal if ord(char) < 32]


@given(texts)
def test_we_read_what_the_library_writes(text):
    """Its literals have other escapes than ours (octal bytes of UTF-8, \\a, \\v)."""
    ad = classad2.ClassAd()
    ad["X"] = text
    assert ads.unquote(str(ad.lookup("X"))) == text
    assert ads.unquote(ads.quote(text)) == text


@given(st.text(st.sampled_from('\\"01234567890abfnrtvx é'), max_size=12))
def test_any_literal_means_what_the_library_says(body):
    """What we take for a plain literal the library reads with the same value; what it cannot read is none."""
    ours = ads.unquote(f'"{body}"')
    try:
        theirs = classad2.ExprTree(f'"{body}"').eval()
    except UnicodeDecodeError:
        return  # bytes that are no UTF-8: we give surrogates
    except classad2.ClassAdException:
        theirs = None
    if ours is not None:
        assert ours == theirs
    elif theirs is not None:
        assert '"' in body.replace('\\"', "")  # two literals, which the library joins


def test_escaped_bytes():
    """Bytes that are no UTF-8 become surrogates, as everywhere in the house."""
    assert ads.unquote(r'"\303\251\377"') == "é\udcff"


def test_what_is_no_literal():
    """Expressions, halves of literals and NUL bytes."""
    for expression in ("", '"', "Cmd", "1", '"a" + "b"', '"a\\"', '"a', "'a'", r'"\0"', r'"a\000b"'):
        assert ads.unquote(expression) is None
        assert ads.string(expression, "other") == "other"
    with pytest.raises(ValueError, match="NUL"):
        ads.quote("a\0b")


def test_numbers():
    """Whole ones, cut ones, and the default for the rest."""
    found = {text: ads.number(text, 7) for text in ("12", "-3", "12.9", "1e400", "nan", "inf", "Cpus", "", '"5"')}
    assert found == {"12": 12, "-3": -3, "12.9": 12, **dict.fromkeys(("1e400", "nan", "inf", "Cpus", "", '"5"'), 7)}
    assert ads.number(None) == 0


@given(st.dictionaries(names, texts.map(ads.quote) | st.just("time() > 5")))
def test_long_form(ad):
    """What is written is read; the library reads it as well."""
    text = ads.dump(ad)
    assert ads.load(text.split("\n")) == ad
    assert len(classad2.parseOne(text)) == len({name.lower() for name in ad})


@pytest.mark.parametrize("line", ["A=1", "A", " = 1", "1A = 1", "A B = 1", "é = 1"])
def test_damaged_long_form(line):
    """A line that is no attribute is named."""
    with pytest.raises(ValueError, match="not 'Attribute = expression'"):
        ads.load(["Good = 1", line])


def test_names_are_found_in_any_case():
    """As ClassAds look names up; the exact spelling first."""
    ad = {"requestcpus": "1", "RequestCpus": "2"}
    assert ads.find(ad, "RequestCpus") == "2"
    assert ads.find({"requestcpus": "1"}, "RequestCpus") == "1"
    assert ads.find(ad, "Cmd") is None
