"""Replays of what brings pilots of the Grid: AliEn, JAliEn, Harvester, DIRAC, BLAH, glideinWMS, AutoPyFactory."""

from __future__ import annotations

from replaying import SCRIPTS, Replay, Step, json_ads, nothing, xml_ads

SUBMITTED = r"^1 job\(s\) submitted to cluster (?P<cluster>\d+)\.$"
PILOT = "executable = @here@/slow.sh\nlog = @here@/log\nrequest_memory = 50\n"

ALIEN_1 = """executable = @here@/slow.sh
arguments = --agent.startup.4711
output = @here@/out
error = @here@/err
log = @here@/log
environment=CONDOR_ID=$(Cluster).$(Process);ALIEN_JOBAGENT_ID=7;A=b=c;EMPTY=
queue
"""
ALIEN_2 = "universe = grid\ngrid_resource = condor ce.example.org ce.example.org:9619\n" + ALIEN_1
ALIEN_3 = """\tcmd = @here@/agent.startup.12
\toutput = @here@/out
\terror = @here@/err
\tlog = @here@/log
\tuniverse = grid
\tgrid_resource = condor ce.example.org ce.example.org:9619
\t+TransferOutput = ""
\tuse_x509userproxy = true
\tenvironment = "CONDOR_ID='$(Cluster).$(Process)' ALIEN_CM_AS_LDAP_PROXY='host.example.org:8084'"
\tperiodic_hold = JobStatus == 1 && \\
\t\tGridJobStatus =?= UNDEFINED && \\
\t\tCurrentTime - EnteredCurrentStatus > 1800
\tqueue 1"""
ALIEN_4 = """cmd = @here@/agent.startup.12
log = @here@/log
+TransferOutput = ""
universe = vanilla
+WantJobRouter = True
job_lease_duration = 7200
periodic_hold = JobStatus == 1 && \\
  ( GridJobStatus =?= undefined ) && CurrentTime - EnteredCurrentStatus > 1800
periodic_remove = CurrentTime - QDate > 172800
ShouldTransferFiles = YES
use_x509userproxy = true
environment = "ALIEN_CM_AS_LDAP_PROXY='host.example.org:8084'"
# from custom-classad.jdl
+WantExternalCloud = False
queue 1

"""
AGENT = {"agent.startup.12": SCRIPTS["slow.sh"]}
RUNS = Step("condor_q -af JobStatus", r"^2$", waits=True)
GENERATION_2 = 'condor_q -format "%s " GridJobId -format "HoldReason=%s " HoldReasonCode -format "%s \\n" GridJobStatus'

ALIEN = (
    Replay(
        "AliEn CONDOR.pm 2006", files={"jdl": ALIEN_1}, env={"_condor_CONDOR_Q_DASH_BATCH_IS_DEFAULT": "false"},
        steps=(
            Step("cat jdl | condor_submit"),
            Step("condor_q", r"4711"),
            Step("condor_q | grep 'agent.startup.4711$'", r"^\s*(?P<id>\S+)"),
            Step("condor_rm @id@", r"Job @id@ marked for removal"),
            Step("condor_q -af ClusterId", nothing, "nothing", waits=True),
        ),
    ),
    Replay(
        "AliEn CONDOR.pm 2011", files={"jdl": ALIEN_2},
        steps=(
            Step("cat jdl | condor_submit"),
            RUNS,
            Step(
                'condor_q -format "%d " ClusterId -format "HoldReason=%s " HoldReasonCode -format "%s " GridJobId -format "%s \\n" Cmd',
                r"^(?P<id>\d+) (?!HoldReason)\S.* @here@/slow.sh $",
            ),
            Step(f"{GENERATION_2} | grep -v undef | grep -v HoldReason | wc -l", r"^1$", waits=True),
            Step(f"{GENERATION_2} | grep -v undef | grep -v HoldReason | grep PENDING | wc -l", r"^0$"),
            Step("condor_q @id@ -af Environment Env", r"ALIEN_JOBAGENT_ID=7"),
            Step("condor_q", ""),
        ),
    ),
    Replay(
        "AliEn HTCONDOR.pm 2014", files={"jdl": ALIEN_3, **AGENT},
        steps=(
            Step("cat jdl | condor_submit"),
            Step(
                "condor_q @user@ -totals | tail -n 1", r"(\d+) idle,\s+(\d+) running,\s+(\d+) held,\s+(\d+) suspended", "0 1 0 0",
                waits=True,
            ),
            Step(
                'condor_q -constraint "JobStatus==1 || JobStatus==2" -format "%d " ClusterId -format "%s \\n" Cmd',
                r"(?i)^(\d+) .*(alien|agent.startup)",
            ),
            Step("condor_ping -verbose -name @host@ -pool @host@ WRITE", ""),
        ),
    ),
    Replay(
        "AliEn HTCONDOR.pm", files={"jdl": ALIEN_4, **AGENT},
        steps=(
            Step("( condor_submit $SUBMIT_ARGS jdl )", SUBMITTED),
            Step("condor_status -schedd -af totalRunningJobs totalIdleJobs", r"\A(\d+)\s+(\d+)\n\Z", "1 0", waits=True),
            Step("condor_status -schedd -af totalIdleJobs", r"(\d+)", "0"),
            Step('condor_q -constraint "JobStatus==1" -af ClusterId | wc -l', r"^0$"),
            Step("rm agent.startup.12; condor_submit jdl", status=1),
        ),
    ),
    Replay(
        "JAliEn HTCONDOR.java", files={"htc-submit.1.jdl": ALIEN_3.replace("\t", ""), **AGENT},
        steps=(
            Step('/bin/bash -c "condor_submit  @here@/htc-submit.1.jdl" 2>&1 < /dev/null', SUBMITTED),
            Step("condor_submit htc-submit.1.jdl 2>&1", r"\ASubmitting job\(s\)\.\n1 job\(s\) submitted to cluster [0-9]+\.\n\Z"),
            Step(
                "condor_q -const 'JobStatus < 3' -af JobStatus GridResource",
                r"\A\s*([12]).*\s(\S+)\n\s*([12]).*\s(\S+)\n\Z", "2 ce.example.org:9619 2 ce.example.org:9619", waits=True,
            ),
            Step(
                "condor_q -const 'JobStatus < 3' -af JobStatus -format local_pool GridResource",
                r"\A\s*([12]+)\s.*?(\S+)\n\s*([12]+)\s.*?(\S+)\n\Z", "2 local_pool 2 local_pool",
            ),
            Step("condor_status -schedd -af totalRunningJobs totalIdleJobs", r"\A(\d+)\s+(\d+)\n\Z", "2 0"),
        ),
    ),
)  # fmt: skip

HELD = PILOT + "hold = true\nqueue 1\n"
ODD = Replay(
    "AliEn in odd surroundings", files={"jdl": HELD},
    steps=(
        Step("env -i AWQ_WORKDIR=$AWQ_WORKDIR $(command -v condor_submit) jdl <&-", SUBMITTED),
        Step("env -i AWQ_WORKDIR=$AWQ_WORKDIR $(command -v condor_q) -const 'JobStatus < 6' -af JobStatus", r"\A5\n\Z"),
        Step("unset HOME; condor_submit jdl", SUBMITTED),
        Step("umask 0; condor_submit jdl && find $AWQ_WORKDIR -perm /o=rwx ! -type l | wc -l", r"^0$"),
        Step("umask 0777; condor_submit jdl", SUBMITTED),
        Step("LANG=C LC_ALL=xx_YY.bogus condor_submit jdl", SUBMITTED),
        Step("mkdir gone && cd gone && rmdir ../gone && condor_submit @here@/jdl", status=1),
        Step("mkdir gone && cd gone && rmdir ../gone && condor_submit @here@/jdl -append initialdir=/tmp", SUBMITTED),
        Step("mkdir gone && cd gone && rmdir ../gone && condor_q -totals | tail -n 1", r"(\d+) held", "6", waits=True),
        Step("cd /proc && condor_submit @here@/jdl", SUBMITTED),
        Step("condor_submit jdl <&- >&- 2>&-", nothing),
        Step("condor_q -totals >&-", status=1),
        Step("condor_q -af ClusterId > /dev/full", status=1),
        Step("condor_status -schedd -af totalRunningJobs totalIdleJobs > /dev/full", status=1),
        Step("trap '' PIPE; condor_q -l | head -n 1", r"^\w+ = "),
        Step("condor_rm -constraint 'ProcId == 0' | true; echo ${PIPESTATUS[0]}", r"^(0|1|141)$"),  # done, whoever listens
        Step("condor_q -totals | tail -n 1", r"(\d+) jobs;.* (\d+) held", "0 0", waits=True),
    ),
)  # fmt: skip

HARVESTER_JOB = """universe = vanilla
executable = @here@/{program}
arguments = "-s QUEUE --harvester $(Cluster)"
initialdir = @here@
log = @here@/grid.$(Cluster).$(Process).log
output = @here@/grid.$(Cluster).$(Process).out
error = @here@/grid.$(Cluster).$(Process).err
transfer_executable = True
should_transfer_files = True
when_to_transfer_output = ON_EXIT_OR_EVICT
environment = "PANDA_JSID=harvester-X HARVESTER_WORKER_ID={worker}"
+harvesterID = "harvester-X"
+harvesterWorkerID = "{worker}"
+remote_queue = "grid"
+maxWallTime = 3600
delegate_job_GSI_credentials_lifetime = 0
+sdfPath = "@here@/sdf"
+ProjectName = "panda"
request_cpus = 1
request_memory = 100
request_disk = 1024
job_max_vacate_time = 300
periodic_remove = (JobStatus == 2 && (CurrentTime - EnteredCurrentStatus) > 604800)
queue 1

"""
HARVESTER_JOBS = "\n".join(
    [HARVESTER_JOB.format(program=name, worker=number) for number, name in ((11, "work.sh"), (12, "bad.sh"))]
).replace("bad.sh", "work.sh")
HARVESTER_AD = xml_ads("ClusterId", "ProcId", "JobStatus", "ExitCode", "harvesterWorkerID")
NAMED = "-name @host@ -pool @host@"

DIRAC_8 = """Executable = @here@/slow.sh
Universe = vanilla
Requirements = (TARGET.OpSys == "LINUX")
Rank = kflops
Log = @here@/$(Cluster).log
Output = @here@/$(Cluster).$(Process).out
Error = @here@/$(Cluster).$(Process).err
# a comment
environment = "HTCONDOR_JOBID=$(Cluster).$(Process)"
request_cpus = 1
Queue 2
"""
DIRAC_CE = """universe = vanilla
executable = @here@/work.sh
use_scitokens = true
scitokens_file = @here@/token
should_transfer_files = YES
WhenToTransferOutput = ON_EXIT_OR_EVICT
output = $(Cluster).$(Process).out
error = $(Cluster).$(Process).err
log = @here@/$(Cluster).$(Process).log
environment = "HTCONDOR_JOBID=$(Cluster).$(Process) DIRAC_PILOT_STAMP=$(stamp)"
initialdir = @here@
grid_resource = condor ce.example.org ce.example.org:9619
transfer_output_files = ""
kill_sig = SIGTERM
request_cpus = 1
periodic_remove = (JobStatus == 1 && (time() - QDate) > 10000) || \\
  (JobStatus == 5 && HoldReasonCode != 16)
Queue stamp in one, two
"""
CE = "-pool ce.example.org:9619 -name ce.example.org"
CE_ASKED = "ClusterId,ProcId,JobStatus,HoldReasonCode,HoldReasonSubCode,HoldReason"
CE_QUERY = f"condor_q {CE} '' @cluster@.0 @cluster@.1 -attributes {CE_ASKED} -json"

BLAH_JOB = """universe = vanilla
executable = @here@/work.sh
arguments = a b
leave_in_queue = JobStatus == 4 && (CompletionDate =?= UNDEFINED || CompletionDate == 0 || ((CurrentTime - CompletionDate) < 1800))
output = @here@/out
error = @here@/err
log = @here@/log
getenv = True
should_transfer_files = YES
transfer_input_files =
transfer_output_remaps = "new=@here@/old"
+BLPName = "x"
notification = never
copy_to_spool = true
queue 1
"""
BLAH_FIELDS = (
    "ClusterId",
    "JobStatus",
    "RemoteSysCpu",
    "RemoteUserCpu",
    "BytesSent",
    "BytesRecvd",
    "RemoteWallClockTime",
    "ExitBySignal",
)
BLAH_QUERY = " ".join(
    [
        f'-format "%{"f" if "Cpu" in name or "Time" in name or "Bytes" in name else "d"}" {name} -format "," ALWAYS'
        for name in BLAH_FIELDS
    ]
    + ['-format "%d" ExitCode -format "%d" ExitSignal -format "\\n" ALWAYS']
)
BLAH_ANSWER = r"^@cluster@,(\d),[\d.]*,[\d.]*,[\d.]*,[\d.]*,[\d.]*,(\d?),(\d*)$"

GLIDEIN = """Universe = vanilla
Executable = @here@/slow.sh
Environment = "X=$ENV(GLIDEIN_X) Y=$ENV(GLIDEIN_Y:none)"
+GlideinName = "$ENV(GLIDEIN_NAME)"
+Owner = undefined
Notification = Never
LeaveJobInQueue = False
WhenToTransferOutput = ON_EXIT
Log = @here@/log
Queue $ENV(GLIDEIN_COUNT)
"""
GLIDEIN_FIELDS = '-format "%s" "JobStatus" -format "%s" "GlideinName" -format "%s" "ClusterId" -format "%s" "ProcId"'

GRID = (
    Replay(
        "PanDA Harvester", files={"sdf": HARVESTER_JOBS},
        steps=(
            Step("condor_submit -single-cluster sdf", r"^(?P<n>\d+) job[(]s[)] submitted to cluster (?P<cluster>\d+)\.$"),
            Step(
                "condor_history -xml @cluster@.0 @cluster@.1", HARVESTER_AD, "@cluster@,0,4,0,11 @cluster@,1,4,0,12", waits=True
            ),
            Step("condor_q -xml @cluster@.0 @cluster@.1", HARVESTER_AD),
            Step(
                "condor_q -xml @cluster@.0; condor_history -xml @cluster@.1", HARVESTER_AD, "@cluster@,1,4,0,12"
            ),
            Step(f"condor_submit -single-cluster -remote -spool {NAMED} sdf",
                 r"^(\d+) job[(]s[)] submitted to cluster (?P<spooled>\d+)\.$"),
            Step(f"condor_q -xml {NAMED} @spooled@.0 @spooled@.1", HARVESTER_AD, "@spooled@,0,4,0,11 @spooled@,1,4,0,12", waits=True),
            Step("condor_rm @spooled@.0 @spooled@.1", r"marked for removal"),
            Step("condor_q -l @spooled@.0; condor_rm -forcex @spooled@.0 @spooled@.1; true", ""),
            Step("condor_q -xml @spooled@.0", HARVESTER_AD, waits=True),
        ),
    ),
    Replay(
        "DIRAC 8 Condor", files={"jdl": DIRAC_8},
        steps=(
            Step("condor_submit -append 'request_memory = 50' jdl 2>/dev/null", r"^2 job.*cluster (?P<cluster>\d+)\."),
            Step(
                "condor_q -submitter @user@ -af:j JobStatus HoldReasonCode HoldReasonSubCode HoldReason",
                r"^@cluster@\.0 (\d) (\w+) (\w+) (\w+)$", "2 undefined undefined undefined", waits=True,
            ),
            Step("condor_q -submitter @user@ | grep -c ' R '", "", status=1),  # the batch table has no such column, as with HTCondor
            Step("condor_rm @cluster@.0", ""),
            Step("condor_rm @cluster@.1", ""),
            Step(
                "condor_history -af:j JobStatus HoldReasonCode HoldReasonSubCode HoldReason -submitter @user@",
                r"^@cluster@\.1 (\d) ", "3", waits=True,
            ),
        ),
    ),
    Replay(
        "DIRAC HTCondorCE", files={"jdl": DIRAC_CE, "token": "x"},
        env={"_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "SCITOKENS", "_CONDOR_SCITOKENS_FILE": "/nowhere",
             "_condor_AUTH_SSL_CLIENT_CADIR": "/nowhere"},
        steps=(
            Step(
                "condor_submit -terse -pool ce.example.org:9619 -remote ce.example.org jdl", r"\A(?P<cluster>\d+)\.0 - (\d+\.1)\n\Z"
            ),
            Step(CE_QUERY, json_ads("ProcId", "JobStatus"), "0,4 1,4", waits=True),
            Step(f"condor_transfer_data {CE} @cluster@.0", ""),
            Step("cat @here@/@cluster@.0.out", r"^work"),
            Step(f"condor_rm {CE} '' @cluster@.1", r"marked for removal"),
        ),
    ),
    Replay(
        "BLAH", files={"jdl": BLAH_JOB},
        steps=(
            Step(
                "full_result=$(condor_submit -pool @host@ -name @host@ jdl); echo $full_result | awk '{print $8}' | tr -d '.'",
                r"\A(?P<cluster>\d+)\n\Z",
            ),
            Step(f"condor_q -pool @host@ -name @host@ @cluster@ {BLAH_QUERY}", BLAH_ANSWER, "4 0 0", waits=True),
            Step(
                'condor_q -format "%d " ClusterId -format "%s " Owner -format "%d " JobStatus -format "%s " Cmd '
                '-format "%s " ExitStatus -format "%s\\n" EnteredCurrentStatus',
                r"^@cluster@ \S+ (4) \S+ (0) \d+$", "4 0",
            ),
            Step("condor_rm -pool @host@ -name @host@ @cluster@", ""),
            Step("condor_config_val -pool @host@ -name @host@ -schedd history", r"^(?P<file>/.*)$"),
            Step(f"_condor_HISTORY=@file@ condor_history -f @file@ -backwards -match 1 @cluster@ {BLAH_QUERY}",
                 BLAH_ANSWER, "3 0 0", waits=True),
            Step(
                'condor_history -constraint "ClusterId==@cluster@ || ClusterId==999999" -format "%d " ClusterId -format "%s " Owner '
                '-format "%d " JobStatus -format "%s " Cmd -format "%s " ExitStatus -format "%s\\n" EnteredCurrentStatus',
                r"^@cluster@ \S+ (\d) \S+ (0) \d+$", "3 0",
            ),
            Step("condor_version | head -n 1 | awk '{print $2}'", r"^\d+\.\d+\.\d+$"),
            Step("sed s/work.sh/slow.sh/ jdl > slow; condor_submit slow", SUBMITTED),
            Step("condor_hold -pool @host@ -name @host@ @cluster@", ""),
            Step(f"condor_q @cluster@ {BLAH_QUERY}", BLAH_ANSWER.replace(r"(\d?),(\d*)", ".*"), "5", waits=True),
            Step("condor_release -pool @host@ -name @host@ @cluster@", ""),
            Step(f"condor_q @cluster@ {BLAH_QUERY}", BLAH_ANSWER.replace(r"(\d?),(\d*)", ".*"), "2", waits=True),
        ),
    ),
    Replay(
        "glideinWMS", files={"jdl": GLIDEIN},
        env={"GLIDEIN_X": "1", "GLIDEIN_NAME": "entry", "GLIDEIN_COUNT": "2"},
        steps=(
            Step(
                "condor_submit -name @host@ jdl", r"^(?P<count>[0-9]+) job\(s\) submitted to cluster (?P<cluster>[0-9]+)\.$"
            ),
            Step(
                f"condor_q {GLIDEIN_FIELDS} -name @host@ -xml -constraint '(GlideinName =?= \"entry\")'",
                xml_ads("JobStatus", "GlideinName", "ProcId", "Cmd"), "2,entry,0,None 2,entry,1,None", waits=True,
            ),
            Step("condor_q -g -l -attr JobStatus -attr ProcId -xml -constraint 'JobStatus == 2'",
                 xml_ads("JobStatus", "ProcId"), "2,0 2,1"),
            Step("condor_q -af Environment Env", r"X=1.*Y=none|Y=none.*X=1"),
            Step("condor_hold -name @host@ @cluster@.1", r"^Job @cluster@\.1 held$"),
            Step("condor_release -name @host@ -constraint 'HoldReasonCode == 1'", r"released", waits=True),
            Step("condor_status -xml -constraint 'State == \"Claimed\"'", xml_ads("State"), "Claimed Claimed", waits=True),
            Step("condor_rm -name @host@ -forcex @cluster@.1; condor_rm -name @host@ -constraint 'ClusterId == @cluster@'", r"marked for"),
        ),
    ),
    Replay(
        "AutoPyFactory", files={"jdl": PILOT + "queue 2\n"},
        steps=(
            Step("condor_submit -verbose jdl", r"^\*\* Proc (?P<id>\d+\.0):$"),
            Step(
                'condor_q -xml -format " ClusterId=%s" ClusterId -format " JobStatus=%s" JobStatus',
                xml_ads("JobStatus"), "2 2", waits=True,
            ),
            Step("condor_q -g -xml", xml_ads("JobStatus"), "2 2"),
            Step("condor_status -xml", xml_ads("SlotType"), "Dynamic Dynamic Partitionable", waits=True),
            Step("condor_status -master -xml", xml_ads("Machine"), "@host@"),
            Step("condor_rm @id@", r"^Job @id@ marked for removal$"),
        ),
    ),
)  # fmt: skip
