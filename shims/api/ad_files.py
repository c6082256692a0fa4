"""``condor_q -jobads FILE``: the queue as a file of job ads in long form shows it. Nobody vouches for it, and nobody needs to."""

from __future__ import annotations

from collections import Counter

from shims.api.query import QueueSource
from spool.classad import ads, values
from spool.classad.job_record import JobRecord
from spool.errors import AwqError
from spool.store.layout import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from shims.api.selection import Wanted
    from spool.settings import Settings


class FileSource(QueueSource):
    """The ads of one file. AwqError when it cannot be read."""

    __slots__ = ("_records", "place")
    label = "Jobads"
    shared = False

    def __init__(
        self, path: str, settings: Settings, me: str, now: float, records: list[JobRecord] | None = None
    ) -> None:
        self.place = path
        self._records = _read(path) if records is None else records
        times = [ads.number(record.expression("ServerTime")) for record in self._records]
        super().__init__(Spool(settings.workdir), settings, me, max(times, default=0) or now)

    def by_status(self) -> Mapping[int, int]:
        """Of all ads."""
        return Counter([record.status for record in self._records])

    def select(self, wanted: Wanted, needs_time: bool) -> list[JobRecord]:
        """The jobs asked for. ConstraintError."""
        from shims.api.jobs import passing
        from shims.api.selection import Wanted

        found = [*passing(iter(self._records), Wanted(wanted.ids, wanted.users, wanted.constraints))]
        return found if wanted.limit is None else found[: wanted.limit]


def _read(path: str) -> list[JobRecord]:
    try:
        return read_ads(path)
    except OSError as error:
        raise AwqError(f"Can't open file of job ads: {path}: {error.strerror}") from None


def read_ads(path: str) -> list[JobRecord]:
    """The ads of a file in long form. OSError, AwqError."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    records = []
    for part in text.split("\n\n"):
        lines = [ads.assignment(line) for line in part.split("\n") if line.strip() and line[0] != "#"]
        if None in lines:
            raise AwqError(f"{path} is no file of ads in long form")
        if lines:
            # HTCondor's long form: in its strings a backslash stands for itself
            record = JobRecord(0, 0, 0, "".join([f"{values.from_command_line(line or '')}\n" for line in lines]))
            record.cluster = ads.number(record.expression("ClusterId"))
            record.proc = ads.number(record.expression("ProcId"))
            record.status = ads.number(record.expression("JobStatus"))
            records.append(record)
    return records
