"""``condor_wait``: wait for jobs to end by reading their job event log. It needs neither spool nor master."""

from __future__ import annotations

import time

from shims.cli import stdio
from shims.cli.options import MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from spool.userlog.reader import ABORTED, SUBMITTED, TERMINATED, Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shims.cli.options import Parsed

    JobKey = tuple[int, int, int]

_OPTIONS = (
    Option("help", 1),
    Option("version", 1),
    Option("debug", 1),
    Option("status", 1),
    Option("echo", 1, modifiers=True),
    Option("num", 1, values=1),
    Option("wait", 1, values=1),
    Option("allevents", 1),
)
_PAUSE = 0.1  # seconds between two looks at the log


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_wait, "condor_wait", argv)


class Request:
    """A command line: the log, which jobs (None: any), how many ends, how long (seconds; 0: for ever), what to show."""

    __slots__ = ("all_events", "count", "echo", "job", "log", "patience", "status")

    def __init__(self, parsed: Parsed) -> None:
        self.status = parsed.has("status")
        self.all_events = parsed.has("allevents")
        self.echo: str | None = None
        self.count = self.patience = 0
        for given in parsed.given:
            if given.name == "echo":
                self.echo = (given.modifiers or "").upper()
            elif given.name == "num":
                self.count = _number(given.value)
                if self.count < 1:
                    raise _usage("-num must be greater than zero\n")
            elif given.name == "wait":
                self.patience = _number(given.value)
        if self.count and self.all_events:
            raise _usage("-num cannot be used with -allevents\n")
        words = parsed.operands
        if not words:
            raise _usage("")
        self.log = words[0]
        if len(words) > 2:
            raise _usage(f"Extra argument: {words[2]}\n\n")
        self.job = _job(words[1]) if len(words) > 1 else None
        if self.echo is not None and ("XML" in self.echo or "JSON" in self.echo):
            raise Answer(
                1, err="condor_wait: events are echoed as text only here: -echo:XML and -echo:JSON are not offered\n"
            )


def _condor_wait(argv: Sequence[str]) -> int:
    request = Request(_parse(argv))
    try:
        log = open(request.log, encoding="utf-8", errors="surrogateescape", newline="\n")  # noqa: SIM115 - closed below
    except IsADirectoryError:  # HTCondor finds no job in it
        return stdio.show("All jobs done.\n")
    except OSError as error:
        raise Answer(1, err=f"Couldn't open {request.log}: {error.strerror}\n") from None
    with log:
        return _Watch(request).run(_complete_events(log.readline))


class _Watch:
    """Follows the events until what is waited for has happened."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._open: set[JobKey] = set()
        self._ended = 0
        self._deadline = time.monotonic() + request.patience if request.patience else None

    def run(self, events: Iterator[Event | None]) -> int:
        """The exit status; ``events`` gives None when nothing more is there for the moment."""
        for event in events:
            if event is not None:
                self._take(event)
                if self._request.count and self._ended >= self._request.count:
                    return stdio.show(f"Specifed number of jobs ({self._request.count}) done.\n")
                continue
            if not (self._open or self._request.count or self._request.all_events):
                return stdio.show("All jobs done.\n")
            pause = _PAUSE
            if self._deadline is not None:
                pause = min(pause, self._deadline - time.monotonic())
                if pause <= 0:
                    stdio.show("Time expired.\n")
                    return 1
            time.sleep(pause)
        return 1

    def _take(self, event: Event) -> None:
        request = self._request
        if request.job is not None and any(
            wanted is not None and wanted != have for wanted, have in zip(request.job, event.job)
        ):
            return
        if request.echo is not None:
            stdio.show(event.echo(request.echo))
        if request.status:
            stdio.show(event.status())
        if event.number == SUBMITTED:
            self._open.add(event.job)
        elif event.number in (TERMINATED, ABORTED):
            self._open.discard(event.job)
            self._ended += 1


def _complete_events(readline: object) -> Iterator[Event | None]:
    """The events of a growing file, None whenever there is none for the moment; what is no event is passed over."""
    lines: list[str] = []
    part = ""
    while True:
        piece = readline()  # type: ignore[operator]
        if not piece.endswith("\n"):
            part += piece
            yield None
            continue
        line, part = (part + piece)[:-1], ""
        if line != "...":
            lines.append(line)
            continue
        try:
            yield Event(lines)
        except (ValueError, IndexError, OverflowError):
            yield None  # HTCondor's reader passes over what it cannot read, too
        lines = []


def _parse(argv: Sequence[str]) -> Parsed:
    try:
        parsed = parse(argv, _OPTIONS)
    except UnknownOption:
        raise _usage("") from None
    except MissingValue as error:
        raise _usage(f"-{error.name} requires an argument\n") from None
    if parsed.has("help"):
        from shims.cli.help.others import CONDOR_WAIT

        raise Answer(0, err=CONDOR_WAIT)
    if parsed.has("version"):
        raise Answer(1, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    return parsed


def _number(text: str) -> int:
    """As C's atoi: 0 when it is none."""
    try:
        return int(text)
    except ValueError:
        return 0


def _job(text: str) -> tuple[int | None, ...]:
    """``12``, ``12.0`` or ``12.0.0``; None stands for any."""
    parts = text.rstrip(".").split(".")
    if not 1 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise Answer(1, err=f"Couldn't understand job number: {text}\n")
    return tuple([int(part) for part in parts])


def _usage(before: str) -> Answer:
    from shims.cli.help.others import CONDOR_WAIT

    return Answer(1, err=before + CONDOR_WAIT)
