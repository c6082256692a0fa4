"""Standard files and file transfer: ``input``, ``output``, ``error``, ``transfer_*``, ``should_transfer_files``, sizes."""

from __future__ import annotations

import os

from shims.jobad.job_ad import JobAd, full_path
from shims.jobad.machine_needs import container_image, set_methods
from shims.jobad.resources import size
from shims.submit.errors import SubmitError
from spool.classad import ads

_SHOULD = {
    "YES": "YES", "TRUE": "YES", "ALWAYS": "YES", "NO": "NO", "FALSE": "NO", "NEVER": "NO",
    "IF_NEEDED": "IF_NEEDED", "AUTO": "IF_NEEDED",
}  # fmt: skip
_WHEN = {
    "ON_EXIT_OR_EVICT": "ON_EXIT_OR_EVICT", "ALWAYS": "ON_EXIT_OR_EVICT", "ON_EXIT": "ON_EXIT", "ONEXIT": "ON_EXIT",
    "NONE": "NEVER", "NULL": "NEVER", "NEVER": "ON_EXIT", "ON_SUCCESS": "ON_SUCCESS", "ONSUCCESS": "ON_SUCCESS",
}  # fmt: skip


def set_input(job: JobAd) -> None:
    """``input``."""
    _set_standard(job, "input", "stdin", "In")


def set_output(job: JobAd) -> None:
    """``output``."""
    _set_standard(job, "output", "stdout", "Out")


def set_error(job: JobAd) -> None:
    """``error``."""
    _set_standard(job, "error", "stderr", "Err")


def _set_standard(job: JobAd, command: str, other: str, attribute: str) -> None:
    transfer, stream = f"Transfer{attribute}", f"Stream{attribute}"
    wanted = job.is_true(f"transfer_{command}", transfer, True)
    streams = job.is_true(f"stream_{command}", stream, False)
    name = job.macros.get(command, other) or "/dev/null"
    job.text(attribute, name)
    if wanted and name != "/dev/null":
        job.ad[stream] = "true" if streams else "false"
    else:
        job.ad[transfer] = "false"


def set_transfer(job: JobAd) -> None:
    """``should_transfer_files`` and everything that hangs on it. SubmitError for a contradiction."""
    inputs = _files(job.macros.get("transfer_input_files", "TransferInputFiles"))
    output_text = job.macros.get("transfer_output_files", "TransferOutputFiles")
    outputs = _files(output_text)
    image = container_image(job)
    inputs += [image] if image else []
    should, when = _policy(job, bool(inputs), bool(outputs) or output_text == '""')
    job.text("ShouldTransferFiles", should)
    if should != "NO":
        job.text("WhenToTransferOutput", when)
    if should != "YES":
        job.text("FileSystemDomain", job.surroundings.host)
    if should != "NO":
        if inputs:
            job.text("TransferInput", ",".join(inputs))
        if outputs or output_text == '""':
            job.text("TransferOutput", ",".join(outputs))
    elif job.universe not in (9, 10, 13) and job.is_true("transfer_executable", "TransferExecutable", False):
        raise SubmitError(
            "You explicitly requested that the executable be transfered, but for this to work, you must \n"
            "enable Condor's file transfer functionality.  You need to define either: \n"
            '"when_to_transfer_output = ON_EXIT" or "when_to_transfer_output = ON_EXIT_OR_EVICT".'
        )
    _set_sizes(job, inputs)
    remaps = job.macros.get("transfer_output_remaps", "TransferOutputRemaps")
    if remaps is not None:
        if len(remaps) < 2 or remaps[0] != '"' or remaps[-1] != '"':
            raise SubmitError(f"transfer_output_remaps must be a quoted string, not: {remaps}", lead="")
        job.text("TransferOutputRemaps", remaps[1:-1])
    set_methods(job)


def _files(text: str | None) -> list[str]:
    if text is None or text == '""':
        return []
    return [name for name in [part.strip(" \t") for part in text.split(",")] if name]


def _policy(job: JobAd, inputs: bool, outputs: bool) -> tuple[str, str]:
    """ShouldTransferFiles and WhenToTransferOutput, in HTCondor's words."""
    given = job.macros.get("ShouldTransferFiles", "should_transfer_files")
    should = "IF_NEEDED" if given is None else _SHOULD.get(given.upper(), "")
    if not should:
        raise SubmitError(
            f"invalid value ({given}) for ShouldTransferFiles. Please either specify \nYES, NO, or IF_NEEDED and try again. "
        )
    if should == "NO" and (inputs or outputs):
        names = (
            '"transfer_input_files" and "transfer_output_files",' if inputs and outputs else '"transfer_input_files",'
        )
        names = names if inputs else '"transfer_output_files",'
        raise SubmitError(
            wrapped(
                f"ERROR: you specified files you want Condor to transfer via {names} but you disabled should_transfer_files."
            )
        )
    wish = job.macros.get("WhenToTransferOutput", "when_to_transfer_output")
    when = "ON_EXIT" if wish is None else _WHEN.get(wish.upper(), "")
    if not when:
        raise SubmitError(
            wrapped(
                f"ERROR: invalid value ({wish}) for WhenToTransferOutput.  Please either specify ON_EXIT, or ON_EXIT_OR_EVICT"
                " and try again."
            )
        )
    if wish is None and should == "NO":
        when = "NEVER"
    if (should == "NO") != (when == "NEVER"):
        raise SubmitError(
            wrapped(
                f"ERROR: WhenToTransferOutput specified as {wish} yet ShouldTransferFiles defined as {given or should}."
                "  Please remove this contradiction from your submit file and try again."
            )
        )
    if when == "ON_EXIT_OR_EVICT" and should == "IF_NEEDED":
        if given is not None:
            raise SubmitError(wrapped(_INCOMPATIBLE).rstrip(" ") + "\n ")
        should = "YES"
    return should, when


_INCOMPATIBLE = (
    'ERROR: "when_to_transfer_output = ON_EXIT_OR_EVICT" and "should_transfer_files = IF_NEEDED" are incompatible.'
    "  The behavior of these two settings together would produce incorrect file access in some cases."
    "  Please decide which one of those two settings you're more interested in."
    ' If you really want "IF_NEEDED", set "when_to_transfer_output = ON_EXIT".'
    '  If you really want "ON_EXIT_OR_EVICT", please set "should_transfer_files = YES".'
    "  After you have corrected this incompatibility, please try running condor_submit again."
)


def wrapped(text: str, width: int = 78) -> str:
    """Words in lines the way HTCondor wraps its longer errors (each word is followed by a blank); without ``ERROR: ``."""
    out: list[str] = []
    used = 1  # the newline that HTCondor counts with the first word
    for word in text.split():
        if len(word) < width - used:
            used += len(word)
        else:
            out.append("\n")
            used = len(word)
        out.append(word)
        if used < width:
            out.append(" ")
            used += 1
        else:
            out.append("\n")
            used = 0
    return "".join(out)[7:]


def _set_sizes(job: JobAd, inputs: list[str]) -> None:
    """Sizes in KiB (DiskUsage) and MB (TransferInputSizeMB) of what goes with the job."""
    total = ads.number(job.lookup("ExecutableSize"))
    for name in inputs:
        total += kilobytes(full_path(name, job.iwd))
    if job.lookup("TransferIn") != "false":
        total += kilobytes(full_path(ads.string(job.lookup("In")), job.iwd))
    given = job.macros.get("disk_usage", "DiskUsage")
    if given is None:
        job.ad["TransferInputSizeMB"] = str(total // 1024)
        job.ad["DiskUsage"] = str(total)
        return
    usage = size(given, 1024)
    if usage is None or usage < 1:
        raise SubmitError(f"'{given}' is not valid for disk_usage. It must be >= 1", lead="")
    job.ad["DiskUsage"] = str(usage)


def kilobytes(path: str) -> int:
    """Size of a file in KiB, rounded up; 0 when it cannot be told (HTCondor does not complain here)."""
    try:
        return (os.stat(path).st_size + 1023) // 1024
    except (OSError, ValueError):
        return 0
