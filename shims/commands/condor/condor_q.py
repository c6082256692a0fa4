"""``condor_q``: the jobs in the queue, in HTCondor's forms."""

from __future__ import annotations

import os
import time

from shims.api.query import QueueSource
from shims.api.selection import ConstraintError
from shims.cli import identity, stdio
from shims.cli.options import MANY, MissingValue, Option, UnknownOption, is_option, parse
from shims.cli.stdio import Answer
from shims.commands.condor.condor_q_answer import answer
from shims.commands.condor.condor_q_request import STATUS_TESTS, Question
from spool.settings import load
from spool.store.layout import open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.cli.options import Parsed

# The order, the shortest forms and the accepted modifiers are those of queue.cpp: -l is -long, -a is -address.
TABLE = (
    Option("wide", 1, modifiers=True),
    Option("long", 1, modifiers=True),
    Option("xml", 3),
    Option("json", 2),
    Option("limit", 3, values=1),
    Option("pool", 1, values=1),
    Option("D", 1, values=1),
    Option("name", 1, values=1),
    Option("direct", 1, values=1),
    Option("submitter", 1, values=1),
    Option("constraint", 1, values=1),
    Option("slotconstraint", 5, values=1),
    Option("mconstraint", 2, values=1),
    Option("machine", 2, values=1),
    Option("address", 1, values=1),
    Option("autocluster", 2, modifiers=True),
    Option("group-by", 2, modifiers=True),
    Option("factory", 4, modifiers=True),
    Option("jobset", 5, modifiers=True),
    Option("attributes", 2, values=1),
    Option("format", 1, values=2),
    Option("autoformat", 5, values=MANY, modifiers=True),
    Option("af", 2, values=MANY, modifiers=True),
    Option("print-format", 2, values=1, modifiers=True),
    Option("global", 1),
    Option("allusers", 2),
    Option("all-users", 2),
    Option("schedd-constraint", 5, values=1),
    Option("help", 1, values=MANY),
    Option("better-analyze", 2, modifiers=True),
    Option("better-analyse", 2, modifiers=True),
    Option("analyze", 2, modifiers=True),
    Option("analyse", 2, modifiers=True),
    Option("reverse-analyze", 3, modifiers=True),
    Option("unmatchable", 5, modifiers=True),
    Option("verbose", 4),
    Option("run", 1),
    Option("hold", 2, modifiers=True),
    Option("held", 2, modifiers=True),
    Option("idle", 3),
    Option("goodput", 2),
    Option("cputime", 2),
    Option("currentrun", 3),
    Option("cumulative-time", 3),
    Option("grid", 2, modifiers=True),
    Option("debug", 3, modifiers=True),
    Option("io", 2),
    Option("dag", 2),
    Option("batch", 2, modifiers=True),
    Option("progress", 3, modifiers=True),
    Option("nobatch", 3),
    Option("totals", 3),
    Option("expert", 1),
    Option("jobads", 1, values=1, modifiers=True),
    Option("userlog", 1, values=1),
    Option("slotads", 1, values=1, modifiers=True),
    Option("userprios", 5, values=1, modifiers=True),
    Option("nouserprios", 7, modifiers=True),
    Option("version", 1),
    Option("profile", 4, modifiers=True),
    Option("stream-results", 2),
)

_MISSING = {
    "limit": "Error: -limit requires the max number of results as an argument.",
    "pool": "Error: -pool requires a hostname as an argument.",
    "name": "Error: -name requires the name of a schedd as an argument.",
    "submitter": "Error: -submitter requires the name of a user.",
    "attributes": "Error: -attributes requires a list of attributes to show",
    "format": "Error: -format requires format and attribute parameters",
    "af": "Error: -autoformat requires at least one attribute parameter",
    "print-format": "Error: -print-format requires a filename argument",
    "schedd-constraint": "Error: -schedd-constraint requires a constraint argument",
    "jobads": "Error: -jobads requires a filename",
    "userlog": "Error: -userlog requires a filename",
    "slotads": "Error: -slotads requires a filename",
    "direct": "Error: -direct requires [schedd]",
}
_NOT_OFFERED = ("group-by", "factory", "jobset", "userprios")


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_q, "condor_q", argv)


def _condor_q(argv: Sequence[str]) -> int:
    me = identity.user_name()
    question = ask(argv, me)
    return stdio.show(reply(question, source_of(question, me)))


def source_of(question: Question, me: str) -> QueueSource:
    """Where the jobs are: in the spool, or in the file that the question names. AwqError, Answer."""
    settings, now = load(os.environ), time.time()
    if question.userlog is not None:
        from shims.api.userlog_jobs import UserLogSource

        return UserLogSource(question.userlog, settings, me, now)
    if question.jobads is not None:
        from shims.api.ad_files import FileSource

        return FileSource(question.jobads, settings, me, now)
    return QueueSource(open_spool(settings.workdir), settings, me, now)


def ask(argv: Sequence[str], me: str) -> Question:
    """The question of a command line. Answer ends the command: -help, -version, wrong usage."""
    return Question(_parse(argv), me)


def reply(question: Question, source: QueueSource) -> str:
    """The text for stdout. NotVouched; Answer for what only the jobs' reader sees to be wrong."""
    if question.submitter is not None and question.submitter.partition("@")[0] != source.me:
        raise Answer(1, err="Error: Collector has no record of schedd/submitter\n")
    try:
        return answer(question, source)
    except ConstraintError as error:
        raise Answer(1, err=f'\n-- Parse error in constraint expression "{error.constraint}"\n') from None


def _parse(argv: Sequence[str]) -> Parsed:
    try:
        parsed = parse(argv, TABLE)
    except UnknownOption as error:
        from shims.cli.help.actions import CONDOR_Q

        raise Answer(1, err=f"Error: unrecognized argument {error.word}\n{CONDOR_Q}") from None
    except MissingValue as error:
        raise Answer(
            1, err=_MISSING.get(error.name, f"Error: -{error.name} requires another parameter") + "\n"
        ) from None
    _check(parsed)
    return parsed


def _check(parsed: Parsed) -> None:
    for word in parsed.given:
        if word.name == "help":
            from shims.cli.help.actions import condor_q

            raise Answer(0, out=condor_q(word.values))
        if word.name == "version":
            raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
        if word.name in ("af", "autoformat") and not word.values:
            raise Answer(1, err=_MISSING["af"] + "\n")
        if word.name == "direct" and word.value.lower() != "schedd":
            raise Answer(1, err="Error: -direct may only take 'schedd' as an option.\n")
        if word.name == "grid" and word.modifiers:
            raise Answer(1, err=f"Error: -grid:{word.modifiers} is not offered\n")
        if word.name == "print-format" and is_option(word.value):
            raise Answer(1, err=_MISSING["print-format"] + "\n")
        if word.name in _NOT_OFFERED:
            raise Answer(1, err=f"Error: -{word.name} is not offered: there is no HTCondor behind this condor_q\n")
    _check_together(parsed)


def _check_together(parsed: Parsed) -> None:
    """What excludes each other."""
    if parsed.has("batch") and parsed.has("autocluster"):
        raise Answer(1, err="Error: -batch conflicts with -autocluster\n")
    if parsed.has("name") and parsed.has("submitter"):
        raise Answer(1, err="Cannot query both schedd's and submitters\n")
    for name in ("af", "autoformat", "format", "totals"):
        if parsed.has("print-format") and parsed.has(name):
            raise Answer(1, err=f"Error: -print-format and -{name} together are not offered\n")
    if parsed.has("autocluster") and parsed.has("totals"):
        raise Answer(1, err="Error: -autocluster and -totals together are not offered\n")
    if parsed.has("xml") and parsed.has("json"):
        raise Answer(1, err="Error: Cannot print as both XML and JSON\n")
    if len({"hold" if name == "held" else name for name in STATUS_TESTS if parsed.has(name)}) > 1:
        from shims.cli.help.actions import CONDOR_Q

        raise Answer(1, err=f"-run and -hold/held or -idle are incompatible\n{CONDOR_Q}")
