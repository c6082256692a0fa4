"""Counts of jobs by state: the lines under condor_q's tables, and the summary ad of ``-totals -json``."""

from __future__ import annotations

from spool.job import COMPLETED, HELD, IDLE, REMOVED, RUNNING, SUSPENDED, TRANSFERRING_OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from spool.classad.job_record import JobRecord

_NAMES = (
    ("Completed", COMPLETED),
    ("Removed", REMOVED),
    ("Idle", IDLE),
    ("Running", RUNNING),
    ("Held", HELD),
    ("Suspended", SUSPENDED),
)


class Totals:
    """Jobs by state; a job that transfers its output counts as running."""

    __slots__ = ("by_status",)

    def __init__(self, by_status: Mapping[int, int]) -> None:
        self.by_status = {status: by_status.get(status, 0) for _, status in _NAMES}
        self.by_status[RUNNING] += by_status.get(TRANSFERRING_OUTPUT, 0)

    @property
    def jobs(self) -> int:
        """All of them."""
        return sum(self.by_status.values())

    def line(self, title: str) -> str:
        """``Total for TITLE: 3 jobs; 0 completed, ...`` without a newline."""
        states = ", ".join([f"{self.by_status[status]} {name.lower()}" for name, status in _NAMES])
        return f"Total for {title}: {self.jobs} jobs; {states}"

    def members(self, prefix: str) -> dict[str, str]:
        """The attributes of the summary ad."""
        members = {f"{prefix}{name}": str(self.by_status[status]) for name, status in _NAMES}
        members[f"{prefix}Jobs"] = str(self.jobs)
        names = ("Completed", "Held", "Idle", "Jobs", "Removed", "Running")
        members.update({f"{prefix}Scheduler{name}": "0" for name in names})
        return members


def counted(records: Iterable[JobRecord]) -> Totals:
    """The totals of these jobs."""
    by_status: dict[int, int] = {}
    for record in records:
        by_status[record.status] = by_status.get(record.status, 0) + 1
    return Totals(by_status)


def lines(query: Totals, everybody: Totals | None, me: str | None) -> str:
    """The lines; ``me`` is the user's name when the query was for the user's own jobs. Of a file's jobs there is no more than
    the query: ``everybody`` is None."""
    texts = [query.line("query")]
    if everybody is not None and me is not None:
        texts.append(everybody.line(me))
    if everybody is not None:
        texts.append(everybody.line("all users"))
    return " \n".join(texts) + "\n"


def summary(query: Totals, everybody: Totals, me: str | None, now: float) -> dict[str, str]:
    """The ad of ``-totals -json``."""
    ad = {"MyType": '"Summary"', "ErrorCode": "0", "ServerTime": str(int(now))}
    ad.update(query.members(""))
    ad.update(everybody.members("Allusers"))
    if me is not None:
        ad.update(everybody.members("My"))
        ad["MyName"] = f'"{me}"'
    return ad
