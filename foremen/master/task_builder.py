"""From a job to the task that the engine gets, or to the reason why it cannot be started."""

from __future__ import annotations

import errno
import os
import stat
from functools import lru_cache
from typing import NamedTuple, Optional, Union

from foremen.engine.protocol import TaskSpec
from foremen.master import file_transfer, hold_reasons, resource_requests, transitions
from foremen.master.evaluators import Unfinished
from foremen.master.hold_reasons import Hold
from foremen.master.policy_expressions import Evaluates
from foremen.pilot import launch_script
from foremen.pilot.long_variables import Pieces, split
from foremen.pilot.transfer_script import ARCHIVE
from spool import job
from spool.classad import ads
from spool.classad.arguments import arguments_of, environment_of
from spool.classad.job_record import JobRecord
from spool.errors import AwqError
from spool.settings import Settings
from spool.store.layout import Spool
from spool.store.sqlite import JobRow

_MOST_IN_ENVIRONMENT = 96 * 1024  # bytes of the job's ad in the launch script
_MOST_IN_STRING = 128 * 1024 - 1  # bytes of a variable with its name: Linux' MAX_ARG_STRLEN
_MOST_IN_ALL = 1024 * 1024  # bytes of all of them; Linux takes a quarter of the stack's limit, usually 2 MiB
_MOST_BYTES = 4  # of a character in UTF-8
_ANOTHER_NAME = "condor_exec.exe"  # of the executable, when an input has its usual one
# MB. A foreman lets through only so many tasks as their disks fit its own free disk, although nothing of a task is kept
# there; no worker enforces a task's disk. So a real figure would limit a site to what one foreman's disk holds.
_NOMINAL_DISK = 1
_HEADS = (b"#!", b"\x7fELF")


class Sandbox(NamedTuple):
    """What the pilot finds: the name it is started by, files as (local, remote, cache), its stdin (empty: none), and
    ``curl``'s instructions for what is fetched there."""

    executable: str
    inputs: tuple[tuple[str, str, bool], ...]
    stdin: str
    urls: str = ""


def tag(cluster: int, proc: int, attempt: int) -> str:
    """``12.0#1``: job and attempt, so that nothing old is taken for new."""
    return f"{cluster}.{proc}#{attempt}"


@lru_cache(maxsize=1024)  # a task is heard of three times in a short while
def parse_tag(text: str) -> tuple[int, int, int]:
    """(cluster, proc, attempt); zeros when it is not a tag of ours."""
    name, _, attempt = text.partition("#")
    parsed = job.parse_job_id(name)
    if parsed is None or not job.is_number(attempt):
        return 0, 0, 0
    return parsed[0], parsed[1], int(attempt)


def prepare(
    row: JobRow, spool: Spool, settings: Settings, now: float, evaluators: Optional[Evaluates] = None
) -> Union[TaskSpec, Hold]:
    """The task of the job's next attempt (``row.attempt + 1``), or why it must be held. NotYet.

    Makes the folder for its outputs.
    """
    record = transitions.record(row)
    asked_for = _asked_for(record, settings, now, evaluators)
    if isinstance(asked_for, Hold):
        return asked_for
    asked, ad, arguments, submitted = asked_for
    place = file_transfer.in_place(ad, settings)
    sandbox = _sandbox(row, ad, spool.payload(row.cluster), settings, place)
    if isinstance(sandbox, Hold):
        return sandbox
    streams = _streams(ad, sandbox.stdin, place)
    if isinstance(streams, Hold):
        return streams
    remote, outputs = streams
    extras = file_transfer.extras(ad, place, bool(sandbox.urls))
    if extras.outputs is not None:
        os.makedirs(spool.payload(row.cluster), 0o700, exist_ok=True)
        outputs = (*outputs, (ARCHIVE, file_transfer.archive((row.cluster, row.proc, row.attempt + 1), spool)))
    facts = _facts(row, ad, asked)
    if place:
        facts["AWQ_IWD"] = ads.string(ad.get("Iwd"), "/")
    if sandbox.urls:
        facts["AWQ_URLS"] = sandbox.urls
    submitted = {name: value for name, value in submitted.items() if name not in launch_script.RESERVED}
    environment = {**submitted, **_for_wrapper(submitted, settings)}
    launch = launch_script.command(arguments, remote, bool(settings.job_wrapper), sandbox.executable, extras)
    environment[launch_script.TEXT] = launch_script.assignments(facts) + launch
    parts = None if _too_long(environment) else _in_pieces(environment)
    if parts is None:
        return hold_reasons.not_executed(ads.string(ad.get("Cmd")), errno.E2BIG)
    return TaskSpec(
        tag=tag(row.cluster, row.proc, row.attempt + 1),
        command=launch_script.start(extras, parts.script),
        env=parts.environment,
        inputs=sandbox.inputs,
        outputs=outputs,
        cores=asked.cores,
        memory=asked.memory,
        disk=_NOMINAL_DISK,
        gpus=asked.gpus,
        priority=float(row.prio),
    )


def _asked_for(
    record: JobRecord, settings: Settings, now: float, evaluators: Optional[Evaluates]
) -> Union[tuple[resource_requests.Resources, dict[str, str], list[str], dict[str, str]], Hold]:
    """The job's requests, its ad with ``$$`` expanded, its arguments and environment; or why it must be held. NotYet."""
    try:
        asked = resource_requests.resources(record, settings, now, evaluators)
        ad = resource_requests.expand(record, record.ad(), asked, now, evaluators)
        return asked, ad, arguments_of(ad), environment_of(ad)
    except Unfinished as error:
        return Hold(f"Cannot evaluate an expression of the job: {error}", job.HOLD_JOB_POLICY_UNDEFINED, 0)
    except resource_requests.NotExpanded as error:
        return Hold(f"Cannot expand $$ expression ({error}).", 0, 0)
    except AwqError as error:
        return Hold(
            f"Error in the job's arguments or environment: {error}", job.HOLD_FAILED_TO_CREATE_PROCESS, errno.EINVAL
        )


def _for_wrapper(submitted: dict[str, str], settings: Settings) -> dict[str, str]:
    """What the job wrapper, if there is one, needs to know of the environment."""
    if not settings.job_wrapper:
        return {}
    kept = {"AWQ_KEEP_ENV": settings.keep_env} if settings.keep_env else {}
    return {"AWQ_JOB_ENV": " ".join(submitted), **kept}


def _facts(row: JobRow, ad: dict[str, str], asked: resource_requests.Resources) -> dict[str, str]:
    """What the launch script writes into the sandbox about the job and its machine."""
    return {
        "AWQ_CPUS": str(asked.cores),
        "AWQ_MEMORY": str(asked.memory),
        "AWQ_DISK": str(resource_requests.told_disk(asked)),
        "AWQ_JOB_ID": f"{row.cluster}.{row.proc}",
        "AWQ_JOB_AD": _ad_text(ad),
    }


def _sandbox(row: JobRow, ad: dict[str, str], folder: str, settings: Settings, place: bool) -> Union[Sandbox, Hold]:
    if "true" in (ad.get("WantContainer"), ad.get("WantDocker")):
        return hold_reasons.no_container()
    found = file_transfer.Inputs({}, "") if place else file_transfer.inputs(ad, folder)
    if isinstance(found, file_transfer.Problem):
        return hold_reasons.input_lost(found.detail, found.error)
    program = _program(row, ad, folder, launch_script.EXECUTABLE in found.files)
    if isinstance(program, Hold):
        return program
    started, inputs = program
    inputs = (*[(path, name, False) for name, path in found.files.items()], *inputs)
    if settings.job_wrapper:
        inputs = (*inputs, (settings.job_wrapper, launch_script.WRAPPER, True))
    return _with_stdin(Sandbox(started, inputs, "", found.urls), ad, found.files, place)


def _with_stdin(sandbox: Sandbox, ad: dict[str, str], files: dict[str, str], place: bool) -> Union[Sandbox, Hold]:
    source = _path(ad, "In")
    if not source:
        return sandbox
    if os.path.basename(source) in files:  # the copy made at the submission, not what is there now
        return sandbox._replace(stdin=os.path.basename(source))
    problem = _unreadable(source)
    if problem:
        text = f"Failed to open '{source}' as standard input: {os.strerror(problem)} (errno {problem})"
        return Hold(f"Error from slot1@{hold_reasons.host()}: {text}", job.HOLD_UNABLE_TO_OPEN_INPUT, problem)
    if place:
        return sandbox._replace(stdin=source)
    return sandbox._replace(inputs=(*sandbox.inputs, (source, launch_script.STDIN, False)), stdin=launch_script.STDIN)


def _program(
    row: JobRow, ad: dict[str, str], folder: str, taken: bool
) -> Union[tuple[str, tuple[tuple[str, str, bool], ...]], Hold]:
    """The name that the pilot is started by, and its copy as an input. ``taken``: an input has the usual name."""
    command = ads.string(ad.get("Cmd"))
    by_name = "$$(" in row.cluster_ad + row.ad and not os.path.exists(f"{folder}/executable")
    if (row.payload or by_name) and ad.get("TransferExecutable", "true").lower() != "false":
        other = ads.string(ad.get("AwqExecutable"))
        copy = command if by_name else f"{folder}/{other if file_transfer.is_copy(other) else 'executable'}"
        problem = _not_executable(copy)
        if problem:
            return hold_reasons.not_executed(command, problem)
        name = _ANOTHER_NAME if taken else launch_script.EXECUTABLE
        return f"./{name}", ((copy, name, False),)
    if not command:
        return hold_reasons.not_executed(command, errno.ENOENT)
    return command, ()


def _not_executable(copy: str) -> int:
    """The errno with which starting a copied executable would fail; 0: it would not."""
    try:
        fd = os.open(copy, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return 0 if os.read(fd, 4).startswith(_HEADS) else errno.ENOEXEC
        finally:
            os.close(fd)
    except OSError as error:
        return error.errno or errno.EIO


def _unreadable(path: str) -> int:
    """The errno with which reading a user's file would fail; 0: it would not. A FIFO does not hold us up."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        mode = os.fstat(fd).st_mode
    finally:
        os.close(fd)
    if stat.S_ISDIR(mode):
        return errno.EISDIR
    return 0 if stat.S_ISREG(mode) else errno.EINVAL


def _streams(
    ad: dict[str, str], stdin: str, place: bool
) -> Union[tuple[launch_script.Redirections, tuple[tuple[str, str], ...]], Hold]:
    """The pilot's streams in the sandbox, and the files that come back: (remote, local)."""
    out, err = _path(ad, "Out"), _path(ad, "Err")
    for path, stream in ((out, "standard output"), (err if err != out else "", "standard error")):
        problem = _unwritable(path) if path else 0
        if problem:
            return hold_reasons.unopened(path, stream, problem)
    if place:
        return launch_script.Redirections(stdin, out, err), ()
    remote_out = launch_script.STDOUT if out else ""
    remote_err = remote_out if err and err == out else launch_script.STDERR if err else ""
    outputs = [(remote_out, out)] if out else []
    if remote_err and remote_err != remote_out:
        outputs.append((remote_err, err))
    return launch_script.Redirections(stdin, remote_out, remote_err), tuple(outputs)


def _path(ad: dict[str, str], name: str) -> str:
    """The absolute path of one of the job's streams; empty for none."""
    path = ads.string(ad.get(name))
    if not path or path == "/dev/null":
        return ""
    return path if path.startswith("/") else os.path.normpath(f"{ads.string(ad.get('Iwd'), '/')}/{path}")


def _unwritable(path: str) -> int:
    """The errno with which writing ``path`` would fail; 0: it would not."""
    if not os.access(path, os.F_OK):  # it is to be made; of a file that is not there, stat would cost thrice as much
        folder = os.path.dirname(path)
        if os.access(f"{folder}/.", os.W_OK | os.X_OK):
            return 0
        return errno.EACCES if os.path.isdir(folder) else errno.ENOENT
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return error.errno or errno.EIO
    if stat.S_ISDIR(mode):
        return errno.EISDIR
    if not stat.S_ISREG(mode) and not os.path.samefile(path, os.devnull):
        return errno.EINVAL  # a FIFO, a device, a socket: writing it may never end, or do harm
    return 0 if os.access(path, os.W_OK) else errno.EACCES


def _ad_text(ad: dict[str, str]) -> str:
    """The ad for the sandbox, without its longest expressions when it would not fit into a variable."""
    longest = _MOST_IN_ENVIRONMENT
    text = ads.dump(ad)
    while _size(text) + 4 * text.count("'") > _MOST_IN_ENVIRONMENT:  # quoted for the shell
        longest //= 4
        text = ads.dump({name: value for name, value in ad.items() if _size(value) < longest})
    return text


def _in_pieces(environment: dict[str, str]) -> Optional[Pieces]:
    """As Work Queue can carry it; None when there is a long variable that the launch script cannot set."""
    try:
        return split(environment)
    except ValueError:
        return None


def _too_long(environment: dict[str, str]) -> bool:
    lengths = [len(name) + len(value) + 1 for name, value in environment.items()]
    if sum(lengths) * _MOST_BYTES < _MOST_IN_STRING:
        return False
    sizes = [_size(name) + _size(value) + 1 for name, value in environment.items()]
    return max(sizes) >= _MOST_IN_STRING or sum(sizes) >= _MOST_IN_ALL


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
