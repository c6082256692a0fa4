"""ClassAd expressions of a submit description: checked, and written the way HTCondor writes them into a job ad.

A description is in HTCondor's older spelling of the language, which ``classad2`` (HTCondor's own library) cannot be
asked to read or write: a backslash in a string stands for itself, ``is`` becomes ``=?=``, reals are written ``1.5``,
``010`` and ``1K`` are errors. So reading and writing is done here, by a scanner that keeps the order of the words (parentheses
are kept, so precedence does not matter); a property test holds that whatever it accepts is accepted by
``classad2``. Only *values* of expressions come from there, imported when one is asked for (the import costs
more than a whole submission).
"""

from __future__ import annotations

from spool.classad import ads

_SPACES = " \t\n\v\f\r"
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_LETTERS = _FIRST | frozenset("0123456789")
_DIGITS = frozenset("0123456789")
_OPERATORS = (
    "=?=",
    "=!=",
    ">>>",
    "||",
    "&&",
    "==",
    "!=",
    "<=",
    ">=",
    "<<",
    ">>",
    "?:",
    "|",
    "^",
    "&",
    "<",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
)
_KEYWORDS = ("true", "false", "undefined", "error")
_DEEPEST = 100
_SHORT = 50  # characters: too few to exceed a bound


class _Refused(Exception):
    """Not an expression."""


class Expression:
    """``text`` as HTCondor writes it; ``names``: lower-case names that the expression does not take from the job (``MY.``)."""

    __slots__ = ("names", "text")

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names


def parse(text: str) -> Expression | None:
    """The expression; None when the text is none. ``TooLarge`` when it exceeds a bound (``spool.classad.bounds``)."""
    try:
        scanner = _Scanner(text)
        scanner.expression(0)
        scanner.skip()
        if scanner.at < len(text):
            return None
    except _Refused:
        return None
    written = "".join(scanner.out)
    if len(written) > _SHORT and (written[0] != '"' or ads.unquote(written) is None):
        from spool.classad import bounds

        bounds.check(written)
    return Expression(written, frozenset(scanner.names))


def canonical(text: str) -> str | None:
    """The expression as HTCondor writes it; None when the text is none."""
    if text.isdigit() and text.isascii() and len(text) < 19 and (text[0] != "0" or text == "0"):
        return text
    expression = parse(text)
    return None if expression is None else expression.text


class _Scanner:
    """One pass over the text: ``out`` collects the words as HTCondor writes them."""

    __slots__ = ("at", "names", "out", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.out: list[str] = []
        self.names: set[str] = set()

    def skip(self) -> str:
        """Pass over blanks; the character that follows, "" at the end."""
        text, at = self.text, self.at
        while at < len(text) and text[at] in _SPACES:
            at += 1
        self.at = at
        return text[at : at + 1]

    def expect(self, char: str) -> None:
        """Pass over this character, which must follow."""
        if self.skip() != char:
            raise _Refused
        self.at += 1

    def expression(self, depth: int) -> None:
        """Operands with operators between them."""
        if depth > _DEEPEST:
            raise _Refused
        self.unary(depth)
        while True:
            operator = self.operator()
            if not operator:
                return
            self.out.append(f" {operator} ")
            if operator != "?":
                self.unary(depth)
                continue
            self.expression(depth + 1)
            self.expect(":")
            self.out.append(" : ")

            self.unary(depth)

    def operator(self) -> str:
        """The binary operator that follows, or ``?``; "" when none does."""
        char = self.skip()
        if char in "iI" and char:
            word = self.word().lower()
            if word not in ("is", "isnt"):
                raise _Refused
            return "=?=" if word == "is" else "=!="
        for operator in _OPERATORS:
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                return operator
        if char == "?":
            self.at += 1
            return "?"
        return ""

    def unary(self, depth: int) -> None:
        """An operand, with signs before and selections behind."""
        char = self.skip()
        while char and char in "-+!~":
            self.at += 1
            if char == "-" and self.text[self.at : self.at + 1] in _DIGITS:
                self.out.append("-")
                break
            self.out.append(f" {char}" if not self.out or self.out[-1][-1:] not in "-+!~" else char)
            char = self.skip()
        self.operand(depth)
        while True:
            char = self.skip()
            if char == ".":
                self.at += 1
                self.skip()
                self.out.append("." + self.member())
            elif char == "[":
                self.at += 1
                self.out.append("[")
                self.expression(depth + 1)
                self.expect("]")
                self.out.append("]")
            else:
                return

    def operand(self, depth: int) -> None:
        """A literal, a name, a call, or something in brackets."""
        char = self.skip()
        if char in _DIGITS or (char == "." and self.text[self.at + 1 : self.at + 2] in _DIGITS):
            self.number()
        elif char == '"':
            self.string()
        elif char == "(":
            self.at += 1
            self.out.append("(")
            self.expression(depth + 1)
            self.expect(")")
            self.out.append(")")
        elif char == "{":
            self.sequence("{ ", "}", " }", depth)
        elif char == "[":
            self.record(depth)
        elif char == ".":
            self.at += 1
            self.out.append("." + self.member())
        else:
            self.reference(depth)

    def member(self) -> str:
        """The name behind a dot: HTCondor's library takes no keyword there, unless it is quoted."""
        quoted = self.text[self.at : self.at + 1] == "'"
        name = self.name()
        if not quoted and (name.lower() in _KEYWORDS or name.lower() in ("is", "isnt")):
            raise _Refused
        return name

    def reference(self, depth: int) -> None:
        """A keyword, an attribute, or a call."""
        quoted = self.text[self.at : self.at + 1] == "'"
        name = self.name()
        folded = name.lower()
        if not quoted and folded in _KEYWORDS:
            self.out.append(folded)
        elif not quoted and folded in ("is", "isnt"):
            raise _Refused
        elif self.skip() == "(" and not quoted:
            self.out.append(name)
            self.sequence("(", ")", ")", depth)
        else:
            self.out.append(name)
            self.note(folded)

    def note(self, folded: str) -> None:
        """Remember what the attribute is called, behind ``TARGET.`` too."""
        if self.text[self.at : self.at + 1] != ".":
            self.names.add(folded)
        elif folded == "target":
            at = self.at + 1
            end = at
            while end < len(self.text) and self.text[end] in _LETTERS:
                end += 1
            self.names.add(self.text[at:end].lower())

    def sequence(self, lead: str, close: str, tail: str, depth: int) -> None:
        """Expressions with commas between them, from an opening bracket to ``close``."""
        self.at += 1
        self.out.append(lead)
        if self.skip() != close:
            self.expression(depth + 1)
            while self.skip() == ",":
                self.at += 1
                self.out.append(",")
                self.expression(depth + 1)
        self.expect(close)
        self.out.append(tail)

    def record(self, depth: int) -> None:
        """``[ a = 1; b = 2 ]``."""
        self.at += 1
        self.out.append("[ ")
        first = True
        while self.skip() != "]":
            name = self.name()
            self.expect("=")
            self.out.append(f"{name} = " if first else f"; {name} = ")
            self.expression(depth + 1)
            first = False
            if self.skip() != ";":
                break
            self.at += 1
        self.expect("]")
        self.out.append(" ]")

    def word(self) -> str:
        """Letters, digits and underscores; _Refused when none follow."""
        start = self.at
        if self.text[start : start + 1] not in _FIRST:
            raise _Refused
        while self.at < len(self.text) and self.text[self.at] in _LETTERS:
            self.at += 1
        return self.text[start : self.at]

    def name(self) -> str:
        """A word, or anything in single quotes."""
        if self.text[self.at : self.at + 1] != "'":
            return self.word()
        end = self.text.find("'", self.at + 1)
        name = self.text[self.at : end + 1]
        if end < 0 or len(name) < 3 or "\\" in name:
            raise _Refused
        self.at = end + 1
        return name

    def number(self) -> None:
        """An integer or a real."""
        text, start = self.text, self.at
        at = self._digits(start, 0)
        whole = text[start:at]
        real = False
        if text[at : at + 1] == ".":
            real, at = True, self._digits(at + 1, 1)
        if text[at : at + 1] in ("e", "E"):
            real, at = True, self._digits(at + (2 if text[at + 1 : at + 2] in ("+", "-") else 1), 1)
        if (text[at : at + 1] in _LETTERS and at < len(text)) or (len(whole) > 1 and whole[0] == "0"):
            raise _Refused
        self.at = at
        if real:
            self.out.append(real_text(float(text[start:at])))
        else:
            self.out.append(whole if len(whole) < 19 or (len(whole) == 19 and int(whole) < 2**63) else "0")

    def _digits(self, at: int, least: int) -> int:
        """Where the digits that begin at ``at`` end; refused when they are fewer than ``least``."""
        end = at
        while end < len(self.text) and self.text[end] in _DIGITS:
            end += 1
        if end - at < least:
            raise _Refused
        return end

    def string(self) -> None:
        """A string: ``\\"`` is a quote in it unless it is the last of the text; every other backslash is one."""
        text, at = self.text, self.at + 1
        parts: list[str] = []
        while True:
            end = text.find('"', at)
            if end < 0:
                raise _Refused
            parts.append(text[at:end])
            at = end + 1
            if text[end - 1] != "\\" or end - 1 < self.at + 1 or not text[at:].strip(_SPACES):
                break
            parts[-1] = parts[-1][:-1]
            parts.append('"')
        self.at = at
        value = "".join(parts)
        if "\0" in value:
            raise _Refused
        self.out.append(ads.quote(value))


def real_text(value: float) -> str:
    """A real as HTCondor writes it: 16 digits, with a point or an exponent."""
    text = f"{value:.16G}"
    if text in ("INF", "NAN"):
        return 'real("INF")' if text == "INF" else 'real("NaN")'
    return text if "." in text or "E" in text else text + ".0"


def old_syntax(expression: str) -> str:
    """A string literal of an ad as HTCondor's tools print it, backslashes as themselves; everything else as it is."""
    if "\\" not in expression:
        return expression
    value = ads.unquote(expression)
    return expression if value is None else '"' + value.replace('"', '\\"') + '"'


def integer(text: str) -> int | None:
    """The value of an expression that is an integer, a real (cut) or a boolean; None when it is anything else."""
    value = _value(text)
    return int(value) if isinstance(value, (int, float)) and abs(value) < 2**63 else None


def boolean(text: str) -> bool | None:
    """The value of an expression that is a boolean or a number; None when it is none."""
    folded = text.strip(_SPACES).lower()
    if folded in ("true", "1"):
        return True
    if folded in ("false", "0"):
        return False
    value = _value(text)
    return bool(value) if isinstance(value, (int, float)) else None


def value_of(text: str) -> object:
    """What ``classad2`` makes of the expression; None when the text is none, or has no value by itself."""
    expression = parse(text)
    if expression is None:
        return None
    import classad2

    try:
        found = classad2.ExprTree(expression.text).eval()
    except (classad2.ClassAdException, RuntimeError, ValueError, TypeError):
        return None
    return None if isinstance(found, classad2.Value) else found


def evaluated(text: str) -> str:
    """What ``$EVAL`` makes of it: a string as it is, anything else as HTCondor writes it; empty for what is no expression."""
    expression = parse(text)
    if expression is None:
        return ""
    import classad2

    try:
        found = classad2.ExprTree(expression.text).eval()
    except (classad2.ClassAdException, RuntimeError, ValueError, TypeError):
        return "error"
    if isinstance(found, classad2.Value):
        return str(found.name).lower()
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, (list, classad2.ClassAd)):
        return canonical(" ".join(expression.text.split())) or ""
    return real_text(found) if isinstance(found, float) else str(found)


def _value(text: str) -> object:
    text = text.strip(_SPACES)
    digits = text[1:] if text[:1] in ("-", "+") else text
    if digits.isdigit() and digits.isascii() and len(digits) < 19:
        return int(text)
    if text.replace("_", "a").isalpha():
        return None  # a bare name has no value here
    return value_of(text)
