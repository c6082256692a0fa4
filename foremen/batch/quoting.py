"""jinja2 as this house uses it: undefined names are errors, and one quoting filter a syntax.

No template inserts a text without one of these. What a syntax cannot quote is refused, with the text and the reason.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Callable

import jinja2

from spool.errors import AwqError

_PLAIN = re.compile(r"[A-Za-z0-9_.,:@/=+-]+\Z")
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


class QuotingError(AwqError):
    """A text that the syntax where it is to stand has no way to write."""


def environment(folder: Path) -> jinja2.Environment:
    """Templates from ``folder``; a line that holds only a block leaves no empty line."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 none of it is HTML: quoted by the filters below
    )
    made.filters.update(FILTERS)
    return made


def _yaml(text: str) -> str:
    """A JSON string is a YAML one, but for JSON's escaped surrogates."""
    return json.dumps(text, ensure_ascii=False)


def _systemd(text: str) -> str:
    """One assignment or word in a unit file (systemd.syntax(7)); specifiers are doubled."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _systemd_program(text: str) -> str:
    """The first word of ExecStart=: systemd refuses some names whatever their quotes (string_is_safe() in its sources)."""
    if any(c in text for c in "'\"\\"):
        raise QuotingError(f"systemd starts no program whose path holds a quote or a backslash: {text!r}")
    return _systemd(text)


def _systemd_word(text: str) -> str:
    """A word of ExecStart= but for the first, where systemd.service(5) also expands ``$``."""
    return _systemd(text).replace("$", "$$") if not _PLAIN.match(text) else text


def _condor(text: str) -> str:
    """The value of a submit command: it ends with the line, and only ``$`` has a meaning."""
    return text.replace("$", "$(DOLLAR)")


def _condor_word(text: str) -> str:
    """A word within ``arguments = "..."`` or ``environment = "..."`` (condor_submit(1), new syntax)."""
    quoted = text.replace('"', '""')
    if not text or "'" in text or " " in text:
        quoted = "'" + quoted.replace("'", "''") + "'"
    return _condor(quoted)


def _condor_file(text: str) -> str:
    """A name in a list of files, which has no quotes."""
    if "," in text or text != text.strip():
        raise QuotingError(f"HTCondor cannot transfer a file whose name holds a comma: {text!r}")
    return _condor(text)


def _directive(text: str) -> str:
    """A word in a scheduler's comment line: each reads these in its own way, so only plain ones."""
    if not _PLAIN.match(text):
        raise QuotingError(f"a batch system takes only letters, digits and _.,:@/=+- here, not {text!r}")
    return text


def _dns(text: str) -> str:
    """The name of an object in Kubernetes (RFC 1123 label)."""
    if not _DNS.match(text):
        raise QuotingError(f"Kubernetes takes a-z, 0-9 and - in a name, 63 at most, not {text!r}")
    return text


def _logrotate(text: str) -> str:
    """A path in logrotate's file; within quotes only these have a meaning (glob(7) is applied)."""
    if any(c in text for c in '"*?[{\\'):
        raise QuotingError(f"logrotate cannot name this path: {text!r}")
    return f'"{text}"'


FILTERS: dict[str, Callable[[str], str]] = {
    "sh": shlex.quote,
    "py": repr,
    "yaml": _yaml,
    "systemd": _systemd,
    "systemd_program": _systemd_program,
    "systemd_word": _systemd_word,
    "condor": _condor,
    "condor_word": _condor_word,
    "condor_file": _condor_file,
    "directive": _directive,
    "dns": _dns,
    "logrotate": _logrotate,
}
