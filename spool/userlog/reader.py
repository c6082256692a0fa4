"""Events of a job event log as its readers need them: ``condor_wait``, and ``condor_q -userlog``."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

SUBMITTED, EXECUTING, EVICTED, TERMINATED, IMAGE_SIZE, SHADOW_EXCEPTION = 0, 1, 4, 5, 6, 7
ABORTED, SUSPENDED, UNSUSPENDED, HELD, RELEASED, AD_INFORMATION = 9, 10, 11, 12, 13, 28


class Event:
    """One event of the log: its number, its job, and its lines."""

    __slots__ = ("job", "lines", "number", "stamp", "text")

    def __init__(self, lines: Sequence[str]) -> None:
        """ValueError when the first line is no event's: ``005 (012.000.000) 2026-11-20 12:00:05 Job terminated.``."""
        self.number = int(lines[0][:3])
        job, _, rest = lines[0][5:].partition(") ")
        cluster, proc, subproc = map(int, job.split("."))
        self.job = cluster, proc, subproc
        day, clock, self.text = rest.split(" ", 2)
        self.stamp = _stamp(day, clock)
        self.lines = lines

    def echo(self, form: str) -> str:
        """The event as ``-echo`` prints it: ``form`` may hold ISO_DATE and UTC."""
        at = time.gmtime(time.mktime(self.stamp)) if "UTC" in form else self.stamp
        when = time.strftime("%Y-%m-%d %H:%M:%S" if "ISO_DATE" in form else "%m/%d %H:%M:%S", at)
        zone = "Z" if "UTC" in form else ""
        head = f"{self.lines[0].partition(')')[0]}) {when}{zone} {self.text}"
        return "".join([f"{line}\n" for line in (head, *self.lines[1:], "...")])

    def status(self) -> str:
        """What ``-status`` says of it."""
        job = "{}.{}.{}".format(*self.job)
        if self.number == EXECUTING:
            return f"{job} executing on host {self.text.partition(': ')[2]}\n"
        done = {SUBMITTED: "submitted", TERMINATED: "completed", ABORTED: "aborted"}.get(self.number)
        return f"{job} {done}\n" if done else ""


def _stamp(day: str, clock: str) -> time.struct_time:
    """Local time of ``2026-11-20 12:00:05`` or of this year's ``11/20 12:00:05``. ValueError."""
    clock = clock.partition(".")[0].rstrip("Z")
    if "/" in day:
        day = f"{time.localtime().tm_year}-{day.replace('/', '-')}"
    year, month, date = day.split("-")
    hours, minutes, seconds = clock.split(":")
    parts = (int(year), int(month), int(date), int(hours), int(minutes), int(seconds))
    return time.localtime(time.mktime((*parts, 0, 0, -1)))
