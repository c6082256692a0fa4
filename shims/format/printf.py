"""HTCondor's printf formats: one conversion with text around it, as ``-format`` takes them.

Conversions: those of C, and HTCondor's own ``%v`` ``%V`` (the value, strings quoted with ``V``), ``%r`` ``%R`` (the
unevaluated expression), ``%T`` (days+hours:minutes:seconds), ``%Y`` (month/day hour:minute). Behaviour read in
``printf_format.cpp`` and ``ad_printmask.cpp`` and checked with 23.9.6. Two things differ on purpose: integers keep their 64
bits (HTCondor prints the lower 32 for ``%d``), and what HTCondor crashes on or reads from the stack prints nothing.
"""

from __future__ import annotations

from shims.format.times import date_text, duration_text

LITERAL, INTEGER, REAL, CHARACTER, STRING, VALUE, RAW, TIME, DATE = (
    "literal", "integer", "real", "character", "string", "value", "raw", "time", "date",
)  # fmt: skip

_KINDS = {
    **dict.fromkeys("diouxXp", INTEGER),
    **dict.fromkeys("eEfFgGaA", REAL),
    **dict.fromkeys("cC", CHARACTER),
    **dict.fromkeys("sS", STRING),
    **dict.fromkeys("vV", VALUE),
    **dict.fromkeys("rR", RAW),
    "T": TIME,
    "Y": DATE,
}
_FLAGS = "#0- +'"
_LENGTHS = "hlLqjzt"
ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HEX = "0123456789abcdef"
_WIDEST = 5
"""Digits of a width or a precision: a wider column is a slip of the finger, and would only eat the machine's memory."""


class Format:
    """A format: ``kind`` of its (first) conversion, ``width`` and ``left`` of it, and ``apply`` for a value of that kind.

    ``letter`` is the conversion's; ``plain`` says that the format is the bare conversion, nothing around it.
    """

    __slots__ = ("after", "before", "kind", "left", "letter", "plain", "spec", "text", "width")

    def __init__(self, text: str) -> None:
        self.text = text = collapse_escapes(text)
        self.kind, self.letter, self.spec = LITERAL, "", ""
        self.width, self.left, self.plain = 0, False, False
        self.before, self.after = "", ""
        found = _conversion(text)
        if found is None:
            return
        start, end, flags, width, precision = found
        self.letter = text[end - 1]
        self.kind = _KINDS[self.letter]
        self.width, self.left = int(width or 0), "-" in flags
        self.spec = f"%{flags.replace(chr(39), '')}{width}{precision}"
        self.before, self.after = text[:start].replace("%%", "%"), _without_conversions(text[end:])
        self.plain = not self.before and not self.after and self.spec == "%"

    def number(self, value: int) -> str:
        """The format with an integer."""
        if self.kind == TIME:
            return duration_text(value).rjust(self.width)
        if self.kind == DATE:
            return date_text(value).rjust(self.width)
        if self.kind == CHARACTER:
            char = chr(value) if 0 < value < 0x110000 else ""
            return f"{self.before}{(self.spec + 's') % char}{self.after}"
        return f"{self.before}{_integer(self.spec, self.letter, value)}{self.after}"

    def real(self, value: float) -> str:
        """The format with a real."""
        return f"{self.before}{_real(self.spec, self.letter, value)}{self.after}"

    def string(self, text: str) -> str:
        """The format with a text, for STRING, VALUE and RAW."""
        return f"{self.before}{(self.spec + 's') % text}{self.after}"


def _conversion(text: str) -> tuple[int, int, str, str, str] | None:
    """Place and parts (flags, width, precision) of the first conversion; None when there is none that is safe to use."""
    at = -1
    while True:
        at = text.find("%", at + 1)
        if at < 0:
            return None
        flags, end = _take(text, at + 1, _FLAGS)
        width, end = _take(text, end, "0123456789")
        precision = ""
        if text[end : end + 1] == ".":
            precision, end = _take(text, end + 1, "0123456789")
            precision = "." + precision
        _, end = _take(text, end, _LENGTHS)
        letter = text[end : end + 1]
        if letter == "%":
            at = end
            continue
        if letter not in _KINDS or not letter or len(width) > _WIDEST or len(precision) > _WIDEST + 1:
            return None
        return at, end + 1, flags, width, precision


def _take(text: str, at: int, chars: str) -> tuple[str, int]:
    end = at
    while text[end : end + 1] and text[end] in chars:
        end += 1
    return text[at:end], end


def _without_conversions(text: str) -> str:
    """The text after the conversion: ``%%`` is a percent sign, and for further conversions there is no value."""
    if "%" not in text:
        return text
    found = _conversion(text)
    if found is None:
        return text.replace("%%", "%")
    start, end = found[:2]
    return text[:start].replace("%%", "%") + _without_conversions(text[end:])


def _integer(spec: str, letter: str, value: int) -> str:
    if letter in "uoxXp" and value < 0:
        value += 1 << (32 if value >= -(1 << 31) else 64)
    if letter == "p":
        return (spec.rstrip("0123456789.") + "#x") % value
    if letter == "o" and "#" in spec:
        return (spec.replace("#", "") + "s") % f"0{value:o}"
    text: str = (spec + ("d" if letter in "iu" else letter)) % value
    return text


def _real(spec: str, letter: str, value: float) -> str:
    if letter in "aA":
        mantissa, _, exponent = value.hex().partition("p")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}p{exponent}"
        return text.upper() if letter == "A" else text
    text = (spec + letter) % value
    return text


def collapse_escapes(text: str) -> str:
    """Backslash escapes as ``-format`` reads them (``escapes.cpp``), its own arithmetic of numbers included.

    A sequence of n digits counts each digit with a factor of base + 1, so that ``\\101`` is R and not A, as with HTCondor.
    """
    if "\\" not in text:
        return text
    out: list[str] = []
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        at += 1
        if char != "\\" or at == end:
            out.append(char if char != "\\" else "")
            continue
        char = text[at]
        at += 1
        if char in ESCAPES:
            out.append(ESCAPES[char])
        elif char.isdigit():
            digits, at = _take(text, at - 1, "0123456789")
            out.append(_byte(digits, 8))
        elif char == "x":
            digits, at = _take(text, at, "0123456789abcdefABCDEF")
            out.append(_byte(digits.lower(), 16))
        else:
            out.append(char)
    return "".join(out)


def _byte(digits: str, base: int) -> str:
    value = 0
    for digit in digits[:64]:
        value += value * base + _HEX.index(digit)
    return chr(value & 0xFF) if value & 0xFF else ""
