"""``alien_work_queue``: the master, with the older project's options; and what an operator asks of it."""

from __future__ import annotations

import getpass
import json
import os
import select
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any, Optional

import click
from filelock import FileLock, Timeout

from foremen.engine.client import EngineClient, connect, connect_or_start, outdated
from foremen.engine.errors import EngineGone
from foremen.master import failing_nodes, fork_server_keeper
from foremen.master.in_hand import record_crashes
from foremen.master.loop import Doors, Master, run
from foremen.operator.render_cli import render, worker_file
from spool import settings
from spool.errors import AwqError
from spool.job import STATUS_NAMES
from spool.release import RELEASE
from spool.settings import Settings
from spool.store import published_counts
from spool.store.layout import Spool, create_spool, open_spool
from spool.store.private_files import no_core

_LOCK_PATIENCE = 2.0  # s; readers hold the lock for an instant to see whether a master lives
_STOP_PATIENCE = 30.0


def _absolute(_context: click.Context, _parameter: click.Parameter, value: Optional[str]) -> Optional[str]:
    """A path given on the command line is seen from where the command was started."""
    return os.path.abspath(value) if value else value


_OPTIONS: list[Callable[..., Any]] = [
    click.option("--work-dir", "workdir", metavar="PATH", callback=_absolute, help="Spool folder [AWQ_WORKDIR]."),
    click.option("--job-wrapper", metavar="PATH", callback=_absolute, help="Start every pilot as PATH ./agent.sh ... [AWQ_JOB_WRAPPER]."),
    click.option("--port", type=int, help="Port for foremen and workers, 0: any [AWQ_PORT, 9094]."),
    click.option("--job-limit", type=int, help="At most so many jobs run at a time, 0: no limit [AWQ_JOB_LIMIT]."),
    click.option("--project-name", metavar="NAME", help="Name in the catalog [AWQ_PROJECT_NAME, alien_jobs]."),
    click.option("--catalog-host", metavar="HOST", help="Catalog server to announce to [AWQ_CATALOG_HOST; none]."),
    click.option("--catalog-port", type=int, help="Its port [AWQ_CATALOG_PORT, 9097]."),
    click.option("--stop-pilots", is_flag=True, help="When ending, end the running pilots too (they run again later)."),
]  # fmt: skip


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(RELEASE, message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, /, stop_pilots: bool, **options: object) -> None:
    """Take up what condor_submit leaves in the spool and run it on Work Queue.

    Runs in the foreground and tells on stderr what it does. Ctrl-C or SIGTERM ends it in order: pilots that run go on
    under the engine, a process of its own, and a master that is started again finds them. Start it under nohup, tmux
    or a service manager.

    \b
    alien_work_queue                     start the master
    alien_work_queue status              what it does at the moment
    alien_work_queue top                 the same, and more, while you look
    alien_work_queue stop                end it; --stop-pilots: and all that runs
    alien_work_queue doctor              check this node, tell the remedies
    """
    chosen = settings.load(os.environ, options)
    context.obj = chosen
    if context.invoked_subcommand is None:
        _serve(chosen, stop_pilots)


for _option in _OPTIONS:
    cli = _option(cli)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def status(chosen: Settings, as_json: bool) -> None:
    """Jobs by state, and the pool, as the living master published them."""
    spool = open_spool(chosen.workdir)
    found = published_counts.vouched_counts(spool, chosen.stale, time.time())
    if as_json:
        named = {STATUS_NAMES[key]: value for key, value in found.by_status.items()}
        print(json.dumps({**named, **{name.lower(): value for name, value in found.extra.items()}}))
        return
    print(
        f"master {found.extra['MASTER_PID']}, engine {found.extra['ENGINE_PID']} on port {found.extra['PORT']}, {chosen.workdir}"
    )
    print(f"pool: {found.extra['WORKERS']} workers, {found.extra['CORES_USED']} of {found.extra['CORES']} cores in use")
    print(
        "jobs: "
        + ", ".join([f"{found.of(key)} {name}" for key, name in STATUS_NAMES.items() if key in found.by_status])
    )
    if _is_older_than_installation(found.extra["MASTER_PID"]):
        print(
            "this installation is newer than the running master: alien_work_queue stop --handover, then start it again"
        )
    if os.path.exists(spool.drain):
        print(f"drained: no submission is taken up; rm {spool.drain} ends it")
    if found.extra.get("LOGS_WAITING"):
        print(
            f"job event logs: {found.extra['LOGS_WAITING']} locked by others or without room; the master's log says which"
        )
    clients = fork_server_keeper.clients(spool)
    if clients.alone:
        print(f"commands: {clients.served} by the fork server, {clients.alone} slower by themselves: {clients.why}")
    for host, (row, at) in sorted(failing_nodes.read(spool, time.time()).items()):
        last = time.strftime("%H:%M:%S", time.localtime(at))
        print(f"node {host}: {row} pilots in a row failed at once, the last at {last}: it takes none for a while")


def _is_older_than_installation(master: int) -> bool:
    """Whether the master was started before what is installed here was."""
    try:
        installed = os.stat(f"{os.environ.get('ALIEN_WORKQUEUE') or '/nonexistent'}/lib/installed").st_mtime
        return os.stat(f"/proc/{master}").st_mtime < installed
    except OSError:
        return False


@cli.command()
@click.option("--stop-pilots", is_flag=True, help="End the running pilots too; they are idle then and run again later.")
@click.option("--handover", is_flag=True, help="Leave the engine as it is, for the master of another release.")
@click.pass_obj
def stop(chosen: Settings, stop_pilots: bool, handover: bool) -> None:
    """End the master of this spool, in order. Pilots that run go on, unless --stop-pilots is given."""
    if stop_pilots and handover:
        raise click.UsageError("--stop-pilots and --handover exclude each other")
    spool = open_spool(chosen.workdir)
    if not published_counts.master_lives(spool):
        print(f"no master is running{_end_engine(spool, stop_pilots)}")
        return
    found = published_counts.vouched_counts(spool, max(chosen.stale, 3600), time.time())
    how = signal.SIGUSR1 if stop_pilots else signal.SIGUSR2 if handover else signal.SIGTERM
    os.kill(found.extra["MASTER_PID"], how)
    deadline = time.monotonic() + _STOP_PATIENCE
    while published_counts.master_lives(spool):
        if time.monotonic() > deadline:
            raise AwqError(
                f"the master (process {found.extra['MASTER_PID']}) has not ended within {_STOP_PATIENCE:.0f} s"
            )
        time.sleep(0.05)
    print("stopped")


def _end_engine(spool: Spool, stop_pilots: bool) -> str:
    """What is said of an engine that has no master, and was told to end if its pilots are to. EngineError."""
    try:
        engine = connect(spool)
    except EngineGone:
        return ""
    tasks = len(engine.hello.tasks)
    if not stop_pilots:
        engine.close()
        return (
            f"; its engine (process {engine.hello.pid}, {tasks} tasks) goes on: --stop-pilots ends it,"
            " a new master takes it over"
        )
    engine.stop()
    deadline = time.monotonic() + _STOP_PATIENCE
    try:
        while time.monotonic() < deadline:
            engine.flush()
            select.select([engine], [], [], 0.2)
            engine.receive()
    except EngineGone:
        return f"; its engine and {tasks} tasks have been ended"
    raise AwqError(f"the engine (process {engine.hello.pid}) has not ended within {_STOP_PATIENCE:.0f} s")


@cli.command()
@click.option(
    "--interval", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between two looks."
)
@click.option("--once", is_flag=True, help="Show it once; status 1 when nobody vouches for it.")
@click.pass_obj
def top(chosen: Settings, interval: float, once: bool) -> None:
    """Watch the site: jobs by state, rates, foremen, the pilots that run longest, the last failures. q or Ctrl-C ends it.

    Where stdout is no terminal it is shown once.
    """
    from foremen.operator.top import top as watching  # rich is for this command alone

    watching.top(chosen, interval, once)


cli.add_command(render)
cli.add_command(worker_file)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--execute-node", is_flag=True, help="Check what a node needs that only runs workers.")
@click.pass_obj
def doctor(chosen: Settings, as_json: bool, execute_node: bool) -> int:
    """Check this node and tell the remedies. Exit status 1 when something is wrong; warnings are allowed.

    Looks at the spool's modes and disk, CCTools on both sides, ports, password, limits, clock, PATH, CVMFS, user
    namespaces, master and engine. Takes a few seconds.
    """
    from foremen.operator.doctor import checks, collect, report

    findings = checks.examine(collect.look(chosen, os.environ, head=not execute_node))
    print(report.as_json(findings) if as_json else report.text(findings))
    return report.exit_status(findings)


def _serve(chosen: Settings, stop_pilots: bool) -> None:
    if chosen.job_wrapper and not os.access(chosen.job_wrapper, os.R_OK | os.X_OK):
        raise AwqError(f"the job wrapper {chosen.job_wrapper} cannot be run: chmod +x it, or name another")
    no_core()
    spool = create_spool(chosen.workdir)
    lock = FileLock(spool.master_lock, timeout=_LOCK_PATIENCE, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise AwqError(f"a master is running in {chosen.workdir} already (alien_work_queue status, or stop)") from None
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda received, _frame: asked.append(received))
    try:
        _work(spool, chosen, asked, stop_pilots)
    finally:
        lock.release()


def _engines(spool: Spool, chosen: Settings) -> Callable[[], EngineClient]:
    """Connects, and starts an engine when there is none; the next one listens where the first did, whatever port 0 chose."""
    known = chosen

    def connect() -> EngineClient:
        nonlocal known
        client = connect_or_start(spool, known)
        for phrase in outdated(client.hello, chosen):
            remedy = "it takes that after 'alien_work_queue stop --stop-pilots' and a new start only"
            _say(f"the engine (process {client.hello.pid}) keeps {phrase}: {remedy}")
        known = Settings({**{name: getattr(known, name) for name in Settings.__slots__}, "port": client.hello.port})
        return client

    return connect


def _work(spool: Spool, chosen: Settings, asked: list[int], stop_pilots: bool) -> None:
    doors = Doors(_engines(spool, chosen), time.time, _say)
    master = Master(spool, chosen, doors, getpass.getuser(), socket.gethostname())
    served = fork_server_keeper.Commands(
        fork_server_keeper.command_of(spool, chosen.commands) if chosen.forkserver else [], _say
    )
    record_crashes(spool)
    master.begin()
    _say(f"master {os.getpid()} takes jobs from {spool.root}")
    run(master, lambda: bool(asked), _say, served.look)
    _say("ending")
    served.close()
    master.close(end_pilots=stop_pilots or signal.SIGUSR1 in asked, handover=signal.SIGUSR2 in asked)


def _say(text: str) -> None:
    if not text.isprintable():  # it may tell a file's name: no terminal is to obey it
        text = "".join([char if char.isprintable() or char == "\n" else "?" for char in text])
    try:
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)
    except OSError:
        return  # the log's disk is full, or nobody reads it any more: better no log than no master


def main(argv: Optional[list[str]] = None) -> int:
    """Run the command; the exit status. Errors become one line on stderr here."""
    for remark in settings.unknown(os.environ):
        print(f"alien_work_queue: {remark}", file=sys.stderr)
    try:
        status = cli.main(args=argv, prog_name="alien_work_queue", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except AwqError as error:
        print(f"alien_work_queue: {error}", file=sys.stderr)
        return error.exit_status
    except (OSError, sqlite3.Error) as error:  # the disk, while nothing was begun
        print(f"alien_work_queue: {error}", file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0
