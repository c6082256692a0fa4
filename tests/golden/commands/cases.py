"""Command lines of the smaller commands; ``scripts/record-golden commands`` asks HTCondor about them."""

# ruff: noqa: E402 - a command line a line reads best whole
from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from case import Case

PREPARE = "export TZ=UTC"

_HOST = "<127.0.0.1:9618?addrs=127.0.0.1-9618&alias=vm&noUDP&sock=schedd_1_2>"
_SUBMITTED = f"000 (012.000.000) 2026-11-20 12:00:00 Job submitted from host: {_HOST}\n...\n"
_RUNNING = f"001 (012.000.000) 2026-11-20 12:00:01 Job executing on host: {_HOST}\n\tSlotName: slot1@vm\n...\n"
_ENDED = """\
005 (012.000.000) 2026-11-20 12:00:05 Job terminated.
	(1) Normal termination (return value 3)
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Total Remote Usage
		Usr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
	0  -  Run Bytes Sent By Job
	0  -  Run Bytes Received By Job
	0  -  Total Bytes Sent By Job
	0  -  Total Bytes Received By Job
...
"""
_ABORTED = "009 (014.000.000) 2026-11-20 12:00:01 Job was aborted.\n\tvia condor_rm (by user u1)\n...\n"
_HELD = "012 (012.000.000) 2026-11-20 12:00:03 Job was held.\n\tbecause of this\n\tCode 1 Subcode 0\n...\n"
_DONE = _SUBMITTED + _RUNNING + _ENDED


def _as(text: str, cluster: str) -> str:
    return text.replace("012.000", cluster)


LOGS = {
    "one.log": _DONE,
    "run.log": _SUBMITTED + _RUNNING,
    "held.log": _SUBMITTED + _HELD,
    "mixed.log": _DONE + _as(_SUBMITTED + _RUNNING, "013.000"),
    "all.log": _DONE + _as(_DONE, "013.000") + _as(_SUBMITTED, "014.000") + _ABORTED,
    "procs.log": _SUBMITTED + _as(_SUBMITTED, "012.001") + _ENDED,
    "empty.log": "",
    "old.log": _DONE.replace("2026-11-20", "11/20"),
    "cut.log": _SUBMITTED + _RUNNING + _ENDED[:-40],
    "bad.log": "garbage\n",
}

WAIT = [
    "one.log",
    "-status one.log",
    "-status all.log",
    "-echo one.log",
    "-echo old.log",
    "-echo:ISO_DATE one.log",
    "-echo:UTC one.log",
    "-echo:ISO_DATE,UTC one.log",
    "-echo:strange one.log",
    "-status -echo all.log 13",
    "-status -echo all.log 14.0",
    "-status held.log -wait 1",
    "-echo held.log -wait 1",
    "one.log 12",
    "one.log 12.0",
    "one.log 12.0.0",
    "one.log 12.",
    "one.log 12.1",
    "one.log 13",
    "one.log 0",
    "-wait 1 run.log",
    "-wait 1 run.log 13",
    "-wait 1 mixed.log",
    "-wait 1 mixed.log 12",
    "-wait 1 mixed.log 13",
    "-wait -1 run.log",
    "-wait 1 cut.log",
    "-wait 1 empty.log",
    "-wait 1 bad.log",
    "-wait 1 procs.log",
    "procs.log 12.0",
    "-wait 1 procs.log 12.1",
    "-num 1 mixed.log",
    "-num 1 -status mixed.log",
    "-num 2 -wait 1 mixed.log",
    "-num 3 all.log",
    "-num 1 all.log 13",
    "-num 5 -wait 1 one.log",
    "-all -wait 1 one.log",
    "-allevents -echo -wait 1 one.log",
    "-allevents -num 1 one.log",
    "-num 0 one.log",
    "-num x one.log",
    "-num",
    "-wait",
    "",
    "-foo one.log",
    "one.log x",
    "one.log .0",
    "one.log ''",
    "one.log 12 13",
    "nothere.log",
    "-help",
]
CONFIG = [
    "PER_JOB_HISTORY_DIR",
    "nosuch",
    "nosuch also",
    "DAGMAN_COPY_TO_SPOOL",
    "dagman_copy_to_spool",
    "DAGMAN_COPY_TO_SPOOL nosuch",
    "nosuch DAGMAN_COPY_TO_SPOOL",
    "MOUNT_UNDER_SCRATCH",
    "-verbose DAGMAN_COPY_TO_SPOOL",
    "-v nosuch",
    "-schedd nosuch",
    "-schedd DAGMAN_COPY_TO_SPOOL",
    "-raw DAGMAN_COPY_TO_SPOOL",
    "-expanded DAGMAN_COPY_TO_SPOOL",
    "-evaluate DAGMAN_COPY_TO_SPOOL",
    "-master DAGMAN_COPY_TO_SPOOL",
    "-mixedcase DAGMAN_COPY_TO_SPOOL",
    "-subsystem SCHEDD DAGMAN_COPY_TO_SPOOL",
    "-local-name x DAGMAN_COPY_TO_SPOOL",
    "-macro x",
    "''",
    "-pool",
    "-name",
]
_NOW = 1795184000


def _rolled(**more: str) -> str:
    common = {
        "PartitionableSlot": "true",
        "SlotType": '"Partitionable"',
        "TotalCpus": "8.0",
        "TotalMemory": "2000",
        "TotalSlotMemory": "2000",
        "TotalSlotCpus": "8",
    }
    return _slot("slot1@headnode", "headnode", **{**common, **more})


def _slot(name: str, machine: str, **more: str) -> str:
    ad = {
        "MyType": '"Machine"', "TargetType": '"Job"', "Name": f'"{name}"', "Machine": f'"{machine}"', "OpSys": '"LINUX"',
        "Arch": '"X86_64"', "OpSysAndVer": '"LINUX"', "State": '"Unclaimed"', "Activity": '"Idle"', "LoadAvg": "0.0",
        "CondorLoadAvg": "0.0", "Memory": "1000", "Cpus": "2", "Disk": "5000", "MyCurrentTime": str(_NOW),
        "LastHeardFrom": str(_NOW), "EnteredCurrentActivity": str(_NOW - 100), "EnteredCurrentState": str(_NOW - 4000),
        **more,
    }  # fmt: skip
    return "".join([f"{attribute} = {text}\n" for attribute, text in ad.items()]) + "\n"


_CLAIMED = {
    "DynamicSlot": "true",
    "SlotType": '"Dynamic"',
    "State": '"Claimed"',
    "Activity": '"Busy"',
    "Cpus": "1",
    "CondorLoadAvg": "1.0",
}
ADS = {
    "pool.ads": _slot(
        "slot1@headnode", "headnode", PartitionableSlot="true", SlotType='"Partitionable"', Cpus="12", Memory="123456"
    )
    + _slot("slot1_1@wn1.example.org", "wn1.example.org", Memory="500", **_CLAIMED)
    + _slot("slot1_2@wn2.example.org", "wn2.example.org", EnteredCurrentActivity=str(_NOW - 90000), **_CLAIMED),
    "one.ads": _slot("slot1@h", "h", PartitionableSlot="true"),
    "no.ads": "",
    "free.ads": _rolled(NumDynamicSlots="0", ChildMemory="{  }", Cpus="8", Memory="2000"),
    "some.ads": _rolled(
        NumDynamicSlots="1",
        ChildMemory="{ 300 }",
        ChildState='{ "Claimed" }',
        ChildCpus="{ 1 }",
        Cpus="7",
        Memory="1700",
    )
    + _slot("slot1_1@wn1", "wn1", **_CLAIMED),
    "full.ads": _rolled(
        NumDynamicSlots="1",
        ChildMemory="{ 300 }",
        ChildState='{ "Claimed" }',
        ChildCpus="{ 8 }",
        Cpus="0",
        Memory="1700",
    )
    + _slot("slot1_1@wn1", "wn1", **_CLAIMED),
}
STATUS = [
    "pool.ads",
    "one.ads",
    "no.ads",
    "pool.ads -total",
    "one.ads -total",
    "no.ads -total",
    "pool.ads -state",
    "one.ads -state",
    "no.ads -state",
    "pool.ads -avail",
    "pool.ads -slots",
    "pool.ads -avail -total",
    "pool.ads -claimed -af Name",
    "pool.ads -claimed -total",
    "pool.ads -af Name Cpus Memory",
    "pool.ads -autoformat Cpus Memory",
    "pool.ads -af:h Name Cpus",
    "pool.ads -af:t Machine Name State Activity TardisDroneUuid 'Cpus*2' -constraint 'PartitionableSlot=?=True'",
    "pool.ads -format 'Name = %V\\n' Name -format 'SlotType = %V\\n\\n' SlotType",
    "pool.ads -format '%s\\n' Machine -constraint 'Cpus > 4'",
    "pool.ads -json",
    "no.ads -json",
    "one.ads -xml",
    "no.ads -xml",
    "one.ads -l",
    "no.ads -l",
    "pool.ads -json -attributes Name,State,Cpus,Memory,DynamicSlot",
    "pool.ads -l -attributes Name",
    "pool.ads -const foo==1",
    "pool.ads -const foo==1 -json",
    "pool.ads -const 'Cpus == 1'",
    "pool.ads wn1.example.org",
    "pool.ads slot1@headnode -af Name",
    "pool.ads -limit 1 -af Name",
    "pool.ads -sort Cpus -af Name",
    "pool.ads -sort Memory -af Name Memory",
    "pool.ads -sort -Memory -af Name Memory",
    "pool.ads -af",
    "free.ads -compact",
    "some.ads -compact",
    "full.ads -compact",
    "no.ads -compact",
]


def _cases() -> list[Case]:
    cases = [
        Case(f"w{at:03d}", f"condor_wait {line}", {name: text for name, text in LOGS.items() if name in line})
        for at, line in enumerate(WAIT)
    ]
    cases += [
        Case(
            f"s{at:03d}",
            f"condor_status -ads {line}",
            {name: text for name, text in ADS.items() if name in line},
            differs="-state: its totals' first column is always 0" if "-state" in line else "",
        )
        for at, line in enumerate(STATUS)
    ]
    return cases + [Case(f"v{at:03d}", f"condor_config_val {line}", {}) for at, line in enumerate(CONFIG)]


CASES = _cases()
