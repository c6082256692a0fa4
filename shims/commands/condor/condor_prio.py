"""``condor_prio``: set or adjust the priority of jobs in the queue. It prints nothing when all is well, as HTCondor's."""

from __future__ import annotations

import os

from shims.api.selection import Wanted, parse_id
from shims.cli import stdio
from shims.cli.stdio import Answer
from shims.commands.condor.job_actions import wait_until_taken
from spool.classad import ads
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from spool.classad.job_record import JobRecord

_MOST = 2**31 - 1


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_prio, "condor_prio", argv)


class Request:
    """A command line: a new priority or a change of it, and whose."""

    __slots__ = ("adjust", "complaints", "everything", "ids", "priority", "users")

    def __init__(self, argv: Sequence[str]) -> None:
        self.priority: int | None = None
        self.adjust = 0
        self.everything = False
        self.ids: list[tuple[int, int | None]] = []
        self.users: list[str] = []
        self.complaints: list[str] = []
        words = list(argv)
        while words:
            self._take(words.pop(0), words)
        if self.priority is None and not self.adjust:
            raise _usage("You must specify a new priority or priority adjustment.\n")

    def _take(self, word: str, rest: list[str]) -> None:
        name = word.lstrip("-") if word.startswith("-") else ""
        if word[:1] in ("+", "-") and word[1:].isascii() and word[1:].isdigit():
            self.adjust = max(-_MOST, min(_MOST, int(word)))
        elif name in ("p", "n", "name", "pool", "addr"):
            if not rest:
                raise _usage(f"condor_prio: -{name} requires another argument\n")
            value = rest.pop(0)
            if name == "p":
                self.priority = _priority(value)
        elif name and "all".startswith(name):
            self.everything = True
        elif name in ("h", "help"):
            raise _usage("", 0)
        elif name == "version":
            raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
        elif parse_id(word) is not None:
            self.ids.append(parse_id(word))  # type: ignore[arg-type]
        elif word[:1].isalpha():
            self.users.append(word)
        elif word:
            self.complaints.append(f'Warning: unrecognized "{word}" skipped\n')


def _condor_prio(argv: Sequence[str]) -> int:
    request = Request(argv)
    from shims.api.jobs import select
    from spool.store.queue_view import open_unvouched
    from spool.store.task_file import Act, write_act

    spool = open_spool(load(os.environ).workdir)
    wanted = Wanted(request.ids, request.users)
    records: list[JobRecord] = []
    if request.everything or request.ids or request.users:
        view = open_unvouched(spool)
        try:
            records = select(view, Wanted() if request.everything else wanted)
        finally:
            view.close()
    by_priority: dict[int, list[tuple[int, int]]] = {}
    for record in records:
        before = ads.number(record.expression("JobPrio"))
        after = before + request.adjust if request.priority is None else request.priority
        by_priority.setdefault(max(-_MOST, min(_MOST, after)), []).append((record.cluster, record.proc))
    paths = [write_act(spool, Act("edit", jobs, edits={"JobPrio": str(prio)})) for prio, jobs in by_priority.items()]
    for path in paths:
        wait_until_taken(spool, path)
    have = {(record.cluster, record.proc) for record in records}
    missing = [one for one in request.ids if one[1] is not None and one not in have]
    told = [*request.complaints, *[f"Couldn't retrieve current priority for {one[0]}.{one[1]}.\n" for one in missing]]
    stdio.write(2, "".join(told))
    return 0


def _priority(text: str) -> int:
    """As C's atoi: 0 when it is none."""
    try:
        return max(-_MOST, min(_MOST, int(text)))
    except ValueError:
        return 0


def _usage(before: str, status: int = 1) -> Answer:
    from shims.cli.help.others import CONDOR_PRIO

    return Answer(status, err=before + CONDOR_PRIO)
