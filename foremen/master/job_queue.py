"""The jobs under the master's hand: task files, actions and the engine's events become moves in the database.

Everything here happens inside one transaction of the loop. What must wait for the commit (messages to the engine,
files to remove) is collected in ``Effects``. A turn that an unforeseen error broke is made again ``carefully``: each job's
step by itself, and a job whose step fails is held (docs/adr/0016-one-job.md).
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from foremen.engine.protocol import DONE, RUNNING, WAITING, Cancel, Result, StateChange
from foremen.master import file_transfer, hold_reasons, job_policy, task_builder, transitions
from foremen.master import transitions as moves
from foremen.master.evaluators import Deferred, Evaluators, NotYet
from foremen.master.history_file import HistoryFile
from foremen.master.hold_reasons import Hold
from foremen.master.in_flight import Effects, Given
from foremen.master.in_hand import InHand, Suspect
from foremen.master.internal_errors import Care
from foremen.master.transitions import Change, Ended
from foremen.master.unmatchable import KeptBack
from foremen.pilot.launch_script import Report, parse_report
from spool import crashpoints, job
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.classad.matchmaking import Totals
from spool.settings import Settings
from spool.store.layout import Spool
from spool.store.sqlite import Database, JobRow
from spool.store.task_file import Act, Cluster, Submission
from spool.userlog import event_texts, writer

Key = tuple[int, int]  # cluster, proc
_Acting = Callable[[JobRow, float, str], None]
_LOOKED_AT = 2000  # jobs looked at in one turn for those that can be given: about 40 ms
_MORE = 250  # at least so many at once, when those before could not


class Jobs:
    """The queue as the master works on it: every change of a job goes through ``_apply``."""

    def __init__(
        self,
        database: Database,
        spool: Spool,
        settings: Settings,
        who: tuple[str, str],
        evaluators: Evaluators | None = None,
        care: Care | None = None,
    ) -> None:
        """``who``: the user and the host of the master."""
        self.care = care
        self.in_hand: InHand | None = None
        self._evaluators = evaluators
        self.postponed: Deferred[Result] = Deferred(evaluators)
        self._db = database
        self._spool = spool
        self._settings = settings
        self._owner, self._host = who
        self.counts: Counter[int] = Counter(database.count_by_status())
        self.happened: Counter[int] = Counter()  # moves by the JobStatus they led to; 0: a new job
        self.given = Given()
        self.kept_back = KeptBack(database, evaluators)
        self.effects = Effects()
        self._history = HistoryFile(spool)
        for row in database.given():
            self.given.put((row.cluster, row.proc), row.attempt, row.status == job.RUNNING)

    def take_effects(self) -> Effects:
        """What the transaction that was just committed leaves to do."""
        effects, self.effects = self.effects, Effects()
        self._history.anew()
        return effects

    # --- errors that nobody foresaw ------------------------------------------------------------------------------------

    def _step(self, key: Key, doing: str, at: float, move: Callable[[], object], ended: bool = False) -> None:
        """One job's part of a turn. ``ended``: whatever comes of it, the engine has nothing of the job any more."""
        if self.in_hand is not None:
            self.in_hand.job(key, doing)
        error = self._attempt(move)
        if self.in_hand is not None:
            self.in_hand.nothing()
        if self.care is not None and error is not None:
            why = self.care.tell(f"{doing} job {key[0]}.{key[1]} failed", error)
            self._leave_out(key, f"Internal error of alien_work_queue at {doing} this job: {why}", at, ended)

    def hold_suspect(self, suspect: Suspect, at: float) -> None:
        """Hold the job of which the master before died."""
        if suspect.key is not None:
            reason = (
                f"alien_work_queue died ({suspect.how}) at {suspect.doing} this job; release it when that is mended"
            )
            self._leave_out(suspect.key, reason, at, ended=False)

    def _attempt(self, move: Callable[[], object]) -> Exception | None:
        """Make a move. When we are careful and it fails it has not been made; the error."""
        if self.care is None:
            move()
            return None
        before = Counter(self.counts), self.given.copy(), self.effects.lengths()
        error = self.care.attempt(move)
        if error is not None:
            self.counts, self.given = before[:2]
            self.effects.cut(before[2])
        return error

    def _leave_out(self, key: Key, reason: str, at: float, ended: bool) -> None:
        """The job is held; when it is over, it leaves the queue. If even that fails, with no more than what cannot fail."""
        row = self._db.job(*key)
        if row is None:
            return
        kept = row._replace(given=0) if ended else row
        if row.status in (job.REMOVED, job.COMPLETED):
            gone = Change(kept, (), finished=True)
            if not kept.given and self._attempt(lambda: self._apply(row, gone, at_once=True)) is not None:
                self._drop(row)
            return
        held = partial(moves.held, kept, at, reason, job.HOLD_UNSPECIFIED, 0)
        if self._attempt(lambda: self._apply(row, held())) is not None:
            self._apply(row, moves.held_bare(kept, at, reason, job.HOLD_UNSPECIFIED))
        self._cancel(kept)

    def _drop(self, row: JobRow) -> None:
        """A job that is over leaves the queue as it is."""
        self.kept_back.touched(row.cluster)
        last = self._db.finish(row.cluster, row.proc, row.cluster_ad + row.ad + row.state)
        self.counts[row.status] -= 1
        self.given.drop((row.cluster, row.proc))
        if last and row.payload:
            self.effects.payloads.append(row.cluster)

    # --- task files ----------------------------------------------------------------------------------------------

    def take_up(self, task: Submission | Act, at: float) -> str:
        """Do what a task file asks for. Why it cannot be taken up, empty when it was: then nothing of it has been done."""

        def take() -> None:
            if isinstance(task, Submission):
                self.admit(task, at)
            else:
                self.act(task, at)

        error = self._attempt(take)
        return self.care.tell("a task file cannot be taken up", error) if self.care and error else ""

    def admit(self, submission: Submission, at: float) -> None:
        """New jobs."""
        for cluster in submission.clusters:
            ad, hold = moves.without_hold(self._log_submitted(cluster))
            self._db.add_cluster(cluster.number, ads.dump(ad), cluster.payload)
            rows = []
            for proc, whole in enumerate(cluster.procs):
                own, own_hold = moves.without_hold(whole)
                status = ads.number(own.get("JobStatus") or cluster.ad.get("JobStatus"), job.IDLE)
                prio = ads.number(own.get("JobPrio") or cluster.ad.get("JobPrio"))
                state = moves.submitted_on_hold({**hold, **own_hold}) if status == job.HELD else ""
                rows.append((cluster.number, proc, status, prio, ads.dump(own), state))
                self.counts[status] += 1
            self._db.add_jobs(rows)
            self.happened[0] += len(rows)

    def act(self, act: Act, at: float) -> None:
        """An action of condor_rm, condor_hold or condor_release; jobs that it does not fit are left alone."""
        ids: list[tuple[int, int | None]] = [*act.jobs, *((cluster, None) for cluster in act.clusters)]
        if not ids and not act.everything:
            return
        if act.action in ("vacate", "edit", "fetched"):
            self._adjust(act, self._db.keys([] if act.everything else ids), at)
            return
        hold: _Acting = partial(self._hold, subcode=act.subcode)
        apply = {"hold": hold, "release": self._release}.get(act.action, self._remove)
        command = {"hold": "condor_hold", "release": "condor_release"}.get(act.action, "condor_rm")
        reason = act.reason or f"via {command} (by user {self._owner})"
        for key in self._db.keys([] if act.everything else ids):
            self._step(key, f"{command} of", at, partial(self._act_on, key, apply, at, reason))
            if act.action == "remove-forcex":
                self._step(key, "condor_rm -forcex of", at, partial(self._forget, *key))
        crashpoints.point("act.uncommitted")

    def _act_on(self, key: Key, apply: _Acting, at: float, reason: str) -> None:
        row = self._db.job(*key)
        if row is not None:
            apply(row, at, reason)

    def _remove(self, row: JobRow, at: float, reason: str) -> None:
        self._apply(row, moves.removing(row, at, reason))
        self._cancel(row)

    def _hold(self, row: JobRow, at: float, reason: str, subcode: int) -> None:
        """One that is held already, but not by a user, is held anew, for this reason (recorded from 23.9.6)."""
        by_user = moves.record(row).expression("HoldReasonCode") == str(job.HOLD_USER_REQUEST)
        if row.status in (job.IDLE, job.RUNNING) or (row.status == job.HELD and not by_user):
            self._apply(row, moves.held(row, at, reason, job.HOLD_USER_REQUEST, subcode))
            self._cancel(row)

    def _release(self, row: JobRow, at: float, reason: str) -> None:
        if row.status == job.HELD:
            self._apply(row, moves.released(row, at, reason))

    def _forget(self, cluster: int, proc: int) -> None:
        """condor_rm -forcex: gone from the queue even though the engine has not confirmed; its late result is dropped."""
        row = self._db.job(cluster, proc)
        if row is not None and row.status == job.REMOVED:
            self._apply(row, moves.removed(row), at_once=True)

    def _adjust(self, act: Act, keys: Sequence[tuple[int, int]], at: float) -> None:
        """What condor_vacate_job, condor_qedit, condor_prio and condor_transfer_data ask for."""
        for key in keys:
            self._step(key, f"the action {act.action} on", at, partial(self._adjust_one, act, key, at))

    def _adjust_one(self, act: Act, key: Key, at: float) -> None:
        row = self._db.job(*key)
        if row is None:
            return
        if act.action == "edit":
            self._apply(row, transitions.edited(row, act.edits, at))
        elif act.action == "fetched":
            self._apply(row, transitions.fetched(row, at))
        elif row.status == job.RUNNING:
            self._apply(row, transitions.vacated(row, at))
            self._cancel(row)

    def judge(self, verdicts: Sequence[tuple[int, int, job_policy.Verdict]], at: float) -> None:
        """What the jobs' own policies said a moment ago: (cluster, proc, verdict); one that no longer fits is dropped."""
        for cluster, proc, verdict in verdicts:
            key = (cluster, proc)
            self._step(key, "the policy of", at, partial(self._carry_out, key, verdict, at))

    def _carry_out(self, key: Key, verdict: job_policy.Verdict, at: float) -> None:
        row = self._db.job(*key)
        if row is None:
            return
        over = row.status in (job.REMOVED, job.COMPLETED)
        if verdict.action == job_policy.LEAVE and over and not row.given:
            self._apply(row, Change(row, (), finished=True), at_once=True)
        elif verdict.action == job_policy.HOLD and row.status in (job.IDLE, job.RUNNING):
            self._apply(row, moves.held_by_policy(row, at, (verdict.reason, verdict.code, verdict.subcode)))
            self._cancel(row)
        elif verdict.action == job_policy.RELEASE:
            self._release(row, at, verdict.reason)
        elif verdict.action == job_policy.REMOVE and not over:
            self._apply(row, moves.removing(row, at, verdict.reason, by_policy=True))
            self._cancel(row)

    # --- the engine's events ---------------------------------------------------------------------------------------

    def reconcile(self, known: Sequence[tuple[str, str, int, str]], at: float) -> None:
        """After a (re)connect: what the engine has against what we gave it.

        A job of ours that it does not know was never received (idle again) or died with an earlier engine (a lost
        start). A task that is not ours is ended.
        """
        has = {tag: (state, tries, host) for tag, state, tries, host in known}
        for key, attempt, runs in self.given.all():
            tag = task_builder.tag(*key, attempt)
            found = has.pop(tag, None)
            if found is None:
                self._step(key, "the lost start of", at, partial(self._gone, key, runs, at), ended=True)
            elif found[0] in (RUNNING, WAITING):
                row = self._db.job(*key)
                self.state_changed(StateChange(tag, *found, at))
                if row is not None and row.status in (job.REMOVED, job.HELD):
                    self._cancel(row)
        self.effects.messages += [Cancel(tag) for tag, (state, _tries, _host) in has.items() if state != DONE]

    def _gone(self, key: Key, ran: bool, at: float) -> None:
        row = self._db.job(*key)
        if row is None:
            return
        if row.status == job.REMOVED:
            self._apply(row, moves.removed(row))
        elif ran:
            self._lose(row, 1, at, "the engine that ran it is gone", given=False)
        else:
            self._apply(row, moves.evicted(row, at, "", given=False))

    def state_changed(self, event: StateChange) -> None:
        """A task was handed to a worker or foreman, or its worker vanished."""
        row = self._current(event.tag)
        if row is None:
            self.effects.messages.append(Cancel(event.tag))
            return
        self._step((row.cluster, row.proc), "the start of", event.at, partial(self._state_changed, row, event))

    def _state_changed(self, row: JobRow, event: StateChange) -> None:
        lost = event.tries - (1 if event.state == RUNNING else 0) - row.tries
        if lost > 0:
            reason = f"the worker on {event.host or 'an unknown host'} vanished"
            row = self._lose(row._replace(tries=row.tries + lost), lost, event.at, reason, given=True)
        if event.state == RUNNING and row.status == job.IDLE and row.given:
            self._apply(row, moves.started(row, event.at, event.host or self._host, self._settings.port))

    def ended(self, result: Result) -> None:
        """A task ended; its result is acknowledged after the commit. It is postponed while its policy is being computed."""
        crashpoints.point("result.received")
        row = self._current(result.tag)
        if row is not None and self._undecided(row, result):
            return
        self.effects.acks.append(result.tag)
        if row is not None:
            key = (row.cluster, row.proc)
            self._step(key, "the result of", result.ended, partial(self._ended, row, result), ended=True)

    def _undecided(self, row: JobRow, result: Result) -> bool:
        """Whether what the job's policy says of its end must be waited for. Other errors come again in the step itself."""
        if self._evaluators is None or not job_policy.speaks_of_exit(moves.record(row)):
            return False
        if self.in_hand is not None:
            self.in_hand.job((row.cluster, row.proc), "the exit policy of")
        with contextlib.suppress(Exception):
            report = parse_report(result.report)
            if report.complete and row.status != job.HELD:
                if row.status == job.IDLE:
                    row = moves.started(row, result.ended, self._host, self._settings.port).row
                out = moves.exited(row, result.ended, Ended(report, result.sent, result.received))
                try:
                    job_policy.at_exit(moves.record(out.row), result.ended, self._evaluators)
                except NotYet as error:
                    self.postponed.put(result, error)
                    return True
        return False

    def _ended(self, row: JobRow, result: Result) -> None:
        report = parse_report(result.report)
        at = result.ended
        if not report.plain:
            self.effects.archives.append(file_transfer.archive((row.cluster, row.proc, row.attempt), self._spool))
        if row.status == job.REMOVED:
            self._apply(row, moves.removed(row))
        elif report.bounced or result.outcome == "cancelled":
            self._back(row, at)
        elif hold := hold_reasons.of_end(moves.record(row), result, report):
            self._hold_system(self._measured(row, result, report) if report.complete else row, hold, at)
        elif result.outcome == "done" and report.complete:
            self._exited(self._seen_running(row, result), at, Ended(report, result.sent, result.received))
        else:
            reason = result.detail or "the task ended without a report"
            self._lose(self._seen_running(row, result), 1, at, reason, given=False)

    def _exited(self, row: JobRow, at: float, ended: Ended) -> None:
        """The pilot ended by itself: the job is over, is to run again, or is held, as its own policy says."""
        change = None
        if row.status != job.HELD and job_policy.speaks_of_exit(moves.record(row)):
            out = moves.exited(row, at, ended)
            verdict = job_policy.at_exit(moves.record(out.row), at, self._evaluators)
            if verdict.action == job_policy.HOLD:
                change = moves.held_at_exit(out, at, (verdict.reason, verdict.code, verdict.subcode))
            elif verdict.action == job_policy.REQUEUE:
                change = moves.requeued(out, at, ended, verdict.reason)
        self._apply(row, change or moves.completed(row, at, ended))

    def _back(self, row: JobRow, at: float) -> None:
        """An attempt came back that did not run, or was ended because the job is held: no start is counted as lost."""
        if row.status == job.HELD:
            self._apply(row, Change(row._replace(given=0), ()))
        else:
            self._apply(row, moves.evicted(row, at, "the worker takes no new work", given=False))

    def _lose(self, row: JobRow, count: int, at: float, reason: str, given: bool) -> JobRow:
        """Starts were lost: idle again, or held when there were too many. The row as it is then."""
        row = row._replace(lost=row.lost + count)
        change = moves.evicted(row, at, reason, given)
        self._apply(row, change)
        row = change.row
        if row.lost > self._settings.max_lost and row.status == job.IDLE:
            text = f"The job's worker vanished {row.lost} times (AWQ_MAX_LOST is {self._settings.max_lost}); last: {reason}"
            change = moves.held(row, at, text, job.HOLD_SYSTEM_POLICY, 0)
            self._apply(row, change)
            self._cancel(change.row)
            row = change.row
        return row

    def _hold_system(self, row: JobRow, hold: Hold, at: float) -> None:
        row = row._replace(given=0)
        if row.status in (job.IDLE, job.RUNNING):
            self._apply(row, moves.held(row, at, *hold))
        else:
            self._apply(row, Change(row, ()))

    def _seen_running(self, row: JobRow, result: Result) -> JobRow:
        """A task so short that it was over before it was seen to run ran nevertheless."""
        if row.status != job.IDLE:
            return row
        change = moves.started(row, result.started or result.ended, result.host or self._host, self._settings.port)
        self._apply(row, change)
        return change.row

    def _measured(self, row: JobRow, result: Result, report: Report) -> JobRow:
        """The row of an attempt that ran to its end, with the memory that it had."""
        change = moves.measured(self._seen_running(row, result), result.ended, report.rss)
        self._log(change)
        return change.row

    def _current(self, tag: str) -> JobRow | None:
        """The job of a tag, when that is its latest attempt and it is given."""
        cluster, proc, attempt = task_builder.parse_tag(tag)
        return self._db.job(cluster, proc) if attempt and self.given.attempt((cluster, proc)) == attempt else None

    def put_back(self, at: float, reason: str) -> None:
        """The engine is about to be stopped with all that it has: idle again, and no start counts as lost."""
        for key, _attempt, _runs in self.given.all():
            self._step(key, "the end of the start of", at, partial(self._put_back, key, at, reason), ended=True)

    def _put_back(self, key: Key, at: float, reason: str) -> None:
        row = self._db.job(*key)
        if row is not None and row.status == job.REMOVED:
            self._apply(row, moves.removed(row))
        elif row is not None:
            self._apply(row, moves.evicted(row, at, reason, given=False))

    # --- giving --------------------------------------------------------------------------------------------------

    def give(self, count: int, at: float, totals: Totals) -> None:
        """The next ``count`` idle jobs: prepared and recorded as given, or held when they cannot be started.

        What no worker can run is passed over.
        """
        self.kept_back.look_again(totals)
        attempts: list[tuple[int, int, int]] = []
        rows, left, looked_at = self._db.next_idle(count), count, 0
        while rows and left > 0:
            given, looked_at = len(attempts), looked_at + len(rows)
            kept: list[Key] = []
            for row in rows:
                if left > 0:
                    before = len(kept)
                    give = partial(self._give_one, row, attempts, kept, at, totals)
                    self._step((row.cluster, row.proc), "giving out", at, give)
                    left -= len(kept) == before
            self._db.give(attempts[given:])
            self.kept_back.keep(kept)
            rows = self._db.next_idle(max(left, _MORE)) if kept and looked_at < _LOOKED_AT else []
        crashpoints.point("dispatch.uncommitted", attempts)

    def _give_one(
        self, row: JobRow, attempts: list[tuple[int, int, int]], kept: list[Key], at: float, totals: Totals
    ) -> None:
        if self.kept_back.rules_out(row, totals):
            kept.append((row.cluster, row.proc))
            return
        noop = transitions.noop_end(row)
        if noop is not None:
            self._apply(row, moves.completed(row, at, noop))
            return
        try:
            task = task_builder.prepare(row, self._spool, self._settings, at, self._evaluators)
        except NotYet as error:
            kept.append((row.cluster, row.proc))
            self.kept_back.wait((row.cluster, row.proc), error)
            return
        if isinstance(task, Hold):
            self._apply(row, moves.held(row, at, *task))
            return
        attempts.append((row.cluster, row.proc, row.attempt + 1))
        self.given.put((row.cluster, row.proc), row.attempt + 1, False)
        self.effects.messages.append(task)

    # --- the one way to change a job ---------------------------------------------------------------------------------

    def _apply(self, before: JobRow, change: Change, at_once: bool = False) -> None:
        """``at_once``: a finished job leaves the queue whatever its LeaveJobInQueue says."""
        ad = moves.ad_after(change) if change.finished else {}
        if ad and not at_once and _stays(change.row, ad, self._evaluators):
            change = moves.staying(change)
        row = change.row
        key = (row.cluster, row.proc)
        self.kept_back.touched(row.cluster)
        self.counts[before.status] -= 1
        if row.status != before.status:
            self.happened[row.status] += 1
        if change.finished:
            self._finish(row, ad)
        else:
            self.counts[row.status] += 1
            self._db.move(row)
            if row.status == job.COMPLETED and not self._db.needs_payload(row.cluster):
                self.effects.payloads.append(row.cluster)
        if row.given and not change.finished:
            self.given.put(key, row.attempt, row.status == job.RUNNING)
        else:
            self.given.drop(key)
        self._log(change)

    def _finish(self, row: JobRow, ad: dict[str, str]) -> None:
        """The job leaves the queue for the history with this ad."""
        text = ads.dump(ad)
        if self._db.finish(row.cluster, row.proc, text) and row.payload:
            self.effects.payloads.append(row.cluster)
        self.effects.events.append(self._history.entry(ad, text))
        crashpoints.point("history.uncommitted")

    def _log(self, change: Change) -> None:
        path = moves.log_path(change) if change.events else ""
        if path:
            self.effects.events += [(path, text) for text in change.events]

    def _cancel(self, row: JobRow) -> None:
        if row.given:
            self.effects.messages.append(Cancel(task_builder.tag(row.cluster, row.proc, row.attempt)))

    def _log_submitted(self, cluster: Cluster) -> dict[str, str]:
        """000 of jobs that did not come by a ``condor_submit`` that wrote it. The ad without the mark of those that did."""
        if writer.MARK in cluster.ad:
            return {name: text for name, text in cluster.ad.items() if name != writer.MARK}
        host = event_texts.address(self._host, self._settings.port)
        for job_id, path, at, notes in writer.logged([cluster]):
            self.effects.events.append((path, event_texts.submitted(job_id, at, host, *notes)))
        return cluster.ad


def _stays(row: JobRow, ad: dict[str, str], evaluators: Evaluators | None) -> bool:
    """Whether a job that is over stays in the queue."""
    if ad.get("LeaveJobInQueue") == "false":  # as of most
        return False
    record = JobRecord(row.cluster, row.proc, row.status, ads.dump(ad))
    return job_policy.stays(record, ads.number(ad.get("EnteredCurrentStatus")), evaluators)
