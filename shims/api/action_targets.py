"""The jobs that an action is for: ids, clusters, users and constraints, with the texts that HTCondor's tools print."""

from __future__ import annotations

from shims.api import actions
from shims.api.selection import ConstraintError, Wanted, parse_id
from spool.job import job_id
from spool.store.task_file import Act

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.api.actions import Verb
    from spool.classad.job_record import JobRecord
    from spool.store.layout import Spool
    from spool.store.queue_view import View

    Id = tuple[int, int]

_RESULTS = ("Failed", "Succeeded", "Not Found", "Bad Status", "Already Done", "Permission Denied")
_ORDER = (actions.SUCCESS, actions.ERROR, actions.NOT_FOUND, actions.BAD_STATUS, actions.ALREADY_DONE,
          actions.PERMISSION_DENIED)  # fmt: skip


class Targets:
    """Fill it from the command line, then ``resolve``; ``out``, ``err`` and ``failed`` are what the command ends with."""

    def __init__(self, command: str, verb: Verb, dash_long: bool, dash_totals: bool) -> None:
        self._command, self._verb = command, verb
        self._long, self._totals = dash_long, dash_totals
        self.jobs: list[Id] = []
        self.everything = False
        self.failed = False
        self.out: list[str] = []
        self.err: list[str] = []
        self._constraints: list[str] = []
        self._clusters: list[int] = []
        self._users: list[str] = []
        self._alternatives: list[str] = []
        self._changed: dict[Id, int] = {}

    @property
    def empty(self) -> bool:
        """Whether there is nothing but ids of jobs, if that."""
        return not (self.everything or self._constraints or self._alternatives)

    def add_operand(self, word: str) -> None:
        """A job, a cluster or a user."""
        found = parse_id(word)
        if found is None or word.endswith("."):
            self._users.append(word)
            self._alternatives.append(f'Owner == "{word}"')
        elif found[0] == 0:
            self.err.append(f"Invalid cluster # from {word}.\n")
            self.failed = True
        elif found[1] is None:
            self._clusters.append(found[0])
            self._alternatives.append(f"ClusterId == {found[0]}")
        else:
            self.jobs.append((found[0], found[1]))

    def add_constraint(self, text: str) -> None:
        """A constraint; several are all to hold."""
        self._constraints.append(text)

    def resolve(self, spool: Spool, reason: str) -> Act | None:
        """The action to put into the queue; None when there is no job to act on. SpoolError, NotVouched."""
        from spool.store.queue_view import open_unvouched

        view = open_unvouched(spool)
        try:
            jobs = self._resolve_jobs(view) if self.jobs else []
            more, clusters = self._resolve_constraints(view) if not self.empty else ([], ())
        finally:
            view.close()
        if not jobs and not more:
            return None
        if self.everything:
            return Act(self._verb.action, everything=True, reason=reason)
        return Act(self._verb.action, jobs if clusters else [*jobs, *more], clusters, reason=reason)

    # --- jobs by their ids ----------------------------------------------------------------------------------------------

    def _resolve_jobs(self, view: View) -> list[Id]:
        if self._constraints:
            self.err.append("Warning, -constraint is ignored for fully qualified job ids\n")
        from shims.api.jobs import select

        found = {(record.cluster, record.proc): record for record in select(view, Wanted(self.jobs))}
        results: dict[Id, int] = {}
        acted: list[Id] = []
        for job in self.jobs:
            results[job] = self._judge(job, found.get(job))
            if results[job] == actions.SUCCESS:
                acted.append(job)
        self._report(results, len(found), bool(acted))
        if not acted:
            self.failed = True
            self.err.append("\n")
        for job in self.jobs:
            text = actions.message(self._verb, job_id(*job), results[job]) + "\n"
            (self.out if results[job] == actions.SUCCESS else self.err).append(text)
        return acted

    def _judge(self, job: Id, record: JobRecord | None) -> int:
        if record is None:
            return actions.NOT_FOUND
        status = self._changed.get(job, record.status)
        result = actions.verdict(self._verb, status, actions.hold_code(record))
        if result == actions.SUCCESS:
            self._changed[job] = actions.status_after(self._verb)
        return result

    # --- jobs by clusters, users, constraints ---------------------------------------------------------------------------

    def _resolve_constraints(self, view: View) -> tuple[list[Id], Sequence[int]]:
        """The jobs to act on, and the clusters that stand for them when only clusters were named."""
        text = self._text()
        try:
            records = self._select(view, text)
        except ConstraintError:
            self._fail("DCSchedd::actOnJobs:1:Can't insert constraint into ClassAd\n", text)
            return [], ()
        results = {}
        for record in records:
            job = record.cluster, record.proc
            code = actions.hold_code(record)
            if actions.matches(self._verb, self._changed.get(job, record.status), code):
                results[job] = self._judge(job, record)
        acted = [job for job, result in results.items() if result == actions.SUCCESS]
        self._report(results, len(records), bool(acted))
        if acted:
            self.out.append(f"All jobs{self._described(text)} have been {self._verb.done}\n")
        elif actions.ERROR in results.values():
            self.failed = True
            self.err.append(f"{self._command}: {actions.NO_SUSPENSION}\n")
        elif not results and self._queue_is_empty(view):
            self.err.append(f"{self._command}:0:There are no jobs in the queue\n")
        else:
            self._fail("\n", text)
        only_clusters = bool(self._clusters) and not (self._constraints or self._users)
        return acted, self._clusters if only_clusters and acted else ()

    def _select(self, view: View, text: str) -> list[JobRecord]:
        from shims.api.jobs import select

        return select(view, Wanted(constraints=() if self.everything else (text,)))

    def _queue_is_empty(self, view: View) -> bool:
        from shims.api.jobs import select

        return not select(view, Wanted(limit=1))

    def _fail(self, before: str, text: str) -> None:
        self.failed = True
        self.err.append(f"{before}Couldn't find/{self._verb.word} all jobs{self._described(text)}\n")

    def _text(self) -> str:
        """The constraint, put together as HTCondor's tool does: it stands in the messages."""
        if self.everything:
            return "ClusterId >= 0"
        parts = list(self._constraints)
        if self._alternatives:
            parts.append(" || ".join(self._alternatives))
        return parts[0] if len(parts) == 1 else " && ".join([f"({part})" for part in parts])

    def _described(self, text: str) -> str:
        if self.everything:
            return ""
        if not self._constraints and len(self._alternatives) == 1:
            return f" in cluster {self._clusters[0]}" if self._clusters else f' of user "{self._users[0]}"'
        return f" matching constraint ({text})"

    def _report(self, results: dict[Id, int], seen: int, success: bool) -> None:
        """What -totals and -long add."""
        if self._long:
            lines = {
                "ActionResult": int(success), "ActionResultType": 1, "IsQueueSuperUser": "false",
                "JobAction": self._verb.code, "TotalJobAds": seen,
            }  # fmt: skip
            lines.update({f"job_{cluster}_{proc}": result for (cluster, proc), result in sorted(results.items())})
            self.out.append("".join([f"{name} = {value}\n" for name, value in lines.items()]) + "\n")
        elif self._totals:
            counts = list(results.values())
            words = [f"{counts.count(result)} {_RESULTS[result]}" for result in _ORDER]
            self.out.append(", ".join(words) + "\n")
