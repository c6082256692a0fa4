"""ipyparallel's HTCondor launcher."""

from __future__ import annotations

from typing import Callable

from clients import Client
from sites import Site


def test_ipyparallel_computes_on_engines_that_it_submits(at: Site, client: Callable[[str], Client]) -> None:
    """Two engines of one cluster compute; the end of the session removes them by condor_rm."""
    ipyparallel = client("ipyparallel")
    ipyparallel.env["IPYTHONDIR"] = str(ipyparallel.work / "ipython")
    facts = ipyparallel.program()
    assert (facts["answers"], facts["engines"]) == ("285", "2")
    ipyparallel.until(lambda: not at.command("condor_q", "-af", "ClusterId").stdout, "the engines have left the queue")
