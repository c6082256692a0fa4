"""ReproMan's submitter condor."""

from __future__ import annotations

from typing import Callable

from clients import Client


def test_reproman_runs_a_command_as_a_job(client: Callable[[str], Client]) -> None:
    """Submitted by -terse and followed by condor_q -json until that says nothing; what the job made is fetched."""
    reproman = client("reproman")
    reproman.env.update(HOME=str(reproman.work / "home"), NO_ET="1")  # NO_ET: do not ask for a newer release
    (reproman.work / "home").mkdir()
    (reproman.work / "seed.txt").write_text("seed\n")
    reproman.env["PWD"] = str(reproman.work)  # it believes PWD
    reproman.run("reproman", "create", "here", "-t", "shell")
    files = ("--input=seed.txt", "--output=sum.txt")
    how = ("--resource=here", "--submitter=condor", "--orchestrator=plain", "--follow", *files)
    said = reproman.run("reproman", "run", *how, "sh", "-c", "cat seed.txt > sum.txt; echo one >> sum.txt")
    assert "submitted as condor job" in said
    assert (reproman.work / "sum.txt").read_text() == "seed\none\n"
