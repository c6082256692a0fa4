"""Descriptions and command lines for ``condor_submit``. ``scripts/record-golden submit`` asks HTCondor about them."""

# ruff: noqa: E501 - a description a line reads best whole
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from case import FOLDER, Case

PREPARE = """
printf '#!/bin/sh\\necho hi\\n' > s.sh; chmod 755 s.sh; printf '#!/bin/sh\\r\\nexit\\r\\n' > crlf.sh; : > empty.sh
echo in > in1; echo in2 > in2; mkdir -p dir; printf '1 2\\n3 4\\n' > items; printf 'x = included\\n' > more
mkdir -p m/d1 m/d2; touch m/b.txt m/a.txt m/c.dat m/.hidden; printf '#!/bin/sh\\necho "y = 6"\\n' > gen.sh; chmod 755 gen.sh
export GOLDEN=value; unset BEARER_TOKEN_FILE X509_USER_PROXY
"""
CLEANUP = f"condor_rm -constraint 'Iwd == \"{FOLDER}\"' >/dev/null 2>&1"
"""Removes what these cases left in the queue, and nothing else."""

SHOW = "condor_submit -dry-run - a.sub"


def _description(name: str, text: str, command: str = SHOW, differs: str = "") -> Case:
    return Case(name, command, {"a.sub": text}, differs=differs)


def _with(name: str, lines: str, differs: str = "") -> Case:
    """A description with an executable, these lines, and one job."""
    return _description(name, f"executable = s.sh\n{lines}\nqueue\n", differs=differs)


def _matching(number: int, statement: str) -> Case:
    text = f"executable = s.sh\narguments = [$(f)] [$(Item)] [$(ItemIndex)]\nqueue {statement}\n"
    return _description(f"queue_items_{number:02d}", text)


MATCHING = (
    "f matching m/*.txt",
    "f matching files m/*",
    "f matching dirs m/*",
    "f matching dirs m/d*/",
    "f matching any m/*",
    "f matching m/*",
    "matching m/*.txt",
    "2 f matching m/*.txt",
    "f matching (m/*.txt m/*.dat)",
    "f matching m/*.txt, m/*.dat",
    "f matching files (\nm/*.txt\nm/*.dat\n)",
    "f matching nothing*",
    "f matching [1:] m/*",
    "f matching m/a.txt m/a.txt",
    "f matching",
    "f in [1:] (a b c)",
    "f from [::2] items",
    "f from ls m |",
    "f from ls m|",
    "f,g from echo one two |",
    "f from false |",
    "f from ./nosuch.sh |",
    "f from [1:] ls m |",
)

ALIEN_1 = """executable = s.sh
arguments =
output = alien.out
error = alien.err
log = alien.log
environment=ALIEN_CM_AS_LDAP_PROXY=host:8084;ALIEN_JOBAGENT_ID=12.34;X=y z
queue
"""
ALIEN_2 = """# generation 2, universe and resource from the site
universe = grid
grid_resource = gt2 ce.example.org/jobmanager-pbs
executable = s.sh
output = alien.$(Cluster).out
environment=CONDOR_ID=$(Cluster).$(Process);ALIEN_USER=alice;NAME=value
queue
"""
ALIEN_3 = (
    "\tcmd = s.sh\n\toutput = o\n\terror = e\n\tlog = l\n\tuniverse = grid\n"
    "\tgrid_resource = condor ce.example.org ce.example.org:9619\n"
    "\tenvironment = \"ALIEN_CM_AS_LDAP_PROXY='host:8084' ALIEN_JOBAGENT_ID='12.34'\"\n\tqueue 1"
)
ALIEN_4 = """# HTCONDOR.pm, production
cmd = s.sh
log = htc.log
+TransferOutput = ""
periodic_hold = JobStatus == 1 && \\
  GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800 || \\
  JobStatus <= 2 && (CurrentTime - EnteredCurrentStatus) > 172800
periodic_remove = CurrentTime - QDate > 259200
universe = vanilla
job_lease_duration = 7200
ShouldTransferFiles = YES
+WantExternalCloud = True
environment = "ALIEN_CM_AS_LDAP_PROXY='host:8084'"

queue 1
"""
JALIEN = """cmd = s.sh
output = out.log
error = err.log
log = /tmp/a_golden/jobagent.log
+TransferOutput = ""
periodic_hold = JobStatus == 1 && \\
  GridJobStatus =?= undefined && CurrentTime - EnteredCurrentStatus > 1800
periodic_remove = CurrentTime - QDate > 259200
universe = grid
grid_resource = condor ce503.cern.ch ce503.cern.ch:9619
ShouldTransferFiles = YES
use_scitokens = true
scitokens_file = /tmp/a_golden/in1
environment = "ALIEN_CM_AS_LDAP_PROXY='host:8084'"
+WantJobRouter = True
request_cpus = 8
+MaxWallTime = 1440

queue 1

"""

CASES = [
    _description("alien_1", ALIEN_1),
    _description("alien_2", ALIEN_2, differs="grid types of older releases are kept: what is behind them is not used"),
    _description("alien_3", ALIEN_3, differs="a last line may be indented and without newline: 23.9.6 refuses what its AliEn sends"),
    _description("alien_4", ALIEN_4),
    _description("jalien", JALIEN),
    _with("jalien_proxy", "use_x509userproxy = true", differs="a proxy is not insisted on"),
    _with("minimal", ""),
    _with("crlf", "arguments = a b\r\noutput = o\r"),
    _with("indented", "  \t arguments\t=\ta \t"),
    _with("continued", "arguments = a \\\n  b \\\n\tc\noutput = o"),
    _with("continued_comment", "arguments = a \\\n # b \\\n c"),
    _with("comment_not_continued", "# comment \\\narguments = a"),
    _with("colon_line", "arguments : x"),
    _with("macros", "a = 1\nb = $(a)$(a)\narguments = $(b) $(B) $(none) $(none:d e) $(none:$(a)) x"),
    _with("macro_self", "a = 1\na = $(a) 2\na = $(a) 3\narguments = $(a)"),
    _with("macro_late", "arguments = $(a)\na = later"),
    _with("macro_nested", "a1 = x\nn = 1\narguments = $(a$(n))"),
    _with("macro_ids", "arguments = $(Cluster) $(CLUSTERID) $(process) $(ProcId) $(Step) $(Row) $(ItemIndex) $(JobId)"),
    _with("macro_env", "arguments = $ENV(GOLDEN) $ENV(GOLDEN_NONE:def) $ENV(GOLDEN_NONE)"),
    _with("macro_dollar", "arguments = $(Dollar)(x) $$(Arch) $$([1+2]) $(DOLLAR)x"),
    _with("macro_odd", "arguments = $ $( $() $(a b) $(a-b) $x $(x:a-b) 100$"),
    _with("macro_files", "f = /a/b/c.tar.gz\narguments = $F(f) $Fp(f) $Fn(f) $Fx(f) $Fnx(f) $Fd(f) $Fdb(f) $Fq(f) $BASENAME(f) $DIRNAME(f)"),
    _with("macro_values", "n = 3 * 4\narguments = $INT(n) $INT(n,%04d) $REAL(n) $SUBSTR(GOLD,1) $CHOICE(1,a,b,c) $EVAL(n)"),
    _with("macro_assigned_name", "n = out\n$(n)put = o"),
    _with("arguments_old", "arguments = a  b\tc 'd e' \\\"f\\\""),
    _with("arguments_new", "arguments = \"a 'b  c' ''d'' 'it''s' \"\"q\"\" '' e\""),
    _with("arguments_empty", "arguments ="),
    _with("arguments_empty_new", 'arguments = ""'),
    _with("arguments_bare_quote", 'arguments = a "b"'),
    _with("arguments_unterminated", 'arguments = "a b'),
    _with("arguments_trailing", 'arguments = "a" b'),
    _with("arguments_unbalanced", "arguments = \"a 'b\""),
    _with("arguments2", "arguments2 = \"a 'b c'\""),
    _with("arguments_both", 'arguments = a\narguments2 = "b"'),
    _with("arguments_name", "args = a\nArguments = b"),
    _with("args_only", "args = a b"),
    _with("environment_old", "environment = B=2;A=x y;C='q';D="),
    _with("environment_new", "environment = \"B=2 A='x y' C=it''s D= E=\"\"q\"\"\""),
    _with("environment_no_equals", "environment = A=1;BROKEN;C=3"),
    _with("environment_no_name", "environment = =1"),
    _with("environment_semicolons", "environment = ;A=1;;B=2;"),
    _with("environment_delimiter", "environment = |A=1;2|B=3"),
    _with("environment_twice", "environment = A=1;A=2"),
    _with("environment_two_strings", 'environment = "A=1" "B=2"'),
    _with("environment_new_no_equals", 'environment = "A"'),
    _with("environment_dollars", "environment = A=1;$$(X)"),
    _with("env_old", "env = B=2;A=1"),
    _with("env_new", 'env = "B=2 A=1"'),
    _with("attributes", '+Text = "a b"\n+Number = 3 + 4\nMY.Flag = TRUE\n+Nothing =\n+Real = 1.50\n+List = {1,"a"}'),
    _with("attribute_quotes", '+A = "a\\"b"\n+B = "C:\\tmp\\"\n+C = "a\\nb"'),
    _with("attribute_expression", "+A = (x==1)||! y && z isnt 3 ? 1e3:-5"),
    _with("attribute_bad", "+A = foo bar"),
    _with("attribute_forces", "request_cpus = 2\n+requestcpus = 4\npriority = 1\n+JobPrio = 7"),
    _with("attribute_names", 'RequestCpus = 2\nShouldTransferFiles = NO\nJobBatchName = b\nLeaveJobInQueue = true\nJobPrio = 3\nUserLog = l'),
    _with("periodic", "periodic_hold = JobStatus == 2\nperiodic_hold_reason = \"x\"\nperiodic_release = false\nperiodic_remove = time() > 5"),
    _with("periodic_bad", "periodic_hold = (JobStatus == "),
    _with("on_exit", "on_exit_hold = ExitCode != 0\non_exit_remove = true\non_exit_hold_subcode = 3"),
    _with("retries", "max_retries = 3\nsuccess_exit_code = 1\nretry_until = 7"),
    _with("retries_expression", "max_retries = 3\nretry_until = ExitCode > 5\non_exit_remove = false"),
    _with("standard_files", "input = in1\noutput = dir/out\nerror = /dev/null\nlog = dir/log\nstream_output = true"),
    _with("folders_missing", "output = none/out\nerror = none/err\nlog = none/log"),
    _with("initialdir", "initialdir = dir\nlog = log"),
    _with("initialdir_missing", "initialdir = none"),
    _with("iwd_absolute", f"iwd = {FOLDER}/dir/\noutput = o"),
    _with("transfer", "should_transfer_files = YES\nwhen_to_transfer_output = ON_EXIT_OR_EVICT\ntransfer_input_files = in1, in2,\ntransfer_output_files = a,b"),
    _with("transfer_empty", 'transfer_input_files =\ntransfer_output_files = ""'),
    _with("transfer_no", "should_transfer_files = NO"),
    _with("transfer_true", "should_transfer_files = True"),
    _with("transfer_bad", "should_transfer_files = MAYBE"),
    _with("transfer_no_files", "should_transfer_files = NO\ntransfer_input_files = in1"),
    _with("transfer_when_bad", "when_to_transfer_output = MAYBE"),
    _with("transfer_contradiction", "should_transfer_files = YES\nwhen_to_transfer_output = NONE"),
    _with("transfer_incompatible", "should_transfer_files = IF_NEEDED\nwhen_to_transfer_output = ON_EXIT_OR_EVICT"),
    _with("transfer_remaps", 'transfer_output_remaps = "a=b;c=d"'),
    _with("transfer_remaps_bad", "transfer_output_remaps = a=b"),
    _with("transfer_missing_input", "transfer_input_files = none"),
    _description("not_transferred", "executable = none\ntransfer_executable = false\nqueue\n"),
    _with("transfer_never", "should_transfer_files = NO\nwhen_to_transfer_output = NEVER"),
    _with("transfer_on_success", "when_to_transfer_output = ON_SUCCESS"),
    _with("kill_sig_bad", "kill_sig = kill"),
    _with("include_missing", "include : none"),
    _description("queue_from_missing", "executable = s.sh\nqueue x from none\n"),
    _with("requests", "request_cpus = 2\nrequest_memory = 1.5 GB\nrequest_disk = 100MB\nrequest_gpus = 1\nrequest_foo = 3"),
    _with("requests_numbers", "request_memory = 512\nrequest_disk = 10\nrequest_cpus = 1.5"),
    _with("requests_real", "RequestMemory = 512.0\nRequestDisk = 1.0"),
    _with("requests_expression", "request_cpus = MY.Cores\nrequest_memory = floor(MY.Memory / 1048576)\nrequest_disk = ifThenElse(1 > X, 1, X)"),
    _with("requests_undefined", "request_memory = undefined\nrequest_disk = undefined"),
    _with("requests_bad", "request_memory = 5 apples"),
    _with("requirements", 'requirements = OpSysAndVer == "AlmaLinux9" && Memory > 5'),
    _with("requirements_empty", "requirements ="),
    _with("requirements_forced", "+Requirements = TRUE"),
    _with("requirements_bad", "requirements = (a"),
    _with("rank", "rank = Memory"),
    _with("hold", "hold = True"),
    _with("hold_bad", "hold = perhaps"),
    _with("priority_bad", "priority = high"),
    _with("notification", "notification = Complete\nnotify_user = a@b"),
    _with("notification_bad", "notification = sometimes"),
    _with("accounting", "accounting_group = g.h\naccounting_group_user = me"),
    _with("concurrency", "concurrency_limits = B,a:2"),
    _with("kill_sig", "kill_sig = sigkill\nremove_kill_sig = 2\nkill_sig_timeout = 5"),
    _with("description", 'description = a "b" \\c\nbatch_name = "q"'),
    _with("lease_small", "job_lease_duration = 5"),
    _with("getenv_no", "getenv = false\nenvironment = A=1"),
    _with("getenv_list", 'getenv = GOLD*\nenvironment = "A=1"'),
    _with("leave_in_queue", "leave_in_queue = JobStatus == 4 && (CompletionDate =?= UNDEFINED || CompletionDate == 0)"),
    _with("unknown_keys", "foo = bar\nBaz = $(foo)\nzulu = 1\nAlpha = 2"),
    _with("universe_bad", "universe = cluster"),
    _with("universe_standard", "universe = standard"),
    _with("universe_grid_alone", "universe = grid"),
    _with("universe_grid_bad", "universe = grid\ngrid_resource = foo bar"),
    _with("universe_grid_batch", "universe = grid\ngrid_resource = batch slurm"),
    _with("universe_local", "universe = local"),
    _with("universe_scheduler", "universe = scheduler"),
    _description("executable_none", "queue\n"),
    _description("executable_missing", "executable = none.sh\nqueue\n"),
    _description("executable_empty", "executable = empty.sh\nqueue\n"),
    _description("executable_crlf", "executable = crlf.sh\nqueue\n"),
    _description("executable_dollars", "executable = s.$$(OpSys)\nqueue\n"),
    _description("executable_twice", "executable = none\nexecutable = /bin/true\nqueue\n"),
    _description("queue_3", "executable = s.sh\noutput = o.$(Process)\narguments = x\nqueue 3\n"),
    _description("queue_macro", "executable = s.sh\nN = 2\nqueue $(N)\n"),
    _description("queue_expression", "executable = s.sh\nqueue 1 + 1\n"),
    _description("queue_upper", "executable = s.sh\nQueue\n"),
    _description("queue_0", "executable = s.sh\nqueue 0\n"),
    _description("queue_negative", "executable = s.sh\nqueue -1\n"),
    _description("queue_word", "executable = s.sh\nqueue many\n"),
    _description("queue_in", "executable = s.sh\narguments = $(x) $(ItemIndex) $(Step)\nqueue 2 x in a, b c\n"),
    _description("queue_in_lines", "executable = s.sh\narguments = $(Item)\nqueue in (\n a\n # no\n b c\n)\n"),
    _description("queue_from", "executable = s.sh\narguments = $(x)-$(y)\nqueue x, y from (\n 1, 2 3\n 4 5\n\n 6\n)\n"),
    _description("queue_from_file", "executable = s.sh\narguments = $(x)-$(y)\nqueue x y from items\n"),
    _description("queue_from_open", "executable = s.sh\nqueue x from (\n 1\n"),
    _description("queue_slice", "executable = s.sh\narguments = $(x)\nqueue x in [1:] (a b c)\n"),
    *[_matching(*words) for words in enumerate(MATCHING)],
    _with("include_pipe", "include : ./gen.sh |\narguments = $(y)"),
    _with("include_command", "include command : ./gen.sh\narguments = $(y)"),
    _with("include_into", "include command into kept : ./gen.sh\narguments = $(y)"),
    _with("include_output", "include output : echo y=7\narguments = $(y)"),
    _with("include_at", "@include : ./gen.sh |\narguments = $(y)"),
    _with("include_silent_command", "include : false |"),
    _description("dump", "executable = s.sh\nqueue 2\n", "condor_submit -dump ads a.sub && cat ads"),
    _description("dump_terse", "executable = s.sh\nqueue 2\n", "condor_submit -terse -dump ads a.sub"),
    Case("dump_no_value", "condor_submit -dump", {}),
    _description("queue_unused_variable", "executable = s.sh\nqueue x in (a)\n"),
    _description("queue_several", "executable = s.sh\narguments = a\nqueue\narguments = b\noutput = o\nqueue 2\n", differs="HTCondor forgets to transfer the second output"),
    _description("queue_clusters", "executable = s.sh\nqueue\nexecutable = /bin/true\nqueue 2\n"),
    _description("queue_none", "executable = s.sh\n"),
    _description("no_newline", "executable = s.sh\nqueue 2"),
    _description("empty", ""),
    _description("only_comments", "# a\n\n#b\n"),
    _description("not_an_assignment", "executable = s.sh\nwhatever\nqueue\n"),
    _description("two_words", "foo bar = 3\nqueue\n"),
    _description("bad_name", "foo-bar = 3\nexecutable = s.sh\nqueue\n"),
    _with("if", "if defined GONE\narguments = a\nelif true\narguments = b\nelse\narguments = c\nendif"),
    _description("if_open", "executable = s.sh\nif true\nqueue\n"),
    _with("include", "include : more\narguments = $(x)"),
    _with("here", "arguments @=end\n a\n b\n@end"),
    _description("append", "executable = s.sh\nqueue\n", 'condor_submit -append "arguments = x" -a "output=o" -dry-run - a.sub'),
    _description("append_bad", "executable = s.sh\nqueue\n", "condor_submit -append foo -dry-run - a.sub"),
    _description("command_line", "executable = s.sh\narguments = $(x)\nqueue\n", "condor_submit x=3 arguments=no -dry-run - a.sub"),
    _description("batch_name", "executable = s.sh\nqueue\n", "condor_submit -batch-name n -dry-run - a.sub"),
    _description("queue_option", "executable = s.sh\n", "condor_submit -dry-run - a.sub -queue 2"),
    _description("queue_option_twice", "executable = s.sh\nqueue\n", "condor_submit -dry-run - a.sub -queue 2"),
    _description("maxjobs", "executable = s.sh\nqueue 3\n", "condor_submit -maxjobs 2 -dry-run - a.sub"),
    _description("maxjobs_enough", "executable = s.sh\nqueue 3\n", "condor_submit -maxjobs 3 -dry-run - a.sub"),
    _description("maxjobs_word", "executable = s.sh\nqueue 3\n", "condor_submit -maxjobs x a.sub"),
    _description("single_cluster", "executable = s.sh\nqueue\nexecutable = /bin/true\nqueue\n", "condor_submit -single-cluster -dry-run - a.sub"),
    _description("dry_run_file", "executable = s.sh\nqueue 2\n", "condor_submit -dry-run ads a.sub && cat ads"),
    _description("dry_run_nowhere", "executable = s.sh\nqueue\n", "condor_submit -dry-run none/ads a.sub"),
    Case("dry_run_no_file", "condor_submit -dry-run ads", {}, stdin="executable = s.sh\nqueue\n"),
    Case("stdin_closed", "condor_submit <&-", {}),
    Case("stdin_empty", "condor_submit", {}),
    Case("file_missing", "condor_submit none.sub", {}),
    Case("file_empty_name", 'condor_submit ""', {}),
    Case("option_without_value", "condor_submit -file", {}),
    _description("submit_file", "executable = s.sh\nhold = true\nqueue 2\n", "condor_submit a.sub"),
    Case("submit_stdin", "condor_submit", {}, stdin="executable = s.sh\nhold = true\nqueue 2"),
    Case("submit_dash", "condor_submit -terse -", {}, stdin="executable = s.sh\nhold = true\nqueue 2"),
    _description("submit_terse", "executable = s.sh\nhold = true\nqueue\n", "condor_submit a.sub --terse"),
    _description("submit_clusters", "hold = true\nexecutable = s.sh\nqueue\nexecutable = /bin/true\nqueue 2\n", "condor_submit a.sub"),
    _description("submit_verbose", "executable = s.sh\nhold = true\nqueue 2\n", "condor_submit -v a.sub"),
    Case("submit_dash_verbose", "condor_submit -", {}, stdin="executable = s.sh\nhold = true\nfoo = 1\nqueue"),
    _description("submit_unknown_key", "executable = s.sh\nhold = true\nfoo = 1\nqueue\n", "condor_submit a.sub"),
    _description("submit_unused_off", "executable = s.sh\nhold = true\nfoo = 1\nqueue\n", "condor_submit -unused a.sub"),
    _description("submit_maxjobs", "executable = s.sh\nhold = true\nqueue 2\n", "condor_submit -maxjobs 1 a.sub"),
    _description("submit_no_executable", "hold = true\nqueue 2\n", "condor_submit a.sub"),
    _description("submit_spool_hold", "executable = s.sh\nhold = true\nqueue\n", "condor_submit -spool a.sub"),
]  # fmt: skip
