"""The jobs that are kept back because their Requirements rule every worker out (docs/adr/0019-requirements.md).

Each is marked in the database, so that it is not next, costs nothing while it waits and blocks nobody. A job that changes in
any way loses its mark; all lose it when the pool has grown so that a verdict may be another, and when a master begins.
So are jobs whose requests are being computed by an evaluator, until they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from foremen.master import transitions
from foremen.master.evaluators import Deferred, Evaluators, NotYet
from spool.classad import matchmaking
from spool.classad.matchmaking import Totals
from spool.store.sqlite import Database, JobRow

_judge = matchmaking.Judge(matchmaking.facts())  # its verdicts outlive a look at the queue from scratch


class KeptBack:
    """What is kept back. ``look_again`` and ``keep`` belong into a transaction."""

    def __init__(self, database: Database, evaluators: Evaluators | None = None) -> None:
        self._db = database
        self._deferred: Deferred[tuple[int, int]] = Deferred(evaluators)
        self._anew = True  # what an earlier master marked is to be looked at again
        self._count: int | None = 0  # None: to be counted
        self._clusters: set[int] = set()  # those of the jobs, and perhaps others
        self._least: dict[str, int] = {}  # with so much of it in the pool another verdict may come

    def count(self, totals: Totals) -> int:
        """How many jobs are kept back in a pool like this; 0 as well when they are to be looked at again."""
        if self._due(totals):
            return 0
        if self._count is None:
            self._count = self._db.kept_back()
            if not self._count:
                self._clusters.clear()
        return max(0, self._count - len(self._deferred.ready()))

    def touched(self, cluster: int) -> None:
        """A job of the cluster changed."""
        if cluster in self._clusters:
            self._count = None

    def look_again(self, totals: Totals) -> None:
        """Begin anew when that is due."""
        if self._due(totals):
            self._db.look_again()
            self._anew, self._count = False, 0
            self._clusters.clear()
            self._least.clear()
        ready = self._deferred.ready()
        if ready:
            self._db.look_again(ready)
            self._deferred.drop(ready)
            self._count = None

    def wait(self, key: tuple[int, int], why: NotYet) -> None:
        """The job is kept back, too, until what it asks for has been computed."""
        self._deferred.put(key, why)

    def rules_out(self, row: JobRow, totals: Totals) -> bool:
        """Whether the job's Requirements rule every worker out."""
        unmet = _judge.unmet(transitions.record(row), totals)
        if unmet is None:
            return False
        if unmet.attribute:
            self._least[unmet.attribute] = min(unmet.least, self._least.get(unmet.attribute, unmet.least))
        return True

    def keep(self, jobs: Sequence[tuple[int, int]]) -> None:
        """Mark them."""
        if jobs:
            self._db.keep_back(jobs)
            self._count = None
            self._clusters.update([cluster for cluster, _proc in jobs])

    def _due(self, totals: Totals) -> bool:
        """A pool without workers is not known: then nothing is kept back for its size."""
        have = totals._asdict()
        return self._anew or any(have[name] >= least or not have[name] for name, least in self._least.items())
