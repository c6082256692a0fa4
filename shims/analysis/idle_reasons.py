"""Why a job waits, as far as no ad of a slot tells: what all workers have together, and the limits that the operator set."""

from __future__ import annotations

from spool.classad import ads, matchmaking
from spool.job import RUNNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spool.classad.job_record import JobRecord
    from spool.settings import Settings
    from spool.store.published_counts import Counts

_ASKED = (
    ("RequestCpus", "CORES", "cores", 1),
    ("RequestMemory", "MEMORY", "MB of memory", 0),
)


_NOT_KNOWN = "What single workers have is not known, and its Requirements speak of that: the job may run all the same"
_FOR_EVER = "alien_work_queue keeps the job back (condor_qedit changes its Requirements)"
_FOR_NOW = "alien_work_queue keeps the job back until they have more"
_judge = matchmaking.Judge(matchmaking.facts())
_WORDS = {"cores": "cores", "memory": "MB of memory"}


class Reason:
    """Why a job waits; ``never``: however long it does, unless the pool changes; ``maybe``: this need not be the reason."""

    __slots__ = ("maybe", "never", "text")

    def __init__(self, text: str, never: bool = False, maybe: bool = False) -> None:
        self.text = text
        self.never = never
        self.maybe = maybe


def kept_back(record: JobRecord, counts: Counts) -> Reason | None:
    """The reason that the master has to keep the job back; it judges by the same facts."""
    totals = matchmaking.Totals(counts.extra.get("CORES", 0), counts.extra.get("MEMORY", 0))
    unmet = _judge.unmet(record, totals)
    if unmet is None:
        return None
    if unmet.attribute:
        have = f"all workers together have {getattr(totals, unmet.attribute)} {_WORDS[unmet.attribute]}: {_FOR_NOW}"
        return Reason(f"Its Requirements want {unmet.condition}, {have}", never=True)
    return Reason(f"Its Requirements want {unmet.condition}, which no worker here satisfies: {_FOR_EVER}", never=True)


def reasons(record: JobRecord, counts: Counts, settings: Settings, rejects: bool = False) -> list[Reason]:
    """Why this idle job does not run; empty when nothing is known to be in its way. ``rejects``: its Requirements reject the pool."""
    kept = kept_back(record, counts)
    found = _of_pool(record, counts, settings)
    if kept is not None:
        return [kept, *found]
    return [Reason(_NOT_KNOWN, maybe=True), *found] if rejects and not any(one.never for one in found) else found


def _of_pool(record: JobRecord, counts: Counts, settings: Settings) -> list[Reason]:
    extra = counts.extra
    if not extra.get("WORKERS", 0):
        return [Reason("No workers are connected: alien_wq_worker.sh start-workers starts some", never=True)]
    found: list[Reason] = []
    for attribute, have, words, default in _ASKED:
        wanted = ads.number(record.expression(attribute), default)
        total = extra.get(have, 0)
        if wanted > total:
            text = f"The job asks for {wanted} {words}, all workers together have {total}: none can run it"
            found.append(Reason(text, never=True))
        elif attribute == "RequestCpus" and wanted > 1:
            text = f"The job asks for {wanted} cores of one worker; all workers together have {total}"
            found.append(Reason(text, maybe=True))
    running = counts.of(RUNNING)
    if settings.job_limit and running >= settings.job_limit:
        found.append(Reason(f"{running} jobs run: AWQ_JOB_LIMIT is {settings.job_limit}"))
    elif extra.get("CORES_USED", 0) >= extra.get("CORES", 0):
        found.append(Reason(f"All {extra.get('CORES', 0)} cores are in use: the job waits for its turn"))
    return found
