"""The queue statement: ``queue [N] [vars in|from|matching items]``, and the items it runs over.

From HTCondor 23.9.6 (``SubmitForeachArgs::parse_queue_args``, ``load_inline_q_foreach_items``).
"""

from __future__ import annotations

from shims.submit.errors import DescriptionError
from shims.submit.expressions import integer
from shims.submit.lines import SPACES, Lines

_MODES = ("in", "from", "matching")
_MOST = 2**31 - 1


class Queue:
    """One statement, read: ``count`` jobs for every item; ``items`` is None when the statement has none to run over.

    ``rows`` are the items' numbers before the slice: ItemIndex.
    """

    __slots__ = ("count", "items", "line", "rows", "variables", "warnings")

    def __init__(
        self,
        count: int,
        variables: tuple[str, ...],
        items: list[str] | None,
        line: int,
        chosen: slice | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.count = count
        self.variables = variables
        rows = range(1 if items is None else len(items))
        self.rows = rows if chosen is None else rows[chosen]
        self.items = items if items is None or chosen is None else items[chosen]
        self.line = line
        self.warnings = warnings

    @property
    def jobs(self) -> int:
        """How many jobs it makes."""
        return self.count * (1 if self.items is None else len(self.items))

    def values(self, item: str) -> list[tuple[str, str]]:
        """Variables and their values for one item; the last takes what is left; without those that the item does not reach."""
        rest = item.lstrip(" \t")
        if "\x1f" in rest:
            return list(zip(self.variables, [field.strip(" \t") for field in rest.split("\x1f")]))
        fields: list[str] = []
        for _variable in self.variables[:-1]:
            end = next((at for at, char in enumerate(rest) if char in ", \t"), len(rest))
            fields.append(rest[:end])
            if end == len(rest):
                return list(zip(self.variables, fields))
            rest = rest[end + 1 :].lstrip(" \t")
        return list(zip(self.variables, [*fields, rest]))


def arguments_of(line: str) -> str | None:
    """What follows the word ``queue``; None when the line is no queue statement."""
    if line[:5].lower() == "queue" and (len(line) == 5 or line[5] in SPACES):
        return line[5:].strip(SPACES)
    return None


def parse(text: str, lines: Lines) -> Queue:
    """The statement of these (expanded) arguments; items in parentheses that go on are read from ``lines``. DescriptionError."""
    start, mode, after = _keyword(text)
    if not mode:
        return Queue(_count(text, lines), (), None, lines.line)
    head = text[:start].rstrip(SPACES)
    names_at = _variables_at(head)
    variables = tuple([name for name in head[names_at:].replace(",", " ").split() if name]) or ("Item",)
    count = _count(head[:names_at], lines)
    rest, kind = _kind(mode, text[after:].strip(SPACES))
    rest, chosen = _slice(rest, lines)
    rest, kind = (rest, kind) if kind else _kind(mode, rest)
    if mode != "matching":
        return Queue(count, variables, _items(mode, rest, lines), lines.line, chosen)
    patterns = _items("in", rest, lines)
    if not patterns:
        raise DescriptionError(lines.line, "invalid Queue statement")
    from shims.submit.external import matching

    items, warnings = matching(patterns, kind or "any")
    return Queue(count, variables, items, lines.line, chosen, tuple(warnings))


def _kind(mode: str, text: str) -> tuple[str, str]:
    """What follows ``matching``: ``files``, ``dirs`` or ``any`` taken off."""
    word, _, rest = text.partition(" ")
    if mode == "matching" and word.lower() in ("files", "dirs", "any"):
        return rest.strip(SPACES), word.lower()
    return text, ""


def _keyword(text: str) -> tuple[int, str, int]:
    """Where the keyword begins, which it is, and where it ends; no keyword: "" """
    at, end = 0, len(text)
    while at < end:
        start = at
        while at < end and text[at] not in SPACES and text[at] != "(":
            at += 1
        word = text[start:at].lower()
        if word in _MODES and at < end:
            return start, word, at
        at += 1
    return end, "", end


def _variables_at(head: str) -> int:
    """Where the names before the keyword begin; before them is the count."""
    at = len(head)
    while at > 0:
        start = at
        while start > 0 and (head[start - 1].isalnum() or head[start - 1] in "_."):
            start -= 1
        word = head[start:at]
        if word and not (word[0].isalpha() or word[0] in "_."):
            break
        at = start
        while at > 0 and head[at - 1] in ", \t":
            at -= 1
        if at == start and not word:
            break
    return at


def _count(text: str, lines: Lines) -> int:
    text = text.strip(SPACES)
    if not text:
        return 1
    value = integer(text)
    if value is None or value < 0 or value >= _MOST:
        raise DescriptionError(lines.line, "invalid Queue statement")
    return value


def _slice(text: str, lines: Lines) -> tuple[str, slice | None]:
    """A Python slice before the items: ``[::2]``; one number is where it begins. What goes backwards goes forwards (as HTCondor)."""
    if text[:1] != "[":
        return text, None
    inside, close, rest = text[1:].partition("]")
    parts = inside.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
        chosen = slice(*numbers) if len(numbers) > 1 else slice(numbers[0], None)
        if not close or len(numbers) > 3 or chosen.step == 0:
            raise ValueError
        if (chosen.step or 1) < 0:
            chosen = slice(chosen.start, chosen.stop, -chosen.step)
    except ValueError:
        raise DescriptionError(lines.line, "invalid Queue statement") from None
    return rest.strip(SPACES), chosen


def _items(mode: str, text: str, lines: Lines) -> list[str]:
    if text[:1] != "(":
        return text.replace(",", " ").split() if mode == "in" else _from_file(text, lines)
    if text[-1] == ")":
        inside = text[1:-1].strip(SPACES)
        return [inside] if mode == "from" else inside.replace(",", " ").split()
    found: list[str] = []
    begin = lines.line
    line: str | None = text[1:].strip(SPACES) or None
    while True:
        if line is not None and line[:1] != "#":
            found += [line] if mode == "from" else line.replace(",", " ").split()
        line = lines.next()
        if line is None:
            reason = f"Reached end of file without finding closing brace ')' for Queue command on line {begin}"
            raise DescriptionError(lines.line, reason)
        if line[:1] == ")":
            return found


def _from_file(path: str, lines: Lines) -> list[str]:
    """The lines of a file, or of what a command says: ``from COMMAND |``."""
    if path[-1:] == "|":
        from shims.submit.external import CommandFailed, command_output

        try:
            return _file_items(command_output(path[:-1]))
        except CommandFailed as error:
            raise DescriptionError(lines.line, str(error)) from None
    try:
        # Without closing it: "-" is the standard input, as for the description.
        with open(
            0 if path == "-" else path, encoding="utf-8", errors="surrogateescape", newline="\n", closefd=path != "-"
        ) as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DescriptionError(lines.line, f"can't open file {path}: {reason}") from None
    return _file_items(text)


def _file_items(text: str) -> list[str]:
    """Every line, also an empty one, and one that begins with ``#``: only within parentheses is that a comment."""
    items: list[str] = []
    source = Lines(text)
    while True:
        item = source.next()
        if item is None:
            return items
        items.append(item)
