"""Printf formats: HTCondor's are in the golden tests; here what no text may do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shims.format import printf
from shims.format.printf import Format, collapse_escapes
from shims.format.times import date_text, duration_text


@given(
    st.text("%dsfvVrTYxXuoc.*#0- +'12345lhLnSCp\\na ", max_size=12).filter(
        lambda text: not any(run in text for run in ("1111", "5555"))
    )
)
def test_any_format_is_taken(text):
    """No format fails, whatever is asked of it."""
    digits = "".join([char if char.isdigit() else " " for char in text]).split()
    if any(len(run) > 4 for run in digits):
        return
    form = Format(text)
    if form.kind == printf.REAL:
        assert isinstance(form.real(1.5), str)
    elif form.kind in (printf.INTEGER, printf.CHARACTER, printf.TIME, printf.DATE):
        assert isinstance(form.number(-5), str) and isinstance(form.number(70), str)
    elif form.kind != printf.LITERAL:
        assert isinstance(form.string("x"), str)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 12))
def test_integers_keep_all_their_bits(number, width):
    """%d prints the number, also beyond 32 bits, where HTCondor prints the lower half."""
    assert Format(f"%{width}d").number(number) == str(number).rjust(width)
    assert Format("<%-20lld>").number(number) == f"<{number:<20d}>"


def test_further_conversions_have_no_value():
    """HTCondor takes them from the stack; here they print nothing."""
    assert Format("%d and %s, 100%%").number(5) == "5 and , 100%"


@pytest.mark.parametrize(
    ("text", "collapsed"),
    [("a\\n", "a\n"), ("\\q\\\\", "q\\"), ("end\\", "end"), ("\\x", ""), ("plain", "plain"), ("\\0", "")],
)
def test_escapes(text, collapsed):
    """Escapes of -format, unknown and unfinished ones too."""
    assert collapse_escapes(text) == collapsed


def test_times():
    """Durations and dates that cannot be are shown as unknown."""
    assert duration_text(93784) == "  1+02:03:04"
    assert duration_text(-1) == "[?????]"
    assert date_text(-1) == "    ???    "
    assert date_text(10**17) == "    ???    "
