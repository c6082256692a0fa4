"""The rounds that the master makes over the queue, to see what the jobs' own policies say as time goes by.

A round comes every ``AWQ_POLICY_INTERVAL`` seconds and is made in slices of a few milliseconds, one a turn of the loop, so
that 100,000 waiting jobs hold nobody up. What would end running jobs is kept until the round is over: when it is too
large a share of them (``AWQ_POLICY_SHARE``), none of it is done, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Callable

from foremen.master import internal_errors, job_policy
from foremen.master.evaluators import Deferred, Evaluators, NotYet
from foremen.master.in_hand import InHand
from foremen.master.job_policy import Verdict
from spool import crashpoints, job
from spool.classad.job_record import JobRecord
from spool.settings import Settings
from spool.store.sqlite import Database

_SLICE = 150  # jobs looked at in one turn: about 3 ms
_DONE = 100  # running jobs ended in one turn

Found = tuple[int, int, Verdict]


class Rounds:
    """Where the present round is. ``busy``: there is more of it to do at once."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        say: Callable[[str], None],
        errors: internal_errors.Mishaps,
        evaluators: Evaluators | None = None,
    ) -> None:
        self.in_hand: InHand | None = None
        self._evaluators = evaluators
        self._deferred: Deferred[tuple[int, int]] = Deferred(evaluators)
        self._mishaps = errors
        self._left: set[tuple[int, int]] = set()
        self._db = database
        self._settings = settings
        self._say = say
        self._next: float | None = None  # when the next round begins; None: not known yet
        self._at: tuple[int, int] | None = None  # the job that was looked at last
        self._running = 0
        self._ending: list[Found] = []
        self._decided: list[Found] = []

    @property
    def busy(self) -> bool:
        """Whether the next slice is due now."""
        return self._at is not None or bool(self._decided)

    def slice(self, now: float) -> list[Found]:
        """The next verdicts that are to be carried out: (cluster, proc, verdict)."""
        if self._decided:
            found, self._decided = self._decided[:_DONE], self._decided[_DONE:]
            return found
        if self._at is None:
            if self._next is None or self._next - now > self._settings.policy_interval:  # the clock was set back
                self._next = now + self._settings.policy_interval
            if now < self._next:
                return self._look_at_deferred(now)
            self._begin(now)
        return self._look(now)

    def _look_at_deferred(self, now: float) -> list[Found]:
        """Verdicts on jobs whose expressions were being computed when the round passed them: no part of its share of running jobs."""
        keys = self._deferred.ready()[:_SLICE]
        self._deferred.drop(keys)
        found: list[Found] = []
        for cluster, proc, status, text in self._db.texts(keys) if keys else ():
            verdict = self._verdict(JobRecord(cluster, proc, status, text), now)
            if verdict.action != job_policy.KEEP:
                (self._ending if status in (job.RUNNING, job.SUSPENDED) else found).append((cluster, proc, verdict))
        self._put_down()
        if self._ending:
            self._finish()
        return found

    def leave_alone(self, key: tuple[int, int]) -> None:
        """This master asks the job's policy no more: an earlier one died of it."""
        self._left.add(key)

    def _put_down(self) -> None:
        if self.in_hand is not None:
            self.in_hand.nothing()

    def _begin(self, now: float) -> None:
        self._next = now + self._settings.policy_interval
        self._at, self._running, self._ending = (0, -1), 0, []

    def _look(self, now: float) -> list[Found]:
        assert self._at is not None
        rows = self._db.texts_after(*self._at, _SLICE)
        found: list[Found] = []
        for cluster, proc, status, text in rows:
            verdict = self._verdict(JobRecord(cluster, proc, status, text), now)
            runs = status in (job.RUNNING, job.SUSPENDED)
            self._running += runs
            if verdict.action != job_policy.KEEP:
                (self._ending if runs else found).append((cluster, proc, verdict))
        self._put_down()
        if len(rows) == _SLICE:
            self._at = rows[-1][:2]
        else:
            self._finish()
        return found

    def _verdict(self, record: JobRecord, now: float) -> Verdict:
        """An error that nobody foresaw holds the job; one that is held or over already is left as it is, and not asked again."""
        key = (record.cluster, record.proc)
        if key in self._left:
            return Verdict(job_policy.KEEP)
        if self.in_hand is not None:
            self.in_hand.job(key, "the policy of")
        crashpoints.point("policy.judging", record.cluster)
        try:
            return job_policy.periodic(record, now, self._evaluators)
        except NotYet as error:
            self._deferred.put(key, error)
            return Verdict(job_policy.KEEP)
        except Exception as error:
            if not internal_errors.of_one(error):
                raise
            why = self._mishaps.tell(f"the policy of job {record.cluster}.{record.proc} failed", error)
        if record.status in (job.IDLE, job.RUNNING):
            return Verdict(job_policy.HOLD, f"Internal error of alien_work_queue at the policy of this job: {why}")
        self._left.add(key)
        return Verdict(job_policy.KEEP)

    def _finish(self) -> None:
        self._at = None
        if job_policy.too_many(len(self._ending), self._running, self._settings.policy_share):
            cluster, proc, verdict = self._ending[0]
            self._say(
                f"refused: the jobs' policies would end {len(self._ending)} of {self._running} running jobs at once,"
                f" such as {cluster}.{proc} ({verdict.reason}); if that is meant, set AWQ_POLICY_SHARE=100"
                f" (it is {self._settings.policy_share}) and start the master again"
            )
        else:
            self._decided = self._ending
        self._ending = []
