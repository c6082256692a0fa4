"""``alien_wq_worker.sh``: start, stop, count and drain foremen and workers of this node.

Called as ``start-workers`` (or another verb), it is that verb.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, Callable, Optional, TypeVar

import click

from foremen.node import status_table, topology
from foremen.node.control import Control, Outcome, unfit
from foremen.node.drain import scope as scopes
from foremen.node.drain.control import Left, drain, undrain, wait_drained
from foremen.node.host.linux import System
from foremen.progress import Progress
from spool.errors import AwqError
from spool.release import RELEASE
from spool.settings import Settings, load, unknown

Function = TypeVar("Function", bound=Callable[..., Any])

_NAME = "alien_wq_worker.sh"
_HELP = """Foremen and workers of this node: started, kept alive, drained, stopped, counted.

Foremen connect to the master (WQ_MASTER) and fan its tasks out; workers connect to the foremen (WQ_FOREMEN) and run
them. A supervisor keeps them alive. Only what was started from this WQ_WORKDIR is counted, drained or stopped.
"""


class _Group(click.Group):
    """Errors of ours become one line and their exit status; the help ends with the variables as they are now."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AwqError as error:
            click.echo(f"{_NAME}: {error}", err=True)
            ctx.exit(error.exit_status)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write("Variables (environment, or $ALIEN_WORKQUEUE/etc/alien-workqueue.conf) and their values now:\n")
        try:
            formatter.write(status_table.variables(load(os.environ)) + "\n")
        except AwqError as error:
            formatter.write(f"{error}\n")


@click.group(cls=_Group, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(RELEASE, message="%(prog)s %(version)s")
def cli() -> None:
    """See ``_HELP``."""


def _options(*names: tuple[str, str, str, Any]) -> Callable[[Function], Function]:
    """Options that stand for settings: (option, attribute, help, type)."""

    def add(function: Function) -> Function:
        for option, attribute, text, kind in reversed(names):
            flag = {"is_flag": True, "default": None} if kind is bool else {"type": kind}
            click.option(option, attribute, help=text, **flag)(function)
        return function

    return add


_WORKDIR = (
    "--work-dir",
    "wq_workdir",
    "folder of this node's foremen and workers (WQ_WORKDIR)",
    click.Path(resolve_path=True),
)
_WAIT = ("--wait", "wait", "stay until all have left, for batch jobs; SIGTERM stops them", bool)
_COUNT = click.IntRange(min=0)


@cli.command("start-foremen")
@_options(
    ("--foremen", "num_foremen", "how many (WQ_NUM_FOREMEN)", _COUNT),
    ("--master", "master", "host:port of the master (WQ_MASTER)", str),
    ("--base-port", "baseport", "first port; foreman i listens on base + i (WQ_MASTER_BASEPORT)", _COUNT),
    _WAIT,
    _WORKDIR,
)
def start_foremen(**options: Any) -> None:
    """Start foremen, as many as are missing, and keep them alive. Ends a drain."""
    _run("foremen", "start", options)


@cli.command("start-workers")
@_options(
    ("--workers", "num_workers", "how many; 0: one for every core, or WQ_CORES cores (WQ_NUM_WORKERS)", _COUNT),
    ("--foremen", "foremen_host", "host of the foremen, or host:port, several with commas (WQ_FOREMEN)", str),
    ("--cores", "worker_cores", "cores of one worker (WQ_CORES)", _COUNT),
    ("--memory", "worker_memory", "MB of memory of one; 0: its share (WQ_MEMORY)", _COUNT),
    ("--disk", "worker_disk", "MB of disk of one; 0: its share (WQ_DISK)", _COUNT),
    ("--idle-timeout", "idle_timeout", "seconds without a task until one leaves (WQ_IDLETIMEOUT)", _COUNT),
    ("--single-task", "singletask", "each leaves after its first task (WQ_SINGLETASK)", bool),
    ("--no-respawn", "norespawn", "do not start one again that has left (WQ_NORESPAWN)", bool),
    ("--walltime", "walltime", "seconds after which all must have left; pilots see it (WQ_WALLTIME)", _COUNT),
    _WAIT,
    ("--grace", "grace", "with --wait: SIGTERM ends pilots after so many seconds; their jobs run again", _COUNT),
    _WORKDIR,
)
def start_workers(**options: Any) -> None:
    """Start workers, as many as are missing, and keep them alive. Ends a drain."""
    _run("workers", "start", options)


@cli.command("stop-foremen")
@_options(_WORKDIR)
def stop_foremen(**options: Any) -> None:
    """End the foremen now. Their workers lose what they run."""
    _run("foremen", "stop", options)


@cli.command("stop-workers")
@_options(_WORKDIR)
def stop_workers(**options: Any) -> None:
    """End the workers now, with everything they run."""
    _run("workers", "stop", options)


@cli.command("count-foremen")
@_options(_WORKDIR)
def count_foremen(**options: Any) -> None:
    """Print how many foremen run; on stderr why others may not be started."""
    control = Control(System(), _settings(options), "foremen")
    click.echo(str(len(control.living())))
    for note in unfit(control):
        click.echo(f"{_NAME}: no foreman is started: {note}", err=True)


@cli.command("count-workers")
@_options(_WORKDIR)
def count_workers(**options: Any) -> None:
    """Print how many workers run."""
    click.echo(str(len(Control(System(), _settings(options), "workers").living())))


_SCOPE = (
    ("--node", "node", "only this node, also when others look at the same WQ_DRAIN (one of WQ_WORKDIR/state)", str),
    ("--foreman", "foreman", "only this foreman: its number or port on this node, or host:port", str),
    ("--site", "site", "every node that shares this WQ_WORKDIR", bool),
)


@cli.command("drain")
@_options(
    ("--deadline", "deadline", "seconds until what is left is ended; its jobs run again elsewhere", _COUNT),
    ("--wait", "wait", "stay until all have left, and show what is left; Ctrl-C leaves the drain on", bool),
    *_SCOPE,
    _WORKDIR,
)
def drain_command(
    deadline: Optional[int], wait: Optional[bool], node: Optional[str], foreman: Optional[str], site: Optional[bool], **options: Any
) -> None:  # fmt: skip
    """Let foremen and workers finish what runs, and leave. undrain, start-* or removing WQ_DRAIN ends it.

    Pilots read the deadline in $MACHINEFEATURES/shutdowntime. The workers of a foreman that drains alone go to the others of
    their list; it is not started again before undrain. A drain of the site is ended by undrain --site only.
    """
    door, settings = System(), _settings(options)
    scope = _scope(door, settings, node, foreman, site)
    _tell(drain(door, settings, deadline, scope))
    if wait:
        show = _Countdown()
        try:
            outcome = wait_drained(door, settings, show, scope)
        finally:
            show.end()
        _tell(outcome)


@cli.command("undrain")
@_options(*_SCOPE, _WORKDIR)
def undrain_command(node: Optional[str], foreman: Optional[str], site: Optional[bool], **options: Any) -> None:
    """End a drain: who has not left yet goes on. start-* starts those that have left."""
    door, settings = System(), _settings(options)
    _tell(undrain(door, settings, _scope(door, settings, node, foreman, site)))


def _scope(
    door: System, settings: Settings, node: Optional[str], foreman: Optional[str], site: Optional[bool]
) -> scopes.Scope:
    if sum(one is not None for one in (node, foreman, site)) > 1:
        raise click.UsageError("--node, --foreman and --site exclude each other")
    if node is not None:
        return scopes.node(settings, node)
    if foreman is not None:
        return scopes.foreman(door, settings, foreman)
    return scopes.site(settings) if site else scopes.whole(settings)


@cli.command("status")
@click.option("--json", "as_json", is_flag=True, help="for programs: a list of objects (docs/operations.md)")
@click.option("--workers", "every_worker", is_flag=True, help="also those of other nodes, as their foremen know them")
@click.option("--over", type=_COUNT, default=0, help="seconds: look twice, for the rates of foremen and engine")
@_options(_WORKDIR)
def status(as_json: bool, every_worker: bool, over: int, **options: Any) -> None:
    """Show every foreman and worker of this node; where the spool is, master, engine and the foremen of WQ_FOREMEN too.

    Running and waiting are pilots, of the master jobs. What is not known is shown as -.
    """
    rows = topology.look(System(), _settings(options), every_worker, over)
    click.echo(status_table.status_json(rows) if as_json else status_table.status_table(rows, time.time()))


def _settings(options: dict[str, Any]) -> Settings:
    return load(os.environ, options)


def _run(kind: str, verb: str, options: dict[str, Any]) -> None:
    grace = options.pop("grace", None)
    got = _signals() if options.pop("wait", None) else None
    control = Control(System(), _settings(options), kind)
    progress = Progress(f"{verb}: {kind}")
    try:
        outcome = control.start(progress) if verb == "start" else control.stop(progress)
    finally:
        progress.end()
    _tell(outcome)
    if got is not None and not control.wait(lambda: len(got), progress, grace):
        sys.exit(128 + got[0])


def _signals() -> list[int]:
    """The signals that come from now on, also during the start: a batch system may end the job at any time."""
    got: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):  # USR2: Grid Engine's -notify
        signal.signal(number, lambda which, _frame: got.append(which))
    return got


def _tell(outcome: Outcome) -> None:
    click.echo(outcome.text)
    for remark in outcome.remarks:
        click.echo(f"{_NAME}: {remark}", err=True)


class _Countdown:
    """What a drain waits for: on a terminal a bar, elsewhere a line when something has left."""

    def __init__(self) -> None:
        self._bar = Progress("drained")
        self._total = 0
        self._counts: tuple[int, int, int] = (-1, -1, -1)

    def __call__(self, left: Left) -> None:
        counts = (left.foremen, left.workers, left.pilots)
        self._total = max(self._total, left.foremen + left.workers)
        if self._bar.on_terminal:
            note = f"{left.pilots} pilots run{str(left).partition(' are left')[2]}"
            self._bar(self._total - left.foremen - left.workers, self._total, note)
        elif counts != self._counts and not left.nothing:
            self._bar.say(str(left))
        self._counts = counts

    def end(self) -> None:
        self._bar.end()


def main() -> None:
    """The launchers' entry: a program called like a verb is that verb."""
    for remark in unknown(os.environ):
        print(f"alien_wq_worker.sh: {remark}", file=sys.stderr)
    called = os.path.basename(sys.argv[0])
    arguments = sys.argv[1:]
    if called in cli.commands:
        arguments = [called, *arguments]
    cli.main(arguments, prog_name=called if called.startswith("alien_wq") else _NAME)


if __name__ == "__main__":
    main()
