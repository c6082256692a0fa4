"""Whole ads as HTCondor prints them: ``-long``, ``-json``, ``-xml``, ``-long:new`` and JSON lines.

Attributes are sorted without case; of an attribute that is there twice the later counts. Literals are written here; lists,
nested ads and the spellings of expressions come from ``classad2``. The lines of different jobs are mostly the same, and so
is their order, so that both are remembered: that is what makes 10,000 ads quick.
"""

from __future__ import annotations

from spool.classad import values
from spool.classad.lookup import spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from spool.classad.job_record import JobRecord

_KEPT = 20000
_JSON_ESCAPES = str.maketrans(
    {
        **{chr(code): f"\\u{code:04X}" for code in range(1, 32)},
        **{"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"},
    }
)
_XML_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_NEW_ESCAPES = str.maketrans(
    {
        **{chr(code): f"\\{code:03o}" for code in [*range(1, 32), 127]},
        **{"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\"},
    }
)


class Form:
    """One way of printing ads: ``line`` makes the text of an attribute; the other texts stand around and between."""

    __slots__ = ("after_ad", "before_ad", "between", "empty_ad", "foot", "head", "join", "line")

    def __init__(self, line: Callable[[str, str], str], **texts: str) -> None:
        self.line = line
        self.head = texts.get("head", "")
        self.before_ad = texts.get("before_ad", "")
        self.join = texts.get("join", "")
        self.after_ad = texts.get("after_ad", "")
        self.empty_ad = texts.get("empty_ad", "")
        self.between = texts.get("between", "")
        self.foot = texts.get("foot", "")

    def text(self, ads: Sequence[str]) -> str:
        """The document of ads that ``Printer.ad`` made."""
        return self.head + self.between.join(ads) + self.foot


class Printer:
    """Prints the ads of records in one form; ``wanted`` are the attributes to print, all when it is empty.

    A wanted attribute is printed in the (first) spelling of the wish, as HTCondor's schedd does it.
    """

    def __init__(self, form: Form, wanted: Sequence[str] = ()) -> None:
        self._form = form
        self._wanted = sorted({name.lower(): name for name in reversed(wanted)}.items())
        self._lines: dict[str, tuple[str, str]] = {}
        self._orders: dict[tuple[str, ...], list[int]] = {}

    def ad(self, record: JobRecord) -> str:
        """The ad's text; what the form says when it has none of the wanted attributes."""
        form = self._form
        lines = self._some(record) if self._wanted else self._all(record.text)
        return f"{form.before_ad}{form.join.join(lines)}{form.after_ad}" if lines else form.empty_ad

    def document(self, records: Sequence[JobRecord]) -> str:
        """The ads of all records, with what stands around them."""
        return self._form.text([text for text in map(self.ad, records) if text])

    def _some(self, record: JobRecord) -> list[str]:
        found = [(name, spelled(record, lowered)) for lowered, name in self._wanted]
        return [self._form.line(name, text) for name, text in found if text is not None]

    def _all(self, text: str) -> list[str]:
        known, make = self._lines, self._make
        entries = [known.get(line) or make(line) for line in text.split("\n") if line]
        names = tuple([entry[0] for entry in entries])
        order = self._orders.get(names)
        if order is None:
            order = self._orders[names] = _order(names)
        return [entries[at][1] for at in order]

    def _make(self, line: str) -> tuple[str, str]:
        name, _, expression = line.partition(" = ")
        entry = name.lower(), self._form.line(name, expression)
        if len(self._lines) < _KEPT:
            self._lines[line] = entry
        return entry


def _order(names: Sequence[str]) -> list[int]:
    """Places of the attributes that count, sorted by name."""
    last = {name: at for at, name in enumerate(names)}
    return [last[name] for name in sorted(last)]


def _long_line(name: str, expression: str) -> str:
    return f"{name} = {_long_value(expression)}\n"


def _long_value(expression: str) -> str:
    if "\\" not in expression and expression[:1] == '"' and expression.count('"') == 2:
        return expression
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return expression if isinstance(found, bool) else values.unparsed(found)
    return _old_form(expression)


def _json_line(name: str, expression: str) -> str:
    return f'  "{name.translate(_JSON_ESCAPES)}": {_json_value(expression)}'


def _json_value(expression: str) -> str:
    found = values.literal(expression)
    if isinstance(found, str):
        return f'"{found.translate(_JSON_ESCAPES)}"'
    if found is values.UNDEFINED:
        return "null"
    if found is values.NO_LITERAL:
        return _json_by_library(expression) if expression[:1] in "{[" else _json_expression(_new_form(expression))
    return _json_expression("error") if found is values.ERROR else values.plain(found)


def _json_by_library(expression: str) -> str:
    library = _library()
    return library.json_form(expression) if library.readable(expression) else _json_expression(expression)


def _json_expression(text: str) -> str:
    return f'"\\/Expr({text.translate(_JSON_ESCAPES)})\\/"'


def _json_word(name: str, expression: str) -> str:
    return f'"{name.translate(_JSON_ESCAPES)}": {" ".join(_json_value(expression).split(chr(10)))}'


def _new_line(name: str, expression: str) -> str:
    found = values.literal(expression)
    if isinstance(found, str):
        escaped = found.translate(_NEW_ESCAPES).replace('"', '\\"')
        return f'{name} = "{escaped}"'
    if found is not values.NO_LITERAL:
        return f"{name} = {found:.15E}" if isinstance(found, float) and found else f"{name} = {values.plain(found)}"
    return f"{name} = {_new_form(expression)}"


def _xml_line(name: str, expression: str) -> str:
    return f'    <a n="{name}">{_xml_value(expression)}</a>\n'


def _xml_value(expression: str) -> str:
    found = values.literal(expression)
    if found is not values.NO_LITERAL:
        return _xml_literal(found)
    if expression[:1] in "{[":
        return _xml_part(_library().parts(expression), 4)
    return f"<e>{_new_form(expression).translate(_XML_ESCAPES)}</e>"


def _xml_literal(value: values.Value) -> str:
    if isinstance(value, str):
        return f"<s>{value.translate(_NEW_ESCAPES).translate(_XML_ESCAPES)}</s>"
    if isinstance(value, bool):
        return f'<b v="{"t" if value else "f"}"/>'
    if isinstance(value, int):
        return f"<i>{value}</i>"
    if isinstance(value, float):
        return f"<r>{f'{value:.15E}' if value else '0.0'}</r>"
    return "<un/>" if value is values.UNDEFINED else "<er/>"


def _xml_part(part: Any, indent: int) -> str:
    library = _library()
    if isinstance(part, (bool, int, float, str)) and not library.is_special(part):
        return _xml_literal(part)
    if library.is_special(part):
        return "<un/>" if library.is_undefined(part) else "<er/>"
    if isinstance(part, list):
        return f"<l>{''.join([_xml_part(one, indent) for one in part])}</l>"
    if library.is_ad(part):
        members = sorted(part.items(), key=lambda item: str(item[0]).lower())
        blanks = " " * (indent + 4)
        inner = "".join([f'{blanks}<a n="{name}">{_xml_part(one, indent + 4)}</a>\n' for name, one in members])
        return f"<c>\n{inner}{' ' * indent}</c>"
    return f"<e>{library.tree_text(part).translate(_XML_ESCAPES)}</e>"


def _old_form(expression: str) -> str:
    """As the long form has it. The two spellings of ClassAds differ in ``=?=`` and ``is``, in reals, in backslashes."""
    if _needs_library(expression):
        return str(_library().old_form(expression))
    if " is " in expression or " isnt " in expression:
        return _outside_strings(expression, ((" is ", " =?= "), (" isnt ", " =!= ")))
    return expression


def _new_form(expression: str) -> str:
    """As JSON and XML have it."""
    if _needs_library(expression):
        return str(_library().new_form(expression))
    if "=?=" in expression or "=!=" in expression:
        return _outside_strings(expression, ((" =?= ", " is "), (" =!= ", " isnt ")))
    return expression


def _needs_library(expression: str) -> bool:
    return "\\" in expression or expression[:1] in "{[" or _has_real(expression)


def _outside_strings(expression: str, pairs: Sequence[tuple[str, str]]) -> str:
    parts = expression.split('"')
    for at in range(0, len(parts), 2):
        for found, written in pairs:
            parts[at] = parts[at].replace(found, written)
    return '"'.join(parts)


def _has_real(expression: str) -> bool:
    """Whether there may be a real in it: a digit next to a point or before an e."""
    return any(
        (before.isdigit() and (char in ".eE")) or (before == "." and char.isdigit())
        for before, char in zip(expression, expression[1:])
    )


def _library() -> Any:
    from spool.classad import evaluate

    return evaluate


_XML_HEAD = '<?xml version="1.0"?>\n<!DOCTYPE classads SYSTEM "classads.dtd">\n<classads>\n'

LONG = Form(_long_line, after_ad="\n")
JSON = Form(
    _json_line, head="[\n", before_ad="{\n", join=",\n", after_ad="\n}\n", empty_ad="{\n}\n", between=",\n", foot="]\n"
)
JSON_LINES = Form(_json_word, before_ad="{", join=",", after_ad="}\n")
XML = Form(
    _xml_line, head=_XML_HEAD, before_ad="<c>\n", after_ad="</c>\n", empty_ad="<c>\n</c>\n", foot="</classads>\n"
)
NEW = Form(_new_line, head="{\n", before_ad="[ ", join="; ", after_ad=" ]\n", between=",\n", foot="}\n")
HISTORY_XML = Form(_xml_line, head=_XML_HEAD, before_ad="\n<c>\n", after_ad="</c>\n", foot="\n</classads>\n\n")
FORMS = {"long": LONG, "json": JSON, "xml": XML, "new": NEW}
STATUS_FORMS = {
    **FORMS,
    "xml": Form(_xml_line, head=_XML_HEAD, before_ad="<c>\n", after_ad="</c>\n\n", foot="</classads>\n"),
}
HISTORY_FORMS = {"long": LONG, "json": JSON, "xml": HISTORY_XML, "jsonl": JSON_LINES}
