"""HTCondor's argument and environment syntaxes, both directions; pure, used by the commands and by the master.

Three spellings each (HTCondor manual, ``condor_submit``: *arguments*, *environment*; checked with 23.9.6):

* V1 ("old") raw: words separated by blanks, no quoting at all / ``NAME=value`` members separated by ``;``.
* V2 ("new") raw: words separated by blanks; single quotes keep blanks, a doubled single quote is one.
* in a submit description: V2 stands in double quotes, a doubled double quote is one; what does not begin with a double
  quote is V1, where a double quote in *arguments* is written ``\\"``.

In the job ad: ``Args`` (V1) or ``Arguments`` (V2); ``Env`` (V1, delimiter in ``EnvDelim``) or ``Environment`` (V2).
"""

from __future__ import annotations

from spool.classad import ads
from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_BLANKS = " \t\n\r"
_SPACES = " \t\n\v\f\r"
_PERMITTED_DELIMITERS = "!#$%&*+,-/:;<>?@^`|~\x1f"


class ArgumentsError(AwqError):
    """Text that is in neither syntax; the message is HTCondor's, word for word."""


# --- words ------------------------------------------------------------------------------------------------------------


def split_v1(text: str) -> list[str]:
    """The words of V1 raw text; anything is acceptable."""
    return [word for word in text.translate(_TO_BLANK).split(" ") if word]


_TO_BLANK = {ord(char): " " for char in _BLANKS}


def split_v2(text: str) -> list[str]:
    """The words of V2 raw text. ArgumentsError when a single quote has no partner."""
    if "'" not in text:
        return split_v1(text)
    words: list[str] = []
    word: list[str] | None = None
    at, end = 0, len(text)
    while at < end:
        char = text[at]
        if char in _BLANKS:
            if word is not None:
                words.append("".join(word))
                word = None
            at += 1
            continue
        word = [] if word is None else word
        if char == "'":
            part, at = _quoted(text, at)
            word.append(part)
        else:
            word.append(char)
            at += 1
    if word is not None:
        words.append("".join(word))
    return words


def _quoted(text: str, start: int) -> tuple[str, int]:
    """The text in single quotes that opens at ``start``, and the place behind the closing quote."""
    parts: list[str] = []
    at = start + 1
    while True:
        close = text.find("'", at)
        if close < 0:
            raise ArgumentsError(f"Unbalanced quote starting here: {text[start:]}")
        parts.append(text[at:close])
        if text[close + 1 : close + 2] != "'":
            return "".join(parts), close + 1
        parts.append("'")
        at = close + 2


def join_v1(words: Sequence[str]) -> str | None:
    """V1 raw text of these words; None when V1 cannot say it (an empty word, a blank in a word)."""
    for word in words:
        if not word or any(char in _BLANKS for char in word):
            return None
    return " ".join(words)


def join_v2(words: Iterable[str]) -> str:
    """V2 raw text of these words, with quotes exactly where HTCondor puts them."""
    return " ".join([_quote_v2(word) for word in words])


def _quote_v2(word: str) -> str:
    if not word:
        return "''"
    out: list[str] = []
    for char in word:
        if char in _BLANKS or char == "'":
            if out and out[-1] == "'":
                out.pop()  # the quoted part before goes on
            else:
                out.append("'")
            out += ["'", "'"] if char == "'" else [char]
            out.append("'")
        else:
            out.append(char)
    return "".join(out)


def is_v2_quoted(text: str) -> bool:
    """Whether text from a submit description is V2: its first character that is no blank is a double quote."""
    return text.lstrip(_SPACES)[:1] == '"'


def unquote_v2(text: str) -> str:
    """V2 raw text of V2 text in double quotes. ArgumentsError when the closing quote is missing or is not the end."""
    text = text.lstrip(_SPACES)
    parts: list[str] = []
    at = 1
    while True:
        close = text.find('"', at)
        if close < 0:
            raise ArgumentsError("Unterminated double-quote.")
        parts.append(text[at:close])
        if text[close + 1 : close + 2] != '"':
            break
        parts.append('"')
        at = close + 2
    if text[close + 1 :].strip(_SPACES):
        raise ArgumentsError(
            "Unexpected characters following double-quote.  Did you forget to escape the double-quote by repeating it?"
            f"  Here is the quote and trailing characters: {text[close:]}\n"
        )
    return "".join(parts)


def quote_v2(raw: str) -> str:
    """V2 raw text as it is written in a submit description."""
    return '"' + raw.replace('"', '""') + '"'


def unwack_v1(text: str) -> str:
    """V1 raw text of V1 text in a submit description (a double quote is written with a backslash before it)."""
    parts: list[str] = []
    at = 0
    while True:
        quote = text.find('"', at)
        if quote < 0:
            parts.append(text[at:])
            return "".join(parts)
        if quote == at or text[quote - 1] != "\\":
            raise ArgumentsError(f"Found illegal unescaped double-quote: {text[quote:]}")
        parts.append(text[at : quote - 1] + '"')
        at = quote + 1


# --- arguments --------------------------------------------------------------------------------------------------------


def parse_arguments(text: str) -> tuple[list[str], bool]:
    """The words of *arguments* in a submit description, and whether it was V1. ArgumentsError."""
    if is_v2_quoted(text):
        return split_v2(unquote_v2(text)), False
    return split_v1(unwack_v1(text)), True


def arguments_of(ad: Mapping[str, str]) -> list[str]:
    """The words a job is started with, from its ad (``Arguments`` before ``Args``, unless it is no string or empty)."""
    new, old = ads.find(ad, "Arguments"), ads.find(ad, "Args")
    raw = ads.string(new)
    return split_v2(raw) if raw or not old else split_v1(ads.string(old))


# --- environment ------------------------------------------------------------------------------------------------------


def members_v1(text: str, delimiter: str = ";") -> list[str]:
    """The members of V1 raw text; a first character that is a delimiter names it, a newline always separates too."""
    if text[:1] and text[0] in _PERMITTED_DELIMITERS:
        delimiter, text = text[0], text[1:]
    members = [member.lstrip(_BLANKS) for member in text.replace("\n", delimiter).split(delimiter)]
    return [member for member in members if member]


def environment(members: Iterable[str]) -> dict[str, str]:
    """Names and values of ``NAME=value`` members, the last of a name wins.

    A member without ``=`` is an error, as is one without a name; HTCondor keeps one with an unexpanded ``$$()``: so do we, with the
    whole member as its name and no value to tell it by (the empty string).
    """
    found: dict[str, str] = {}
    for member in members:
        name, equals, value = member.partition("=")
        if not equals and "$$" in member:
            found[member] = ""
        elif not equals:
            raise ArgumentsError(f"ERROR: Missing '=' after environment variable '{member}'.")
        elif not name:
            raise ArgumentsError(f"ERROR: missing variable in '{member}'.")
        else:
            found[name] = value
    return found


def parse_environment(text: str) -> tuple[dict[str, str], bool]:
    """*environment* of a submit description, and whether it was V1. ArgumentsError."""
    if is_v2_quoted(text):
        return environment(split_v2(unquote_v2(text))), False
    return environment(members_v1(text)), True


def environment_of(ad: Mapping[str, str]) -> dict[str, str]:
    """A job's environment, from its ad (``Environment`` before ``Env``). ArgumentsError."""
    new, old = ads.find(ad, "Environment"), ads.find(ad, "Env")
    raw = ads.string(new)
    if raw or not old:
        return environment(split_v2(raw))
    return environment(members_v1(ads.string(old), ads.string(ads.find(ad, "EnvDelim"), ";")[:1] or ";"))


def _members(variables: Mapping[str, str]) -> list[str]:
    """``NAME=value``, sorted by name as HTCondor sorts; an unexpanded ``$$()`` member stays bare."""
    return [name if not value and "$$" in name else f"{name}={value}" for name, value in sorted(variables.items())]


def join_environment_v2(variables: Mapping[str, str]) -> str:
    """V2 raw text of an environment."""
    return join_v2(_members(variables))


def join_environment_v1(variables: Mapping[str, str], delimiter: str = ";") -> str | None:
    """V1 raw text of an environment; None when V1 cannot say it (the delimiter or a newline in it)."""
    members = _members(variables)
    if any(delimiter in member or "\n" in member for member in members):
        return None
    return delimiter.join(members)
