"""Helpers of the query tests: job ads in HTCondor's long form put into a spool that a living master vouches for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spool_rig import LivingMaster

from spool.classad import ads
from spool.store.layout import Spool
from spool.store.sqlite import open_writer


def from_long_form(expression: str) -> str:
    """An expression of HTCondor's long form as the house keeps it: in string literals a backslash is doubled there."""
    out, at, inside = [], 0, False
    while at < len(expression):
        char = expression[at]
        if char == '"':
            inside = not inside
        elif char == "\\" and inside:
            quote = expression[at + 1 : at + 2] == '"'
            out.append('\\"' if quote else "\\\\")
            at += 2 if quote else 1
            continue
        out.append(char)
        at += 1
    return "".join(out)


def fill_queue(spool: Spool, jobs: Iterable[Mapping[str, str]]) -> None:
    """Put jobs into the database, in order: one cluster's ad is what its first job has, the other jobs bring what differs."""
    database = open_writer(spool)
    common: dict[int, dict[str, str]] = {}
    with database.transaction():
        for job in jobs:
            ad = {name: from_long_form(text) for name, text in job.items()}
            cluster, proc, status = (int(ad[name]) for name in ("ClusterId", "ProcId", "JobStatus"))
            own = {
                name: ad.pop(name)
                for name in ("ProcId", "GlobalJobId", "JobStatus", "EnteredCurrentStatus")
                if name in ad
            }
            if cluster not in common:
                common[cluster] = {name: text for name, text in ad.items() if _is_common(name)}
                database.add_cluster(cluster, ads.dump(common[cluster]), payload=False)
            absent = set(common[cluster]) - set(ad)
            assert not absent, f"job {cluster}.{proc} lacks {absent} of its cluster"
            own.update({name: text for name, text in ad.items() if common[cluster].get(name) != text})
            database.add_jobs([(cluster, proc, status, 0, ads.dump(own), "")])
    database.close()


def _is_common(name: str) -> bool:
    return not name.startswith("My") and name not in (
        "Foo",
        "HoldReason",
        "HoldReasonCode",
        "HoldReasonSubCode",
        "mycase",
    )


def publish_counts(spool: Spool, jobs: Iterable[Mapping[str, str]], at: float) -> LivingMaster:
    """A living master that has published the counts of these jobs at that time."""
    counts: dict[int, int] = {}
    for job in jobs:
        status = int(job["JobStatus"])
        counts[status] = counts.get(status, 0) + 1
    master = LivingMaster(spool)
    master.publish(counts, at)
    return master
