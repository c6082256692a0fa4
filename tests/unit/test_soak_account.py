"""The soak's account finds what it is for: a lost job, a job twice, a strange end, a log that does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from soak_account import Facts, Submission, problems, wrong_events

ONE = Submission("one", 2, 0, 0, 1, killed=False)
CUT_OFF = Submission("cut", 2, 3, -9, 0, killed=True)
EVENTS = "000 (001.000.000) a\n...\n001 (001.000.000) b\n...\n005 (001.000.000) c\n...\n"
EVENTS += "000 (001.001.000) a\n...\n009 (001.001.000) d\n...\n"


def facts(**other: object) -> Facts:
    """A clean account: of two jobs one was completed, one removed; a condor_submit that was killed left nothing."""
    clean = Facts(
        submissions=[ONE, CUT_OFF],
        removals={1},
        history=[("1.0", 4, "0", "one"), ("1.1", 3, "undefined", "one")],
        events=EVENTS,
        ledger=["start 1.0", "end 1.0"],
        outputs={"1.0": "output of 1.0\n"},
        history_file=["1.0", "1.1"],
    )
    return replace(clean, **other)  # type: ignore[arg-type]


def test_a_clean_account() -> None:
    """Nothing is wrong with it."""
    assert problems(facts()) == []


HISTORY = facts().history
WHOLE = [*HISTORY, ("2.0", 4, "3", "cut"), ("2.1", 4, "3", "cut")]
WRONG = {
    "lost": {"history": HISTORY[:1]},
    "twice in the history": {"history": [*HISTORY, HISTORY[0]]},
    "a part of a submission that was cut off": {"history": WHOLE[:3]},
    "not in the history's file": {"history_file": ["1.0"]},
    "twice in the history's file": {"history_file": ["1.0", "1.0", "1.1"]},
    "nobody submitted it": {"history": [*HISTORY, ("9.0", 3, "undefined", "stranger")]},
    "reported as failed": {"submissions": [replace(ONE, cluster=0, status=1)]},
    "removed by nobody": {"removals": set()},
    "left idle": {"history": [("1.0", 1, "undefined", "one"), HISTORY[1]]},
    "exit status": {"history": [("1.0", 4, "1", "one"), HISTORY[1]]},
    "never came to its end": {"ledger": ["start 1.0"]},
    "no output": {"outputs": {}},
    "half an output": {"outputs": {"1.0": "output"}},
    "no event": {"events": EVENTS.replace("005 (001.000.000) c\n...\n", "")},
    "an event twice": {"events": EVENTS + "005 (001.000.000) c\n...\n"},
    "an event of a stranger": {"events": EVENTS + "000 (007.000.000) c\n...\n"},
    "a torn event": {"events": EVENTS + "\n...\n"},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what: str) -> None:
    """Each of the things that must never happen."""
    assert problems(facts(**WRONG[what]))


def test_a_submission_that_was_cut_off_may_be_there_as_a_whole() -> None:
    """Its jobs are judged like all others: what is said of them here is only that their outputs and events are missing."""
    found = problems(facts(history=WHOLE))
    assert found
    assert all(each.startswith("2.") for each in found)


@pytest.mark.parametrize(
    ("numbers", "status", "right"),
    [
        ("000 001 005", 4, True),
        ("000 001 004 012 013 001 004 001 005", 4, True),
        ("000 001 004 009", 3, True),
        ("000 012 009", 3, True),
        ("000 001 001 005", 4, False),
        ("000 005", 4, False),
        ("000 001 005 005", 4, False),
        ("000 001 005 009", 3, False),
        ("001 005", 4, False),
        ("", 4, False),
    ],
)
def test_events_in_order(numbers: str, status: int, right: bool) -> None:
    """Submitted once, runs and evictions in turn, one end."""
    assert (wrong_events(numbers.split(), status) == "") is right
