"""law's HTCondor workflows."""

from __future__ import annotations

import json
from typing import Callable

from clients import Client

BOOTSTRAP = """#!/usr/bin/env bash
export LAW_WORK="{{here}}" PATH="{{bin}}:$PATH" PYTHONPATH="{{here}}" LAW_HOME="{{here}}/.law" LAW_CONFIG_FILE="{{here}}/law.cfg"
"""
SETTINGS = """[modules]
law_program
[job]
job_file_dir: {work}/files
[luigi_core]
local_scheduler: True
no_lock: True
"""


def test_law_runs_the_branches_of_a_workflow(client: Callable[[str], Client]) -> None:
    """Three branches as jobs; law sees them pending, running and finished, and their files are there."""
    law = client("law")
    law.copy("law_program.py")
    (law.work / "bootstrap.sh").write_text(BOOTSTRAP)
    (law.work / "law.cfg").write_text(SETTINGS.format(work=law.work))
    law.env.update(LAW_WORK=str(law.work), PYTHONPATH=str(law.work), LAW_HOME=str(law.work / ".law"))
    law.env.update(LAW_CONFIG_FILE=str(law.work / "law.cfg"))
    said = law.run(
        "law", "run", "law_program.Squares", "--workflow", "htcondor", "--poll-interval", "1sec",
        "--transfer-logs", "--retries", "0",
    )  # fmt: skip
    assert "finished: 3" in said.replace("\x1b[0m", "")
    squares = [json.loads((law.work / f"store/square_{branch}.json").read_text())["square"] for branch in range(3)]
    assert squares == [4, 9, 16]
    assert len(list((law.work / "jobs").glob("stdall_*.txt"))) == 3
