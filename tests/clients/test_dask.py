"""dask-jobqueue's HTCondorCluster."""

from __future__ import annotations

from typing import Callable

from clients import Client
from sites import Site


def test_dask_computes_on_the_workers_that_it_submits(at: Site, client: Callable[[str], Client]) -> None:
    """Two workers by condor_submit compute; scaling down and closing remove them by condor_rm."""
    dask = client("dask")
    facts = dask.program()
    assert (facts["answers"], facts["workers"], facts["after scaling down"], facts["logs"]) == ("9900", "2", "1", "2")
    clusters = [job.partition(".")[0] for job in facts["jobs"].split()]
    dask.until(lambda: all(at.done(cluster) for cluster in clusters), "both jobs have left the queue")
    asked = ("JobStatus", "WantedBy", "RequestCpus", "RequestMemory", "JobBatchName")
    said = [at.af("condor_history", cluster, *asked) for cluster in clusters]
    assert sorted(said) == [f"3 dask 1 286 HTCondorCluster-{number}" for number in range(2)]
