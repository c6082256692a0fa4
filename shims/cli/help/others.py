# ruff: noqa: E101, W291 - HTCondor's texts have tabs, and lines of their own length
"""The texts of ``-help`` of the smaller commands, as HTCondor 23.9.6 prints them."""

from __future__ import annotations

CONDOR_WAIT = """\

Use: condor_wait [options] <log-file> [job-number]
Where options are:
    -help             Display options
    -version          Display Condor version
    -debug            Show extra debugging info
    -status           Show job start and terminate info
    -echo[:<fmt>]     Echo log events relevant to [job-number]
       optional <fmt> is one or more log format options:
         ISO_DATE     date in Year-Month-Day form
         UTC          echo time as UTC time
         XML          echo in XML log format
         JSON         echo in JSON log format
    -num <number>     Wait for this many jobs to end
                       (default is all jobs)
    -wait <seconds>   Wait no more than this time
                       (default is unlimited)
    -allevents        Continue on even if all jobs have ended.
                      use with -echo to transcribe the whole log
                      cannot be used with -num

This command watches a log file, and indicates when
a specific job (or all jobs mentioned in the log)
have completed or aborted. It returns success if
all such jobs have completed or aborted, and returns
failure otherwise. 

Examples:
    condor_wait logfile
    condor_wait logfile 35
    condor_wait logfile 1406.35
    condor_wait -wait 60 logfile 13.25.3
    condor_wait -num 2 logfile

Transcribe an entire log to UTC timestamps:
    condor_wait -all -echo:UTC logfile
"""

CONDOR_PING = """\
Usage: condor_ping [options] TOKEN [TOKEN [TOKEN [...]]]

where TOKEN is ( ALL | <authorization-level> | <command-name> | <command-int> )

general options:
    -config <filename>              Add configuration from specified file
    -debug                          Show extra debugging info
    -help [config|levels|all]       Display this output [and details]
    -version                        Display Condor version

specifying target options:
    -address <sinful>               Use this sinful string
    -pool    <host>                 Query this collector
    -name    <name>                 Find a daemon with this name
    -subsystem <subsystem>          Type of daemon to contact (default: SCHEDD)
    -type    <subsystem>            Type of daemon to contact (default: SCHEDD)

output options (specify only one):
    -quiet                          No output, only sets status
    -table                          Print one result per line
    -verbose                        Print all available information
    -long                           Print result classad
    -format <fmt> <attr>	Display <attr> values with formatting
    -autoformat[:lhVr,tng] <attr> [<attr2> [...]]
    -af[:lhVr,tng] <attr> [attr2 [...]]
        Print attr(s) with automatic formatting
        the [lhVr,tng] options modify the formatting
            l   attribute labels
            h   attribute column headings
            V   %V formatting (string values are quoted)
            r   %r formatting (raw/unparsed values)
            ,   comma after each value
            t   tab before each value (default is space)
            n   newline after each value
            g   newline between ClassAds, no space before values
        use -af:h to get tabular values with headings
        use -af:lrng to get -long equivalent format

Example:
    condor_ping -addr "<127.0.0.1:9618>" -table READ WRITE DAEMON

"""

CONDOR_VACATE = """\
Usage: condor_vacate [general-options] [targets]

where [general-options] can be zero or more of:
    -help		gives this usage information
    -version		prints the version
    -pool <hostname>	use the given central manager to find daemons
    -graceful		gracefully vacate the jobs (the default)
    -fast		quickly vacate the jobs (no checkpointing)

where [targets] can be zero or more of:
    -all		all hosts in your pool (overrides other targets)
    -annex-name <name>	all annex hosts in the named annex
    -annex-slots	all annex hosts in your pool
    hostname		given host
    <ip.address:port>	given "sinful string"
  (for compatibility with other Condor tools, you can also use:)
    -name name	given host
    -constraint constraint	constraint
    -addr <addr:port>	given "sinful string"
  (if no targets are specified, the local host is used)

  condor_vacate causes the condor_startd to vacate the running
  job(s) on specific machines.  If you specify a slot
  (for example, "slot1@hostname"), only that slot will be
  vacated.  If you specify just a hostname, all jobs running under
  any slots at that host will be vacated.  By default,
  the jobs will be checkpointed (if possible), though if you
  specify the -fast option, they will be immediately killed.

"""

CONDOR_PRIO = """\
Usage: condor_prio [{+|-}priority ] [-p priority] [ -a ] [-n schedd_name] [ -pool pool_name ] [user | cluster | cluster.proc | -a] ...
"""

CONDOR_QEDIT = """\
Usage: condor_qedit [help-opts] [general-opts] <restriction-list> <edit-list>

    [help-opts] are:
	-help		   Display this screen
	-debug		   Display debugging info to console
	-dry-run	   Display whether edit is allowed

    [general-opts] are:
	-name <name>	   Name of Scheduler
	-pool <pool>	   Use host as the central manager to query
	-forward	   Forward changes to shadow/gridmanager

    <restriction-list> is one or more of:
	<cluster>	   Edit jobs in a specific cluster
	<cluster>.<proc>   Edit a specific job
	<owner>		   Edit jobs owned by <owner>
	-jobids <id-list>  Edit jobs in <id-list>
	-owner <owner>     Edit jobs owned by <owner>
	-constraint <expr> Edit jobs that match <expr>

    <edit-list> is a set of <attr> and <value> pairs, in one of two forms
	<attr> <value>	   Two argument form, alternate <attr> and <value>
	<attr>=<value>	   Single argument form, = separates <attr> and <value>
	-edits[:<form>] <file> Read edits from <file> in ClassAd format.
	           where <form> is one of:
	       auto    default, guess the format from reading the input stream
	       long    The traditional -long form
	       xml     XML form, the same as -xml
	       json    JSON classad form, the same as -json
	       new     'new' classad form without newlines

At least one restriction and one edit must be specified, restrictions must be
first. The restriction-list should be: a list of job and/or cluster ids, a
single owner name, or one or more of -owner, -jobids, -constraint arguments.
If both owner and jobids are specified, only jobs that match both will be
edited. If a -constraint argument is also provided, only jobs that also match
the constraint will be edited.
If only a -constraint argument is provided, jobs not owned by the current user
will be ignored unless the current user is a queue superuser.

Once a restriction has been specified, all remaining arguments that do not
start with a - are part of the <edit-list>.  An argument that contains = will
be treated as an <attr>=<value> pair, otherwise arguments should alternate
between <attr> and <value>
"""

CONDOR_TAIL = """\
Usage: condor_tail [options] <job-id> [filename1[, filename2[, ...]]]
Tail a file in a running job's sandbox.
The options are:
    -help             Display options
    -version          Display HTCondor version
    -pool <hostname>  Use this central manager
    -name <name>      Query this schedd
    -debug            Show extra debugging info
    -maxbytes         The maximum number of bytes to transfer.  Defaults to 1024
    -auto-retry       Auto retry if job is not running yet.
    -f,-follow        Follow the contents of a file.
By default, only stdout is returned.
The filename may be any file in the job's transfer_output_files.
You may also include the following options.
    -no-stdout        Do not tail the job's stdout
    -stderr           Tail at the job's stderr

"""

CONDOR_TRANSFER_DATA = """\
Usage: condor_transfer_data [options] [constraints]
 where [options] is zero or more of:
  -help               Display this message and exit
  -version            Display version information and exit
  -name schedd_name   Connect to the given schedd
  -pool hostname      Use the given central manager to find daemons
  -addr <ip:port>     Connect directly to the given "sinful string"
 and where [constraints] is one or more of:
  cluster.proc        transfer data for the given job
  cluster             transfer data for the given cluster of jobs
  user                transfer data for all jobs owned by user
  -constraint expr    transfer data for all jobs matching the boolean expression
  -all                transfer data for all jobs (cannot be used with other constraints)
"""

CONDOR_DRAIN = """\
Usage: condor_drain [OPTIONS] machine

OPTIONS:
-cancel           Stop draining.
-debug            Display debugging info to console
-graceful         (the default) Honor MaxVacateTime and MaxJobRetirementTime.
-quick            Honor MaxVacateTime but not MaxJobRetirementTime.
-fast             Honor neither MaxVacateTime nor MaxJobRetirementTime.
-reason <text>    While draining, advertise <text> as the reason.
-resume-on-completion    When done draining, resume normal operation.
-exit-on-completion      When done draining, STARTD should exit and not restart.
-restart-on-completion   When done draining, STARTD should restart.
-reconfig-on-completion  When done draining, STARTD should reconfig and resume.
-request-id <id>  Specific request id to cancel (optional).
-check <expr>     Must be true for all slots to be drained or request is aborted.
-start <expr>     Change START expression to this while draining.
"""

CONDOR_RUN = """\
usage: condor_run [-u <universe>] [-a command]* "shell-cmd"
	where shell-cmd is any Unix shell statement.
	-u lets you set the universe to which the job is submitted.
	   The default is vanilla.
	-a lets you add additional submit commands
	   e.g. -a request_memory=1024
	Environment variables CONDOR_ARCH, CONDOR_OPSYS, and
	CONDOR_REQUIREMENTS may specify remote machine's Arch,
	OpSys, and any additional requirements.
"""

CONDOR_SSH_TO_JOB = """\
Usage: condor_ssh_to_job [OPTIONS] { cluster | cluster.proc } [command]

OPTIONS:
 -debug
 -name schedd-name
 -pool pool-name
 -auto-retry               (if job not running yet)
 -remove-on-interrupt      (rm job on ctrl-c)
 -shells shell1,shell2,... (shells to try)
 -ssh <alt ssh command>    (e.g. sftp or scp)
 -keygen-options <keygen options>
 -X                        (enable X11 forwarding)
 -x                        (disable X11 forwarding)
"""

CONDOR_CONFIG_VAL = """\
Usage: condor_config_val <help>

       condor_config_val [<location>] [<view>] <vars>

    where <vars> is <var> [<var>...]	Print the value of <var>.
	When used with -dump, <var> is regular expression.

    where <view> is one or more of
	-dump		Print values of all variables that match <var>
			If no <vars>, Print all variables
	-expanded	Print expanded value
	-raw		Print raw value
	-evaluate	Print the value
	-verbose	Print source and value
	-config		Print the locations of configuration files
	-mixedcase	Accepted
	-local-name <name>  Accepted
	-subsystem <daemon> Accepted

    where <location> is one or more of (one pool is there; all mean it)
	-address <ip:port>	Connect to the given ip/port
	-pool <hostname>	Use the given central manager to find daemons
	-name <daemon_name>	Query the specified daemon
	-master			Query the master
	-schedd			Query the schedd
	-startd			Query the startd
	-collector		Query the collector
	-negotiator		Query the negotiator

    where <help> is one of
	-help		Print this screen and exit
	-version	Print HTCondor version and exit
"""
