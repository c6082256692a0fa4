"""One job ad being made: the macros it is made from, the attributes so far, and how commands become attributes."""

from __future__ import annotations

import os

from shims.jobad import simple_commands
from shims.submit.errors import SubmitError
from shims.submit.expressions import boolean, canonical, integer
from shims.submit.macros import Macros
from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Surroundings:
    """What is the same for everything that one command submits."""

    __slots__ = ("cwd", "host", "machine", "now", "remote", "source", "user")

    def __init__(self, now: int, user: str, source: str, remote: bool) -> None:
        system = os.uname()
        self.cwd = _current_folder()
        self.host = system.nodename
        self.machine = "INTEL" if system.machine in ("i386", "i486", "i586", "i686") else system.machine
        self.now = now
        self.user = user
        self.source = source
        self.remote = remote


class JobAd:
    """``ad`` holds what was set so far over ``base`` (the cluster's common ad, empty for its first job)."""

    __slots__ = ("ad", "base", "grid_type", "iwd", "macros", "surroundings", "topping", "universe", "warnings")

    def __init__(self, macros: Macros, surroundings: Surroundings, base: Mapping[str, str]) -> None:
        self.macros = macros
        self.surroundings = surroundings
        self.base = base
        self.ad: dict[str, str] = {}
        self.iwd = surroundings.cwd
        self.universe = 5
        self.topping = ""
        self.grid_type = ""
        self.warnings: list[str] = []

    def lookup(self, name: str) -> str | None:
        """The expression of an attribute set so far."""
        found = self.ad.get(name)
        return found if found is not None else self.base.get(name)

    def text(self, name: str, value: str) -> None:
        """Set a string."""
        self.ad[name] = ads.quote(value)

    def expression(self, name: str, text: str) -> None:
        """Set an expression. SubmitError when the text is none."""
        found = canonical(text)
        if found is None or not ads.is_name(name):
            raise SubmitError(f"Parse error in expression: \n\t{name} = {text}\n\t", lead="")
        self.ad[name] = found

    def force(self, name: str, text: str) -> None:
        """Set an expression whatever case the name was written in (``+requestcpus`` is RequestCpus)."""
        folded = name.lower()
        for known in (*self.ad, *self.base):
            if known.lower() == folded:
                name = known
                break
        self.expression(name, text)

    def is_true(self, name: str, attribute: str, default: bool) -> bool:
        """The value of a command that is a boolean. SubmitError when it is none."""
        value = self.macros.get(name, attribute)
        if value is None:
            return default
        found = boolean(value)
        if found is None:
            raise SubmitError(f"{name}={value} is invalid, must eval to a boolean.", lead="")
        return found

    def path(self, name: str) -> str:
        """A path as HTCondor makes it absolute, relative to the job's folder."""
        return full_path(name, self.iwd)

    def simple(self, command: str, attribute: str, kind: int) -> None:
        """One of the commands in ``commands.SIMPLE``."""
        value = self.macros.get(command, attribute)
        if value is None:
            return
        if kind == simple_commands.TEXT:
            self.text(attribute, value)
        elif kind == simple_commands.EXPRESSION:
            self.expression(attribute, value)
        elif kind == simple_commands.PATH:
            self.text(attribute, self.path(value))
        elif kind == simple_commands.UNQUOTED:
            self.text(attribute, unquoted(value))
        elif kind == simple_commands.LIST:
            self.text(attribute, ",".join(value.replace(",", " ").split()))
        elif kind == simple_commands.BOOLEAN:
            self.ad[attribute] = "true" if self.is_true(command, attribute, False) else "false"
        else:
            self.integer(command, attribute, value, kind == simple_commands.NATURAL)

    def integer(self, command: str, attribute: str, value: str, natural: bool) -> None:
        """Set an integer. SubmitError when the value is none."""
        number = integer(value)
        if number is None or (natural and number < 0):
            what = "an integer" if number is None else "a non-negative integer"
            raise SubmitError(f"{command}={value} is invalid, must eval to {what}.", lead="")
        self.ad[attribute] = str(number)


def _current_folder() -> str:
    """Empty when it has been removed: that matters only to relative paths."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def full_path(name: str, folder: str) -> str:
    """Absolute, without doubled slashes; dots stay, as HTCondor leaves them. SubmitError when it is relative to a removed folder."""
    if not folder and name[:1] != "/":
        raise SubmitError(
            "the current folder is not there any more: go to another one, or set initialdir to an absolute path"
        )
    path = name if name[:1] == "/" else f"{folder}/{name}"
    while "//" in path:
        path = path.replace("//", "/")
    return path


def unquoted(value: str) -> str:
    """Without the double quotes around it."""
    return value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] == '"' else value
