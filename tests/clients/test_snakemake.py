"""Snakemake's executor cluster-generic, with the two scripts that a site writes for HTCondor."""

from __future__ import annotations

from typing import Callable

import pytest
from clients import Client
from sites import Site

OPTIONS = (
    "--executor=cluster-generic", "--cluster-generic-submit-cmd=python snakemake_submit.py",
    "--cluster-generic-status-cmd=python snakemake_status.py", "--cluster-generic-cancel-cmd=condor_rm",
    "--seconds-between-status-checks=1", "--latency-wait=5", "--jobs=4", "--scheduler=greedy",
)  # fmt: skip


@pytest.fixture
def snakemake(client: Callable[[str], Client]) -> Client:
    """Snakemake, with the workflow and the site's scripts."""
    made = client("snakemake")
    for name in ("Snakefile", "snakemake_submit.py", "snakemake_status.py"):
        made.copy(name)
    return made


def test_snakemake_runs_a_workflow(at: Site, snakemake: Client) -> None:
    """Two jobs and the one that joins what they made, each under its rule's name as the batch name."""
    snakemake.run("snakemake", *OPTIONS)
    assert (snakemake.work / "sum.txt").read_text() == "1\n2\n"
    names = at.command("condor_history", "-limit", "3", "-af", "JobBatchName").stdout.split()
    assert sorted(names) == ["join", "part", "part"]


def test_snakemake_sees_a_failed_job(snakemake: Client) -> None:
    """A rule that exits 3: Snakemake hears so by condor_history, removes its file and fails."""
    assert snakemake.start("snakemake", *OPTIONS, "never.txt").wait(60) == 1
    assert "Error in rule fail" in snakemake.said()
    assert not (snakemake.work / "never.txt").exists()
