"""From queue statements to one task file: cluster numbers, job ads, payloads; all of it or nothing."""

from __future__ import annotations

import os

from shims.jobad.builder import JobAds
from shims.jobad.job_ad import Surroundings
from shims.submit import queue_statement as statements
from shims.submit.errors import DescriptionError, MacroError, SubmitError
from shims.submit.expressions import old_syntax
from shims.submit.lines import Lines
from shims.submit.macros import Macros
from spool import crashpoints, settings
from spool.classad import ads
from spool.errors import AwqError, SpoolError
from spool.job import GRID, HELD, HOLD_SPOOLING_INPUT, IDLE
from spool.store import cluster_ids, task_file
from spool.store.layout import Spool, open_spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from shims.api.input_copies import Payload
    from spool.userlog import writer


class LimitReached(AwqError):
    """More jobs than the queue takes (``AWQ_MAX_QUEUED``)."""


class Submitted:
    """One cluster as it was made."""

    __slots__ = ("ads", "cluster", "payload", "procs")

    def __init__(self, cluster: int, made: JobAds, payload: Payload | None) -> None:
        self.cluster = cluster
        self.ads = made
        self.payload = payload
        self.procs: list[dict[str, str]] = []

    @property
    def jobs(self) -> int:
        """How many jobs it has."""
        return len(self.procs)

    def effective(self, proc: int) -> dict[str, str]:
        """The whole ad of one job."""
        return {**self.ads.base, "ClusterId": str(self.cluster), "ProcId": str(proc), **self.procs[proc]}

    def verbose(self) -> str:
        """What ``-verbose`` prints of it."""
        parts: list[str] = []
        for proc in range(len(self.procs)):
            parts.append(f"\n** Proc {self.cluster}.{proc}:\n")
            ad = self.effective(proc)
            parts += [f"{name} = {old_syntax(ad[name])}\n" for name in sorted(ad, key=str.lower)]
        return "".join(parts)


_MATERIALIZE = ("max_materialize", "max_idle", "materialize_max_idle")
"""With one of them a description has one queue statement (late materialization, recorded from 23.9.6)."""


class Submitter:
    """Collects what one command submits; ``commit`` makes it visible, ``abandon`` takes it back."""

    __slots__ = (
        "_begun_statements", "_clusters", "_executable", "_macros", "_published", "_settings", "_spool", "_surroundings", "begun",
        "dry", "jobs", "max_jobs", "notes", "shown", "single",
    )  # fmt: skip

    def __init__(self, macros: Macros, surroundings: Surroundings, dry: bool) -> None:
        self._macros = macros
        self._surroundings = surroundings
        self._settings = settings.load(os.environ)
        self._spool: Spool | None = None
        self._clusters: list[Submitted] = []
        self._begun_statements = False
        self._executable: tuple[str | None, str | None] | None = None
        self.dry = dry
        self.begun = False
        self.jobs = 0
        self.max_jobs = 0
        self.single = False
        self._published = False
        self.shown = False
        self.notes: list[str] = []

    def submitted(self) -> list[Submitted]:
        """The clusters that have jobs."""
        return [one for one in self._clusters if one.procs]

    @property
    def warnings(self) -> list[str]:
        """What is odd about the jobs."""
        return self.notes + [warning for one in self._clusters for warning in one.ads.warnings]

    def queue(self, arguments: str, lines: Lines) -> None:
        """One queue statement. AwqError: nothing of the submission may be kept."""
        if self._begun_statements and any(self._macros.has(name) for name in _MATERIALIZE):
            raise DescriptionError(lines.line, "Extra data found after queue statement")
        statement = statements.parse(arguments, lines)
        self._begun_statements = True
        if not statement.jobs:
            return
        self._refuse_too_many(statement.jobs)
        cluster = self._cluster()
        cluster.ads.new_statement()
        live = self._macros.live
        live["cluster"] = live["clusterid"] = str(cluster.cluster)
        items = [""] if statement.items is None else statement.items
        self.notes += statement.warnings
        for (
            name
        ) in statement.variables:  # whatever file or command line say of it; a short row keeps that of the row before
            self._macros.put_live(name, "")
        for row, item in zip(statement.rows, items):
            live["row"] = live["itemindex"] = str(row)
            if statement.items is not None:
                self._set_variables(statement, item, row)
            for step in range(statement.count):
                live["step"] = str(step)
                self._job(cluster, statement.line)

    def _set_variables(self, statement: statements.Queue, item: str, row: int) -> None:
        given = statement.values(item)
        for name, value in given:
            self._macros.put_live(name, value)
        empty = [name for name, value in given if not value]
        if empty:
            self.notes.append(f"Empty value(s) for {','.join(empty)} at ItemIndex={row}!")

    def _job(self, cluster: Submitted, line: int) -> None:
        if 0 < self.max_jobs <= self.jobs:
            raise SubmitError(f"Number of submitted jobs would exceed -maxjobs ({self.max_jobs})")
        proc = cluster.jobs
        live = self._macros.live
        live["process"] = live["procid"] = str(proc)
        try:
            found = cluster.ads.job()
        except MacroError as error:
            raise error.at(line, f"\t at Step {live['step']}, ItemIndex {live['itemindex']}\n") from None
        if not self.dry:
            found = self._recorded(cluster, proc, found)
        cluster.procs.append(found)
        self.jobs += 1

    def _recorded(self, cluster: Submitted, proc: int, found: dict[str, str]) -> dict[str, str]:
        """The job's own attributes as they go into the task file, its files copied."""
        base, host, number = cluster.ads.base, self._surroundings.host, cluster.cluster
        _refuse_ours(found, base.get("JobStatus") or "")
        if not proc:
            _refuse_ours(base, "")
            self._common(cluster)
        ad = {"ProcId": str(proc), "GlobalJobId": f'"{host}#{number}.{proc}#{self._surroundings.now}"', **found}
        if base["JobUniverse"] == str(GRID):
            resource = ads.string(ad.get("GridResource") or base.get("GridResource"))
            ad["GridJobId"] = ads.quote(f"{resource} {number}.{proc}")
        if cluster.payload is not None and (found or not proc):
            copies = cluster.payload.take({**base, **found})
            ad.update({name: value for name, value in copies.items() if base.get(name) != value})
            if "AwqInputs" in base and "AwqInputs" not in copies:
                ad["AwqInputs"] = '""'
            if not proc and "AwqInputs" in copies:
                base["AwqInputs"] = ad.pop("AwqInputs")
        return ad

    def _common(self, cluster: Submitted) -> None:
        """What the schedd adds to every job."""
        base, surroundings = cluster.ads.base, self._surroundings
        base["ClusterId"] = str(cluster.cluster)
        base["Owner"] = ads.quote(surroundings.user)
        base["User"] = ads.quote(f"{surroundings.user}@{surroundings.host}")
        if base["JobUniverse"] == str(GRID):
            base.setdefault("GridJobStatus", '"PENDING"')
        if surroundings.remote:
            # HTCondor holds a job while its input is on its way; here that is over before the job is seen.
            base["StageInStart"] = base["StageInFinish"] = str(surroundings.now)
            base["LastHoldReason"], base["LastHoldReasonCode"] = '"Spooling input data files"', str(HOLD_SPOOLING_INPUT)
            base["ReleaseReason"] = '"Data files spooled"'

    def _cluster(self) -> Submitted:
        """The cluster that the next jobs go into: a new one when the executable was assigned anew."""
        executable = (self._macros.peek("executable"), self._macros.peek("cmd"))
        if self._clusters and executable == self._executable:
            return self._clusters[-1]
        if self.single and self._clusters:
            raise SubmitError("Number of submitted clusters would exceed 1 and -single-cluster was specified")
        self._executable = executable
        self.begun = True
        made = JobAds(self._macros, self._surroundings)
        if self.dry:
            self._clusters.append(Submitted(len(self._clusters) + 1, made, None))
            return self._clusters[-1]
        from shims.api.input_copies import Payload

        spool = self._open()
        number = cluster_ids.take_clusters(spool, 1)
        crashpoints.point("submit.number-taken")
        self._clusters.append(Submitted(number, made, Payload(spool, number)))
        return self._clusters[-1]

    def _open(self) -> Spool:
        if self._spool is None:
            self._spool = open_spool(self._settings.workdir)
        return self._spool

    def _refuse_too_many(self, more: int) -> None:
        if 0 < self.max_jobs < self.jobs + more:
            more = self.max_jobs - self.jobs  # -maxjobs has its own words for it, a moment later
        queued = self.jobs + more
        if not self.dry:
            from spool.store.published_counts import known_jobs

            queued += known_jobs(self._open())
        if queued > self._settings.max_queued:
            raise LimitReached("Number of submitted jobs would exceed MAX_JOBS_SUBMITTED")

    def commit(self) -> None:
        """Make everything durable, then visible. SpoolError: nothing is."""
        made = self.submitted()
        if self.dry or not made:
            return
        for one in made:
            one.ads.base["TotalSubmitProcs"] = str(one.jobs)
            if one.payload is not None:
                one.payload.settle()
        crashpoints.point("submit.payload-settled")
        clusters = [
            task_file.Cluster(one.cluster, one.ads.base, one.procs, one.payload is not None and one.payload.exists)
            for one in made
        ]
        news = self._news(clusters)
        self._published = True  # perhaps: an interrupt may come at any moment of it
        try:
            task_file.write_submission(self._open(), task_file.Submission(clusters), news)
        except SpoolError:
            self._published = False
            raise
        for one in made:
            if one.payload is not None:
                one.payload.let_go()

    def _news(self, clusters: list[task_file.Cluster]) -> writer.News | None:
        """The submission's events, which this command writes, and the mark that says so; None where no log is named."""
        if not any("UserLog" in ad for one in clusters for ad in (one.ad, *one.procs)):
            return None
        from spool.userlog import writer

        for one in clusters:
            one.ad[writer.MARK] = "true"
        return writer.News(clusters, writer.address(self._surroundings.host, self._settings.port))

    def abandon(self) -> None:
        """Remove the copies made so far, unless a task file may need them (the master removes what nobody does)."""
        if self._published:
            return
        for one in self._clusters:
            if one.payload is not None:
                one.payload.drop()


def _refuse_ours(ad: dict[str, str], status: str) -> None:
    """SubmitError for attributes that the master goes by, and would refuse when nobody reads the answer any more."""
    for name in ad:
        if name[:3].lower() == "awq":
            raise SubmitError(f"{name} cannot be set: attributes that begin with Awq are the toolkit's own", lead="")
    status = ad.get("JobStatus") or status
    if ads.number(status, IDLE) not in (IDLE, HELD):
        raise SubmitError(f"JobStatus = {status}: a job can be submitted idle (1) or on hold (5) only", lead="")
