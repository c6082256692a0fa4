"""Command lines for condor_q and condor_history over given job ads. ``scripts/record-golden query`` asks HTCondor about them.

HTCondor reads the ads from files (``-jobads``, ``-file``), so that nothing depends on what is in its queue; the test puts
the same ads into a spool. Not here: what condor_q does with files only (it takes one id, no -limit, and any constraint).
"""

# ruff: noqa: E501, E402 - a command line a line reads best whole
from __future__ import annotations

import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from case import Case

NOW = 1795179849
"""The time of the queries: ServerTime in the ads."""
SUBMITTED = NOW - 100
PREPARE = "export TZ=UTC"

BASE = dict(line.split(" = ", 1) for line in (HERE / "base.ad").read_text().splitlines())
"""A grid job of 23.9.6 as ``condor_q -l`` printed it, without what differs from job to job."""


def _ad(cluster: int, proc: int = 0, status: int = 1, **changes: str | None) -> dict[str, str]:
    ad = dict(BASE)
    ad.update(
        ClusterId=str(cluster),
        ProcId=str(proc),
        JobStatus=str(status),
        QDate=str(SUBMITTED),
        GlobalJobId=f'"vm#{cluster}.{proc}#{SUBMITTED}"',
        EnteredCurrentStatus=str(SUBMITTED + 5),
        ServerTime=str(NOW),
    )
    for name, text in changes.items():
        if text is None:
            ad.pop(name, None)
        else:
            ad[name] = text
    return ad


_DEEP = '"/a/b/' + 60 * "x" + "/" + 80 * "y" + '"'
ADS: dict[str, list[dict[str, str]]] = {
    "states": [
        _ad(1, Args='"a b c"', Arguments=None),
        _ad(12, 3, 2, JobPrio="1000", ShadowBday=str(SUBMITTED + 10), MemoryUsage="12345"),
        _ad(123, 0, 5, HoldReason='"because of this"', HoldReasonCode="1", JobPrio="-20"),
        _ad(124, 0, 3, ImageSize="5000000"),
        _ad(125, 0, 4, CompletionDate=str(SUBMITTED + 50), RemoteWallClockTime="99.0", JobUniverse="5", ExitCode="0"),
        _ad(126, 0, 6, ShadowBday=str(SUBMITTED)),
        _ad(127, 0, 7, ShadowBday=str(SUBMITTED)),
        _ad(128, JobDescription='"my desc"', Cmd=_DEEP, Arguments="\"one 'two three' four\""),
        _ad(129, Cmd=_DEEP, Arguments="\"one 'two three' four\"", GridJobStatus='"PENDING"', GridJobId='"awq 129.0"'),
        _ad(130, 0, 2, RemoteHost='"slot1@node"', JobUniverse="5", ShadowBday=str(SUBMITTED)),
        _ad(131, 0, 5, LastRemoteWallClockTime="77.0", JobUniverse="5", HoldReasonCode="34", LastRemoteHost='"n"'),
        _ad(132, 0, 2, MemoryUsage="((ResidentSetSize + 1023) / 1024)", ResidentSetSize="7500"),
        _ad(133, 0, 1, MemoryUsage="((ResidentSetSize + 1023) / 1024)", GridResource='"batch slurm"'),
        _ad(134, 0, 1, GridResource='"gt2 https://ce.example.org:2119/jobmanager-pbs"', JobUniverse="9"),
    ],
    "names": [
        _ad(7, Owner='"averyveryverylongownername"', JobPrio="5"),
        _ad(8, 0, 2, ShadowBday=str(SUBMITTED - 90000)),
    ],
    "wide": [_ad(12345, 1000, MemoryUsage="100000"), _ad(123456, 0, 2, ShadowBday=str(SUBMITTED))],
    "batches": [
        *[_ad(1, proc, int(status), TotalSubmitProcs="9") for proc, status in enumerate("1122557")],
        _ad(2, JobBatchName='"batch x"'),
        _ad(2, 7, 6, JobBatchName='"batch x"'),
        _ad(3, 0, 2, JobBatchName='"batch x"', TotalSubmitProcs="3"),
        _ad(4, 0, 4, JobBatchName='"a very long batch name that goes on and on"'),
        _ad(5, TotalSubmitProcs=None),
        _ad(6, Owner='"someoneelse12345"', JobBatchName='"batch x"'),
        _ad(7, 5, 3, TotalSubmitProcs="123456789"),
    ],
    "owners": [_ad(1, Owner='"alice1"'), _ad(2, Owner='"bob"', JobBatchName='"nightly"')],
    "few": [_ad(1, proc, int(status), TotalSubmitProcs="3") for proc, status in enumerate("124")],
    "types": [
        _ad(
            58,
            Foo="1 + 2",
            MyReal="2.5",
            MyBool="true",
            MyStr='"a \\"quoted\\" back\\slash <&> \'x\'"',
            MyList='{ 1,"x",3.5,2 + 3 }',
            MyAd='[ a = 1; b = "x"; c = { 1,2 } ]',
            MyUndef="undefined",
            MyErr="error",
            MyBig="1E+30",
            MyNeg="-5",
            MyNegReal="-5.5",
            MyRef="RequestMemory * 2",
            MyTern='Foo > 2 ? "yes" : "no"',
            MyElvis="nothere ?: 7",
            MyFn='strcat("a",string(ClusterId))',
            MyIs="JobStatus =?= 1 && nothere =!= 5",
            MyWhole="100.0",
            MyTiny="0.001",
            MyPi="3.141592653589793",
            MyZero="0.0",
            RequestMemory="2048",
            mycase='"lower"',
        ),
        _ad(58, 1, 2, MyStr='"other"', HoldReason='"r"', Foo="7"),
        _ad(60, 0, 5, HoldReasonCode="3", HoldReasonSubCode="0", HoldReason='"policy"'),
    ],
}


def text_of(ads: list[dict[str, str]]) -> str:
    """The ads in long form, as ``-jobads`` reads them."""
    return "\n".join(["".join([f"{name} = {value}\n" for name, value in ad.items()]) for ad in ads])


def history_of(ads: list[dict[str, str]]) -> str:
    """The ads as a history file."""
    banner = "*** Offset = 0 ClusterId = {ClusterId} ProcId = {ProcId} Owner = {Owner} CompletionDate = 1\n"
    return "".join([text_of([ad]) + banner.format(**ad) for ad in ads])


TABLES = [
    "-nobatch",
    "-run",
    "-hold",
    "-idle",
    "-grid",
    "-batch",
    "",
    "-nobatch -const 'JobStatus>2'",
    "-nobatch 12",
    "-run -nobatch",
    "-hold -nobatch",
    "-nobatch -allusers",
    "-batch -const 'ProcId<3'",
    "-batch -hold",
    "-run -const false",
    "-nobatch 99999",
    "99999",
    "nobody",
    "-nobatch u1",
    "12.3",
    "-nobatch -cputime",
    "-nobatch -cumulative-time",
    "-nobatch -currentrun",
    "-nobatch -wide:50",
    "-nobatch -wide:200",
    "-nobatch -wide",
    "-wide:60",
    "-hold -wide:40",
]
OTHERS = {
    "names": ["-nobatch", "-batch", "-run", "-grid", "-hold"],
    "wide": ["-nobatch", "-batch", "-run", "-grid", "-idle", "-hold", ""],
    "batches": [
        "-batch",
        "-batch -hold",
        "-batch -const 'ProcId<3'",
        "-batch 1",
        "-batch 1.0",
        "-batch 2",
        "-idle",
        "-batch 7",
    ],
    "owners": ["-batch", "alice1", "bob", "Bob -nobatch"],
    "few": ["-batch", "-batch 1.1", "-batch -const true"],
}
CLIENTS = [  # as the clients in their sources do it
    '-format "%d " ClusterId -format "HoldReason=%s " HoldReasonCode -format "%s " GridJobId -format "%s \\n" Cmd',
    '-format "%s " GridJobId -format "HoldReason=%s " HoldReasonCode -format "%s \\n" GridJobStatus',
    '-constraint "JobStatus==1 || JobStatus==2" -format "%d " ClusterId -format "%s \\n" Cmd',
    '-constraint "JobStatus==1"',
    "-const 'JobStatus < 3' -af JobStatus GridResource",
    "-const 'JobStatus < 3' -af JobStatus -format local_pool GridResource",
    "12.3 123.0 -af:jr JobStatus",
    "12.3 123.0 -af:t JobStatus ClusterId ProcId",
    "124 -autoformat:, ProcId JobStatus ExitStatus ExitBySignal CompletionDate",
    "125.0 -af:lng ClusterId ProcId JobStatus ExitCode ExitStatus HoldReason RemoveReason MemoryUsage RemoteHost -limit 5",
    "12.3 123.0 -attributes ClusterId,ProcId,JobStatus,HoldReasonCode,HoldReasonSubCode,HoldReason -json",
    '-json -constraint "JobStatus == 5" -attributes HoldReasonCode',
    "-af:j JobStatus HoldReasonCode HoldReason",
    '-format "%s " GlobalJobId -format "%s " RemoteHost -format "%d " JobStatus -format "%f\\n" RemoteUserCpu',
    '125 -format "%d" ClusterId -format "," ALWAYS -format "%d" JobStatus -format "," ALWAYS -format "%f" RemoteSysCpu'
    ' -format "," ALWAYS -format "%d" ExitBySignal -format "," ALWAYS -format "%d" ExitCode -format "\\n" ALWAYS',
    '-format "ClusterId = %V\\n" ClusterId -format "HoldReasonCode = %V\\n\\n" HoldReasonCode',
    "123 -long",
    "-json -attributes ClusterId,JobStatus,ExitStatus,ExitCode,UserLog 125",
    """12.3 -format '%-2s\\  ' 'ClusterId' -format '%-2s \\n' 'ifThenElse(JobStatus==0,"U",ifThenElse(JobStatus==2,"R",string(JobStatus)))'""",
    '-format "%s" "ClusterId" -format "%s" "JobStatus" -xml -constraint "JobStatus == 5"',
    "-l -attr ClusterId -attr Owner -xml 1",
    '-format "%d " ClusterId -format "%s " Owner -format "%d " JobStatus -format "%s " Cmd -format "%s " ExitStatus'
    ' -format "%s\\n" EnteredCurrentStatus',
    "--json -attributes JobStatus 1",
    "-af ClusterId -",
    "99999 -json",
    "99999 -xml",
    "99999 -l",
    "99999 -af ClusterId",
    "-const 'JobStatus == 99' -json",
    "1 12.3 -l:new -attributes ClusterId,Owner",
]
VALUES = (
    "ClusterId MyReal MyStr MyList MyAd MyUndef Foo MyRef MyBool MyErr MyBig MyNeg MyNegReal MyTern MyElvis MyFn MyIs MyWhole "
    "MyTiny MyPi MyZero nothere mYcAsE 'MyStr + 1' 'ClusterId*2' 'strcat(Owner,\"x\")' 1.5 10.0 MY.Owner TARGET.Owner"
)
AUTOFORMATS = [
    f"-af{modifiers} {VALUES}"
    for modifiers in (
        "",
        ":r",
        ":V",
        ":lr",
        ":t",
        ":,",
        ":n",
        ":g",
        ":h",
        ":jh",
        ":l",
        ":lrng",
        ":j,",
        ":lV",
        ":hV",
        ":hr",
        ":jl",
        ":o",
    )
]
COLUMNS = [
    "-af '1 +' Owner",
    "-af Owner '1 +' JobStatus",
    "-af ''",
    "-af:h Owner JobStatus",
    "-af:j Owner -af:t JobStatus",
    "-af:h nothere HoldReason",
    "-format 'a%sb' Owner -af JobStatus",
    "-af:t Owner JobStatus -format '%d' ClusterId",
    "-format '%s\\n' Owner -format '%d' '1 +' -format '%s' Cmd",
]
FORMATS = [
    ("%d\\n", "MyBool MyReal MyStr Foo nothere MyUndef MyFn Foo+1 1/0 42 MyList"),
    (
        "%s\\n",
        "MyUndef nothere Foo MyRef MyBool MyReal MyErr MyList Foo+1 strcat(Owner,Owner) owner MY.Owner TARGET.Owner undefined "
        '"lit" 42 MyFn MyAd {1,2} 1/0 MyStr',
    ),
    ("%f\\n", "ClusterId MyReal MyBool MyStr nothere"),
    ("%v|\\n", "MyStr MyUndef nothere 1/0 MyList Foo undefined MyBig"),
    ("%V|\\n", "MyStr nothere MyList Foo MyAd"),
    ("%r|\\n", "Foo nothere MyStr MY.Owner MyList 1+1 true"),
    ("%R|\\n", "MyStr"),
    *[
        (text, "MyReal")
        for text in (
            "%.2f|\\n",
            "%10.2f|\\n",
            "%-10.1f|",
            "%e|\\n",
            "%g|",
            "%G|",
            "%a|",
            "%E|",
            "%+f",
            "% .1f|",
            "%010.2f|",
        )
    ],
    *[
        (text, "ClusterId")
        for text in (
            "%05d|\\n",
            "%x|",
            "%X|",
            "%+d|",
            "%5d|",
            "%-5d|",
            "%ld|",
            "%lld|",
            "%o|",
            "%%|\\n",
            "%%%d|",
            "%d|%%|",
            "%z",
            "%",
            "lit\\n",
            "%c|",
            "%p",
            "%*d",
            "%i",
            "%#x|",
            "%#o|",
            "%.3d|",
            "% d|",
            "%v|%%|",
            "%T|\\n",
            "%20T|",
            "%h|",
            "",
            "a\\tb\\nc\\q\\x41\\101 %d",
            "%5.3d|",
            "%'d|",
        )
    ],
    *[
        (text, "Owner")
        for text in (
            "%-10s|\\n",
            "%10s|",
            "%1s|",
            "%.1s|",
            "%5.1s|",
            "%s|%%|",
            "%20v|",
            "%-20V|",
            "%.1v|",
            "%10r|",
            "%S",
        )[:-1]
    ],
    *[(text, "MyUndef") for text in ("%5s|", "%5d|", "%5v|", "%-20V|", "%-7d|", "%6.2f|", "%9T|")],
    ("%u|", "MyNeg"),
    ("%x|", "MyNeg"),
    ("%Y|", "QDate"),
    ("%20Y|", "QDate"),
    ("%T|", "-5"),
    ("%Y|", "-5"),
    ("%T|", "5.7"),
    ("%T", "100000"),
    ("lit\\n", "nothere 1+"),
    ("%d\\n", "1+"),
    ("%-5d|\\n", "MyBool"),
    ("%.3v|\\n", "MyStr"),
    ("%20v|", "MyStr"),
    ("%g|", "MyBig"),
    ("%f|", "MyBig"),
]
DOCUMENTS = [
    "-l",
    "-json",
    "-xml",
    "-l 58.0",
    "-json -attributes ClusterId,MyReal,MyStr,MyList,MyAd,MyUndef,Foo",
    "-xml -attributes ClusterId,MyReal,MyStr,MyList,MyAd,MyUndef,Foo",
    "-l -attributes MyIs,mycase,nothere",
    "-json -af Foo+MyReal",
    "-l:json 60 -attributes ClusterId",
    "-l:xml 60 -attributes ClusterId",
    "-json -attributes nothere",
    "-xml -attributes nothere",
    "-l -attributes nothere",
    "-l:new 60 -attributes ClusterId,MyReal,Cmd",
]
CONSTRAINTS = [
    "JobStatus == 1",
    "JobStatus<3",
    "JobStatus == 1 || JobStatus == 2",
    "!(JobStatus == 1)",
    "ClusterId == 58 && ProcId == 1",
    "nothere",
    "JobStatus",
    '"x"',
    "1/0",
    "true",
    "false",
    'Owner == "U1"',
    'Owner =?= "U1"',
    "nothere =?= undefined",
    "MyReal > 2",
    "Foo == 3",
    "MyBool",
    'ClusterId >= 60 || MyStr == "other"',
    'regexp("^po", HoldReason)',
    "ServerTime - QDate > 50",
    "jobstatus == 5",
    "3 > JobStatus",
    "JobStatus =!= 5",
    "member(1, MyList)",
    "HoldReasonCode isnt undefined",
    "JobUniverse == 9 && (JobStatus == 5 || ProcId > 0)",
    "size(Owner) == 2",
    "MyAd.a == 1",
    "JobStatus == 1.0",
    "Clusterid==58||clusterid==60",
]
HISTORY = [
    "",
    "-limit 2",
    "-af:h ClusterId JobPrio",
    "-limit 2 -xml -attributes ClusterId",
    "-json -attributes ClusterId -limit 2",
    "-limit 1 -l -attributes ClusterId,Owner",
    "-const JobStatus==99 -xml",
    "-const JobStatus==99 -json",
    "-const JobStatus==99",
    "-forwards -limit 2 -af ClusterId",
    "12.3 -af ClusterId",
    "-const JobStatus==5 -af ClusterId",
    "-limit 1 -l",
    "nobody",
    "u1 -match 1",
    "-jsonl -attributes ClusterId,Owner -limit 2",
    "125 -af:j JobStatus ExitCode",
    "125 123 -backwards -match 1 -format '%d\\n' ClusterId",
    "-scanlimit 3 -af ClusterId",
    "-since 127 -af ClusterId",
    "-af '1 +'",
    "-const '1 +'",
    "-completedsince 5 -af ClusterId",
    "-constraint 'ClusterId==1 || ClusterId==125' -af ClusterId",
    "-match x -af ClusterId",
    "-af:jh ClusterId",
    "-xml -json",
]


def _cases() -> list[Case]:
    lines: list[tuple[str, str]] = [("states", line) for line in [*TABLES, *CLIENTS]]
    lines += [(name, line) for name, some in OTHERS.items() for line in some]
    lines += [("types", line) for line in [*AUTOFORMATS, *COLUMNS, *DOCUMENTS]]
    lines += [
        ("types", f"58.0 -format {shlex.quote(text)} {shlex.quote(name)}")
        for text, names in FORMATS
        for name in names.split()
    ]
    lines += [("types", f"-af:j JobStatus -const {shlex.quote(text)}") for text in CONSTRAINTS]
    cases = [
        Case(f"q{at:03d}", f"condor_q -jobads {name} {line}", {name: text_of(ADS[name])})
        for at, (name, line) in enumerate(lines)
    ]
    history = {"h": history_of(ADS["states"])}
    return cases + [Case(f"h{at:03d}", f"condor_history -file h {line}", history) for at, line in enumerate(HISTORY)]


CASES = _cases()
