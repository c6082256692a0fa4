"""What scripts/conformance makes of two sessions: what is alike, wanted, unknown."""

from __future__ import annotations

import base64
import fnmatch
import re
import subprocess

import pytest
from conforming.compare import Known, SessionError, compare, read, unneeded
from conforming.known import KNOWN
from conforming.session import STEPS, script


def session(numbers: str, who: str, **told: str) -> str:
    """A session whose steps say nothing but what is given: step_3="text"."""
    lines = []
    for number in range(len(STEPS)):
        text = told.get(f"step_{number}", "")
        lines.append(f"step {number} 0 {base64.b64encode(text.encode()).decode()} ")
    return "\n".join([*lines, f"names {numbers}", f"whoami {who}"])


THERE = ("held=12", "u1 there /tmp/a")
HERE = ("held=700001", "alice here /tmp/b")


def test_what_is_the_machines_is_made_alike():
    """Clusters, users, hosts, folders, addresses and times do not count."""
    theirs = "12.0 u1@there /tmp/a/log.12 <127.0.0.1:9618?x=y> 2026-11-20 10:00:00 (012.000.000)"
    ours = "700001.0 alice@here /tmp/b/log.700001 <127.0.0.1:9094?x> 2027-01-02 11:12:13 (700001.000.000)"
    assert compare(read(session(*THERE, step_0=theirs)), read(session(*HERE, step_0=ours)), ()) == []


def test_a_difference_needs_a_reason():
    """Each line of one side only is shown; the table explains it or nobody does; rows that explain nothing are told."""
    found = read(session(*THERE, step_1="same\nold")), read(session(*HERE, step_1="same\nnew"))
    known = (Known(STEPS[1].name, "^-out old$", "because"), Known("*", "never", "needless"))
    differences = compare(*found, known)
    assert [(one.line, one.reason) for one in differences] == [("-out old", "because"), ("+out new", "")]
    assert unneeded(differences, known) == [known[1]]


@pytest.mark.parametrize("text", ["", "step 0 0  \nnames \nwhoami a b c", session(*THERE).partition("whoami")[0]])
def test_a_session_cut_short_is_no_session(text):
    """Nothing is called alike that was not compared."""
    with pytest.raises(SessionError):
        read(text)


def test_the_script_is_one():
    """Bash reads all of it; no two steps have one name."""
    done = subprocess.run(["bash", "-n"], input=script(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len({step.name for step in STEPS}) == len(STEPS) > 100


@pytest.mark.parametrize("known", KNOWN, ids=[f"{one.step}-{number}" for number, one in enumerate(KNOWN)])
def test_the_table_speaks_of_steps(known):
    """Every row names a step that is there, a pattern that can be read, and a reason."""
    assert any(fnmatch.fnmatch(step.name, known.step) for step in STEPS)
    assert re.compile(known.line).pattern
    assert known.reason
