"""Tables that are written in the language of print-format files: those of the user, and HTCondor's own of rare options."""

from __future__ import annotations

from shims.cli.stdio import Answer
from shims.print_format import renderers
from shims.print_format.parser import parse, read
from spool.errors import AwqError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from shims.cli.options import Given
    from shims.print_format.parser import Selection

_ID = """\
SELECT
 ClusterId     AS ' ID'  NOSUFFIX WIDTH 5 PRINTF '%4d.'
 ProcId        AS ' '    NOPREFIX WIDTH 3 PRINTF '%-3d'
 Owner         AS  OWNER WIDTH -14 PRINTAS OWNER OR ??
"""
_IO = f"""{_ID}
 NumJobStarts  AS RUNS PRINTF '%4d' OR ?
 JobStatus     AS ST PRINTAS JOB_STATUS
 BytesRecvd    AS ' INPUT' OR ??
 BytesSent     AS ' OUTPUT' OR ??
 BytesRecvd+BytesSent AS ' RATE' WIDTH 10 OR ??
 JobUniverse   AS 'MISC'
WHERE TransferQueued=?=true || TransferringOutput=?=true || TransferringInput=?=true
SUMMARY STANDARD
"""
_GOODPUT = f"""{_ID}
 QDate         AS '  SUBMITTED'   WIDTH 11  PRINTAS QDATE OR ??
 RemoteUserCpu AS '    RUN_TIME'  WIDTH 12  PRINTAS CPU_TIME OR ??
 JobStatus     AS GOODPUT         WIDTH 8   PRINTAS STDU_GOODPUT OR ??
 RemoteUserCpu AS CPU_UTIL        WIDTH 9   PRINTAS CPU_UTIL OR ??
 BytesSent     AS 'Mb/s'          WIDTH 7   PRINTAS STDU_MPBS OR ??
"""
_AUTOCLUSTER = """\
SELECT FROM AUTOCLUSTER
 AutoClusterId AS '   ID'    WIDTH 5 PRINTF %5d
 JobCount      AS COUNT      WIDTH 5 PRINTF %5d
 JobUniverse   AS UINVERSE   WIDTH -8 PRINTAS JOB_UNIVERSE OR ??
 RequestCPUs   AS CPUS       WIDTH 4 PRINTF %4d OR ??
 RequestMemory AS MEMORY     WIDTH 6 PRINTF %6d OR ??
 RequestDisk   AS '    DISK' WIDTH 8 PRINTF %8d OR ??
 Requirements  AS REQUIREMENTS PRINTF %r
"""
_OWN = {"io": _IO, "goodput": _GOODPUT, "autocluster": _AUTOCLUSTER}


def wanted(options: Sequence[Given]) -> Selection | None:
    """The table of the last of these options; None without one (``-print-format !`` is none). Answer, AwqError."""
    found: Selection | None = None
    for given in options:
        if given.name in _OWN:
            found = parse(_OWN[given.name], f"-{given.name}", renderers.known)
        elif given.name == "print-format" and given.value != "!":
            found = _of_file(given.value)
    return found


def _of_file(path: str) -> Selection:
    try:
        return read(path, renderers.known)
    except OSError:
        raise Answer(1, err=f"Can't open select file: {path}\nError: invalid select file {path}\n") from None
    except AwqError as error:
        raise Answer(1, err=f"{error}\nError: invalid select file {path}\n") from None


def of_machines(path: str) -> Selection:
    """The table of condor_status. Answer."""
    found = _of_file(path)
    if found.unique or found.autocluster or found.group:
        what = "sorting" if found.group else "aggregation"
        raise Answer(1, err=f"print-format {what} not supported\nError: invalid select file {path}\n")
    return found


def of_history(path: str) -> Selection:
    """The table of condor_history, which has always headings and never totals. Answer."""
    try:
        found = read(path, renderers.known_to_history)
    except OSError:
        text = f"Can't open select file: {path}\n"
        raise Answer(1, err=f"{text}Error: cannot execute print-format file {path}\n") from None
    except AwqError as error:
        raise Answer(1, err=f"{error}\nError: cannot execute print-format file {path}\n") from None
    if found.unique or found.autocluster or found.group:
        text = "UNIQUE aggregation is not supported." if not found.group else "GROUP BY is not supported."
        raise Answer(1, err=f"{text}\nError: cannot execute print-format file {path}\n")
    found.no_header, found.summary = False, ""
    return found
