"""Values of ClassAd expressions, and the plain literals among the expressions, which need no ClassAd library.

Nearly everything in a job ad is a literal; reading it here costs under a microsecond, ``classad2`` alone 20 ms to import.
What is not plainly a literal is answered with ``NO_LITERAL`` and goes to ``spool.classad.evaluate``.
"""

from __future__ import annotations

from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Value = Union[int, float, bool, str, "Special", "Composite"]


class Special:
    """UNDEFINED, ERROR and NO_LITERAL; compare with ``is``."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word = word

    def __repr__(self) -> str:
        return self.word


UNDEFINED = Special("undefined")
ERROR = Special("error")
NO_LITERAL = Special("no literal")

_WORDS: dict[str, Value] = {"true": True, "false": False, "undefined": UNDEFINED, "error": ERROR}
_REAL = frozenset("0123456789.eE+-")


class Composite:
    """A list, a nested ad or an absolute time, as HTCondor prints it in its long form."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def literal(expression: str) -> Value:
    """The value of a plain literal; NO_LITERAL for every other expression, also for odd spellings of numbers."""
    first = expression[:1]
    if first == '"':
        value = ads.unquote(expression)
        return NO_LITERAL if value is None else value
    if first.isdigit() or first == "-":
        return _number(expression)
    return _WORDS.get(expression.lower(), NO_LITERAL) if len(expression) < 10 else NO_LITERAL


_MOST_INTEGER = 2**63 - 1


def _number(text: str) -> Value:
    digits = text[1:] if text[0] == "-" else text
    if not digits.isascii() or not digits[:1].isdigit() or (digits[0] == "0" and digits[1:2].isdigit()):
        return NO_LITERAL
    if digits.isdigit():
        return int(text) if len(digits) < 19 or (len(digits) == 19 and int(digits) <= _MOST_INTEGER) else NO_LITERAL
    if not _REAL.issuperset(digits):
        return NO_LITERAL
    try:
        return float(text)
    except ValueError:
        return NO_LITERAL


def real_text(number: float) -> str:
    """A real as HTCondor prints it (``ClassAdUnParser::UnparseReal``, "old" form): ``2.5``, ``10000000000.0``, ``1E+30``."""
    if number == 0.0:
        return f"{number:.1f}"
    text = f"{number:.16G}"
    if text[-1] in "FN":
        return f'real("{text.replace("NAN", "NaN")}")'
    return text if "." in text or "E" in text else text + ".0"


def quoted(text: str) -> str:
    """A string as the long form has it: only the double quote is escaped ("old" ClassAds), control characters as octal.

    HTCondor prints control characters raw, so that a newline in a string starts a new attribute; ours does not.
    """
    escaped = text.replace('"', '\\"')
    if not escaped.isprintable():
        escaped = "".join([char if 32 <= ord(char) < 127 or ord(char) > 159 else _octal(char) for char in escaped])
    return f'"{escaped}"'


def _octal(char: str) -> str:
    """A control character byte by byte: those from 128 to 159 talk to terminals as well."""
    return "".join([f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape")])


def unparsed(value: Value) -> str:
    """The value as an expression of the long form; strings are quoted (``%V``)."""
    if isinstance(value, str):
        return quoted(value)
    return plain(value)


def plain(value: Value) -> str:
    """The value as ``%v`` and ``-af`` print it: strings as they are."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return real_text(value)
    return value.word if isinstance(value, Special) else value.text


def integer(value: Value) -> int | None:
    """The value where ``%d`` wants a number: a real is cut, a boolean is 0 or 1; None for what is no number."""
    if isinstance(value, float):
        return int(value) if -9.3e18 < value < 9.3e18 else 0
    return int(value) if isinstance(value, int) else None


def real(value: Value) -> float | None:
    """The value where ``%f`` wants a number; None for what is no number."""
    return float(value) if isinstance(value, (int, float)) else None


def truth(value: Value) -> bool:
    """Whether a constraint of this value selects the job: true, or a number other than zero."""
    return isinstance(value, (int, float)) and bool(value)


def from_command_line(text: str) -> str:
    """An expression as the house keeps them: on a command line a backslash in a string stands for itself, but before ``"``."""
    if "\\" not in text:
        return text
    out: list[str] = []
    inside, escaped = False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and inside:
            escaped = text[at + 1 : at + 2] == '"'
            out.append("" if escaped else "\\")
        elif char == '"':
            inside = not inside
        out.append(char)
    return "".join(out)
