"""An expression taken apart into the conditions it is made of, as ``condor_q -better-analyze`` numbers them.

``classad2`` evaluates, but shows no trees; so the text, as the library writes it, is read here by operator precedence. What
counts as a condition of its own (``AnalyzeThisSubExpr`` of 23.9.6): every comparison, every ``&&`` and ``||``, and whatever
else stands directly in one of these or in parentheses.
"""

from __future__ import annotations

from functools import lru_cache

from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEVELS = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!=", "is", "isnt", "=?=", "=!="), ("<", "<=", ">", ">="),
    ("<<", ">>", ">>>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_LEVEL = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_SYMBOLS = sorted(
    [*_LEVEL, "!", "~", "?:", "?", ":", "(", ")", "[", "]", "{", "}", ",", ";", ".", "="], key=len, reverse=True
)
_COMPARISONS = (5, 6)
_DEEPEST = 50  # a dozen calls for each level
OR, AND = "||", "&&"


class TooDeep(AwqError):
    """An expression that is nested too deep to be taken apart, or that is written in no way that is known here."""


class Node:
    """A part of an expression: ``kind`` is logic (``operator`` || or &&), comparison, parentheses, choice, not, name or other."""

    __slots__ = ("children", "kind", "operator", "text")

    def __init__(self, kind: str, text: str, children: Sequence[Node] = (), operator: str = "") -> None:
        self.kind = kind
        self.text = text
        self.children = tuple(children)
        self.operator = operator


class Clause:
    """A condition: its text and operator, the numbers of the conditions that it joins."""

    __slots__ = ("left", "operator", "right", "text")

    def __init__(self, text: str, operator: str, left: int, right: int) -> None:
        self.text = text
        self.operator = operator
        self.left = left
        self.right = right


def clauses(text: str, inline: Callable[[str], str | None] = lambda name: None) -> list[Clause]:
    """The conditions in the order in which they are evaluated. ``inline``: the expression that stands for a name. TooDeep."""
    found: list[Clause] = []
    try:
        _number(tree(text), found, True, inline, 0)
    except RecursionError:
        raise TooDeep("the expression is nested too deep") from None
    return found


@lru_cache(maxsize=10000)
def tree(text: str) -> Node:
    """The expression's tree. TooDeep."""
    reader = _Reader(text)
    try:
        node = reader.expression(0)
    except RecursionError:
        raise TooDeep("the expression is nested too deep") from None
    if reader.peek():
        raise TooDeep("the expression cannot be taken apart")
    return node


@lru_cache(maxsize=10000)  # the expressions of jobs are mostly alike
def names(text: str) -> tuple[str, ...]:
    """What an expression refers to, as written: ``Memory``, ``MY.Cpus``, ``TARGET.Disk``; not the names of functions."""
    words = _words(text)
    texts = [text[begin:end] for begin, end in words]
    found = []
    for at, word in enumerate(texts):
        if not (word[0].isalpha() or word[0] in "_'") or word.lower() in (
            "is",
            "isnt",
            "true",
            "false",
            "undefined",
            "error",
        ):
            continue
        if texts[at + 1 : at + 2] == ["("] or texts[at - 1 : at] == ["."]:
            continue
        scoped = texts[at + 1 : at + 2] == ["."] and word.lower() in ("my", "target")
        found.append(f"{word}.{texts[at + 2]}" if scoped and at + 2 < len(texts) else word)
    return tuple(found)


def _number(node: Node, found: list[Clause], stored: bool, inline: Callable[[str], str | None], depth: int) -> int:
    """The number of the node's condition, -1 for none; those of its parts come first."""
    if depth > _DEEPEST:
        raise TooDeep("the expression is nested too deep")
    if node.kind == "name":
        written = inline(node.text)
        if written is not None:
            at = _number(tree(written), found, False, inline, depth + 1)
            if at >= 0:
                return at
    if node.kind in ("parentheses", "not"):
        at = _number(node.children[0], found, True, inline, depth + 1)
        if node.kind == "parentheses" or at >= 0:
            return at
    logic = node.kind == "logic"
    parts = [_number(child, found, logic, inline, depth + 1) for child in node.children if node.kind != "not"]
    if not (stored or logic or node.kind in ("comparison", "not")):
        return -1
    left, right = (parts[0], parts[1]) if len(parts) > 1 else (-1, -1)
    found.append(Clause(node.text, node.operator if logic else "", left, right))
    return len(found) - 1


class _Reader:
    """Reads one text by operator precedence; parts keep their text as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = _words(text)
        self._at = 0
        self._depth = 0

    def peek(self) -> str:
        if self._at >= len(self._words):
            return ""
        begin, end = self._words[self._at]
        return self._text[begin:end]

    def expression(self, level: int) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TooDeep("the expression is nested too deep")
        begin = self._begin()
        node = self._choice(begin) if level == 0 else self._binary(level - 1, begin)
        self._depth -= 1
        return node

    def _choice(self, begin: int) -> Node:
        node = self._binary(0, begin)
        while self.peek() in ("?", "?:"):
            children = [node]
            if self._take() == "?":
                children.append(self.expression(0))
                self._expect(":")
            children.append(self.expression(0))
            node = Node("choice", self._since(begin), children)
        return node

    def _binary(self, level: int, begin: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1, begin)
        while _LEVEL.get(self.peek()) == level:
            operator = self._take()
            other = self._binary(level + 1, self._begin())
            kind = "logic" if level < 2 else "comparison" if level in _COMPARISONS else "other"
            node = Node(kind, self._since(begin), (node, other), operator)
        return node

    def _unary(self) -> Node:
        begin, word = self._begin(), self.peek()
        if word in ("!", "-", "+", "~"):
            self._take()
            inner = self._unary()
            return Node("not" if word == "!" else "other", self._since(begin), (inner,))
        return self._postfix(begin)

    def _postfix(self, begin: int) -> Node:
        word = self._some()
        if word == "(":
            inner = self.expression(0)
            self._expect(")")
            node = Node("parentheses", self._since(begin), (inner,))
        else:
            if word in "[{":
                self._skip("]" if word == "[" else "}")
            node = Node("name" if word[0].isalpha() or word[0] in "_'" else "other", self._since(begin))
        while self.peek() in ("(", ".", "["):
            word = self._take()
            if word == ".":
                self._some()
            else:
                self._skip(")" if word == "(" else "]")
            node = Node("name" if word == "." and node.kind == "name" else "other", self._since(begin))
        return node

    def _skip(self, close: str) -> None:
        """To the bracket that closes, over all that is in between."""
        inside = 0
        while self.peek():
            word = self._take()
            if word == close and not inside:
                return
            inside += (word in "([{") - (word in ")]}")
        raise TooDeep("the expression cannot be taken apart")

    def _begin(self) -> int:
        return self._words[self._at][0] if self._at < len(self._words) else len(self._text)

    def _since(self, begin: int) -> str:
        return self._text[begin : self._words[self._at - 1][1]]

    def _take(self) -> str:
        word = self.peek()
        self._at += 1
        return word

    def _some(self) -> str:
        word = self._take()
        if not word:
            raise TooDeep("the expression cannot be taken apart")
        return word

    def _expect(self, word: str) -> None:
        if self._take() != word:
            raise TooDeep("the expression cannot be taken apart")


def _words(text: str) -> list[tuple[int, int]]:
    """Begin and end of each word: names, numbers, strings, symbols. TooDeep for a character that no expression has."""
    found = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char.isspace():
            at += 1
            continue
        begin = at
        if char in "\"'":
            at += 1
            while at < end and text[at] != char:
                at += 2 if text[at] == "\\" else 1
            at += 1
        elif char.isalnum() or char == "_":
            number = char.isdigit()
            while at < end and (text[at].isalnum() or text[at] == "_" or (number and _in_number(text, at))):
                at += 1
        else:
            symbol = next((one for one in _SYMBOLS if text.startswith(one, at)), None)
            if symbol is None:
                raise TooDeep("the expression cannot be taken apart")
            at += len(symbol)
        found.append((begin, min(at, end)))
    return found


def _in_number(text: str, at: int) -> bool:
    return text[at] == "." or (text[at] in "+-" and text[at - 1] in "eE")
