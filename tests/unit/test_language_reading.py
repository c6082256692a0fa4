"""Lines, macros, queue statements: from text to what is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shims.submit import queue_statement
from shims.submit.description import Description
from shims.submit.errors import DescriptionError, SubmitError
from shims.submit.lines import Lines
from shims.submit.macros import Macros


def lines_of(text: str) -> list[tuple[int, str]]:
    """Logical lines, each with the number of the last physical line it took."""
    lines, found = Lines(text), []
    while (line := lines.next()) is not None:
        found.append((lines.line, line))
    return found


def macros_of(*pairs: tuple[str, str]) -> Macros:
    """Macros after these assignments."""
    macros = Macros({"arch": "X86_64"})
    for name, value in pairs:
        macros.assign(name, value)
    return macros


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\r\nb\r\n", [(1, "a"), (2, "b")]),
        ("\t a = 1 \n", [(1, "a = 1")]),
        ("a \\\n b \\\n c\nd", [(3, "a b c"), (3, "d")]),
        ("# x \\\na\n", [(1, "# x \\"), (2, "a")]),
        ("a \\\n # x \\\n b\n", [(3, "a b")]),
        ("a \\", [(0, "a ")]),
        ("", []),
        ("\n\n", [(1, ""), (2, "")]),
    ],
)
def test_lines(text, found):
    """Blanks and DOS line ends go, continuations are joined, comments end where they end, the last line needs no newline."""
    assert lines_of(text) == found


@given(st.text(st.sampled_from("ab\\ #\n\r\t"), max_size=60))
def test_lines_loses_nothing(text):
    """Reading ends, and every letter that is in no comment is in some line."""
    joined = "".join(line for _at, line in lines_of(text))
    if "#" not in text:
        assert [char for char in joined if char in "ab"] == [char for char in text if char in "ab"]


def test_macros_are_late_and_self_references_early():
    """A later assignment counts for what was written before, but not for a reference to itself."""
    macros = macros_of(("b", "$(a)!"), ("a", "1"), ("a", "$(a)2"))
    assert macros.expand("$(b) $(B) $(none) $(none:d e) $(ARCH)") == "12! 12!  d e X86_64"


@pytest.mark.parametrize("pairs", [(("a", "$(b)"), ("b", "$(a)")), (("a", "x$(b)"), ("b", "$(c)"), ("c", "$(a)$(a)"))])
def test_circular_macros_are_refused(pairs):
    """HTCondor never ends on these."""
    with pytest.raises(SubmitError, match="does not end"):
        macros_of(*pairs).expand("$(a)")


def test_a_bomb_of_macros_is_refused():
    """Doubling thirty times would be a gigabyte."""
    macros = macros_of(("m0", "0123456789"), *[(f"m{i}", f"$(m{i - 1})$(m{i - 1})") for i in range(1, 31)])
    with pytest.raises(SubmitError, match="does not end"):
        macros.expand("$(m30)")


def test_dollars():
    """Double dollars are left for the match; $(Dollar) is a dollar and is not looked at again."""
    assert (
        macros_of(("Arch", "no")).expand("$$(Arch) $$([1+2]) $(Dollar)(Arch) 100$ $( $x")
        == "$$(Arch) $$([1+2]) $(Arch) 100$ $( $x"
    )


def test_environment_macros(monkeypatch):
    """$ENV(X), with a default, and HTCondor's word when there is neither."""
    monkeypatch.setenv("GOLDEN", "v")
    assert macros_of().expand("$ENV(GOLDEN) $ENV(NOT_THERE:d) $ENV(NOT_THERE)") == "v d UNDEFINED"


@settings(deadline=2000)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.text(st.sampled_from("$()abc:ENV.Dol, x"), max_size=16)),
        max_size=5,
    )
)
def test_any_macros_end(pairs):
    """Expansion ends for any assignments, with a text or a SubmitError."""
    try:
        macros = macros_of(*pairs)
        assert isinstance(macros.expand("$(a)$(b:$(c))"), str)
    except SubmitError:
        return


def statement(text: str, rest: str = "") -> queue_statement.Queue:
    """A queue statement of these arguments, ``rest`` following it."""
    return queue_statement.parse(text, Lines(rest))


@pytest.mark.parametrize(
    ("text", "count", "variables", "items"),
    [
        ("", 1, (), None),
        ("5", 5, (), None),
        ("2 + 1", 3, (), None),
        ("0", 0, (), None),
        ("in (a b, c)", 1, ("Item",), ["a", "b", "c"]),
        ("2 x in a b", 2, ("x",), ["a", "b"]),
        ("x, y from (1 2)", 1, ("x", "y"), ["1 2"]),
        ("3 var1,var2 in (a)", 3, ("var1", "var2"), ["a"]),
        ("x in [1:] (a b c)", 1, ("x",), ["b", "c"]),
        ("x in [::2] (a b c)", 1, ("x",), ["a", "c"]),
    ],
)
def test_queue_statements(text, count, variables, items):
    """Count, variables and items of each form."""
    found = statement(text)
    assert (found.count, found.variables, found.items) == (count, variables, items)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-1",
        "1 2",
        "99999999999",
        "x in [a:b] (a)",
        "x matching",
        "x matching ()",
        "x from ./none |",
        "x from |",
        "x in (a",
    ],
)
def test_queue_statements_that_are_refused(text):
    """A count that is none, a slice that is none, nothing to match, a command that cannot be run, items without end."""
    with pytest.raises(DescriptionError):
        statement(text)


def test_items_over_several_lines():
    """Items in parentheses go on until a line that begins with the closing one."""
    found = statement("x, y from (", "1, 2 3\n# no\n4 5\n)\nrest")
    assert [found.values(item) for item in found.items] == [[("x", "1"), ("y", "2 3")], [("x", "4"), ("y", "5")]]


@settings(deadline=1000)
@given(st.text(st.sampled_from("queue =+:()$ab\n\\#@if\t12,[]{}\"'"), max_size=80))
def test_any_description_is_read_or_refused(text):
    """Any text is assignments and queue statements, or a SubmitError that says where."""
    try:
        description = Description(text, "a.sub", Macros({}))
        for _statement in range(100):
            arguments = description.next_queue()
            if arguments is None:
                return
            queue_statement.parse(description.macros.expand(arguments), description.lines)
    except DescriptionError as error:
        assert 0 <= error.line <= text.count("\n") + 1
    except SubmitError as error:
        assert str(error)
