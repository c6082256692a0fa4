"""Rows about HTCondor's face: ten thousand jobs, each form in turn with the real tool, both as whole processes."""

from __future__ import annotations

from collections.abc import Iterator

from benching.bench import Bench
from benching.forms import FORMS
from benching.rig import say
from benching.table import Aim, Row, alone, compared

# The same for both; in HTCondor nothing matches it, here there is no worker.
_IDLE = """executable = /bin/true
arguments = some arguments
output = /dev/null
requirements = False
+GridResource = "condor ce.example.org ce.example.org:9619"
environment = ALIEN_CM_AS_LDAP_PROXY=voboxes.example.org:8084
queue {jobs}
"""


def queries(bench: Bench) -> Iterator[Row]:
    """``queue 10000`` and the query forms at 10,000 jobs, against HTCondor's own tools, in turn."""
    rig, condor, jobs = bench.rig, bench.condor, bench.scale.shown
    text = _IDLE.format(jobs=jobs).encode()
    ours: list[float] = []
    theirs: list[float] = []
    with rig.site() as site:
        for turn in range(bench.scale.turns):
            say(f"queries: queue {jobs}, turn {turn + 1} of {bench.scale.turns}")
            rig.timed([rig.tool("condor_rm"), "-all"])
            site.empty()
            if condor:
                condor.remove()
                theirs.append(condor.submit(text))
            ours.append(rig.timed([rig.tool("condor_submit")], text))
            site.waits(jobs)
        yield compared(alone("queries", f"condor_submit, queue {jobs}", "ms", ours), "HTCondor's", theirs, Aim(0.4))
        yield from _forms(bench)
    if condor:
        condor.remove()


def _forms(bench: Bench) -> Iterator[Row]:
    rig, condor = bench.rig, bench.condor
    for form in FORMS:
        say(f"queries: {form.name}")
        ours, theirs = [], []
        for _ in range(max(3, bench.scale.processes // 3)):
            ours.append(rig.timed([rig.tool("condor_q"), *form.words]))
            if condor:
                theirs.append(condor.timed(["condor_q", *form.words]))
        row = alone("queries", f"{form.name}, {bench.scale.shown} jobs", "ms", ours)
        yield compared(row, "HTCondor's", theirs, Aim(form.most))
