"""``alien_work_queue render`` and ``worker-file``: what an operator takes to the nodes."""

from __future__ import annotations

import os
import socket
from typing import Any, Optional

import click

from foremen.batch import worker_file as workerfile
from spool.errors import AwqError
from spool.settings import Settings

_COUNT = click.IntRange(min=0)
_OPTIONS = [
    click.option("--cores", type=_COUNT, help="Cores of one job [8; oneshot: 1]."),
    click.option("--memory", type=_COUNT, metavar="MB", help="Memory of one job [16000; oneshot: 2000]."),
    click.option("--disk", type=_COUNT, metavar="MB", help="Disk of one job [0: what is free]."),
    click.option("--walltime", type=_COUNT, metavar="SECONDS", help="How long one job may run [86400]."),
    click.option("--count", type=_COUNT, help="How many jobs [1]."),
    click.option(
        "--worker", metavar="PATH", help="alien_wq_worker.pyz or .sh as the nodes see it [this installation's]."
    ),
    click.option("--python", metavar="PATH", help="Start it with this Python [python3 on the node's PATH]."),
    click.option("--foremen", metavar="HOSTS", help="Where the foremen are [WQ_FOREMEN, or this host]."),
    click.option("--password-file", metavar="PATH", help="As the nodes see it [WQ_PASSWORD_FILE]."),
    click.option("--cctools", metavar="PATH", help="CCTools' prefix on the nodes [CCTOOLS]."),
    click.option(
        "--idle-timeout", type=_COUNT, metavar="SECONDS", help="Leave when idle for so long [WQ_IDLETIMEOUT]."
    ),
    click.option("--name", help="Name of the jobs [alien-wq]."),
    click.option("--queue", help="Queue or partition."),
    click.option("--account", help="Account, project or accounting group."),
    click.option("--parallel-environment", metavar="NAME", help="sge: for several cores on one node [smp]."),
    click.option("--namespace", help="kubernetes: where [default]."),
    click.option("--image", help="kubernetes: with Python, work_queue_worker and the worker file."),
    click.option("--with-secret", is_flag=True, help="kubernetes: the password goes into the text, as a Secret."),
    click.option(
        "--extra", multiple=True, metavar="LINE", help="One more line for the scheduler, as it is (repeatable)."
    ),
]


@click.command()
@click.argument("kind", required=False)
@click.option("--list", "listing", is_flag=True, help="The kinds there are.")
@click.option("--output", metavar="FILE", help="Write it there instead of showing it.")
@click.pass_obj
def render(settings: Settings, /, kind: Optional[str], listing: bool, output: Optional[str], **options: Any) -> None:
    """Show what starts workers by a scheduler of the site: a script, a unit or a manifest.

    \b
    alien_work_queue render --list
    alien_work_queue render slurm --cores 16 --memory 32000 --count 20
    alien_work_queue render slurm --cores 16 --memory 32000 --count 20 --output workers.sh; sbatch workers.sh
    """
    from foremen.batch import render as rendering  # jinja2 is for this command alone

    if listing:
        click.echo(rendering.table())
        return
    if kind is None:
        raise AwqError(f"render what? One of {', '.join(rendering.KINDS)} (--list says more)")
    prefix = os.environ.get("ALIEN_WORKQUEUE", "")
    if prefix and options["worker"] is None:
        options["worker"] = f"{prefix}/bin/alien_wq_worker.sh"
    wish = rendering.wish_of(kind, settings, options, socket.getfqdn)
    text = rendering.render(wish)
    if output is None:
        click.echo(text, nl=False)
        return
    rendering.write(output, text, private=bool(wish.secret))
    click.echo(f"wrote {output}; then: {rendering.start_line(kind, output, os.environ)}")


for _option in reversed(_OPTIONS):
    render = _option(render)


@click.command("worker-file")
@click.argument("output", default=workerfile.NAME)
def worker_file(output: str) -> None:
    """Make the worker side as one file, for nodes that have Python 3.9 and work_queue_worker.

    There: ./alien_wq_worker.pyz start-workers
    """
    click.echo(f"{output}: {workerfile.write(output) // 1024} KiB, runs with Python 3.9 or newer")
