"""Command lines over files: print-format files, job event logs, and the analysis of matches.

``scripts/record-golden views`` asks HTCondor about them. What it crashes on, or reads otherwise than it means, says ``differs``.
"""

# ruff: noqa: E402 - the path comes first
from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from case import Case

PREPARE = "export TZ=UTC"
_QUERY = runpy.run_path(str(HERE.parent / "query/cases.py"))
_LOGS = runpy.run_path(str(HERE.parent / "commands/cases.py"))["LOGS"]
ADS = {name: _QUERY["text_of"](_QUERY["ADS"][name]) for name in ("states", "few", "batches", "owners", "types")}
HISTORY = _QUERY["history_of"](_QUERY["ADS"]["states"])

# --- print-format files -------------------------------------------------------------------------------------------------

_TABLE = """\
# the default table
SELECT
   ClusterId     AS " ID"  NOSUFFIX WIDTH 5 PRINTF '%4d.'
   ProcId        AS " "    NOPREFIX WIDTH 3 PRINTF '%-3d'
   Owner         AS "OWNER"         WIDTH -14   PRINTAS OWNER
   QDate         AS "  SUBMITTED"   WIDTH 11    PRINTAS QDATE
   RemoteUserCpu AS "    RUN_TIME"  WIDTH 12    PRINTAS CPU_TIME
   JobStatus     AS ST                          PRINTAS JOB_STATUS
   JobPrio       AS PRI
   ImageSize     AS SIZE            WIDTH 4     PRINTAS MEMORY_USAGE
   HoldReason    AS WHY  OR ??
   Cmd           AS CMD             WIDTH -18   PRINTAS JOB_DESCRIPTION
WHERE JobStatus != 3
SUMMARY STANDARD
"""
_LABELS = """\
SELECT BARE LABEL SEPARATOR ': ' RECORDSUFFIX '\\n--\\n' FIELDPREFIX '' FIELDSUFFIX '\\n'
   ClusterId
   Owner AS who
   nothere OR ?
   JobStatus AS st PRINTAS JOB_STATUS
   QDate PRINTAS QDATE
   RequestMemory*2 AS twice PRINTF %6d
"""
_ALL = """\
SELECT NOTITLE FIELDPREFIX '|'
 ClusterId AS C WIDTH -10 PRINTF %d
 ClusterId AS D WIDTH AUTO LEFT
 Cmd AS CM WIDTH 3
 Cmd AS CM2 WIDTH 3 \\
   NOTRUNCATE
 JobUniverse AS UNIV PRINTAS JOB_UNIVERSE
 ImageSize AS IS PRINTAS READABLE_KB
 ImageSize AS IB PRINTAS READABLE_BYTES
 MyReal AS R OR ??
 RemoteWallClockTime AS RW PRINTAS RUNTIME
 JobStatus AS RAW PRINTAS JOB_STATUS_RAW
 ClusterId AS id PRINTAS JOB_ID
 Cmd AS BATCH PRINTAS BATCH_NAME OR _
 RemoteUserCpu AS CPU PRINTAS CPU_TIME
 Owner AS HOST PRINTAS REMOTE_HOST OR ??
 HoldReason AS HHHHHHHH OR ?? PRINTF %s
 HoldReasonCode AS HC OR ? PRINTF %3d
 HoldReasonCode AS HC WIDTH 5 OR ?? PRINTF %3d
 Cmd AS longcmd PRINTAS JOB_COMMAND TRUNCATE WIDTH 12
 GridResource AS gr PRINTAS GRID_RESOURCE OR **
 GridJobId AS gj PRINTAS GRID_JOB_ID OR 0
 GridJobStatus AS gs PRINTAS GRID_STATUS OR 00
 QDate AS date PRINTAS DATE
 RemoteWallClockTime AS time PRINTAS TIME
 JobMaterializePaused AS fm PRINTAS JOB_FACTORY_MODE
 Owner AS lst
"""
_SUMMARY = """\
SELECT NOTITLE
 Owner AS O
SUMMARY
  Jobs AS J
  Idle AS I PRINTF 'idle %d'
  nothere OR ?
"""
_WRONG = "SELECT NONSENSE\n Owner PRINTAS NOSUCH\n ClusterId AS c OR x\n"
_NO_EXPRESSION = "SELECT NOHEADER\n 1 + AS bad OR ?\n ClusterId\n"
_GROUPED = "SELECT\n ClusterId\n Owner\nGROUP BY\n Owner DESCENDING\n JobBatchName\n"
_LISTS = """\
SELECT NOHEADER FIELDPREFIX ' | '
 MyList PRINTAS MEMBER_COUNT OR _
 MyList PRINTAS STRINGS_FROM_LIST OR __
 MyList PRINTAS UNIQUE OR __
 JobUniverse PRINTAS BUFFER_IO_MISC
 RemoteUserCpu PRINTAS CPU_UTIL OR -
 RemoteUserCpu PRINTAS CPU_UTIL OR --
 Owner PRINTAS DAG_OWNER
 MyStr
 MyAd
 MyReal PRINTF %.1f
 MyBool PRINTF %d
 MyTern RIGHT
 Foo PRINTF %r
"""
FILES = {
    "table": _TABLE, "labels": _LABELS, "all": _ALL, "summary": _SUMMARY, "wrong": _WRONG, "noexpr": _NO_EXPRESSION,
    "grouped": _GROUPED, "lists": _LISTS, "unique": "SELECT UNIQUE\n Owner\nSUMMARY NONE\n",
    "headless": "Owner\n", "nowhere": "SELECT\n Owner\nWHERE 1 +\n", "cut": "SELECT\n Owner AS\n",
}  # fmt: skip
_PRINTED = [
    "states -print-format table", "states -pr table -allusers", "few -pr table -run", "few -pr table 99", "few -wide:40 -pr table",
    "states -pr table -json", "states -pr labels", "states -pr all", "states -pr summary", "few -pr wrong", "few -pr noexpr",
    "batches -pr grouped", "owners -pr grouped", "types -pr lists", "few -pr nofile", "few -pr", "few -pr -json", "few -pr !",
    "states -io", "states -goodput", "types -io -af ClusterId", "few -pr table -l", "few -pr table -xml",
]  # fmt: skip
_REFUSED = {
    "few -pr headless": "HTCondor crashes",
    "few -pr cut": "HTCondor crashes",
    "few -pr nowhere": "HTCondor prints all jobs",
    "few -pr unique": "HTCondor cannot do it with the ads of a file",
}
_HISTORIES = {
    "all": "SELECT NOHEADER\n ClusterId AS C\n ProcId NOPREFIX\n JobStatus AS ST PRINTAS JOB_STATUS\n Cmd AS CMD PRINTAS JOB_COMMAND\n"
    " HoldReason AS longerlonger\nSUMMARY STANDARD\n",
    "time": "SELECT\n ClusterId\n RemoteUserCpu PRINTAS CPU_TIME\n",
    "where": "SELECT\n ClusterId\nWHERE JobStatus == 1\n",
    "unique": "SELECT UNIQUE\n Owner\n",
}
_HISTORY_LINES = {
    "-pr all": "", "-wide -pr all": "", "-wide:30 -pr all": "", "-pr time": "", "-pr unique": "", "-pr nofile": "", "-pr": "",
    "-pr all -json": "", "-pr where": "HTCondor says that a right condition is none",
}  # fmt: skip

# --- slots, and what is matched with them -------------------------------------------------------------------------------

_LIMITS = (
    "(MY.Cpus > 0 && TARGET.RequestCpus <= MY.Cpus && MY.Memory > 0 && TARGET.RequestMemory <= MY.Memory && MY.Disk > 0"
    " && TARGET.RequestDisk <= MY.Disk && (TARGET.RequestGPUs =?= undefined || MY.GPUs >= TARGET.RequestGPUs))"
)


def _slot(name: str, **changes: str) -> dict[str, str]:
    return {
        "Activity": '"Idle"',
        "Arch": '"X86_64"',
        "Cpus": "2",
        "CondorPlatform": '"$CondorPlatform: X86_64-Debian_13 $"',
        "CondorVersion": '"$CondorVersion: 23.9.6 2026-07-12 PackageID: 23.9.6+dfsg-2.1+b10 $"',
        "Disk": "1000000",
        "EnteredCurrentActivity": "1795179000",
        "FileSystemDomain": '"vm"',
        "GPUs": "0",
        "HasFileTransfer": "true",
        "LastHeardFrom": "1795179849",
        "LoadAvg": "0.25",
        "Machine": f'"{name.partition("@")[2]}"',
        "MachineResources": '"Cpus Memory Disk GPUs"',
        "Memory": "24000",
        "MyAddress": '"<127.0.0.1:9618>"',
        "MyCurrentTime": "1795179849",
        "MyType": '"Machine"',
        "Name": f'"{name}"',
        "OpSys": '"LINUX"',
        "OpSysAndVer": '"Debian13"',
        "PartitionableSlot": "true",
        "Requirements": "START && (WithinResourceLimits)",
        "START": "true",
        "SlotID": "1",
        "State": '"Unclaimed"',
        "TotalSlotCpus": "2",
        "TotalSlotDisk": "1000000",
        "TotalSlotGPUs": "0",
        "TotalSlotMemory": "24000",
        "WithinResourceLimits": _LIMITS,
        **changes,
    }


_BIG = {"Cpus": "8", "Memory": "99999999", "OpSys": '"WINDOWS"', "TotalSlotCpus": "8", "SlotID": "1"}
_SMALL = {
    "Cpus": "1",
    "Memory": "100",
    "TotalSlotCpus": "1",
    "TotalSlotMemory": "100",
    "FileSystemDomain": '"other"',
    "SlotID": "2",
}
SLOTS = {
    "one": [_slot("slot1@vm")],
    "four": [
        _slot("slot1@big", **_BIG),
        _slot("slot2@big", **_SMALL),
        _slot("slot3@off", START="false", SlotID="3"),
        _slot("slot1@vm", Cpus="0", Memory="0"),
    ],
}
_ASKED = [
    "(TARGET.Arch == \"X86_64\") && (TARGET.OpSys == \"LINUX\") && (TARGET.Disk >= RequestDisk) && (TARGET.Memory >= RequestMemory)"
    " && ((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))",
    '((OpSys == "WINDOWS") && (Memory > 10)) && (TARGET.Arch == "X86_64") && (TARGET.Disk >= RequestDisk)',
    "TARGET.Memory >= 999999999 && TARGET.Cpus >= RequestCpus",
    '!(OpSys == "WINDOWS")',
    '(OpSys == "WINDOWS") || (Memory > 10)',
    "true", "false", "1", "TARGET.Memory", "Memory > 10 && false", "true && Memory > 10",
    '(false || Arch == "X86_64") && regexp("^LIN",OpSys)',
    "ifThenElse(Memory > 100,Cpus > 1,Cpus > 4)",
    "Memory > 100 ? Cpus > 1 : Cpus > 4",
    "(TARGET.Nope ?: 5) > 4 && Cpus > 0",
    "nothere > 5",
    "Cpus >= 1 || Cpus >= 2 || Cpus >= 8",
    '(Cpus >= 8 && Memory > 1) || (OpSys == "LINUX" && Disk > 1)',
    "MY.RequestCpus == 1 && TARGET.Cpus >= MY.RequestCpus",
    "time() > 5 && Memory > 1",
    'TARGET.Machine =!= "big" && TARGET.Machine != "vm"',
    'member(Arch,{ "X86_64","INTEL" })',
    "HasFileTransfer && undefined",
    "(((Cpus > 1)))",
    "CurrentTime > 0 || Cpus > 100",
    "Other && Cpus > 1",
]  # fmt: skip
_JOB = dict(_QUERY["ADS"]["few"][0])
_JOB.update(JobUniverse="5", RequestMemory="300", RequestDisk="DiskUsage", User='"u1@vm"')


def _job(proc: int, requirements: str, **changes: str) -> dict[str, str]:
    return {
        **_JOB,
        "ProcId": str(proc),
        "Requirements": requirements,
        "AutoClusterId": str(proc + 1),
        "Other": "TARGET.Cpus > 0 && MY.RequestDisk > 0",
        **changes,
    }


JOBS = {
    "asked": [_job(proc, text) for proc, text in enumerate(_ASKED)],
    "mixed": [
        _job(0, _ASKED[0]),
        _job(1, _ASKED[0], JobStatus="2", LastMatchTime="1795179000"),
        _job(2, _ASKED[2], LastRejMatchTime="1795179700", LastRejMatchReason='"no match found"'),
        _job(3, _ASKED[0], JobStatus="5", HoldReason='"of this"'),
        _job(4, _ASKED[0], RequestCpus="64"),
        _job(5, _ASKED[0], JobUniverse="9"),
        _job(6, _ASKED[0], JobStatus="3"),
    ],
}
_ANALYSES = [
    *[f"asked four -better-analyze 1.{proc}" for proc in range(len(_ASKED))],
    "mixed one -better-analyze", "mixed one -analyze", "mixed four -better-analyze", "mixed four -analyze", "mixed four -analyze:summary",
    "mixed four -analyze:sum -machine slot2@big", "mixed four -reverse-analyze", "mixed one -reverse-analyze", "mixed one -reverse 1.4",
    "mixed four -better-analyze:reverse", "mixed four -reverse -machine vm", "mixed four -unmatchable",
    "asked four -unmatchable -better-analyze", "asked four -unmatchable -af:j RequestCpus", "mixed four -better -mconstraint 'Cpus>4'",
    "mixed nofile -better-analyze", "mixed one -better-analyze 77",
]  # fmt: skip

# --- job event logs -----------------------------------------------------------------------------------------------------

_ID = "(012.000.000) 2026-11-20"
_EVICTED = f"""\
004 {_ID} 12:00:04 Job was evicted.
	(0) CPU times
		Usr 0 00:00:01, Sys 0 00:00:02  -  Run Remote Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
	0  -  Run Bytes Sent By Job
	0  -  Run Bytes Received By Job
...
"""
_KILLED = f"""\
005 {_ID} 12:01:40 Job terminated.
	(0) Abnormal termination (signal 9)
	(0) No core file
		Usr 0 00:01:01, Sys 1 00:00:02  -  Run Remote Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
		Usr 0 00:02:01, Sys 1 00:00:03  -  Total Remote Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
	0  -  Run Bytes Sent By Job
...
"""
_GROWN = (
    f"006 {_ID} 12:00:03 Image size of job updated: 4500\n\t5  -  MemoryUsage of job (MB)\n"
    "\t4400  -  ResidentSetSize of job (KB)\n...\n"
)
_RELEASED = f"013 {_ID} 12:00:05 Job was released.\n\tvia condor_release\n...\n"
LOGS = {
    **{name: _LOGS[f"{name}.log"] for name in ("one", "all", "procs", "held", "empty", "old", "cut")},
    "long": _LOGS["run.log"] + _GROWN + _EVICTED + _LOGS["held.log"].partition("...\n")[2] + _RELEASED
    + _LOGS["run.log"].partition("...\n")[2] + _KILLED,
}  # fmt: skip
_TOLD = (
    "-af:j JobStatus LastJobStatus EnteredCurrentStatus CompletionDate ExitCode ExitBySignal ExitSignal RemoteWallClockTime HoldReason"
    " HoldReasonCode NumSystemHolds RemoveReason ReleaseReason NumJobStarts ImageSize ResidentSetSize LastRemoteHost RemoteHost"
    " LastVacateTime RemoteUserCpu LastRemoteSysCpu GlobalJobId Owner Cmd"
)
_USERLOGS = [f"{name} {_TOLD}" for name in LOGS] + [
    "all", "all -nobatch", "held -hold", "all 13", "all -const 'JobStatus==3' -af ClusterId", "procs -totals", "nolog", "long -nobatch",
]  # fmt: skip
_MACHINE_TABLE = """\
SELECT
   Name AS Name WIDTH AUTO
   OpSys AS OpSys WIDTH -10
   Memory AS Mem PRINTAS READABLE_MB
   State AS St PRINTAS ACTIVITY_CODE
   EnteredCurrentActivity AS '  ActvtyTime' PRINTAS ACTIVITY_TIME
   LoadAvg PRINTAS LOAD_AVG
   CondorPlatform PRINTAS CONDOR_PLATFORM
   CondorVersion AS V PRINTAS CONDOR_VERSION
   OpSys AS P PRINTAS PLATFORM
   LastHeardFrom AS due PRINTAS DUE_DATE
   MachineResources PRINTAS MEMBER_COUNT
   EnteredCurrentActivity AS since PRINTAS ELAPSED_TIME
   MyCurrentTime AS date PRINTAS DATE
WHERE Cpus > 0
SUMMARY STANDARD
"""
_MACHINE_FILES = {
    "table": _MACHINE_TABLE,
    "bare": "SELECT NOHEADER\n Name\n ChildCpus\n",
    "unique": "SELECT UNIQUE\n Name\n",
}
_MACHINE_LINES = [
    "-pr table",
    "-pr bare",
    "-pr unique",
    "-pr nofile",
    "-pr",
    "-pr table -sort Memory",
    "-pr table -const 'Memory<1'",
]


def _cases() -> list[Case]:
    text_of = _QUERY["text_of"]
    cases = []
    for line in [*_PRINTED, *_REFUSED]:
        name, rest = line.split(" ", 1)
        files = {name: ADS[name], **FILES}
        cases.append(Case(f"p{len(cases):03d}", f"condor_q -jobads {name} {rest}", files, None, _REFUSED.get(line, "")))
    for line, differs in _HISTORY_LINES.items():
        cases.append(
            Case(f"h{len(cases):03d}", f"condor_history -file h {line}", {"h": HISTORY, **_HISTORIES}, None, differs)
        )
    for line in _ANALYSES:
        jobs, slots, rest = line.split(" ", 2)
        files = {jobs: text_of(JOBS[jobs])}
        if slots in SLOTS:
            files[slots] = text_of(SLOTS[slots])
        cases.append(Case(f"a{len(cases):03d}", f"condor_q -jobads {jobs} -slotads {slots} {rest}", files))
    for line in _USERLOGS:
        name = line.split(" ")[0]
        cases.append(
            Case(f"u{len(cases):03d}", f"condor_q -userlog {line}", {name: LOGS[name]} if name in LOGS else {})
        )
    for line in _MACHINE_LINES:
        files = {"four": text_of(SLOTS["four"]), **_MACHINE_FILES}
        cases.append(Case(f"m{len(cases):03d}", f"condor_status -ads four {line}", files))
    return cases


CASES = _cases()
