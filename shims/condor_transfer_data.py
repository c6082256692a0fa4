"""``condor_transfer_data``: the output of jobs that were submitted with -spool. It lies in its place already, and is marked as fetched."""

from __future__ import annotations

import os

from shims.actions import wait_until_taken
from shims.options import MissingValue, Option, UnknownOption, parse
from shims.query import output
from shims.query.output import Answer
from shims.query.wanted import ConstraintError, Wanted, parse_id
from spool.folder import open_spool
from spool.settings import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.options import Parsed

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
    return output.run(_condor_transfer_data, "condor_transfer_data", argv)


def _condor_transfer_data(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    wanted = _wanted(parsed)
    from shims.query.jobs import select
    from spool.taskfile import Act, write_act
    from spool.view import open_unvouched

    spool = open_spool(load(os.environ).workdir)
    view = open_unvouched(spool)
    try:
        records = select(view, wanted)
    except ConstraintError as error:
        raise Answer(1, err=f"condor_transfer_data: not a ClassAd expression: {error.constraint}\n") from None
    finally:
        view.close()
    jobs = [(record.cluster, record.proc) for record in records if record.expression("StageInStart") is not None]
    output.show("Fetching data files...\n")
    if jobs:
        wait_until_taken(spool, write_act(spool, Act("fetched", jobs)))
    return 0


def _parse(argv: Sequence[str]) -> Parsed:
    from shims.query.helps import CONDOR_TRANSFER_DATA

    try:
        parsed = parse(argv, _TABLE)
    except UnknownOption as error:
        raise Answer(1, err=f"Unrecognized option: {error.word}\n{CONDOR_TRANSFER_DATA}") from None
    except MissingValue as error:
        raise Answer(1, err=f"condor_transfer_data: -{error.name} requires another argument\n") from None
    if parsed.has("help"):
        raise Answer(0, err=CONDOR_TRANSFER_DATA)
    if parsed.has("version"):
        raise Answer(0, out=f"{output.VERSION_LINE}\n{output.PLATFORM_LINE}\n")
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
