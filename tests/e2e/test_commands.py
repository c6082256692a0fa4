"""The smaller commands, installed, on the real Work Queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site, eventually, install, site

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def pool(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with master, foremen and workers."""
    with site(prefix, tmp_path) as made:
        made.start_master()
        made.start_pool()
        yield made


def submit(pool: Site, text: str, *options: str) -> str:
    """Submit a description; its cluster."""
    (pool.work / "a.sub").write_text(text)
    return pool.command("condor_submit", *options, "a.sub").stdout.split()[-1].rstrip(".")


def status(pool: Site, cluster: str) -> str:
    """JobStatus of its first job; empty when it is not in the queue."""
    return pool.command("condor_q", f"{cluster}.0", "-af", "JobStatus").stdout.strip()


def test_condor_run_and_qsub(pool: Site) -> None:
    """condor_run ends with the command's exit status and shows what it says; condor_qsub's job runs its script."""
    done = pool.command("condor_run", "echo out; echo err >&2; exit 7", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert not list(pool.work.glob(".condor_*"))
    (pool.work / "job.sh").write_text('echo "got $1 $A"\n')
    line = ("condor_qsub", "-N", "name", "-o", "q.out", "-e", "q.err", "-v", "A=1", "job.sh", "x")
    assert pool.command(*line).stdout == 'Your job 2 ("name") has been submitted\n'
    output = pool.work / "q.out"
    eventually(lambda: output.exists() and output.read_text() == "got x 1\n", what="the job's output")


def test_a_vacated_job_runs_again(pool: Site) -> None:
    """The run is ended, and another one begins; condor_status shows it as a claimed slot."""
    cluster = submit(pool, "executable = /bin/sleep\narguments = 300\nlog = log\nqueue\n")
    eventually(lambda: status(pool, cluster) == "2")
    assert pool.command("condor_status", "-claimed", "-af", "JobId").stdout == f"{cluster}.0\n"
    pool.command("condor_vacate_job", f"{cluster}.0")
    eventually(lambda: (pool.work / "log").read_text().count("\n001 (") == 2, what="a second start")
    pool.command("condor_rm", cluster)
    assert pool.command("condor_wait", "-wait", "60", "log").stdout == "All jobs done.\n"


def test_spooled_jobs_as_dirac_has_them(pool: Site) -> None:
    """In the queue, completed, also when its output was fetched; condor_rm ends it; then in the history and its file."""
    cluster = submit(pool, "executable = /bin/echo\narguments = hello\noutput = o\nqueue\n", "-spool")
    eventually(lambda: status(pool, cluster) == "4")
    assert pool.command("condor_transfer_data", cluster).stdout == "Fetching data files...\n"
    eventually(lambda: (pool.work / "o").exists() and (pool.work / "o").read_text() == "hello\n")
    assert status(pool, cluster) == "4"
    pool.command("condor_rm", cluster)
    eventually(lambda: status(pool, cluster) == "")
    history = pool.command("condor_config_val", "HISTORY").stdout.strip()
    answer = pool.command(
        "condor_history", "-f", history, "-backwards", "-match", "1", cluster, "-format", "%d", "ExitCode"
    )
    assert answer.stdout == "0"
