"""What ``condor_rm``, ``condor_hold``, ``condor_release``, ``condor_vacate_job``, ``condor_suspend`` and ``condor_continue`` share.

The jobs are looked up without asking whether a master lives, one action file is put into the queue, and HTCondor's texts are
printed. A living master is given two seconds to act, so that a condor_q that follows sees the change.
"""

from __future__ import annotations

import os
import time

from shims.api import actions
from shims.api.action_targets import Targets
from shims.cli import identity, stdio
from shims.cli.options import Given, MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from spool.errors import NotVouched
from spool.settings import load
from spool.store.layout import open_spool
from spool.store.published_counts import master_lives

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.api.actions import Verb
    from shims.cli.options import Parsed
    from spool.store.layout import Spool

_PATIENCE, _LOOK_EVERY = 2.0, 0.005  # seconds

# The order is rm.cpp's: -c is -constraint, -a is -all, -r is -reason.
_FIRST = (
    Option("debug", 1, modifiers=True),
    Option("long", 1),
    Option("totals", 3),
    Option("constraint", 1, values=1),
    Option("all", 1),
    Option("addr", 2, values=1),
    Option("reason", 1, values=1),
    Option("subcode", 1, values=1),
)
_LAST = (
    Option("name", 1, values=1),
    Option("pool", 1, values=1),
    Option("version", 1),
    Option("help", 1),
)


class Command:
    """One of the commands: its name and what it does to jobs."""

    __slots__ = ("name", "table", "verb")

    def __init__(self, name: str, verb: Verb) -> None:
        self.name = name
        self.verb = verb
        fast = (Option("fast", 2),) if verb is actions.VACATE else ()
        self.table = (*_FIRST, Option("forcex", 1 if verb is actions.REMOVE else 2), *fast, *_LAST)

    def main(self, argv: list[str]) -> int:
        """Run it; the exit status."""
        return stdio.run(self._run, self.name, argv)

    def _run(self, argv: Sequence[str]) -> int:
        parsed = self._parse(argv)
        verb = actions.FORCEX if parsed.has("forcex") else actions.FAST_VACATE if parsed.has("fast") else self.verb
        targets = self._targets(parsed, verb)
        settings = load(os.environ)
        spool = open_spool(settings.workdir)
        act = targets.resolve(spool, f"{parsed.last('reason') or verb.reason} (by user {identity.user_name()})")
        if act is not None:
            from spool.store.task_file import write_act

            act.subcode = int(parsed.last("subcode") or 0)

            wait_until_taken(spool, write_act(spool, act))
        stdio.write(2, "".join(targets.err))
        written = stdio.write(1, "".join(targets.out))
        return 1 if targets.failed or not written else 0

    def _parse(self, argv: Sequence[str]) -> Parsed:
        try:
            parsed = parse(argv, self.table)
        except UnknownOption as error:
            raise self._usage(f"Unrecognized option: {error.word}\n") from None
        except MissingValue as error:
            raise Answer(1, err=f"{self.name}: -{error.name} requires another argument\n") from None
        for word in parsed.given:
            self._check(word)
        return parsed

    def _check(self, word: Given) -> None:
        if word.name == "version":
            raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
        if word.name == "help":
            raise self._usage("", status=0)
        if word.name == "forcex" and self.verb is not actions.REMOVE:
            raise self._usage("-forcex is only valid with condor_rm\n")
        if word.name in ("constraint", "addr") and word.value.startswith("-"):
            raise Answer(1, err=f"{self.name}: -{word.name} requires another argument\n")
        if word.name == "subcode" and not word.value.lstrip("+-").isdigit():
            raise Answer(1, err=f"Invalid -subcode {word.value}!\n")

    def _targets(self, parsed: Parsed, verb: Verb) -> Targets:
        targets = Targets(self.name, verb, parsed.has("long"), parsed.has("totals"))
        for word in parsed.words:
            if isinstance(word, str):
                if targets.everything:
                    raise self._usage("")
                if word:  # some clients pass '' for an option that is not set
                    targets.add_operand(word)
            elif word.name == "constraint":
                targets.add_constraint(word.value)
            elif word.name == "all":
                if not targets.empty:
                    raise Answer(1, err=f"{self.name}: can't mix -all with other constraints\n")
                targets.everything = True
        if targets.empty and not targets.jobs:
            raise self._usage("".join(targets.err) + "You did not specify any jobs\n")
        return targets

    def _usage(self, before: str, status: int = 1) -> Answer:
        from shims.cli.help.actions import action_usage

        return Answer(status, err=before + action_usage(self.name))


def wait_until_taken(spool: Spool, path: str) -> None:
    """Give a living master a moment to act. Nobody needs to know whether it did: the action file is what counts."""
    try:
        if not master_lives(spool):
            return
    except NotVouched:
        return
    end = time.monotonic() + _PATIENCE
    while os.path.exists(path) and time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
