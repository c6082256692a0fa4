"""Events reach their logs exactly once, whatever happens between append and forgetting. What a disk refuses: test_master_posting."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foremen.master import userlog_recovery
from spool.userlog import event_texts, writer


def events(path, count, first=0):
    return [
        (path, event_texts.aborted((number, 0), 0.0, f"reason {number} é")) for number in range(first, first + count)
    ]


def posted(texts):
    """As the database gives them after a restart."""
    return [(number, path, text) for number, (path, text) in enumerate(texts)]


def append(texts):
    """As the master does after a commit."""
    assert writer.append_each(texts) == []


def test_appended_in_order(tmp_path):
    """To each file its own, behind what is there, and made when it is not."""
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    (tmp_path / "one").write_text("before\n")
    texts = [pair for pairs in zip(events(one, 3), events(two, 3)) for pair in pairs]
    append(texts)
    assert (tmp_path / "one").read_text() == "before\n" + "".join(text for path, text in texts if path == one)
    assert (tmp_path / "two").read_text() == "".join(text for path, text in texts if path == two)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(before=st.integers(0, 3), count=st.integers(1, 4), part=st.floats(0, 1))
def test_crash_at_any_byte(tmp_path, before, count, part):
    """Killed after any number of bytes were written: afterwards the log has each event once, whole."""
    path = tmp_path / "log"
    old, new = events(str(path), before), events(str(path), count, first=50)
    whole = "".join(text for _, text in old + new).encode()
    start = len("".join(text for _, text in old).encode())
    path.write_bytes(whole[: start + round(part * (len(whole) - start))])
    append(userlog_recovery.missing(posted(new)))
    assert path.read_bytes() == whole
    assert userlog_recovery.missing(posted(new)) == []


def test_same_text_twice(tmp_path):
    """Two events with the same text are two events."""
    path = str(tmp_path / "log")
    twice = events(path, 1) * 2
    append(twice[:1])
    assert userlog_recovery.missing(posted(twice)) == twice[:1]


def test_long_outbox(tmp_path):
    """More events than fit into what is usually looked at: none twice."""
    path = str(tmp_path / "log")
    many = events(path, 10000)
    append(many)
    assert userlog_recovery.missing(posted(many)) == []
    append(events(path, 1, first=20000))
    assert userlog_recovery.missing(posted(many)) == []


def test_log_that_has_gone(tmp_path):
    """All is missing, and appended."""
    texts = events(str(tmp_path / "log"), 3)
    assert userlog_recovery.missing(posted(texts)) == texts


@pytest.mark.parametrize("odd", ["\udcff", "é"])
def test_any_bytes(tmp_path, odd):
    """File names and texts that are no UTF-8."""
    path = str(tmp_path / f"log{odd}")
    texts = [(path, f"{odd}\n...\n")]
    append(texts)
    assert userlog_recovery.missing(posted(texts)) == []
