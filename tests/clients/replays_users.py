"""Replays of what people run themselves: workflow systems, generators, portals, shell scripts."""

from __future__ import annotations

from replaying import Replay, Step, json_ads, nothing

SUBMITTED = r"submitted to cluster (?P<cluster>\d+)\."

NEXTFLOW_JOB = """universe = vanilla
executable = .command.run
log = .command.log
getenv = true
request_cpus = 1
machine_count = 1
request_memory = 1 GB
request_disk = 1 GB
periodic_remove = (RemoteWallClockTime - CumulativeSuspensionTime) > 3600
+Site = "here"
queue
"""
NEXTFLOW_RUN = """#!/bin/bash
echo here > .command.out
n=0
while [ ! -e @here@/go ] && [ "$n" -lt 1200 ]; do sleep 0.1; n=$((n + 1)); done
printf 7 > .exitcode
exit 7
"""
NEXTFLOW_ROW = r"^ ID .*\n(?:.+\n)*? *@id@ +\S+ +\S+ +\S+ +\S+ +([UIRXCHE]) "

CROMWELL = """executable=/bin/bash
arguments=@here@/script
transfer_executable=False
log=@here@/execution.log
error=@here@/stderr
output=@here@/stdout
request_cpus=1
request_memory=100MB
request_disk=100000KB
queue
"""

# MadGraph writes its descriptions with 18 blanks before every line.
MADGRAPH = "\n".join(
    [" " * 18 + line for line in (
        "Executable = @here@/work.sh", "output = @here@/out", "error = @here@/err", "log = /dev/null", "arguments = 0 1 2",
        "environment = MG5=1;X=2", "Universe = vanilla", "notification = Error", "Initialdir = @here@", "should_transfer_files = YES",
        "when_to_transfer_output = ON_EXIT", "transfer_input_files = @here@/bad.sh", "", "queue 1",
    )]
) + "\n"  # fmt: skip
MADGRAPH_STATUS = (
    'ifThenElse(JobStatus==0,"U",ifThenElse(JobStatus==1,"I",ifThenElse(JobStatus==2,"R",ifThenElse(JobStatus==3,"X",'
    'ifThenElse(JobStatus==4,"C",ifThenElse(JobStatus==5,"H",ifThenElse(JobStatus==6,"E",string(JobStatus))))))))'
)
MADGRAPH_QUERY = f"condor_q @cluster@ -format '%-2s\\  ' 'ClusterId' -format '%-2s \\n' '{MADGRAPH_STATUS}'"

BASF2 = """executable = @here@/{program}
log = @here@/log
output = @here@/stdout
error = @here@/stderr
transfer_input_files = @here@/bad.sh, @here@/work.sh
universe = vanilla
arguments = ""
getenv = false
request_memory = 100 MB
queue 1
"""

# Ganga joins the jobs of a split one behind a preamble, and writes requirements twice, empty.
GANGA = """# Condor Description File created by Ganga
universe = vanilla
on_exit_remove = True
should_transfer_files = YES
when_to_transfer_output = ON_EXIT_OR_EVICT
transfer_executable = True
notification = Never
rank = Memory
error = stderr
output = stdout
log = condorLog
stream_output = false
stream_error = false
getenv = False
executable = @here@/condorWrapper
requirements =
# End preamble
#jobNo: 0.0

transfer_input_files = @here@/slow.sh
initialdir = @here@/0/
arguments = slow.sh
requirements =
queue


#jobNo: 0.1

transfer_input_files = @here@/slow.sh
initialdir = @here@/1/
arguments = slow.sh
requirements =
queue


"""

SPAWNER = """
Executable = /bin/sh
RequestMemory = 100
RequestCpus = 1
Arguments = \\"-c 'exec ./slow.sh'\\"
Remote_Initialdir = @here@
Output = @here@/.jupyterhub.condor.out
Error = @here@/.jupyterhub.condor.err
ShouldTransferFiles = False
GetEnv = True

Queue
""".replace('\\"', '"')
SPAWNER_QUERY = 'condor_q @cluster@ -format "%s, " JobStatus -format "%s" RemoteHost -format "\\n" True'

INTERLINK = """Executable = @here@/slow.sh
Log = @here@/log.$(Cluster).$(Process)
Output = @here@/out
Error = @here@/err
RequestMemory = 50
RequestCpus = 1
Queue 1
"""

PEGASUS = """# pegasus
universe = vanilla
executable = @here@/slow.sh
log = @here@/log
+pegasus_root_wf_uuid = "af-1"
+pegasus_wf_uuid = "af-1"
priority = 10
queue
"""

USERS = (
    Replay(
        "Nextflow", files={".command.condor": NEXTFLOW_JOB, ".command.run": NEXTFLOW_RUN},
        steps=(
            Step("condor_submit --terse .command.condor 2>&1", r"\A(?P<id>\d+\.\d+)[ -]"),
            Step("condor_q -nobatch", NEXTFLOW_ROW, "R", waits=True),
            Step("touch go", ""),
            Step("cat .exitcode .command.out", r"\A7here$", waits=True),
            Step("condor_submit - -terse < .command.condor", r"\A(?P<id>\d+\.\d+)[ -]"),
            Step("condor_rm @id@", ""),
            Step("condor_q @id@ -af JobStatus", nothing, "nothing", waits=True),
        ),
    ),
    Replay(
        "Cromwell", files={"jdl": CROMWELL, "script": "#!/bin/bash\necho done > rc; sleep 300\n"},
        steps=(
            Step("chmod 755 script; condor_submit jdl", r"(?s).*cluster (?P<cluster>\d+)..*"),
            Step("condor_q @cluster@ > /dev/null", ""),
            Step("condor_q @cluster@ -af JobStatus", r"^2$", waits=True),
            Step("condor_rm @cluster@", ""),
        ),
    ),
    Replay(
        "MadGraph5_aMC", files={"jdl": MADGRAPH},
        steps=(
            Step("condor_submit < jdl 2> said; cat said >&2; test ! -s said", r"submitted to cluster (?P<cluster>\d*)"),
            Step(f"{MADGRAPH_QUERY} 2>&1", r"\A(?:@cluster@\s+(I|R|C)\s+)?\Z"),
            Step("cat out", r"\Awork 0 1 2\n\Z", waits=True),
            Step(f"{MADGRAPH_QUERY} 2>&1", nothing, "nothing", waits=True),
            Step("sed s/work.sh/slow.sh/ jdl > slow; condor_submit slow", r"submitted to cluster (?P<cluster>\d*)"),
            Step(f"{MADGRAPH_QUERY} 2>&1", r"\A@cluster@ +(R) +\n\Z", waits=True),
            Step("condor_rm @cluster@ 2>&1", r"@cluster@"),
        ),
    ),
    Replay(
        "basf2", files={"jdl": BASF2.format(program="bad.sh"), "slow": BASF2.format(program="slow.sh")},
        steps=(
            Step("condor_submit -terse jdl 2>&1", r"\A(?P<id>\S+) - "),
            Step("condor_history -json -attributes GlobalJobId,JobStatus,ExitCode @id@",
                 json_ads("JobStatus", "ExitCode"), "4,3", waits=True),
            Step("condor_history -json -attributes GlobalJobId,JobStatus @user@ -limit 1", r'"GlobalJobId": "[^#"]+#@id@#\d+"'),
            Step("condor_submit -terse slow 2>&1", r"\A(?P<id>\S+) - "),
            Step("condor_q -json -attributes GlobalJobId,JobStatus,Owner @user@", json_ads("JobStatus", "Owner"), "2,@user@", waits=True),
            Step("condor_q -json -attributes GlobalJobId,JobStatus -allusers", r'"GlobalJobId": "[^#"]+#@id@#\d+"'),
            Step("condor_q -json -attributes GlobalJobId,JobStatus,HoldReason @id@", json_ads("JobStatus", "HoldReason"), "2,None"),
            Step("condor_rm @id@", ""),
        ),
    ),
    Replay(
        "Ganga 8.2",
        files={"__cdf__": GANGA, "condorWrapper": "#!/bin/sh\n./$1"},
        steps=(
            Step("mkdir 0 1; condor_submit -v __cdf__ 2>&1",
                 r"(?s)^\*\* Proc (?P<one>\d+\.0):\n.*?^Iwd = \"@here@/0/\"\n.*^\*\* Proc (?P<two>\d+\.1):\n"),
            # What it makes of its option spool: the last word is the description.
            Step("condor_submit -v - s p o o l __cdf__ 2>&1", r"^\*\* Proc (?P<odd>\d+)\.0:$"),
            Step("condor_rm @odd@ 2>&1", ""),
            Step('condor_q -format "%s " GlobalJobId @one@ @two@', r"\A(?P<first>\S+#@one@#\d+) (?P<second>\S+#@two@#\d+) \Z"),
            Step(
                'condor_q -global -format "%s " GlobalJobId -format "%s " RemoteHost -format "%d " JobStatus -format "%f\\n" RemoteUserCpu',
                r"^@first@ \S+ (2) [\d.]+$", "2", waits=True,
            ),
            Step("condor_rm -name @host@ @one@", ""),
            Step("cat 0/condorLog", r"^\.\.\.\n009 .* Job was aborted", waits=True),
            Step("condor_rm -name @host@ @two@; condor_q -name @host@ -format '%s ' GlobalJobId", nothing, "nothing", waits=True, status=0),
        ),
    ),
    Replay(
        "BatchSpawner", files={"jdl": SPAWNER},
        steps=(
            Step("condor_submit < jdl", r".*submitted to cluster (?P<cluster>[0-9]+)"),
            Step(SPAWNER_QUERY, r"\A2, .*@([^ ]*)\n\Z", "@host@", waits=True),
            Step("condor_rm @cluster@", ""),
            Step(SPAWNER_QUERY, nothing, "nothing", waits=True),
        ),
    ),
    Replay(
        "InterLink", files={"jdl": INTERLINK},
        steps=(
            Step("condor_submit -pool @host@ -remote @host@ jdl -spool", r" (?P<cluster>\d+)\.\n\Z"),
            Step("condor_q @cluster@ --json", json_ads("JobStatus"), "2", waits=True),
            Step("condor_status --json", json_ads("State", "DynamicSlot"), "Claimed,True Unclaimed,None", waits=True),
            Step("condor_status -autoformat Cpus Memory", r"^3 \d+\n1 50$", waits=True),
            Step("condor_rm @cluster@", r"All|removed"),
        ),
    ),
    Replay(
        "Pegasus", files={"jdl": PEGASUS},
        steps=(
            Step("condor_version", r"\$CondorVersion:\s*([0-9]+[.][0-9]+[.][0-9]+)"),
            Step("condor_config_val FULL_HOSTNAME", r"\S"),
            Step("condor_config_val DAGMAN_COPY_TO_SPOOL", r"^(?i:true|false)$"),
            Step("condor_submit -terse jdl", r"\A(?P<id>[\d.]+) - "),
            Step("""condor_q -constraint 'pegasus_root_wf_uuid == "af-1"' -json""", json_ads("JobStatus", "JobPrio"), "2,10", waits=True),
            Step("condor_rm @id@", ""),
        ),
    ),
    Replay(
        "shell scripts with condor_wait", files={"jdl": "executable = @here@/work.sh\nlog = @here@/log\noutput = @here@/out\nqueue 2\n"},
        steps=(
            Step("condor_wait -wait 1 log", "", status=1),
            Step("condor_submit jdl | tee said; condor_wait -wait 90 log", r"^All jobs done\.$"),
            Step("condor_wait log $(grep -o '[0-9][0-9]*\\.$' said)0 && cat out", r"^work"),
            Step("sed s/work.sh/slow.sh/ jdl > slow; condor_submit slow", SUBMITTED),
            Step("condor_wait -wait 1 log @cluster@", r"Time expired", status=1),
            Step("condor_rm @cluster@; condor_wait -wait 90 log @cluster@", r"^All jobs done\.$"),
        ),
    ),
)  # fmt: skip
