"""Differences that are wanted, each with its reason (docs/adr/0008 has the decisions)."""

from __future__ import annotations

from conforming.compare import Known

_RESOURCES = "what a job used of disk is measured by nobody here, and its slot is as large as the job asked for"

KNOWN = (
    Known(
        "two executables*",
        r"^-err (Warning: Use of multiple queue|This functionality will|how multiple queue|https:|$)",
        "a warning about a release to come is noise on stderr, which clients take for an error",
    ),
    Known(
        "condor_q -totals of a cluster", r"^-out $", "AliEn reads the totals by tail -n 1: the last line is not empty"
    ),
    Known(
        "condor_q of a running job",
        r"^[-+]out 2 [01] 1 1$",
        "HTCondor counts a start when the shadow reports it, up to minutes later; here it counts at once",
    ),
    Known(
        "condor_hold of a running job",
        r"^[-+]out 5 via condor_hold .* [01]$",
        "as above: NumJobStarts",
    ),
    Known("condor_release, and it runs again", r"^[-+]out [12] 1$", "as above: NumJobStarts"),
    Known(
        "what the log says, whole",
        r"^[-+]out \tDisk = |^[-+]out \tMemory = |\bMemory \(MB\) :|\bDisk \(KB\) :|\bCpus :",
        _RESOURCES,
    ),
    Known(
        "what the log says, whole",
        r"^-out \t(CondorScratchDir|GPUs) |^-out \t *GPUs :|TimeSlotBusy",
        "facts of a startd, which is not there",
    ),
    Known(
        "what the log says, whole",
        r"^[-+]out \t\d+ - (Run|Total) Bytes",
        "Work Queue counts the launch script's report as well",
    ),
    Known(
        "events of a job held, released, removed",
        r"^-out 006 ",
        "HTCondor looks at a job's memory while it runs, too; Work Queue tells of a task when it is over",
    ),
    Known(
        "events of jobs that run",
        r"^-out (040|021) ",
        "no events of the transfer of files: Work Queue tells of it when all is over",
    ),
)
