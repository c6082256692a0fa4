"""What a description takes from outside: commands and files that match; in bounded time, and nothing but what is meant."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shims.submit import queue_statement
from shims.submit.errors import DescriptionError
from shims.submit.external import CommandFailed, command_output, matching
from shims.submit.lines import Lines


def test_words_of_a_command():
    """Blanks separate, double quotes hold together; there is no shell that reads the rest."""
    assert command_output('printf "%s|" a "b c" $HOME ";" ""') == "a|b c|$HOME|;||"
    assert command_output("false") == ""


@pytest.mark.parametrize("line", ["", '""', "./none", "no-such-command-here", "/", "a\0b"])
def test_commands_that_cannot_be_run(line):
    """The reason in HTCondor's words."""
    with pytest.raises(CommandFailed, match="not a valid command, errno="):
        command_output(line)


def test_a_command_that_never_stops_talking():
    """It is ended, and refused."""
    with pytest.raises(CommandFailed, match="says more than"):
        command_output("yes")


def test_what_matches(tmp_path, monkeypatch):
    """Sorted, each once, folders with a slash, nothing hidden; kinds narrow it."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", ".hidden"):
        (tmp_path / name).touch()
    os.mkdir("d")
    assert matching(["*"], "any")[0] == ["a.txt", "b.txt", "d/"]
    assert matching(["*"], "files")[0] == ["a.txt", "b.txt"]
    assert matching(["*"], "dirs")[0] == ["d/"]
    assert matching(["*/"], "any")[0] == ["d/"]
    found, warnings = matching(["b*", "*.txt"], "files")
    assert (found, warnings) == (
        ["b.txt", "a.txt"],
        ["'b.txt' matching pattern '*.txt' is a duplicate of item 0, skipping"],
    )


_WORDS = st.sampled_from(
    [
        "x",
        "y,",
        "in",
        "from",
        "matching",
        "files",
        "dirs",
        "any",
        "(",
        ")",
        "[1:]",
        "[::2]",
        "[",
        "2",
        "-1",
        "*",
        "a b",
        "|",
        "no-such/z",
    ]
)


@given(st.lists(st.one_of(_WORDS, st.text(max_size=4)), max_size=7).map(" ".join), st.text(max_size=20))
def test_every_statement_is_read_or_refused(text, following):
    """Queue statements of any text become items whose numbers fit, or are refused with their line."""
    if text.rstrip().endswith("|"):
        text = "x from no-such/command |"  # commands of the machine are not for guessing
    lines = Lines(following)
    try:
        found = queue_statement.parse(text, lines)
    except DescriptionError as error:
        assert error.line >= 0
    else:
        assert found.items is None or len(found.items) == len(found.rows)
