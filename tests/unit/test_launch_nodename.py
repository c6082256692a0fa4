"""A node that does not know its own name is told so when something is started on it."""

from __future__ import annotations

from foremen.node.host import own_name


def test_a_name_that_is_found() -> None:
    """Nothing to say."""
    assert own_name.remarks("localhost") == ()


def test_a_name_that_is_not_found() -> None:
    """Name and remedy in one line."""
    (said,) = own_name.remarks("no-such-node.invalid")
    assert "no-such-node.invalid cannot be looked up" in said
    assert "/etc/hosts" in said
