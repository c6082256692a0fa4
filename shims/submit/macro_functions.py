"""The rarer macro functions: ``$F...``, ``$BASENAME``, ``$CHOICE``, ``$RANDOM_...``, ``$SUBSTR``, ``$INT``, ``$EVAL`` ...

From HTCondor 23.9.6 (``evaluate_macro_func`` in ``config.cpp``). Where HTCondor ends the process, this is a MacroError.
"""

from __future__ import annotations

import os

from shims.submit.errors import MacroError
from shims.submit.expressions import evaluated, integer, real_text, value_of
from shims.submit.macros import Macros

_WIDEST = 6  # characters of a format's width and precision


def call(macros: Macros, function: str, body: str) -> str:
    """The value of ``$function(body)``. MacroError."""
    if function in ("BASENAME", "DIRNAME") or function[0] == "F":
        letters = {"BASENAME": "nx", "DIRNAME": "p"}.get(function, function[1:].lower())
        return _parts_of(letters, _named(macros, body))
    if function == "EVAL":
        return evaluated(_named(macros, body))
    if function == "STRING":
        name, _, form = body.partition(",")
        value = value_of(_named(macros, name))
        return _formatted("$STRING", form, value if isinstance(value, str) else _named(macros, name), "s")
    if function in ("INT", "REAL"):
        return _number(macros, function, body)
    return _substring(macros, body) if function == "SUBSTR" else _chosen(macros, function, body)


def _named(macros: Macros, name: str) -> str:
    """The value of a macro of this name, or the text itself, expanded."""
    value = macros.raw(name.strip())
    return macros.expand(name if value is None else value)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return real_text(value) if isinstance(value, float) else str(value)


def _formatted(function: str, form: str, value: object, kinds: str) -> str:
    if not form:
        return _text(value)
    before, percent, rest = form.partition("%")
    end = next((at for at, char in enumerate(rest) if char not in "0123456789.+-# "), len(rest))
    width, tail = rest[:end], rest[end:].lstrip("l")
    if not percent or tail[:1] not in kinds or not tail or len(width) > _WIDEST or "%" in tail:
        raise MacroError(f"{function} macro: '{form}' is not a valid format specifier!")
    try:
        return before + f"%{width}{tail[0]}" % (value,) + tail[1:]
    except (ValueError, TypeError, OverflowError):
        raise MacroError(f"{function} macro: '{form}' is not a valid format specifier!") from None


def _number(macros: Macros, function: str, body: str) -> str:
    name, _, form = body.partition(",")
    text = _named(macros, name)
    if function == "INT":
        whole = integer(text)
        if whole is None:
            raise MacroError(f"$INT() macro: {text} does not evaluate to an integer!")
        return _formatted("$INT()", form, whole, "dixX")
    value = value_of(text)
    if not isinstance(value, (int, float)):
        raise MacroError(f"$REAL() macro: {text} does not evaluate to an real!")
    return _formatted("$REAL()", form, float(value), "fgGeE") if form else f"{float(value):.16G}"


def _substring(macros: Macros, body: str) -> str:
    name, comma, rest = body.partition(",")
    if not comma:
        raise MacroError("$SUBSTR() macro: no length specified!")
    first, _, last = rest.partition(",")
    start, length = integer(_named(macros, first)), integer(_named(macros, last)) if last else None
    if start is None:
        raise MacroError(f"$SUBSTR() macro: {first} is invalid start index!")
    if last and length is None:
        raise MacroError(f"$SUBSTR() macro: {last} is invalid length !")
    value = macros.expand(macros.raw(name.strip()) or "")
    start = max(len(value) + start, 0) if start < 0 else min(start, len(value))
    value = value[start:]
    return value if length is None else value[: max(len(value) + length, 0) if length < 0 else length]


def _chosen(macros: Macros, function: str, body: str) -> str:
    words = [word.strip() for word in body.split(",")]
    if function == "CHOICE":
        return _by_index(macros, words)
    macros.touched = True  # chance: another value for every job
    return _by_chance(macros, words) if function == "RANDOM_CHOICE" else _random_integer(words)


def _by_index(macros: Macros, words: list[str]) -> str:
    if len(words) == 1:
        raise MacroError("$CHOICE() config macro: no index!")
    index = integer(_named(macros, words[0]))
    items = words[1:]
    if len(items) == 1:
        items = [item.strip() for item in _named(macros, items[0]).split(",")]
    if index is None or index < 0:
        raise MacroError(f"$CHOICE() macro: {words[0]} is invalid index!")
    if index >= len(items):
        raise MacroError(f"$CHOICE() config macro: index {index} is out of range!")
    return items[index]


def _by_chance(macros: Macros, words: list[str]) -> str:
    items = words if len(words) > 1 else _named(macros, words[0]).replace(",", " ").split()
    if not items:
        raise MacroError("$RANDOM_CHOICE() macro in config file empty!")
    return items[_random(len(items))]


def _random_integer(words: list[str]) -> str:
    """``min, max`` or ``min, max, step``."""
    numbers = [integer(word) for word in words[:3]]
    for what, number in zip(("min", "max", "step"), numbers if len(numbers) > 1 else [*numbers, None]):
        if number is None:
            raise MacroError(f"$RANDOM_INTEGER() config macro: invalid {what}!")
    low, high, step = [number or 0 for number in (numbers if len(numbers) > 2 else [*numbers, 1])]
    if step < 1:
        raise MacroError("$RANDOM_INTEGER() config macro: invalid step!")
    if low > high:
        raise MacroError("$RANDOM_INTEGER() config macro: min > max!")
    return str(low + _random((high - low + step) // step) * step)


def _random(count: int) -> int:
    return int.from_bytes(os.urandom(8), "little") % count


def _parts_of(parts: str, path: str) -> str:
    """What the letters keep of a path: p(ath) d(irectory) n(ame) x (extension), f(ull), q(uoted), a(rguments' quotes), b(are)."""
    if len(path) > 1 and path[0] == path[-1] and path[0] in "\"'":
        path = path[1:-1]
    if "f" in parts and path[:1] != "/":
        path = os.path.join(os.getcwd(), path[2:] if path[:2] == "./" else path)
    found = _kept(parts, path) if any(letter in parts for letter in "pdnx") else path
    quote = ("'" if "a" in parts else '"') if "q" in parts else ""
    return f"{quote}{found}{quote}"


def _kept(parts: str, path: str) -> str:
    """Folder, name and extension, as far as the letters ask for them."""
    name_at = path.rfind("/") + 1
    dot = path.rfind(".", name_at)
    dot = dot if dot >= 0 else len(path)
    folder, name, extension = path[:name_at], path[name_at:dot], path[dot:]
    if "d" in parts and "p" not in parts:
        levels = folder.rstrip("/").split("/")
        folder = "/".join(levels[-parts.count("d") :]) + "/" if folder else ""
    if "b" in parts and "n" not in parts:
        extension = extension[1:]
        folder = folder if "x" in parts else folder[:-1]
    wanted = (("p" in parts or "d" in parts, folder), ("n" in parts, name), ("x" in parts, extension))
    return "".join([part for asked, part in wanted if asked])
