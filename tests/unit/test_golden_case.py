"""How recordings of HTCondor are stored."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from case import WORTH_SHARING, packed, unpacked

LINES = st.sampled_from([["same"] * WORTH_SHARING, ["other", *["same"] * WORTH_SHARING], ["short"], [""]])
ANSWER = st.fixed_dictionaries({"status": st.integers(0, 4), "stdout": LINES, "stderr": LINES})


@given(st.dictionaries(st.text(max_size=3), ANSWER))
def test_nothing_is_lost(cases):
    """Every case is read as it was recorded, in its place."""
    found = unpacked(packed({"recorded_from": ["23.9.6"], "cases": cases}))
    assert list(found.items()) == list(cases.items())


def test_what_several_cases_have_alike_is_stored_once():
    """Long output only; what one case alone has stays in it."""
    alike, alone = ["a"] * WORTH_SHARING, ["b"] * WORTH_SHARING
    cases = {str(number): {"status": 1, "stdout": alike, "stderr": [""]} for number in range(3)}
    cases["alone"] = {"status": 1, "stdout": alone, "stderr": [""]}
    stored = packed({"cases": cases})
    assert list(stored["shared"].values()) == [alike]
    assert {stored["cases"][str(number)]["stdout"] for number in range(3)} == set(stored["shared"])
    assert stored["cases"]["alone"] == cases["alone"]
