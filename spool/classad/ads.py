"""Job ads as ``dict[str, str]``: attribute name to ClassAd expression text, and their long form on disk.

The text of a string literal follows the ClassAd language ("new" ClassAds): backslash escapes, no raw control
characters, so an expression is always one line.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Ad = "dict[str, str]"

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPE_TABLE = str.maketrans({**{chr(i): f"\\{i:03o}" for i in range(1, 32)}, **_ESCAPES})
_UNESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v"}
_OCTAL = "01234567"
_MOST = 2**63 - 1  # ClassAd integers have 64 bits, and so have SQLite's


def quote(text: str) -> str:
    """The ClassAd string literal of ``text``. NUL cannot be in a ClassAd string and is refused (ValueError)."""
    if "\0" in text:
        raise ValueError("a ClassAd string cannot hold a NUL byte")
    return f'"{text.translate(_ESCAPE_TABLE)}"'


def unquote(expression: str) -> str | None:
    """The value of a plain string literal; None when the expression is anything else.

    As the library's lexer reads it: an octal escape has one to three digits, is at most 377, and names a byte of UTF-8.
    """
    if len(expression) < 2 or expression[0] != '"' or expression[-1] != '"':
        return None
    body = expression[1:-1]
    if "\\" not in body:
        return None if '"' in body else body
    out: list[str] = []
    has_bytes = False
    i, end = 0, len(body)
    while i < end:
        char = body[i]
        if char == '"':
            return None
        if char != "\\":
            out.append(char)
            i += 1
            continue
        i += 1
        if i >= end:
            return None
        digits = _octal(body, i)
        if not digits:
            out.append(_UNESCAPES.get(body[i], body[i]))
            i += 1
            continue
        value = int(digits, 8)
        if not value:
            return None
        has_bytes = has_bytes or value > 127
        out.append(chr(value if value < 128 else 0xDC00 + value))
        i += len(digits)
    text = "".join(out)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") if has_bytes else text


def _octal(body: str, start: int) -> str:
    """The digits of the octal escape that begins there; empty when none does."""
    end = start
    while end < min(len(body), start + (3 if body[start] in "0123" else 2)) and body[end] in _OCTAL:
        end += 1
    return body[start:end]


def number(expression: str | None, default: int = 0) -> int:
    """The value of a plain integer literal (a real is cut); ``default`` when it is anything else, or has more than 64 bits."""
    if not expression or expression[0].isalpha():  # an expression: two errors would be ten times as slow
        return default
    try:
        value = int(expression[:-2] if expression.endswith(".0") else expression)
    except ValueError:
        try:
            value = int(float(expression))
        except (ValueError, OverflowError):
            return default
    return value if -_MOST <= value <= _MOST else default


def string(expression: str | None, default: str = "") -> str:
    """The value of a plain string literal; ``default`` when it is anything else."""
    value = unquote(expression) if expression else None
    return default if value is None else value


def dump(ad: Mapping[str, str]) -> str:
    """Long form: ``Attr = expression`` lines, each ended by a newline."""
    return "".join([f"{name} = {expression}\n" for name, expression in ad.items()])


def load(lines: Iterable[str]) -> dict[str, str]:
    """The ad of long-form lines; empty lines are passed over. ValueError names the line that is not of that form."""
    ad: dict[str, str] = {}
    for line in lines:
        if not line:
            continue
        name, equals, expression = line.partition(" = ")
        if not equals or not is_name(name):
            raise ValueError(f"not 'Attribute = expression': {line[:60]!r}")
        ad[name] = expression
    return ad


def parse(text: str) -> dict[str, str]:
    """The ad of a long-form text of our own, whose names were checked when it came: a fifth of the time of ``load``. ValueError."""
    lines = text.split("\n")
    try:
        return dict([line.split(" = ", 1) for line in lines if line])
    except ValueError:
        return load(lines)  # which names the line


def assignment(line: str) -> str | None:
    """``Name = expression`` of a line in long form, with or without blanks around the equals sign; None for any other line."""
    name, equals, expression = line.partition("=")
    name, expression = name.strip(), expression.strip()
    if not equals or not is_name(name) or not expression or expression[0] == "=":
        return None
    return f"{name} = {expression}"


def is_name(text: str) -> bool:
    """Whether it can be an attribute's name."""
    return text.isascii() and text.replace(".", "_").isidentifier()


def are_names(texts: Collection[str]) -> bool:
    """Whether each can be an attribute's name."""
    return (all(map(str.isidentifier, texts)) and "".join(texts).isascii()) or all(map(is_name, texts))


def find(ad: Mapping[str, str], name: str) -> str | None:
    """The attribute's expression whatever the case of its name, as ClassAds look names up."""
    if name in ad:
        return ad[name]
    folded, length = name.lower(), len(name)
    for key in [key for key in ad if len(key) == length]:
        if key.lower() == folded:
            return ad[key]
    return None
