"""b2luigi's batch system htcondor."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

from clients import Client
from sites import Site


def test_b2luigi_runs_a_chain_and_sees_a_failure(at: Site, client: Callable[[str], Client]) -> None:
    """Four jobs and the one that needs them write their files; a job that exits non-zero is told as failed."""
    b2luigi = client("b2luigi")
    said = b2luigi.run("python", b2luigi.copy("b2luigi_program.py"))
    assert "* 5 ran successfully:" in said
    assert "* 1 failed:" in said
    assert [path.read_text() for path in b2luigi.work.glob("results/**/sum.txt")] == ["10\n"]
    numbers = sorted(path.read_text() for path in b2luigi.work.glob("results/**/number.txt"))
    assert numbers == ["1\n", "2\n", "3\n", "4\n"]
    failed = next(b2luigi.work.glob("logs/number=13/**/failed_jobs.log")).read_text()
    cluster, _, log = failed.strip().partition(": ")
    assert at.af("condor_history", cluster, "ExitCode", "JobStatus") == "1 4"
    assert "return value 1" in Path(log).read_text()
