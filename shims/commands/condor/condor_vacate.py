"""``condor_vacate``: end the runs on hosts; their jobs are idle again and run elsewhere, or there once more."""

from __future__ import annotations

import os

from shims.cli import identity, stdio
from shims.cli.options import MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from shims.commands.condor.job_actions import wait_until_taken
from spool.classad import ads
from spool.errors import NotVouched
from spool.job import RUNNING
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.cli.options import Parsed
    from spool.classad.job_record import JobRecord

_TABLE = (
    Option("help", 1),
    Option("version", 1),
    Option("all", 1),
    Option("graceful", 1),
    Option("fast", 1),
    Option("pool", 1, values=1),
    Option("name", 1, values=1),
    Option("addr", 2, values=1),
    Option("constraint", 1, values=1),
)


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_vacate, "condor_vacate", argv)


def _condor_vacate(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    from spool.store.queue_view import open_unvouched
    from spool.store.task_file import Act, write_act

    spool = open_spool(load(os.environ).workdir)
    hosts = [word for word in parsed.operands if word] + [given.value for given in parsed.given if given.name == "name"]
    if not hosts and not parsed.has("all"):
        hosts = [identity.host_name()]
    view = open_unvouched(spool)
    try:
        running = list(view.jobs((), (RUNNING,)))
    finally:
        view.close()
    everywhere = parsed.has("all")
    chosen = [record for record in running if everywhere or any(_runs_on(record, host) for host in hosts)]
    if not chosen:
        where = "anywhere" if everywhere else f"on {', '.join(hosts)}"
        raise NotVouched(f"no job runs {where}")
    act = Act("vacate", [(record.cluster, record.proc) for record in chosen])
    wait_until_taken(spool, write_act(spool, act))
    names = dict.fromkeys([ads.string(one.expression("RemoteHost")).partition("@")[2] for one in chosen])
    return stdio.show("".join([f'Sent "Vacate-All-Claims" command to startd {name}\n' for name in names]))


def _parse(argv: Sequence[str]) -> Parsed:
    from shims.cli.help.others import CONDOR_VACATE

    try:
        parsed = parse(argv, _TABLE)
    except UnknownOption as error:
        raise Answer(1, err=f'ERROR: invalid argument "{error.word}"\n{CONDOR_VACATE}') from None
    except MissingValue as error:
        raise Answer(1, err=f"ERROR: -{error.name} requires another argument\n{CONDOR_VACATE}") from None
    if parsed.has("help"):
        raise Answer(0, err=CONDOR_VACATE)
    if parsed.has("version"):
        raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    for name in ("constraint", "addr"):
        if parsed.has(name):
            raise Answer(
                1, err=f"condor_vacate: -{name} is not offered here: name hosts, or jobs with condor_vacate_job\n"
            )
    return parsed


def _runs_on(record: JobRecord, host: str) -> bool:
    """Whether the job's RemoteHost is this host, or this slot of it."""
    slot = ads.string(record.expression("RemoteHost"))
    return host in (slot, slot.partition("@")[2])
