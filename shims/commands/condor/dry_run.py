"""What ``-dry-run`` prints: the cluster's ad, then for every job what differs, in HTCondor's order and form."""

from __future__ import annotations

from shims.api.submit import Submitted, Submitter
from shims.submit.expressions import old_syntax


def listed(submitter: Submitter, verbose: bool, dots: bool) -> list[str]:
    """To stdout, with the dots (or with ``-verbose`` the ads) that go with each job."""
    parts: list[str] = []
    for one in submitter.submitted():
        parts += ["\n", _cluster(one)]
        verbose_ads = one.verbose().split("\n** Proc ")[1:] if verbose else []
        for proc in range(one.jobs):
            parts += ["\n" if proc else "", _proc(one, proc)]
            if verbose:
                parts.append("\n** Proc " + verbose_ads[proc])
            elif dots:
                parts.append(".")
    return parts


def separated(submitter: Submitter) -> str:
    """To a file."""
    parts: list[str] = []
    for one in submitter.submitted():
        parts += ["\n", _cluster(one)]
        for proc in range(one.jobs):
            parts += ["\n" if proc else "", _proc(one, proc)]
    return "".join(parts)


def _order(name: str) -> tuple[int, str]:
    return len(name), name.lower()


def _cluster(one: Submitted) -> str:
    ad = {"Owner": "undefined", **one.ads.base}
    names = sorted([name for name in ad if name != "JobStatus"], key=_order)
    return f"ClusterId={one.cluster}\n" + "".join([f"{name}={old_syntax(ad[name])}\n" for name in names])


def _proc(one: Submitted, proc: int) -> str:
    ad = one.procs[proc]
    status = ad.get("JobStatus") or one.ads.base["JobStatus"]
    names = sorted([name for name in ad if name != "JobStatus"], key=_order)
    return f"ProcId={proc}\nJobStatus={status}\n" + "".join([f"{name}={old_syntax(ad[name])}\n" for name in names])
