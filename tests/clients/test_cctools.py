"""CCTools' own makeflow, work_queue_factory and condor_submit_workers with HTCondor as their batch system (Debian's package)."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Callable

import pytest
from clients import Client
from sites import Site

# Files are made in the jobs' sandboxes and named nowhere in the submit description.
WORKFLOW = """CORES=1
MEMORY=100
DISK=100

part.1: seed.txt
	cat seed.txt > part.1; echo one >> part.1

part.2: seed.txt
	cat seed.txt > part.2; echo two >> part.2

sum.txt: part.1 part.2
	cat part.1 part.2 > sum.txt
"""
FAILS = "CORES=1\nMEMORY=100\nDISK=100\n\nnever.txt:\n\techo sorry > never.txt; exit 3\n"
LONG = "CORES=1\nMEMORY=100\nDISK=100\n\nlate.txt:\n\tsleep 300; echo late > late.txt\n"


@pytest.fixture
def cctools(client: Callable[[str], Client]) -> Client:
    """CCTools, with a seed for the workflow."""
    made = client("cctools")
    for command in ("makeflow", "work_queue_factory", "condor_submit_workers"):
        if shutil.which(command, path=made.env["PATH"]) is None:
            pytest.fail(f"no {command}: apt-get install coop-computing-tools (scripts/packages does)")
    # Debian's makeflow is linked with Open MPI, which looks for a daemon that the package does not depend on.
    made.env["OMPI_MCA_ess_singleton_isolated"] = "1"
    (made.work / "seed.txt").write_text("seed\n")
    (made.work / "workflow").write_text(WORKFLOW)
    return made


def cluster_of(at: Site, text: str) -> str:
    """The newest cluster in queue or history whose ad has ``text`` in its command or arguments; empty for none."""
    for command in ("condor_q", "condor_history"):
        for line in at.command(command, "-af", "ClusterId", "Cmd", "Arguments").stdout.splitlines():
            if text in line:
                return line.split()[0]
    return ""


def test_makeflow_runs_a_workflow(cctools: Client) -> None:
    """Three rules as three jobs; the files that they made in their sandboxes come back although nothing names them."""
    said = cctools.run("makeflow", "-T", "condor", "workflow")
    assert "nothing left to do" in said
    assert (cctools.work / "sum.txt").read_text() == "seed\none\nseed\ntwo\n"
    log = (cctools.work / "workflow.condorlog").read_text()
    assert log.count("Normal termination (return value 0)") == 3


def test_makeflow_sees_a_failed_rule(cctools: Client) -> None:
    """A rule that exits 3: makeflow reads so in the job event log and puts its file away."""
    (cctools.work / "workflow").write_text(FAILS)
    cctools.start("makeflow", "-T", "condor", "workflow").wait(60)
    assert "failed with exit code 3" in cctools.said()
    assert "(return value 3)" in (cctools.work / "workflow.condorlog").read_text()
    assert not (cctools.work / "never.txt").exists()


def test_makeflow_removes_its_jobs_when_it_is_interrupted(at: Site, cctools: Client) -> None:
    """SIGINT while a job runs: makeflow calls condor_rm and the job is removed."""
    (cctools.work / "workflow").write_text(LONG)
    process = cctools.start("makeflow", "-T", "condor", "workflow")
    cctools.until(lambda: at.command("condor_q", "-af", "JobStatus").stdout == "2\n", "the job runs")
    cluster = cluster_of(at, "sleep 300")
    os.kill(process.pid, signal.SIGINT)
    process.wait(60)
    cctools.until(lambda: at.done(cluster), "the job is removed")
    assert at.af("condor_history", cluster, "JobStatus") == "3"


def manager(cctools: Client) -> str:
    """Start makeflow as a Work Queue manager of its own that waits for workers; its port."""
    cctools.start("makeflow", "-T", "wq", "-p", "0", "-Z", "port", "workflow")
    port = cctools.work / "port"
    cctools.until(lambda: port.exists() and port.read_text(), "the manager listens")
    return port.read_text().strip()


def finished(cctools: Client) -> bool:
    """Whether the workflow has made its last file."""
    path = cctools.work / "sum.txt"
    return path.exists() and path.read_text() == "seed\none\nseed\ntwo\n"


def test_work_queue_factory_keeps_workers(at: Site, cctools: Client) -> None:
    """Workers that the factory submits, sized by $$([TARGET.Cpus]), run a workflow; its end removes them by condor_rm."""
    port = manager(cctools)
    sizes = ["--cores=1", "--memory=200", "--disk=500", "-w", "1", "-W", "2", "-t", "60"]
    factory = cctools.start("work_queue_factory", "-T", "condor", *sizes, "-S", "scratch", "127.0.0.1", port)
    cctools.until(lambda: finished(cctools), "the workflow is done")
    cluster = cluster_of(at, "work_queue_worker 127.0.0.1")
    os.kill(factory.pid, signal.SIGINT)
    assert factory.wait(60) == 0
    cctools.until(lambda: at.done(cluster), "the workers are removed")
    assert at.af("condor_history", cluster, "JobStatus") == "3"


def test_condor_submit_workers_gives_workers(at: Site, cctools: Client) -> None:
    """Two workers in one cluster run a workflow and leave when there is nothing to do."""
    cctools.env["USER"] = f"awq-{os.getpid()}"  # the script works in /tmp/$USER-workers
    folder = Path(f"/tmp/{cctools.env['USER']}-workers")
    port = manager(cctools)
    try:
        said = cctools.run("condor_submit_workers", "-t", "3", "127.0.0.1", port, "2")
        assert "2 job(s) submitted to cluster " in said
        cluster = said.partition("submitted to cluster ")[2].split(".")[0]  # makeflow speaks there too
        cctools.until(lambda: finished(cctools), "the workflow is done")
        # With 0 or 1: it depends on whether the manager or the worker's patience ends first.
        cctools.until(lambda: at.af("condor_history", cluster, "JobStatus").split() == ["4", "4"], "both workers left")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
