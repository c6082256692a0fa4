"""Why a job is held by us: HTCondor's words, codes and subcodes, recorded from 23.9.6."""

from __future__ import annotations

import errno
import os
import socket
from typing import NamedTuple, Optional

from foremen.engine.protocol import Result
from foremen.master import file_transfer
from foremen.pilot.launch_script import Report
from spool import job
from spool.classad import ads
from spool.classad.job_record import JobRecord


class Hold(NamedTuple):
    """The job cannot be started: HTCondor's HoldReason, HoldReasonCode, HoldReasonSubCode."""

    reason: str
    code: int
    subcode: int


def of_end(record: JobRecord, result: Result, report: Report) -> Optional[Hold]:
    """Why a job is held whose attempt came to this end; None: it is not."""
    if not report.complete:
        return _of_unstarted(record, result, report)
    if report.missing is not None:
        wanted = file_transfer.listed(record.expression("TransferOutput"))
        if report.missing < len(wanted):
            return output_not_made(wanted[report.missing])
    if report.linked is not None:
        wanted = file_transfer.listed(record.expression("TransferOutput"))
        if report.linked < len(wanted):
            return output_not_made(
                wanted[report.linked], errno.EISDIR, "- Transfer of symlinks to directories is not supported."
            )
    if report.unpacked:
        return output_lost(report.unpacked)
    if result.outcome == "output-missing":
        return output_lost(result.detail, result.exit if result.exit > 0 else errno.ENOENT)
    return None


def _of_unstarted(record: JobRecord, result: Result, report: Report) -> Optional[Hold]:
    if report.unstarted is not None:
        return not_executed(ads.string(record.expression("Cmd")), report.unstarted, report.interpreter)
    if report.no_folder:
        return no_folder(ads.string(record.expression("Iwd")), report.host)
    if report.fetch:
        return input_not_fetched(report.fetch)
    if result.outcome == "input-missing":
        return input_lost(result.detail)
    if result.outcome == "refused":
        return Hold(f"Work Queue refused the task: {result.detail}", job.HOLD_FAILED_TO_CREATE_PROCESS, 0)
    return None


def no_container() -> Hold:
    """A job that wants a container must not run without one. In HTCondor it waits for a machine that has them."""
    reason = "No worker of this pool runs containers: submit without container_image, docker_image, or start it in the executable"
    return Hold(reason, job.HOLD_FAILED_TO_CREATE_PROCESS, errno.ENOTSUP)


def unopened(path: str, stream: str, error: int) -> Hold:
    """HTCondor's words for an output that cannot be opened (recorded from 23.9.6)."""
    reason = f"Error from slot1@{host()}: Failed to open '{path}' as {stream}: {os.strerror(error)} (errno {error})"
    return Hold(reason, job.HOLD_UNABLE_TO_OPEN_OUTPUT, error)


def output_lost(detail: str, error: int = errno.ENOENT) -> Hold:
    """HTCondor's words for an output that ran but could not be brought back (recorded from 23.9.6)."""
    here = host()
    reason = (
        f"Transfer output files failure at access point {here} while receiving files from execution point "
        f"slot1@{here}. Details: {detail}"
    )
    return Hold(reason, job.HOLD_TRANSFER_OUTPUT, error)


def output_not_made(name: str, error: int = errno.ENOENT, more: str = "") -> Hold:
    """HTCondor's words for a wanted output that cannot be sent: it was not made, or is a link (recorded from 23.9.6)."""
    here = host()
    reason = (
        f"Transfer output files failure at execution point slot1@{here} while sending files to access point {here}. "
        f"Details: reading from file {name}: (errno {error}) {os.strerror(error)}{more}"
    )
    return Hold(reason, job.HOLD_TRANSFER_OUTPUT, error)


def input_lost(detail: str, error: int = errno.ENOENT) -> Hold:
    """HTCondor's words for an input that could not be sent (recorded from 23.9.6)."""
    here = host()
    reason = (
        f"Transfer input files failure at access point {here} while sending files to execution point slot1@{here}. "
        f"Details: {detail}"
    )
    return Hold(reason, job.HOLD_TRANSFER_INPUT, error)


def input_not_fetched(detail: str) -> Hold:
    """HTCondor's words for an input that could not be fetched by its URL on the execute node (recorded from 23.9.6)."""
    here = host()
    reason = (
        f"Transfer input files failure at execution point slot1@{here} while receiving files from access point {here}. "
        f"Details: Error from slot1@{here}: Failed to transfer files: {detail}"
    )
    return Hold(reason, job.HOLD_TRANSFER_INPUT, 0)


def no_folder(path: str, node: str) -> Hold:
    """HTCondor's words for a job whose folder the execute node does not have."""
    reason = (
        f"Error from slot1@{node or host()}: Cannot access initial working directory {path}: No such file or directory"
    )
    return Hold(reason, job.HOLD_IWD_ERROR, errno.ENOENT)


def not_executed(path: str, error: int, interpreter: str = "") -> Hold:
    """HTCondor's words for an executable that cannot be started (recorded from 23.9.6)."""
    why = f"invalid interpreter ({interpreter}) specified on first line of script " if interpreter else ""
    reason = f"Error from slot1@{host()}: Failed to execute '{path}': {why}(errno={error}: '{os.strerror(error)}')"
    return Hold(reason, job.HOLD_FAILED_TO_CREATE_PROCESS, error)


def host() -> str:
    """This host's name: the access point's, and the execution point's where we do not know it."""
    return socket.gethostname()
