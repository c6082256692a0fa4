"""pycondor's Job (its Dagman needs condor_dagman)."""

from __future__ import annotations

import re
from typing import Callable

from clients import Client
from sites import Site


def test_pycondor_submits_named_arguments(at: Site, client: Callable[[str], Client]) -> None:
    """One description with three queue statements: three outputs under the names that pycondor gave."""
    pycondor = client("pycondor")
    facts = pycondor.program()
    cluster = re.search(r"3 job\(s\) submitted to cluster (\d+)\.", pycondor.said())
    assert cluster, pycondor.said()
    pycondor.until(lambda: at.af("condor_history", cluster[1], "ExitCode").split() == ["0"] * 3, "all three are done")
    assert facts["version"] == "True"
    outputs = sorted(path.read_text() for path in (pycondor.work / "output").iterdir())
    assert outputs == ["hello ada\n", "hello emmy\n", "hello grace\n"]
