"""Write what an installation carries besides its packages: env.sh, commands, settings, units, the example wrapper.

Run by scripts/install with the installation's own Python: ``python render_prefix.py PREFIX``.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import jinja2

from foremen.batch import quoting
from foremen.native import build
from shims.forkserver import server
from spool.settings import load

SHIMS = (
    "condor_submit", "condor_q", "condor_rm", "condor_hold", "condor_release", "condor_history", "condor_status",
    "condor_version", "condor_wait", "condor_config_val", "condor_ping", "condor_prio", "condor_qedit", "condor_vacate",
    "condor_vacate_job", "condor_suspend", "condor_continue", "condor_tail", "condor_transfer_data", "condor_run", "condor_qsub",
    "condor_drain", "condor_ssh_to_job", "condor_submit_dag", "condor_advertise",
)  # fmt: skip
WORKER_COMMANDS = (
    "alien_wq_worker", "alien_wq_worker.sh", "start-foremen", "stop-foremen", "count-foremen", "start-workers",
    "stop-workers", "count-workers",
)  # fmt: skip

UNITS = ("alien-work-queue.service", "alien-wq-foremen.service")


def main(prefix: Path, source: Path) -> None:
    """Render everything; a file appears whole, by rename."""
    environment = quoting.environment(source / "templates")
    base = os.path.realpath(sys.executable)
    site = sysconfig.get_path("purelib")
    ask = f"import os, sys; sys.path.insert(0, {site!r}); from spool.settings import load; print(load(os.environ).workdir)"
    facts = {"prefix": str(prefix), "cctools": os.environ.get("CCTOOLS", "/usr"), "site": site}
    write(
        prefix / "etc/env.sh", environment.get_template("env.sh.j2").render(facts, python=base, ask=ask).encode(), 0o644
    )
    bin_folder, by_python = prefix / "bin", prefix / "lib/commands"
    shutil.rmtree(bin_folder, ignore_errors=True)  # no command of an earlier release stays on PATH
    shutil.rmtree(by_python, ignore_errors=True)
    launcher = make_launcher(source)
    for name in SHIMS:
        script = environment.get_template("shim.j2").render(facts, python=base, module=name).encode()
        write(by_python / name, script, 0o755)
        write(bin_folder / name, launcher if launcher and name in server.COMMANDS else script, 0o755)
    commands = {
        "alien_work_queue": "foremen.operator.alien_work_queue",
        **dict.fromkeys(WORKER_COMMANDS, "foremen.operator.alien_wq_worker"),
    }
    for name, module in commands.items():
        text = environment.get_template("command.j2").render(facts, python=sys.executable, name=name, module=module)
        write(bin_folder / name, text.encode(), 0o755)
    for name, mode in (("alien_job_wrapper.sh", 0o755), ("alien-workqueue.conf", 0o644)):
        target = prefix / "etc" / name
        if name.endswith(".sh") or not target.exists():
            write(target, (source / "etc" / name).read_bytes(), mode)

    try:
        service_files(prefix, environment, facts)
    except quoting.QuotingError as error:
        print(f"install: no units and no logrotate file: {error}", file=sys.stderr)


def service_files(prefix: Path, environment: jinja2.Environment, facts: dict[str, str]) -> None:
    """Units of the user's systemd for the head node, and what logrotate needs to know."""
    for name in UNITS:
        write(prefix / "etc/systemd/user" / name, environment.get_template(f"{name}.j2").render(facts).encode(), 0o644)
    spool = load({**os.environ, "ALIEN_WORKQUEUE": str(prefix)}).workdir
    text = environment.get_template("logrotate.j2").render(facts, spool=spool)
    write(prefix / "etc/logrotate.d/alien-workqueue", text.encode(), 0o644)


def make_launcher(source: Path) -> bytes:
    """The program that has the fork server run a command; empty where no compiler makes it: commands start Python then."""
    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/launcher"
        problem = build.compiled(build.musl() or "cc", str(source / "shims/forkserver/launcher.c"), target)
        if problem:
            print(f"install: no launcher, commands start a little slower: {problem}", file=sys.stderr)
        return b"" if problem else Path(target).read_bytes()


def write(path: Path, content: bytes, mode: int) -> None:
    """A whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.write_bytes(content)
    aside.chmod(mode)
    aside.rename(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).resolve().parent.parent)
