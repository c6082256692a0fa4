"""Reading a submit description: assignments into macros, up to the next queue statement.

From HTCondor 23.9.6 (``Parse_macros`` in ``config.cpp``): ``name = value``, ``+Attr = expression``, ``name @=tag`` ... ``@tag``,
``if``/``elif``/``else``/``endif``, ``include : file``, ``include : command |``, ``warning :``, ``error :``.
"""

from __future__ import annotations

import os

from shims.submit.conditions import Conditions, NoCondition
from shims.submit.errors import DescriptionError, MacroError, SubmitError
from shims.submit.lines import SPACES, Lines
from shims.submit.macros import Macros
from shims.submit.queue_statement import arguments_of

_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./")
_MOST_INCLUDES = 20


class Description:
    """One description being read. ``source`` is its name in messages; ``warnings`` are those it asked for itself."""

    __slots__ = ("_conditions", "lines", "macros", "source", "warnings")

    def __init__(self, text: str, source: str, macros: Macros) -> None:
        if "\0" in text:
            raise DescriptionError(text[: text.index("\0")].count("\n") + 1, "a NUL byte: this is no text file")
        self.lines = Lines(text)
        self.source = source
        self.macros = macros
        self.warnings: list[str] = []
        self._conditions = Conditions(macros)

    def next_queue(self) -> str | None:
        """Read on; the arguments of the next queue statement, not yet expanded; None at the end. DescriptionError."""
        conditions = self._conditions
        conditions.forget()
        while True:
            line = self.lines.next()
            if line is None:
                if conditions.open:
                    raise self._error("endif(s) not found before end-of-file", "")
                return None
            if not line or line[0] == "#":
                continue
            if line[0] == ":" and (conditions.open or line[1:3].lower() == "if"):
                line = line[1:].lstrip(SPACES)
            if self._condition(line) or not conditions.counts:
                continue
            arguments = self._line(line)
            if arguments is not None:
                return arguments

    def append(self, line: str) -> str | None:
        """A line from the command line, as if it stood here: a queue statement (its arguments), or an assignment (None)."""
        return self._line(line.strip(SPACES))

    def _line(self, line: str) -> str | None:
        """An assignment (None), or a queue statement (its arguments)."""
        at = 0
        while at < len(line) and line[at] not in SPACES and line[at] not in "=:":
            at += 1
        name = line[:at]
        rest = line[at:].lstrip(SPACES)
        if rest[:1] == "=":
            if name.lower() == "queue":
                return self._queue(line)
            self._assign(name, rest[1:].strip(SPACES))
            return None
        if rest[:2] == "@=":
            self._here(name, rest[2:].strip(SPACES))
            return None
        if ":" in rest and self._directive(name.lower().lstrip("@"), rest):
            return None
        if rest[:1] == ":":
            raise self._error("invalid queue statement.", f"cannot parse: {line}")
        return self._queue(line)

    def _queue(self, line: str) -> str:
        arguments = arguments_of(line)
        if arguments is None:
            raise DescriptionError(self.lines.line, "")
        return arguments

    def _assign(self, name: str, value: str) -> None:
        if name[:1] in ("+", "-") and len(name) > 1:
            self.macros.put("MY." + name[1:], value if name[0] == "+" else "")
            return
        if "$" in name:
            name = self.macros.expand(name)
        if not name or not _NAME.issuperset(name):
            raise self._error("", f"Illegal Identifier: <{name}>")
        self.macros.assign(name, value)

    def _here(self, name: str, tag: str) -> None:
        """``name @=tag``, lines, ``@tag``."""
        if not name or not _NAME.issuperset(name):
            raise self._error("", f"Illegal Identifier: <{name}>")
        parts: list[str] = []
        while True:
            line = self.lines.next()
            if line is None:
                detail = f"Submit:-1:Found end-of-file while scanning for '@{tag}' in {self.source}"
                raise DescriptionError(self.lines.line, "", detail)
            if line == "@" + tag:
                break
            if line and line[0] != "#":
                parts.append(line)
        self.macros.assign(name, "\n".join(parts))

    def _directive(self, name: str, rest: str) -> bool:
        """``include : FILE``, ``warning : TEXT``, ``error : TEXT``; whether it was one."""
        before, _colon, text = rest.partition(":")
        text = text.strip(SPACES)
        if name in ("warning", "error"):
            message = self.macros.expand(text)
            if name == "error":
                raise self._error("", message, "Error")
            self.warnings.append(f'Warning "{self.source}", Line {self.lines.line}: {message}')
            return True
        if name != "include":
            return False
        how = before.strip(SPACES).lower().split()
        source = self.macros.expand(text)
        piped = source[-1:] == "|"
        if piped or how[:1] in (["command"], ["output"]):
            self._include_output(source[:-1] if piped else source, how)
        elif how in ([], ["ifexist"]):
            self._include(source, bool(how))
        else:
            raise self._error("", f"include {' '.join(how)} is not supported here")
        return True

    def _include_output(self, command: str, how: list[str]) -> None:
        """What a command says, as if it stood here. ``into FILE``: kept in that file, and taken from there the next time."""
        from shims.submit.external import CommandFailed, command_output

        kept = how[2] if len(how) == 3 and how[1] == "into" else ""
        if how[1:] and not kept:
            raise self._error("", f"include {' '.join(how)} is not supported here")
        if kept and os.path.exists(kept):
            self._include(kept, False)
            return
        try:
            text = command_output(command)
        except CommandFailed as error:
            raise self._error("", f"{command.strip(SPACES)}: {error}") from None
        if not kept:
            self._read(text, command.strip(SPACES))
            return
        try:
            with open(kept, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        except OSError as error:
            raise self._error("", f"cannot write {kept}: {error.strerror}") from None
        self._include(kept, False)

    def _include(self, path: str, may_miss: bool) -> None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                text = file.read()
        except (OSError, ValueError) as error:
            if may_miss:
                return
            reason = getattr(error, "strerror", None) or error
            detail = f'Submit:-1:Error "{path}", Line 0, Include Depth 1: can\'t open file {path}: {reason}'
            raise DescriptionError(self.lines.line, "", detail) from None
        self._read(text, path)

    def _read(self, text: str, name: str) -> None:
        """A text as if it stood here; ``name`` is its own in messages."""
        if self.source.count(" <- ") >= _MOST_INCLUDES:
            raise self._error("", "includes nested too deep")
        inner = Description(text, f"{name} <- {self.source}", self.macros)
        if inner.next_queue() is not None:
            raise inner._error("", "a queue statement in an included file is not supported here")
        self.warnings += inner.warnings

    def _condition(self, line: str) -> bool:
        """Whether the line is ``if``, ``elif``, ``else`` or ``endif``, which are taken note of."""
        if line[:1] not in "iIeE":
            return False
        try:
            return self._conditions.take(line)
        except NoCondition as error:
            raise DescriptionError(self.lines.line, str(error)) from None

    def _error(self, reason: str, detail: str, kind: str = "Error") -> DescriptionError:
        line = self.lines.line
        return DescriptionError(line, reason, f'Submit:-1:{kind} "{self.source}", Line {line}: {detail}')


def expand_arguments(macros: Macros, arguments: str, line: int) -> str:
    """The arguments of a queue statement with their macros replaced. DescriptionError."""
    try:
        return macros.expand(arguments)
    except MacroError as error:
        raise error.at(line) from None
    except SubmitError as error:
        raise DescriptionError(line, str(error)) from None
