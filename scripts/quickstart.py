"""The demonstration behind scripts/quickstart: uses the installed commands as a site does, and checks what they did."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from foremen.progress import Progress

DEADLINE = 180.0  # seconds for all pilots

AGENT = """#!/bin/bash
echo "pilot $1 on $(uname -n)"
echo "CONDOR_ID=$CONDOR_ID ALIEN_CM_AS_LDAP_PROXY=$ALIEN_CM_AS_LDAP_PROXY"
[ -s "$_CONDOR_JOB_AD" ] && [ -s "$_CONDOR_MACHINE_AD" ] && [ "$_CONDOR_SCRATCH_DIR" = "$PWD" ] && echo "ads are there"
echo "a word on stderr" >&2
sleep 0.5
exit $(($1 % 3))
"""

ALIEN = """executable = {agent}
arguments = {number}
output = {out}
error = {err}
log = {log}
environment = CONDOR_ID=$(Cluster).$(Process);ALIEN_CM_AS_LDAP_PROXY=voboxes.cern.ch:8084
queue
"""

JALIEN = """cmd = {agent}
arguments = {number}
output = {out}
error = {err}
log = {log}
+TransferOutput = ""
periodic_hold = JobStatus == 1 && \\
    GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800
periodic_remove = CurrentTime - QDate > 172800
universe = grid
grid_resource = condor ce.example.org ce.example.org:9619
ShouldTransferFiles = YES
use_x509userproxy = true
environment = "CONDOR_ID=$(Cluster).$(Process) ALIEN_CM_AS_LDAP_PROXY='voboxes.cern.ch:8084'"
queue 1
"""


class Site:
    """A head node and an execute node in one: the environment that env.sh makes, and the folders of this run."""

    def __init__(self, prefix: Path, work: Path) -> None:
        self.work = work
        self.prefix = prefix
        base = {key: value for key, value in os.environ.items() if not key.startswith(("AWQ_", "WQ_"))}
        base.update(CCTOOLS=os.environ.get("CCTOOLS", "/usr"), AWQ_WORKDIR=str(work / "spool"))
        text = subprocess.run(
            ["bash", "-c", f". {prefix}/etc/env.sh && env -0"], env=base, check=True, capture_output=True
        ).stdout.decode(errors="surrogateescape")
        self.env = dict(line.split("=", 1) for line in text.split("\0") if line)
        self.env.update(
            WQ_WORKDIR=str(work / "workers"),
            WQ_DRAIN=str(work / "drain"),
            WQ_MASTER_BASEPORT=str(free_ports(2)),
            WQ_NUM_FOREMEN="2",
            WQ_NUM_WORKERS=str(os.cpu_count() or 1),
        )

    def run(self, *command: str, text: str = "") -> str:
        """Run a command; what it printed. Ends the demonstration when it fails."""
        done = subprocess.run(
            command, env=self.env, input=text, text=True, capture_output=True, cwd=self.work, check=False
        )
        if done.returncode:
            fail(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(prog="quickstart")
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--pilots", type=int, default=40)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="awq-quickstart-"))
    began = time.monotonic()
    try:
        with running(Site(options.prefix, work)) as site:
            jobs = submit(site, options.pilots)
            watch(site, options.pilots)
            print(head(site.run("condor_history", "-limit", "8")), flush=True)
            check(site, jobs)
    except KeyboardInterrupt:
        print("\ninterrupted; everything that was started is stopped", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(
        f"{options.pilots} pilots: outputs, exit statuses and environments are right ({time.monotonic() - began:.0f} s)"
    )
    print(f"your turn:  . {options.prefix}/etc/env.sh")


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    """Master, two foremen, workers; whatever happens, all of them are stopped."""
    wrapper = f"{site.prefix}/etc/alien_job_wrapper.sh"
    with (site.work / "master.log").open("w") as log:
        master = subprocess.Popen(
            ["alien_work_queue", "--port", "0", "--job-wrapper", wrapper, "--stop-pilots"],
            env=site.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        port_file = site.work / "spool" / "engine.port"
        wait_for(lambda: port_file.exists() or master.poll() is not None, 30, "the master's port")
        if master.poll() is not None:
            fail(f"the master did not start:\n{(site.work / 'master.log').read_text()}")
        site.env["WQ_MASTER"] = f"127.0.0.1:{port_file.read_text().strip()}"
        print(f"master on port {port_file.read_text().strip()}", flush=True)
        site.run("start-foremen")
        site.run("start-workers")
        print(
            f"{site.run('count-foremen').strip()} foremen from port {site.env['WQ_MASTER_BASEPORT']}, "
            f"{site.run('count-workers').strip()} workers",
            flush=True,
        )
        yield site
    finally:
        for verb in ("stop-workers", "stop-foremen"):
            subprocess.run([verb], env=site.env, capture_output=True, check=False)
        master.terminate()
        try:
            master.wait(40)
        except subprocess.TimeoutExpired:
            master.kill()
            master.wait()
        print("stopped: workers, foremen, master", flush=True)


def submit(site: Site, count: int) -> dict[int, str]:
    """Half in AliEn's form on stdin, half in JAliEn's by file; the script is gone right after, as AliEn's is."""
    jobs: dict[int, str] = {}
    with Progress("submitted", sys.stdout) as progress:
        for number in range(count):
            jobs[number] = submit_one(site, number)
            progress(number + 1, count)
    if not progress.on_terminal:
        print(f"submitted {count} pilots", flush=True)
    return jobs


def submit_one(site: Site, number: int) -> str:
    """Its cluster."""
    agent = site.work / "agent.startup"
    agent.write_text(AGENT)
    agent.chmod(0o700)
    facts = {"agent": agent, "number": number, "log": site.work / "events.log"}
    facts.update(out=site.work / f"{number}.out", err=site.work / f"{number}.err")
    if number % 2:
        path = site.work / "htc-submit.jdl"
        path.write_text(JALIEN.format(**facts))
        said = site.run("condor_submit", str(path))
    else:
        said = site.run("condor_submit", text=ALIEN.format(**facts))
    agent.unlink()
    return said.split()[-1].rstrip(".")


def watch(site: Site, count: int) -> None:
    """Show condor_q's last line until nothing is left; all of condor_q once, in the middle."""
    deadline = time.monotonic() + DEADLINE
    shown = False
    with Progress("ended", sys.stdout) as progress:
        while left := int(site.run("condor_q", "-totals").strip().splitlines()[-1].split(":")[1].split()[0]):
            progress(count - left, count)
            if not shown and left < count:
                shown = True
                progress.say(head(site.run("condor_q", "-nobatch")))
            if time.monotonic() > deadline:
                fail(f"{left} pilots have not ended within {DEADLINE:.0f} s\n{(site.work / 'master.log').read_text()}")
            time.sleep(0.25)
        progress(count, count)
    if not progress.on_terminal:
        print(f"ended {count} pilots", flush=True)


def check(site: Site, jobs: dict[int, str]) -> None:
    """Every pilot's output, error, exit status and environment."""
    lines = site.run("condor_history", "-af", "ClusterId", "ExitCode", "JobStatus", "GridResource").splitlines()
    history = {line.split()[0]: line.split(maxsplit=3)[1:] for line in lines}
    host = socket.gethostname()
    for number, cluster in jobs.items():
        expected = [
            f"pilot {number} on {host}",
            f"CONDOR_ID={cluster}.0 ALIEN_CM_AS_LDAP_PROXY=voboxes.cern.ch:8084",
            "ads are there",
        ]
        got = (site.work / f"{number}.out").read_text().splitlines()
        if got != expected:
            fail(f"pilot {number} ({cluster}.0) printed {got}, expected {expected}")
        if (site.work / f"{number}.err").read_text() != "a word on stderr\n":
            fail(f"pilot {number}: stderr is not what it wrote")
        grid = "condor ce.example.org ce.example.org:9619" if number % 2 else "undefined"
        if history.get(cluster) != [str(number % 3), "4", grid]:
            fail(f"pilot {number}: condor_history says {history.get(cluster)}, expected {[str(number % 3), '4', grid]}")


def head(text: str, lines: int = 14) -> str:
    """The first lines of a long answer."""
    all_lines = text.rstrip("\n").split("\n")
    return "\n".join(
        all_lines[:lines] + ([f"... {len(all_lines) - lines} more lines"] if len(all_lines) > lines else [])
    )


def free_ports(count: int) -> int:
    """The first of ``count`` free ports in a row on loopback."""
    for base in range(20000 + os.getpid() % 10000, 60000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    stack.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", port))))
            except OSError:
                continue
            return base
    fail("no free ports")
    raise AssertionError


def wait_for(condition: object, seconds: float, what: str) -> None:
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)


def fail(text: str) -> None:
    """Say it and end; what was started is stopped on the way out."""
    print(f"quickstart: {text}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
