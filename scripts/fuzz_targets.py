"""What is fuzzed: for each target how inputs are made, and what is done with one. An exception is a finding.

The commands run in this process with their real ``main``; their standard streams go to files. Everything lies in one
folder in memory, with a spool whose master "lives" (its lock is held, its counts are fresh).
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fuzz_expressions import Case, cases
from fuzz_inputs import commands, descriptions, messages, old_forms, reports, setting_files, task_files
from hypothesis.strategies import SearchStrategy

from foremen.engine.errors import ProtocolError
from foremen.engine.protocol import Request, Result, StateChange, decode_event, decode_request, encode
from foremen.master import intake, legacy_form
from foremen.master.evaluators import Evaluators, NotYet, Unfinished
from foremen.master.job_queue import Jobs
from foremen.master.policy_expressions import Scope
from foremen.pilot.launch_script import parse_report
from shims.commands.condor import condor_history, condor_q, condor_status, condor_submit
from spool import settings
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.classad.matchmaking import Totals
from spool.errors import AwqError, DamagedTaskFile, SettingsError
from spool.store import published_counts, task_file
from spool.store.layout import Spool, create_spool
from spool.store.published_counts import Counts
from spool.store.sqlite import Database, open_writer
from spool.store.task_file import Cluster, Submission

_MOST_JOBS = "300"  # of one description: more is not another case, only longer
_POOL = Totals(8, 8000)
_PATIENCE = 15.0  # s for an evaluation of one second of CPU
_FREE_CLUSTER = 1000


class Target(NamedTuple):
    """One thing to fuzz."""

    name: str
    inputs: SearchStrategy[Any]
    execute: Callable[[Any], None]


class Bench:
    """The folder that all targets work in."""

    def __init__(self, root: str) -> None:
        self.root = root
        os.chdir(root)
        self.spool: Spool = create_spool(f"{root}/spool")
        for name in ("AWQ_JOB_WRAPPER", "WQ_PASSWORD_FILE", "_CONDOR_BIN"):
            os.environ.pop(name, None)
        os.environ.update(
            AWQ_WORKDIR=self.spool.root, AWQ_MAX_QUEUED=_MOST_JOBS, HOME=root, ALIEN_WORKQUEUE=f"{root}/none"
        )
        for name, text in (("s.sh", "#!/bin/sh\n"), ("in1", "in"), ("items", "1 2\n3 4\n"), ("more", "x = included\n")):
            with open(f"{root}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        self.settings = settings.load(os.environ)
        self.lock = os.open(self.spool.master_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.database: Database = open_writer(self.spool)
        self.evaluators = Evaluators(settings.load(os.environ, {"evaluation_seconds": 1}))
        self._fill()
        self.publish()

    def _fill(self) -> None:
        """Jobs in every state, with values that are no plain ones."""
        jobs = Jobs(self.database, self.spool, self.settings, ("me", "here"))
        odd = {
            "Foo": "time() + Bar",
            "Bar": "Foo",
            "List": "{1, 2.5, [a = 3]}",
            "Text": '"a\\"\\n\\033[31m"',
            "Size": "1E300",
        }
        with self.database.transaction():
            for number, status in enumerate((1, 1, 5, 1), 1):
                common = {"ClusterId": str(number), "Cmd": '"/bin/true"', "Owner": '"me"', "QDate": "1700000000",
                          "JobStatus": str(status), "JobUniverse": "5", "Iwd": ads.quote(self.root), **odd}  # fmt: skip
                procs = [{"ProcId": str(proc), "Odd": str(proc)} for proc in range(3)]
                jobs.admit(Submission([Cluster(number, common, procs, False)]), 1700000000.0)
            jobs.give(4, 1700000001.0, _POOL)
        jobs.take_effects()

    def publish(self) -> None:
        """Fresh counts."""
        published_counts.publish(self.spool, Counts({1: 9, 5: 3}, int(time.time()), {}))

    def jobs(self) -> Jobs:
        """What the master works on, anew."""
        return Jobs(self.database, self.spool, self.settings, ("me", "here"))

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """What happens inside is taken back."""
        try:
            with self.database.transaction():
                yield
                raise _TakeBack
        except _TakeBack:
            return

    def write(self, name: str, data: bytes) -> str:
        """A file with this content; its path."""
        path = f"{self.root}/{name}"
        with open(path, "wb") as file:
            file.write(data)
        return path


class _TakeBack(Exception):
    pass


class Broken(Exception):
    """A command said what no user should read, or ended as no command should."""


_STATUSES = (0, 1, 4)  # 4: a macro function that cannot be evaluated, as with HTCondor


def run(main: Callable[[list[str]], int], argv: list[str], log: str) -> int:
    """A command's exit status; Broken when it is strange, or when there is a traceback."""
    kept = [os.dup(0), os.dup(1), os.dup(2)]
    out = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open("/dev/null", os.O_RDWR)
    try:
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(out, 2)
        status = main(argv)
        said = os.pread(out, 1 << 16, 0)
    finally:
        for number, copy in enumerate(kept):
            os.dup2(copy, number)
            os.close(copy)
        os.close(out)
        os.close(null)
        gc.enable()  # the commands switch it off: they are short-lived, this is not
    if b"Traceback (most recent" in said or status not in _STATUSES:
        raise Broken(f"exit status {status}: {said[-300:]!r}")
    return status


def all_targets(bench: Bench) -> list[Target]:
    """Every target, in order."""
    return [
        Target("submit", descriptions(), lambda text: _submit_dry(bench, text)),
        Target("submission", descriptions(), lambda text: _submit_wet(bench, text)),
        Target("query", commands(), lambda argv: _query(bench, argv)),
        Target("taskfile", task_files(), lambda data: _take_up(bench, data)),
        Target("pending", task_files(), lambda data: _pending(bench, data)),
        Target("requests", messages("op"), _request),
        Target("events", messages("ev"), lambda line: _event(bench, line)),
        Target("reports", reports(), lambda text: _report(bench, text)),
        Target("settings", setting_files(), lambda data: _settings(bench, data)),
        Target("evaluators", cases(), lambda case: _evaluate(bench, case)),
        Target("oldform", old_forms(), lambda data: _old(bench, data)),
    ]


def _submit_dry(bench: Bench, text: str) -> None:
    path = bench.write("fuzz.sub", text.encode("utf-8", "surrogateescape"))
    run(condor_submit.main, ["-dry-run", "-", path], f"{bench.root}/said")


def _submit_wet(bench: Bench, text: str) -> None:
    """What condor_submit writes, the master must take up, and condor_q must show."""
    bench.publish()
    path = bench.write("fuzz.sub", text.encode("utf-8", "surrogateescape"))
    status = run(condor_submit.main, [path], f"{bench.root}/said")
    names = os.listdir(bench.spool.queue)
    try:
        if status and names:
            raise Broken("refused, and a task file is there")
        for found in _admit(bench, names):
            if isinstance(found, intake.Damaged):
                raise Broken(f"condor_submit wrote what the master refuses: {found.reason}")
        if names:
            _look(bench)
    finally:
        _empty(bench)


def _query(bench: Bench, argv: tuple[str, ...]) -> None:
    bench.publish()
    main = {"condor_q": condor_q.main, "condor_history": condor_history.main, "condor_status": condor_status.main}[
        argv[0]
    ]
    run(main, list(argv[1:]), f"{bench.root}/said")


def _take_up(bench: Bench, data: bytes) -> None:
    """Read, then admitted and given as the master does; all taken back."""
    path = f"{bench.spool.queue}/{_FREE_CLUSTER:010d}-1.submit"
    with open(path, "wb") as file:
        file.write(data)
    try:
        try:
            task_file.read(path)
        except DamagedTaskFile as error:
            if "\n" in str(error):
                raise Broken(f"a reason of two lines: {error}") from None
        _admit(bench, [os.path.basename(path)])
    finally:
        _empty(bench)


def _admit(bench: Bench, names: list[str]) -> list[intake.Read | intake.Damaged]:
    found = intake.read(bench.spool, names, bench.database, "me")
    with bench.rolled_back():
        jobs = bench.jobs()
        for one in found:
            if isinstance(one, intake.Read) and isinstance(one.task, Submission):
                jobs.admit(one.task, 1700000000.0)
            elif isinstance(one, intake.Read):
                jobs.act(one.task, 1700000000.0)
        jobs.give(20, 1700000001.0, _POOL)
        _through_protocol(jobs.take_effects().messages)
    return found


def _through_protocol(sent: list[Request]) -> None:
    """What the master sends, the engine must be able to read: acceptable, or refused with its tag."""
    for message in sent:
        try:
            decode_request(encode(message).rstrip(b"\n"))
        except ProtocolError as error:
            if not error.tag:
                raise Broken(f"refused without a tag: {error}") from None


def _pending(bench: Bench, data: bytes) -> None:
    """A task file that waits, in the eyes of condor_q."""
    with open(f"{bench.spool.queue}/{_FREE_CLUSTER:010d}-1.submit", "wb") as file:
        file.write(data)
    try:
        _look(bench)
    finally:
        _empty(bench)


def _look(bench: Bench) -> None:
    bench.publish()
    for argv in (
        [],
        ["-nobatch"],
        ["-l"],
        ["-hold"],
        ["-json"],
        ["-const", "JobStatus < 3", "-af", "JobStatus", "Cmd", "Iwd"],
    ):
        if run(condor_q.main, argv, f"{bench.root}/said"):
            with open(f"{bench.root}/said", "rb") as said:
                raise Broken(f"condor_q {argv} fails: {said.read()[-200:]!r}")


def _empty(bench: Bench) -> None:
    for name in os.listdir(bench.spool.queue):
        os.unlink(f"{bench.spool.queue}/{name}")
    for name in os.listdir(f"{bench.spool.root}/payload"):
        shutil.rmtree(bench.spool.payload(int(name)))
    for name in os.listdir(bench.spool.tmp):
        raise Broken(f"left behind: tmp/{name}")


def _request(line: bytes) -> None:
    try:
        request = decode_request(line)
    except ProtocolError as error:
        encode(Result(error.tag, "refused", detail=str(error)))
        return
    if decode_request(encode(request).rstrip(b"\n")) != request:
        raise Broken("reads back as something else")


def _event(bench: Bench, line: bytes) -> None:
    """Read, and taken in as the master does."""
    try:
        event = decode_event(line)
    except ProtocolError:
        return
    with bench.rolled_back():
        jobs = bench.jobs()
        if isinstance(event, StateChange):
            jobs.state_changed(event)
        elif isinstance(event, Result):
            jobs.ended(event)


def _report(bench: Bench, text: str) -> None:
    parse_report(text)
    with bench.rolled_back():
        bench.jobs().ended(
            Result("1.0#1", "done", report=text, tries=1, host=text[:20].replace("\0", ""), ended=1700000002.0)
        )


def _evaluate(bench: Bench, case: Case) -> None:
    """As the master does: at once when it is cheap, else by an evaluator under limits, which must answer in time."""
    text, attributes = case
    scope = Scope(JobRecord(1, 0, 1, ads.dump(attributes)), time.time(), {"Cpus": "4"}, bench.evaluators)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            scope.evaluate(text)
            return
        except NotYet as waits:
            key = waits.key
        except Unfinished:
            return
        while not bench.evaluators.known(key):
            if time.monotonic() > until:
                raise Broken("no answer in time")
            bench.evaluators.look()
            select.select(bench.evaluators.fds(), [], [], 0.05)


def _settings(bench: Bench, data: bytes) -> None:
    os.makedirs(f"{bench.root}/prefix/etc", exist_ok=True)
    bench.write("prefix/etc/alien-workqueue.conf", data)
    try:
        settings.load({"ALIEN_WORKQUEUE": f"{bench.root}/prefix", "HOME": bench.root})
    except SettingsError:
        return


def _old(bench: Bench, data: bytes) -> None:
    path = bench.write("job1", data)
    try:
        ad, _executable = legacy_form.read(path, _FREE_CLUSTER, "me")
    except DamagedTaskFile:
        return
    except AwqError as error:
        raise Broken(f"another error than DamagedTaskFile: {error!r}") from None
    with bench.rolled_back():
        jobs = bench.jobs()
        jobs.admit(Submission([Cluster(_FREE_CLUSTER, ad, [{}], False)]), 1700000000.0)
        jobs.give(20, 1700000001.0, _POOL)
        _through_protocol(jobs.take_effects().messages)


if __name__ == "__main__":
    sys.exit("run scripts/fuzz")
