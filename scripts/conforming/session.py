"""What is done on both sides: lines of shell in one folder, in one shell, in this order.

``take NAME COMMAND`` submits and keeps the cluster's number in ``$NAME``; ``sub LINES`` prints a description; ``quiet CLUSTERS`` waits
until they neither wait nor run, ``runs CLUSTER`` until it runs, ``gone CLUSTER`` until it is in the history; ``events LOG`` prints an
event log's numbers and jobs. What belongs to the moment and the machine is made alike by ``conforming.compare``.
"""

# ruff: noqa: E501 - a step a line reads best whole
from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A line of shell whose output, errors and exit status are compared."""

    name: str
    line: str


PREPARE = r"""
export TZ=UTC LC_ALL=C.UTF-8; unset BEARER_TOKEN_FILE X509_USER_PROXY
cat > job.sh <<'PILOT'
#!/bin/sh
echo "out $*"; echo "err $*" >&2; [ -z "$SAY" ] || echo "say $SAY"
case $1 in kill) kill -9 $$;; sleep) sleep $2;; cat) cat;; make) echo made > made.txt; echo two > two.txt;; ls) ls;; [0-9]*) exit $1;; esac
PILOT
chmod 755 job.sh; mkdir -p sub data; echo content > data/in.txt; echo typed > typed
names=; rounds=360
leave() { for pair in $names; do condor_rm ${pair#*=} > /dev/null 2>&1; done; cd / && rm -rf "$folder"; }
trap leave EXIT
take() { name=$1; shift; "$@" > .said; status=$?; cat .said; n=
  for found in $(grep -oE '(cluster |Proc |^)[0-9]+\.' .said | grep -oE '[0-9]+' | awk '!seen[$0]++'); do
    eval "$name$n=$found"; names="$names $name$n=$found"; n=$((${n:-1} + 1)); done; return $status; }
quiet() { for _ in $(seq $rounds); do condor_q "$@" -af JobStatus | grep -q '[12]' || return 0; sleep 0.25; done; echo "still busy:"; condor_q "$@" -nobatch; }
runs() { for _ in $(seq $rounds); do [ "$(condor_q $1 -af JobStatus)" = 2 ] && return; sleep 0.25; done; echo "does not run"; }
gone() { for _ in $(seq $rounds); do [ -z "$(condor_q $1 -af ClusterId)" ] && [ -n "$(condor_history $1 -limit 1 -af ClusterId)" ] && return; sleep 0.25; done; echo "is not in the history"; }
events() { grep -oE '^[0-9]{3} \([0-9.]+\)' $1; }
sub() { printf 'executable = job.sh\noutput = out.$(Cluster).$(Process)\nerror = err.$(Cluster).$(Process)\nlog = log.$(Cluster)\n'; printf '%s\n' "$@"; }
"""
"""What every session begins with."""

SUBMITTING = [
    Step("submit a file", "sub 'hold = true' 'queue 2' > a.sub; take held condor_submit a.sub"),
    Step("000 is in the log when condor_submit returns", "events log.$held"),
    Step("submit on stdin, as AliEn", "take fed condor_submit < <(sub 'hold = true' queue)"),
    Step("submit -, with its ad", "take dash condor_submit - < <(sub 'hold = true' queue) > .v; grep -cE '^(\\*\\* Proc|Cmd =|Iwd =)' .v"),
    Step("submit -terse", "take terse condor_submit -terse a.sub"),
    Step("submit --terse after the file", "take later condor_submit a.sub --terse"),
    Step("submit -verbose", "take verbose condor_submit -verbose a.sub > .v; grep -E '^(\\*\\* Proc|Cmd|JobStatus|HoldReason|Err|UserLog) ' .v"),
    Step("submit with -append and name=value", "take more condor_submit -append 'hold = true' -append 'arguments = $(x)' x=7 -batch-name mine <(sub queue)"),
    Step("submit with -queue", "sub 'hold = true' 'arguments = $(i)' > q.sub; take items condor_submit q.sub -queue i in a b c"),
    Step("queue from", "take from condor_submit <(sub 'hold = true' 'arguments = $(a)-$(b)' 'queue a,b from (' '1 2' '3, 4' ')')"),
    Step("queue matching", "take match condor_submit <(sub 'hold = true' 'arguments = $(f)' 'queue f matching files data/*')"),
    Step("two executables, two clusters", "take two condor_submit <(sub 'hold = true' queue 'executable = /bin/true' queue)"),
    Step("-single-cluster refuses them", "condor_submit -single-cluster <(sub 'hold = true' queue 'executable = /bin/true' queue)"),
    Step("-maxjobs", "condor_submit -maxjobs 1 a.sub"),
    Step("queue 0", "sub 'queue 0' > zero.sub; condor_submit zero.sub"),
    Step("no queue statement", "sub > none.sub; condor_submit none.sub"),
    Step("a line that is none", "condor_submit <(sub 'what is this' queue)"),
    Step("no such executable", "condor_submit <(printf 'executable = nosuch\\nqueue\\n')"),
    Step("no such file", "condor_submit nosuch.sub"),
    Step("an unknown key", "take typo condor_submit <(sub 'hold = true' 'outptu = x' queue)"),
    Step("an unknown option", "condor_submit -nosuch a.sub 2>&1 | head -1"),
    Step("an expression that is none", "condor_submit <(sub 'periodic_hold = (1 +' queue)"),
    Step("-dry-run", "condor_submit -dry-run - <(sub 'arguments = x' 'request_memory = 2 GB' queue) | grep -E '^(Args|RequestMemory|JobUniverse|Cmd)'"),
]  # fmt: skip

ASKING = [
    Step("condor_q by cluster, a job a line", "condor_q $held -nobatch"),
    Step("condor_q by job", "condor_q $held.1 -nobatch"),
    Step("condor_q in batches", "condor_q $more"),
    Step("condor_q -hold", "condor_q $held -hold"),
    Step("condor_q -run has none", "condor_q $held -run"),
    Step("condor_q -totals of a cluster", "condor_q $held -totals"),
    Step("condor_q of a cluster that is not there", "condor_q 999999 -nobatch; condor_q 999999 -af ClusterId"),
    Step("condor_q -af", "condor_q $held -af ClusterId ProcId JobStatus HoldReasonCode HoldReason Nothing"),
    Step("condor_q -af:jr", "condor_q $held -af:jr JobStatus Cmd"),
    Step("condor_q -af:lng", "condor_q $held -af:lng ProcId JobStatus Nothing"),
    Step("condor_q -af:, and expressions", "condor_q $held -af:, ProcId 'JobStatus * 2' 'strcat(\"a\",ProcId)'"),
    Step("condor_q -format", "condor_q $held -format '%d.' ClusterId -format '%d ' ProcId -format 'reason %s ' HoldReason -format '%s\\n' GridJobStatus -format '\\n' ALWAYS"),
    Step("condor_q -format without conversion, as JAliEn", "condor_q $held -af JobStatus -format local_pool GridResource"),
    Step("condor_q -json", "condor_q $held -json -attributes ClusterId,ProcId,JobStatus,HoldReason,LeaveJobInQueue"),
    Step("condor_q -json of nothing", "condor_q 999999 -json"),
    Step("condor_q -xml", "condor_q $held -xml -attributes ProcId,JobStatus,LeaveJobInQueue"),
    Step("condor_q -xml of nothing", "condor_q 999999 -xml"),
    Step("condor_q -long, some lines", "condor_q $held.0 -long | grep -E '^(Cmd|In|Out|Err|Iwd|JobStatus|HoldReason|NumJobStarts|ExitStatus|LeaveJobInQueue|JobPrio|TotalSubmitProcs|RequestCpus|RequestMemory|RequestDisk|JobUniverse|ShouldTransferFiles|WhenToTransferOutput|Owner|User|UserLog|JobBatchName) ' | sort"),
    Step("condor_q -constraint", 'condor_q -constraint "ClusterId == $held && JobStatus == 5" -af ProcId'),
    Step("condor_q, a wrong constraint", "condor_q -const 'JobStatus ==' -af ProcId"),
    Step("condor_q -limit", "condor_q $items -limit 2 -af ProcId Args"),
    Step("condor_q of several clusters", "condor_q $items $from $match -af:j Args Arguments"),
    Step("condor_q, an unknown option", "condor_q -nosuch 2>&1 | head -1"),
    Step("condor_q with an empty word", "condor_q '' $held -af ProcId"),
    Step("condor_q -version", "condor_q -version | cut -d' ' -f1"),
    Step("condor_q -better-analyze of a held job", "condor_q $held.0 -better-analyze | grep -i 'job is'"),
]  # fmt: skip

CHANGING = [
    Step("condor_prio", "condor_prio -p 7 $held.0; condor_q $held -af JobPrio"),
    Step("condor_prio of none", "condor_prio -p 7 999999"),
    Step("condor_qedit", "condor_qedit $held.0 Extra '\"text\"'; condor_qedit $held.0 Number 7; condor_q $held.0 -af Extra Number"),
    Step("condor_qedit by constraint", 'condor_qedit -constraint "ClusterId == $held && ProcId == 1" Extra 5; condor_q $held.1 -af Extra'),
    Step("condor_qedit, no expression", "condor_qedit $held.0 Extra 'a b'"),
    Step("condor_hold of a held job", "condor_hold $held.0"),
    Step("a job that nobody can run", "take never condor_submit <(sub 'arguments = 0' 'request_memory = 9000000' queue); condor_q $never -af JobStatus"),
    Step("condor_hold by job", "condor_hold $never.0; condor_q $never -af JobStatus HoldReason HoldReasonCode HoldReasonSubCode NumHolds"),
    Step("condor_release by job", "condor_release $never.0; condor_q $never -af JobStatus ReleaseReason LastHoldReason LastHoldReasonCode"),
    Step("condor_release of an idle job", "condor_release $never.0"),
    Step("condor_hold with a reason", "condor_hold -reason 'because so' -subcode 3 $never; condor_q $never -af JobStatus HoldReason HoldReasonCode HoldReasonSubCode NumHolds"),
    Step("condor_release by cluster", "condor_release $never; condor_q $never -af JobStatus ReleaseReason"),
    Step("condor_release of a job that was submitted on hold", "take onhold condor_submit <(sub 'hold = true' 'request_memory = 9000000' queue); condor_release $onhold; condor_q $onhold -af JobStatus HoldReason HoldReasonCode LastHoldReason LastHoldReasonCode LastHoldReasonSubCode ReleaseReason NumHolds"),
    Step("condor_rm by job", "condor_rm $held.0"),
    Step("condor_rm by cluster", "condor_rm $held; condor_q $held -af ProcId"),
    Step("condor_rm of several", "condor_rm $terse $later.0"),
    Step("condor_rm of a job that is not there", "condor_rm 999999.0"),
    Step("condor_rm of a cluster that is not there", "condor_rm 999999"),
    Step("condor_rm of no id", "condor_rm nosuch.id"),
    Step("condor_rm without arguments", "condor_rm 2>&1 | head -1"),
    Step("condor_rm by constraint", 'condor_rm -constraint "ClusterId == $items && ProcId < 2"; condor_q $items -af ProcId'),
    Step("condor_rm by a constraint that fits none", "condor_rm -constraint 'ClusterId == 999999'"),
    Step("condor_rm -reason", "condor_rm -reason 'no more' $from; gone $from; condor_history $from -af ProcId JobStatus RemoveReason"),
    Step("condor_rm -forcex of a living job", "condor_rm -forcex $match.0"),
    Step("condor_suspend of an idle job", "condor_suspend $never.0"),
    Step("condor_vacate_job of an idle job", "condor_vacate_job $never.0"),
    Step("history of removed jobs", "gone $held; condor_history $held -af ProcId JobStatus RemoveReason ExitCode LastJobStatus | sort"),
    Step("events of removed jobs", "events log.$held | sort; events log.$never"),
    Step("the rest goes", "for c in $fed $dash $verbose $later $more $items $match $two $two2 $typo $never $onhold; do condor_rm $c > .rm || echo failed; done"),
]  # fmt: skip

RUNNING = [
    Step("jobs that run", "take ok condor_submit <(sub 'arguments = 0 a b' 'environment = SAY=x' 'queue 2'); take three condor_submit <(sub 'arguments = 3' queue); take killed condor_submit <(sub 'arguments = kill' queue)"),
    Step("jobs with files", "take typed condor_submit <(sub 'arguments = cat' 'input = typed' queue); take moved condor_submit <(sub 'arguments = make' 'should_transfer_files = YES' 'transfer_input_files = data/in.txt' 'transfer_output_files = made.txt, two.txt' 'transfer_output_remaps = \"made.txt = here.txt\"' queue)"),
    Step("jobs in another folder", "take below condor_submit <(sub 'arguments = ls' 'executable = ../job.sh' 'initialdir = sub' 'should_transfer_files = YES' queue); ls sub"),
    # The lease: a starter there that lost its shadow over the output would keep the only slot for 40 minutes.
    Step("jobs that are held", "take noin condor_submit <(sub 'transfer_input_files = nosuch' 'should_transfer_files = YES' queue); take noout condor_submit <(sub 'transfer_output_files = nosuch' 'should_transfer_files = YES' 'job_lease_duration = 20' queue); take exit condor_submit <(sub 'arguments = 2' 'on_exit_hold = ExitCode == 2' 'on_exit_hold_reason = \"two\"' 'on_exit_hold_subcode = 9' queue)"),
    Step("jobs with policy", "take again condor_submit <(sub 'arguments = 4' 'max_retries = 1' queue); take stays condor_submit <(sub 'arguments = 0' 'leave_in_queue = true' queue); take machine condor_submit <(sub 'arguments = 0 $$(Cpus) $$([TARGET.Cpus + 1])' queue)"),
    Step("they end", "quiet $ok $three $killed $typed $moved $below $noin $noout $exit $stays $machine"),
    Step("a long one", "take long condor_submit <(sub 'arguments = sleep 300' queue)"),
    Step("condor_q of a running job", "runs $long; condor_q $long -nobatch; condor_q $long -af JobStatus NumJobStarts CurrentHosts LastJobStatus"),
    Step("condor_q -run", "condor_q $long -run | awk '{print NF > 3}' | tail -1; condor_q $long -af RemoteHost | cut -d@ -f1 | cut -d_ -f1"),
    Step("condor_hold of a running job", "condor_hold $long; quiet $long; condor_q $long -af JobStatus HoldReason HoldReasonCode NumJobStarts"),
    Step("another long one", "take longer condor_submit <(sub 'arguments = sleep 300' queue)"),
    Step("condor_rm of a running job", "runs $longer; condor_rm $longer.0; gone $longer; condor_history $longer -af JobStatus RemoveReason ExitCode LastJobStatus NumJobStarts"),
    Step("condor_release, and it runs again", "condor_release $long; runs $long; condor_q $long -af NumJobStarts NumHolds; condor_rm $long; gone $long"),
    Step("events of a job held, released, removed", "events log.$long; events log.$longer"),
    Step("held for want of an input", "condor_q $noin -af JobStatus HoldReasonCode HoldReasonSubCode NumJobStarts"),
    Step("held for want of an output", "condor_q $noout -af JobStatus HoldReasonCode HoldReasonSubCode NumJobStarts"),
    Step("held by its own policy", "condor_q $exit -af JobStatus HoldReasonCode HoldReasonSubCode HoldReason ExitCode"),
    Step("kept in the queue", "condor_q $stays -af JobStatus ExitCode ExitStatus; condor_rm $stays; condor_rm -forcex $stays; condor_q $stays -af JobStatus"),
    Step("exit statuses", "gone $killed; gone $three; gone $ok; condor_history $ok $three $killed -af:j JobStatus ExitCode ExitBySignal ExitSignal ExitStatus | sort"),
    Step("retried", "gone $again; condor_history $again -af JobStatus ExitCode NumJobStarts NumJobCompletions; events log.$again"),
    Step("outputs", "cat out.$ok.0 err.$ok.0 out.$typed.0; ls err.$three.0 out.$killed.0"),
    Step("outputs that were moved", "gone $moved; cat here.txt two.txt; ls made.txt"),
    Step("in its folder", "gone $below; cat sub/out.$below.0 | grep -vE '^(_|\\.|condor_exec|tmp|var|docker)'; ls sub"),
    Step("of the machine", "gone $machine; sed 's/out 0 [0-9]* [0-9]*$/out 0 N M/' out.$machine.0"),
    Step("what the log says, whole", "cat log.$three"),
    Step("what the log says of a signal", "grep -A3 '^005' log.$killed"),
    Step("events of jobs that run", "events log.$ok | sort; events log.$noout; events log.$exit"),
    Step("condor_wait", "condor_wait log.$ok; echo $?; condor_wait -wait 1 log.$exit; echo $?; condor_wait nosuch.log; echo $?"),
    Step("condor_wait -status, and of one job", "condor_wait -status log.$three; condor_wait log.$ok $ok.0; condor_wait -num 1 log.$ok"),
    Step("condor_history -limit and -match", "condor_history $ok -limit 1 -af JobStatus; condor_history $ok -match 1 -af JobStatus"),
    Step("condor_history of none", "condor_history 999999; condor_history 999999 -json"),
    Step("condor_history -json", "condor_history $three -json -attributes ProcId,JobStatus,ExitCode,ExitBySignal"),
    Step("condor_history, its table", "condor_history $three | head -1; condor_history $three | wc -l"),
    Step("condor_history -xml", "condor_history $three -xml -attributes JobStatus,ExitCode"),
    Step("condor_history -long, some lines", "condor_history $three -long | grep -E '^(ExitCode|ExitBySignal|ExitStatus|JobStatus|LastJobStatus|NumJobStarts|NumJobCompletions|NumJobMatches|JobRunCount|CompletionDate|CurrentHosts|CumulativeSuspensionTime|NumRestarts|NumShadowStarts|NumHolds|NumSystemHolds) ' | sort"),
    Step("condor_history by constraint", 'condor_history -constraint "ClusterId == $three && ExitCode == 3" -af ProcId -limit 1'),
    Step("the held ones go", "for c in $noin $noout $exit; do condor_rm $c > .rm || echo failed; done; gone $exit; condor_history $exit -af JobStatus LastJobStatus ExitCode"),
]  # fmt: skip

SPOOLING = [
    Step("submit -spool", "take kept condor_submit -spool <(sub 'arguments = 0' queue)"),
    Step("it ends and stays", 'for _ in $(seq $rounds); do [ "$(condor_q $kept -af JobStatus)" = 4 ] && break; sleep 0.25; done; condor_q $kept -af JobStatus ExitCode LastHoldReasonCode ReleaseReason'),
    Step("condor_transfer_data", "condor_transfer_data $kept; echo $?; cat out.$kept.0; events log.$kept"),
    Step("it is still there", "condor_q $kept -af JobStatus ExitCode"),
    Step("condor_transfer_data of none", "condor_transfer_data 999999"),
    Step("it goes", "condor_rm $kept; gone $kept; condor_history $kept -af ExitCode"),
]  # fmt: skip

LOOKING = [
    Step("condor_version", "condor_version | cut -d' ' -f1"),
    Step("condor_config_val", "condor_config_val NO_SUCH_THING; echo $?; condor_config_val HISTORY > /dev/null; echo $?"),
    Step("condor_status -schedd", "condor_status -schedd -af totalRunningJobs totalIdleJobs | grep -cE '^[0-9]+ [0-9]+$'"),
    Step("condor_status, its heading", "condor_status | sed -n 1p"),
    Step("condor_status -total", "condor_status -total | grep -ciE 'total +owner'"),
    Step("condor_status -compact", "condor_status -compact | sed -n 1p"),
    Step("condor_status -af", "condor_status -limit 1 -af MyType"),
    Step("condor_status -json of nothing", "condor_status -constraint false -json"),
    Step("condor_status, a wrong constraint", "condor_status -constraint '1 +'"),
    Step("condor_status -master, -collector", "condor_status -master -af MyType; condor_status -collector -af MyType"),
    Step("condor_ping", "condor_ping WRITE > /dev/null 2>&1; echo $?"),
    Step("condor_tail of none", "condor_tail 999999"),
]  # fmt: skip

STEPS = [*SUBMITTING, *ASKING, *CHANGING, *RUNNING, *SPOOLING, *LOOKING]


def script() -> str:
    """The whole session for bash: ``step NUMBER STATUS OUT ERR`` for every step (base64), then ``names`` and ``whoami``."""
    lines = [
        "folder=$(mktemp -d /tmp/conformance.XXXXXX) && chmod 755 $folder && cd $folder || exit 1",
        "exec 9>&1",
        PREPARE,
    ]
    for number, step in enumerate(STEPS):
        lines.append(f"{{ {step.line}\n}} </dev/null >.out 2>.err; status=$?")
        lines.append(f'echo "step {number} $status $(base64 -w0 <.out) $(base64 -w0 <.err)" >&9')
    lines.append('echo "names $names" >&9; echo "whoami $(id -un) $(uname -n) $folder" >&9\n')
    return "\n".join(lines)
