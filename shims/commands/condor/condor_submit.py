"""``condor_submit``: a submit description becomes a task file in the spool; the command never waits for the master."""

from __future__ import annotations

import os
import time

from shims.api.submit import LimitReached, Submitted, Submitter
from shims.cli.options import MANY, MissingValue, Option, Parsed, UnknownOption, parse
from shims.jobad import simple_commands
from shims.jobad.job_ad import Surroundings
from shims.submit.description import Description, expand_arguments
from shims.submit.errors import DescriptionError, MacroError, SubmitError
from shims.submit.macros import Macros
from shims.submit.queue_statement import arguments_of
from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_DIGITS = 18
_MOST_TEXT = 1 << 26
"""Bytes of a description that are read before it is refused."""

OPTIONS = (
    Option("verbose", 1),
    Option("terse", 3),
    Option("disable", 1),
    Option("debug", 2, modifiers=True),
    Option("dry-run", 3, values=1),
    Option("dump", 2, values=1),
    Option("spool", 1),
    Option("file", 2, values=1),
    Option("factory", 2),
    Option("address", 2, values=1),
    Option("remote", 1, values=1),
    Option("name", 1, values=1),
    Option("append", 1, values=1),
    Option("batch-name", 1, values=1),
    Option("batch-id", 7, values=1),
    Option("queue", 1, values=MANY),
    Option("maxjobs", 3, values=1),
    Option("single-cluster", 3),
    Option("pool", 2, values=1),
    Option("unused", 1),
    Option("allow-crlf-script", 8),
    Option("help", 1),
    Option("version", 7),
)


class Refused(AwqError):
    """A command line that cannot be obeyed; the text goes to stderr as it is."""


class Request:
    """What the command line asks for."""

    __slots__ = (
        "appended", "assigned", "dry_run", "dumped", "file", "max_jobs", "queue", "single", "spooled", "terse", "unused", "verbose",
    )  # fmt: skip

    def __init__(self, parsed: Parsed) -> None:
        self.appended: list[str] = []
        self.assigned: list[tuple[str, str]] = []
        self.file: str | None = None
        self.dumped = parsed.last("dump") is not None
        self.dry_run = parsed.last("dry-run") or parsed.last("dump")
        self.max_jobs = 0
        self.single = parsed.has("single-cluster")
        self.spooled = parsed.has("spool") or parsed.has("remote")
        self.unused = sum(given.name == "unused" for given in parsed.given) % 2 == 0
        self.terse = self.verbose = False
        self.queue: str | None = None
        for word in parsed.words:
            if isinstance(word, str):
                self._operand(word)
            else:
                self._option(word.name, word.values)
        if self.file == "-" and not self.terse:
            self.verbose = True
        if self.file is None and self.dry_run is not None:
            raise Refused(_NO_FILE.format(self.dry_run))

    @property
    def needs_text(self) -> bool:
        """Whether a description must be read: not when the command line holds the queue statement and an assignment."""
        return self.file is not None or self.queue is None or not (self.assigned or self.appended)

    @property
    def says(self) -> bool:
        """Whether ``Submitting job(s)`` and its like are printed."""
        return not self.terse and self.file != "-"

    def _operand(self, word: str) -> None:
        if "=" not in word:
            self.file = word
            return
        name, _, value = word.partition("=")
        name = name.strip()
        if not name.isascii() or not name.replace("_", "a").replace(".", "a").replace("/", "a").lstrip("+").isalnum():
            raise Refused(f"condor_submit: invalid attribute name '{name}' for attrib=value assigment\n")
        self.assigned.append(("MY." + name[1:] if name[0] == "+" else name, value.strip()))

    def _option(self, name: str, values: Sequence[str]) -> None:
        if name == "file":
            self.file = values[0]
        elif name in ("terse", "verbose"):
            self.terse, self.verbose = name == "terse", name == "verbose"
        elif name == "append":
            self.appended.append(values[0])
        elif name in ("batch-name", "batch-id"):
            attribute = "JobBatchName" if name == "batch-name" else "JobBatchId"
            value = values[0] if values[0][:1] == '"' else f'"{values[0]}"'
            self.appended.append(f"MY.{attribute} = {value}")
        elif name == "maxjobs":
            self.max_jobs = _count(values[0])
        elif name == "queue":
            if not values or not values[0]:
                raise Refused("condor_submit: -queue requires at least one argument\n")
            if self.queue is not None:
                raise Refused("condor_submit: only one -queue command allowed\n")
            self.queue = "queue " + " ".join(values)


_NO_FILE = """
ERROR: No submit filename was provided, and '{}'
  was given as the output filename for -dump or -dry-run. Was this intended?
  To to avoid confusing the output file with the submit file when using these
  commands, an explicit submit filename argument must be given. You can use -
  as the submit filename argument to read from stdin.
"""


def _count(text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not digits.isdigit() or not digits.isascii() or len(digits) > _MOST_DIGITS:
        raise Refused(f"Error: Unable to convert argument ({text}) to a number for -maxjobs.\n")
    return int(text)


def main(argv: list[str]) -> int:
    """Run the command on its arguments; the exit status."""
    _keep_standard_streams_open()
    try:
        parsed = parse(argv, OPTIONS)
        if parsed.has("help"):
            _show_usage(1)
            return 0
        if parsed.has("version"):
            from shims.cli.release import CONDOR_PLATFORM, CONDOR_VERSION

            _write(1, f"{CONDOR_VERSION}\n{CONDOR_PLATFORM}\n")
            return 0
        return _Command(Request(parsed)).run()
    except UnknownOption:
        _show_usage(2)
    except MissingValue as error:
        _write(2, f"condor_submit: -{error.name} requires another argument\n")
    except Refused as error:
        _write(2, str(error))
    except AwqError as error:
        _write(2, f"\nERROR: {error}\n")
    return 1


class _Command:
    """One run: reads the description, hands queue statements to the submitter, prints."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.said: list[str] = []
        text, source = _description(request)
        now = int(time.time())
        surroundings = Surroundings(now, _user(), source, request.spooled)
        self.macros = Macros(_defaults(surroundings, now))
        for name, value in request.assigned:
            self.macros.put(name, value)
        self.description = Description(text, source or "<stdin>", self.macros)
        self.submitter = Submitter(self.macros, surroundings, request.dry_run is not None)
        self.submitter.max_jobs = request.max_jobs
        self.submitter.single = request.single

    def run(self) -> int:
        """Submit, or leave nothing behind; the exit status."""
        request, submitter = self.request, self.submitter
        if request.says:
            doing = (
                "Storing job ClassAd(s)"
                if request.dumped
                else "Dry-Run job(s)"
                if submitter.dry
                else "Submitting job(s)"
            )
            self.said.append(doing)
        try:
            self._statements()
            self._show_progress(None)
            submitter.commit()
        except BaseException as error:
            submitter.abandon()
            if not submitter.shown:
                self._show_progress(error)
            if not isinstance(error, (AwqError, RecursionError, MemoryError)):
                raise
            _write(1, "".join(self.said))
            _write(2, _explained(error))
            return getattr(error, "status", 1)
        self._finish()
        return 0

    def _statements(self) -> None:
        """Read and submit queue statement by queue statement."""
        lines, request = self.description.lines, self.request
        first = True
        while True:
            arguments = self.description.next_queue()
            if arguments is None and not first:
                return
            asked = None if request.queue is None else arguments_of(request.queue)
            for number, line in enumerate(request.appended, 1):  # with a queue statement as with -queue
                try:
                    appended = self.description.append(line)
                except DescriptionError:
                    raise _AppendError(lines.line, number) from None
                asked = asked if appended is None else appended
            if arguments is not None and asked is not None:
                raise DescriptionError(lines.line, "-queue argument conflicts with queue statement in submit file")
            arguments = asked if arguments is None else arguments
            if arguments is None:
                raise DescriptionError(lines.line, "no queue statement")
            first = False
            self.submitter.queue(expand_arguments(self.macros, arguments, lines.line), lines)

    def _show_progress(self, error: BaseException | None) -> None:
        """What HTCondor prints while it goes: dots, or whole ads."""
        request, jobs = self.request, self.submitter.jobs
        self.submitter.shown = True
        if self.submitter.dry:
            self._show_dry_run(error)
        elif request.verbose:
            self.said += [submitted.verbose() for submitted in self.submitter.submitted()]
        elif not request.terse:
            self.said.append("." * jobs)

    def _show_dry_run(self, error: BaseException | None) -> None:
        from shims.commands.condor.dry_run import listed, separated

        path = self.request.dry_run
        if path == "-":
            self.said += listed(self.submitter, self.request.verbose, not self.request.terse)
            if (
                error is not None
                and isinstance(error, SubmitError)
                and self.submitter.begun
                and not self.submitter.jobs
            ):
                self.said.append("\n")
            return
        try:
            with open(path or "", "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
                file.write(separated(self.submitter))
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise SubmitError(f"Failed to open file -dry-run output file ({reason})") from None
        if not self.request.terse:
            self.said.append("." * self.submitter.jobs)

    def _finish(self) -> None:
        request, submitter = self.request, self.submitter
        if not submitter.jobs and not request.terse:
            name = "(stdin)" if request.file == "-" else request.file or "(null)"
            self._flush()
            _write(2, f'\nWARNING: "{name}" has only empty "queue" commands -- no jobs queued\n')
        if request.says:
            self.said.append("\n")
        if not request.verbose:
            self.said += [
                _summary(one, request.terse, submitter.dry and not request.dumped) for one in submitter.submitted()
            ]
        warnings = self.description.warnings + submitter.warnings
        if submitter.jobs and request.unused:
            if request.verbose:
                self.said.append("\n")
            warnings += _unused(self.macros)
        if submitter.jobs and not submitter.dry:
            warnings += _kept_only(self.macros)
        self._flush()
        if warnings:
            _write(2, "".join([f"WARNING: {warning}\n" for warning in warnings]))

    def _flush(self) -> None:
        _write(1, "".join(self.said))
        self.said.clear()


class _AppendError(DescriptionError):
    """A line given with ``-append`` that is neither an assignment nor a queue statement."""

    def __init__(self, line: int, number: int) -> None:
        super().__init__(line, "")
        self.number = number


def _explained(error: BaseException) -> str:
    """The error as HTCondor words it."""
    if isinstance(error, DescriptionError):
        detail = error.detail and error.detail.rstrip("\n") + "\n"
        where = (
            f"-a argument line (#{error.number})"
            if isinstance(error, _AppendError)
            else f"command file (line {error.line})"
        )
        return f"\nERROR: {error}\n{detail}\nERROR: Failed to parse {where}.\n"
    if isinstance(error, MacroError):
        return f"ERROR{error.where[0]}: {error}\n{error.where[1]}"
    if isinstance(error, LimitReached):
        return f"\nERROR: Failed to create proc\n{error}\n"
    if isinstance(error, SubmitError):
        text = str(error)
        return f"{error.lead}ERROR: {text}" + ("" if text.endswith("\n") else "\n")
    if isinstance(error, AwqError):
        return f"\nERROR: {error}\n"
    return "\nERROR: the description is too large or nested too deep; nothing was submitted\n"


def _summary(one: Submitted, terse: bool, dry: bool) -> str:
    if terse:
        return f"{one.cluster}.0 - {one.cluster}.{one.jobs - 1}\n"
    return f"{one.jobs} job(s) {'dry-run' if dry else 'submitted'} to cluster {one.cluster}.\n"


def _kept_only(macros: Macros) -> list[str]:
    """Commands that are in the ad for queries, and have no effect here although somebody who gives them expects one."""
    found = []
    for macro in macros.items():
        name = macro.name.lower()
        why = simple_commands.KEPT_ONLY.get(name)
        if name == "universe" and macro.value.strip().lower() == "parallel":
            why = "the job runs once, on one machine"
        if why and macro.value.strip().lower() not in ("", "0", "false", "no"):
            found.append(f"{name} = {macro.value} has no effect here: {why}")
    return found


_QUIET = ("DAG_STATUS", "FAILED_COUNT", "JOB", "RETRY")
"""DAGMan hands these to every job; nobody needs to read them."""


def _unused(macros: Macros) -> list[str]:
    """Assignments that nobody asked for, in HTCondor's order (the last name first)."""
    found: list[str] = []
    for name in _QUIET:
        macros.use(name)
    for macro in macros.items():
        if macro.used or macro.name.lower() in macros.live or "." in macro.name or macro.name[:1] == "+":
            continue
        if macro.live:
            found.append(f"the Queue variable '{macro.name}' was unused by condor_submit. Is it a typo?")
        else:
            found.append(f"the line '{macro.name} = {macro.value}' was unused by condor_submit. Is it a typo?")
    return found[::-1]


def _description(request: Request) -> tuple[str, str]:
    """The description's text and its file's name ("" for stdin)."""
    path = request.file
    try:
        if not request.needs_text:
            return "", ""
        if path is None or path == "-":
            return _read(0), ""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            return _read(fd), path
        finally:
            os.close(fd)
    except OSError as error:
        raise SubmitError(f"Failed to open command file ({path}) ({error.strerror})") from None
    except ValueError:
        raise SubmitError(f"Failed to open command file ({path!r}) (a NUL byte in its name)") from None


def _read(fd: int) -> str:
    chunks: list[bytes] = []
    left = _MOST_TEXT
    while left > 0:
        chunk = os.read(fd, min(left, 1 << 16))
        if not chunk:
            return b"".join(chunks).decode("utf-8", "surrogateescape")
        chunks.append(chunk)
        left -= len(chunk)
    raise SubmitError(f"the submit description is longer than {_MOST_TEXT} bytes")


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _defaults(surroundings: Surroundings, now: int) -> dict[str, str]:
    """The macros that every description knows, by lower-case name."""
    today = time.localtime(now)
    return {
        "arch": surroundings.machine.upper(),
        "opsys": "LINUX",
        "islinux": "1",
        "iswindows": "0",
        "jobid": "$(ClusterId).$(ProcId)",
        "submit_file": surroundings.source,
        "submit_time": str(now),
        "year": str(today.tm_year),
        "month": f"{today.tm_mon:02d}",
        "day": f"{today.tm_mday:02d}",
    }


def _show_usage(fd: int) -> None:
    from shims.cli.help.submit import USAGE

    _write(fd, USAGE)


def _keep_standard_streams_open() -> None:
    """A closed stdin reads as empty; and no file of ours may get the number of a closed stdout."""
    while True:
        fd = os.open("/dev/null", os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return


def _write(fd: int, text: str) -> None:
    """Write it all. That nobody reads it changes nothing about what was submitted."""
    data = memoryview(text.encode("utf-8", "surrogateescape"))
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        return
