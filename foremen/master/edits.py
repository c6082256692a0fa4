"""What condor_qedit, condor_prio, condor_vacate_job and condor_transfer_data do to a job: pure functions like those of ``change``."""

from __future__ import annotations

from collections.abc import Mapping

from foremen.master.change import Change, evicted, record
from spool import ad as ads
from spool import eventlog
from spool.database import JobRow

_FIXED = frozenset({"clusterid", "procid", "owner", "user", "mytype", "targettype", "jobstatus", "globaljobid"})
_LOGGED = "JobPrio"  # HTCondor writes an event 033 when it changes


def edited(row: JobRow, edits: Mapping[str, str], at: float) -> Change:
    """The job with other attributes; what names the job, or says what the master alone may say, stays (condor_qedit refuses it)."""
    state = ads.parse(row.state)
    have = {name.lower(): name for name in record(row).ad()}
    events: tuple[str, ...] = ()
    for name, expression in edits.items():
        if name.lower() in _FIXED:
            continue
        spelled = have.get(name.lower(), name)  # names have no case; the ad has each once
        if spelled == _LOGGED and expression != str(row.prio):
            events = (eventlog.edited((row.cluster, row.proc), at, spelled, str(row.prio), expression),)
            row = row._replace(prio=ads.number(expression, row.prio))
        state[spelled] = expression
    return Change(row._replace(state=ads.dump(state)), events)


def vacated(row: JobRow, at: float) -> Change:
    """A running job gives its place up and is idle again; the engine still has the attempt until it confirms the end."""
    return evicted(row, at, "", given=True)


def fetched(row: JobRow, at: float) -> Change:
    """Somebody fetched the output of a job submitted with -spool. It stays as long as its LeaveJobInQueue says, as in HTCondor."""
    state = ads.parse(row.state)
    state["StageOutStart"] = state["StageOutFinish"] = str(int(at))
    return Change(row._replace(state=ads.dump(state)), ())
