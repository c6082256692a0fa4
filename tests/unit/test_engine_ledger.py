"""What the engine owes its master."""

from __future__ import annotations

from foremen.engine.protocol import Result, StateChange
from foremen.engine.task_table import Ledger


def test_a_tag_is_known_until_acknowledged() -> None:
    """From the submission to the acknowledgement of the result, and not longer."""
    ledger = Ledger()
    ledger.take("1.0#1")
    assert "1.0#1" in ledger
    ledger.note(Result("1.0#1", "done"))
    assert "1.0#1" in ledger
    assert ledger.live == {}
    ledger.acknowledge(["1.0#1", "2.0#1"])
    assert "1.0#1" not in ledger
    assert ledger.empty


def test_rows_tell_the_last_state() -> None:
    """A hello lists waiting, running and ended tasks as they are now."""
    ledger = Ledger()
    for tag in ("1.0#1", "2.0#1", "3.0#1"):
        ledger.take(tag)
    ledger.note(StateChange("2.0#1", "running", 1, "old", 1.0))
    ledger.note(StateChange("2.0#1", "running", 2, "node", 2.0))
    ledger.note(Result("3.0#1", "done", tries=1, host="node"))
    assert ledger.rows() == (
        ("1.0#1", "waiting", 0, ""),
        ("2.0#1", "running", 2, "node"),
        ("3.0#1", "done", 1, "node"),
    )


def test_a_late_state_changes_nothing() -> None:
    """A state of a task that has ended does not bring it back."""
    ledger = Ledger()
    ledger.take("1.0#1")
    ledger.note(Result("1.0#1", "done"))
    ledger.note(StateChange("1.0#1", "running", 1, "node", 1.0))
    assert ledger.live == {}
