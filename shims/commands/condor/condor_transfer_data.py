"""``condor_transfer_data``: the output of jobs that were submitted with -spool. It lies in its place already, and is marked as fetched."""

from __future__ import annotations

import os

from shims.api.selection import ConstraintError, Wanted, parse_id
from shims.cli import stdio
from shims.cli.options import MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from shims.commands.condor.job_actions import wait_until_taken
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.cli.options import Parsed

_TABLE = (
    Option("debug", 1, modifiers=True),
    Option("constraint", 1, values=1),
    Option("all", 1),
    Option("addr", 2, values=1),
    Option("name", 1, values=1),
    Option("pool", 1, values=1),
    Option("version", 1),
    Option("help", 1),
)


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_transfer_data, "condor_transfer_data", argv)


def _condor_transfer_data(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    wanted = _wanted(parsed)
    from shims.api.jobs import select
    from spool.store.queue_view import open_unvouched
    from spool.store.task_file import Act, write_act

    spool = open_spool(load(os.environ).workdir)
    view = open_unvouched(spool)
    try:
        records = select(view, wanted)
    except ConstraintError as error:
        raise Answer(1, err=f"condor_transfer_data: not a ClassAd expression: {error.constraint}\n") from None
    finally:
        view.close()
    jobs = [(record.cluster, record.proc) for record in records if record.expression("StageInStart") is not None]
    stdio.show("Fetching data files...\n")
    if jobs:
        wait_until_taken(spool, write_act(spool, Act("fetched", jobs)))
    return 0


def _parse(argv: Sequence[str]) -> Parsed:
    from shims.cli.help.others import CONDOR_TRANSFER_DATA

    try:
        parsed = parse(argv, _TABLE)
    except UnknownOption as error:
        raise Answer(1, err=f"Unrecognized option: {error.word}\n{CONDOR_TRANSFER_DATA}") from None
    except MissingValue as error:
        raise Answer(1, err=f"condor_transfer_data: -{error.name} requires another argument\n") from None
    if parsed.has("help"):
        raise Answer(0, err=CONDOR_TRANSFER_DATA)
    if parsed.has("version"):
        raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    if not parsed.operands and not parsed.has("all") and not parsed.has("constraint"):
        raise Answer(1, err=f"You did not specify any jobs\n{CONDOR_TRANSFER_DATA}")
    return parsed


def _wanted(parsed: Parsed) -> Wanted:
    words = [word for word in parsed.operands if word]
    found = [parse_id(word) for word in words]
    ids = [one for one in found if one is not None]
    users = [word for word, one in zip(words, found) if one is None]
    constraints = [given.value for given in parsed.given if given.name == "constraint"]
    if not (ids or users or constraints or parsed.has("all")):
        constraints = ["false"]  # nothing but empty words
    return Wanted(ids, users, constraints)
