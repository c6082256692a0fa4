"""``condor_ping``: whether the queue can be asked and written to: the spool is ours, and a living master vouches for it."""

from __future__ import annotations

import os
import time

from shims.cli import identity, stdio
from shims.cli.options import MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from spool.errors import AwqError
from spool.settings import load
from spool.store.layout import open_spool
from spool.store.published_counts import vouched_counts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.cli.options import Parsed

_TABLE = (
    Option("config", 1, values=1),
    Option("debug", 1, modifiers=True),
    Option("help", 1),
    Option("version", 4),
    Option("address", 1, values=1),
    Option("pool", 1, values=1),
    Option("name", 1, values=1),
    Option("subsystem", 1, values=1),
    Option("type", 2, values=1),
    Option("quiet", 1),
    Option("table", 2),
    Option("verbose", 1),
)
_COMMANDS = {"ALLOW": 60040, "READ": 60020, "WRITE": 60021, "ADMINISTRATOR": 60024, "OWNER": 60025, "DAEMON": 60026,
             "CLIENT": 60029}  # fmt: skip
"""The levels that the owner of a spool has, with the numbers of HTCondor's no-operation commands."""


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_ping, "condor_ping", argv)


def _condor_ping(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    tokens = [word.upper() for word in parsed.operands if word] or ["WRITE"]
    tokens = list(_COMMANDS) if tokens == ["ALL"] else tokens
    for token in tokens:
        if token not in _COMMANDS and not token.isdigit():
            raise Answer(1, err=f'ERROR: Could not understand TOKEN "{token}".\n')
    refused = _problem()
    if parsed.has("quiet"):
        return 1 if refused else 0
    if refused:
        lines = [f"{token} command failed: {refused}\n" for token in tokens]
        raise Answer(1, err="".join(lines))
    where = "local schedd" if parsed.last("name") is None else f"schedd {parsed.last('name')}"
    who = f"{identity.user_name()}@{identity.host_name()}"
    if parsed.has("table"):
        return stdio.show(_table(tokens, who))
    if parsed.has("verbose"):
        return stdio.show("".join([_verbose(token, where, who) for token in tokens]))
    return stdio.show(
        "".join([f"{token} command using (file ownership) succeeded as {who} to {where}.\n" for token in tokens])
    )


def _parse(argv: Sequence[str]) -> Parsed:
    from shims.cli.help.others import CONDOR_PING

    try:
        parsed = parse(argv, _TABLE)
    except UnknownOption as error:
        raise Answer(1, err=f"ERROR: Unknown argument: {error.word}\n\n{CONDOR_PING}") from None
    except MissingValue as error:
        raise Answer(1, err=f"ERROR: Argument -{error.name} requires a parameter.\n\n{CONDOR_PING}") from None
    if parsed.has("help"):
        raise Answer(0, out=CONDOR_PING)
    if parsed.has("version"):
        raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    return parsed


def _problem() -> str:
    """Why the queue cannot be used; empty when it can."""
    try:
        settings = load(os.environ)
        vouched_counts(open_spool(settings.workdir), settings.stale, time.time())
    except AwqError as error:
        return str(error)
    return ""


def _verbose(token: str, where: str, who: str) -> str:
    rows = (
        ("Destination", where),
        ("Remote Version", stdio.VERSION_LINE),
        ("Local  Version", stdio.VERSION_LINE),
        ("Instruction", token),
        ("Command", str(_COMMANDS.get(token, token))),
        ("Encryption", "none"),
        ("Integrity", "none"),
        ("Authenticated using", "FS"),
        ("All authentication methods", "FS"),
        ("Remote Mapping", who),
        ("Authorized", "TRUE"),
    )
    return "".join([f"{name + ':':<28} {text}\n" for name, text in rows]) + "\n"


def _table(tokens: Sequence[str], who: str) -> str:
    lines = [f"{'Instruction':>20} Authentication Encryption Integrity Decision Identity\n"]
    lines += [f"{token:>20} {'FS':>14} {'none':>10} {'none':>9} {'ALLOW':>8} {who}\n" for token in tokens]
    return "".join(lines)
