# ruff: noqa: E101 - HTCondor's texts have tabs
"""The texts of ``-help``, in the form of HTCondor 23.9.6; they list what is offered here."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_AUTOFORMAT = """\
	-autoformat[:jlhVr,tng] <attr> [<attr2> [...]]
	-af[:jlhVr,tng] <attr> [attr2 [...]]
	    Print attr(s) with automatic formatting
	    the [jlhVr,tng] options modify the formatting
	        j   Display Job id
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
	-format <fmt> <attr>	 Print attribute attr using format fmt
"""

CONDOR_Q = f"""\
Usage: condor_q [general-opts] [restriction-list] [output-opts | analyze-opts]

    [general-opts] are (one queue is there; the names are accepted and mean it)
	-global			 Query all Schedulers in this pool
	-submitter <submitter>	 Get queue of specific submitter
	-name <name>		 Name of Scheduler
	-pool <host>		 Use host as the central manager to query
	-jobads <file>		 Read queue from a file of job ClassAds in long form
	-userlog <file>		 Read queue from a user log file

    [restriction-list] each restriction may be one of
	<cluster>		 Get information about specific cluster
	<cluster>.<proc>	 Get information about specific job
	<owner>			 Information about jobs owned by <owner>
	-autocluster		 Get information about jobs that match alike
	-constraint <expr>	 Get information about jobs that match <expr>
	-unmatchable		 Get information about jobs that do not match any machines
	-allusers		 Consider jobs from all users

    [output-opts] are
	-limit <num>		 Limit the number of results to <num>
	-grid			 Get information about grid jobs
	-goodput		 Display job goodput statistics
	-help [Universe|State]	 Display this screen, JobUniverses, JobStates
	-io			 Display information regarding I/O
	-hold			 Get information about jobs on hold
	-batch			 Display batches of similar jobs as a single line
	-nobatch		 Display one line per job, rather than one line per batch
	-idle			 Get information about idle jobs
	-cputime		 With -nobatch: CPU_TIME instead of RUN_TIME
	-cumulative-time	 With -nobatch: times of all runs together
	-run			 Get information about running jobs
	-totals			 Display only job totals
	-version		 Print the HTCondor version and exit
	-wide[:<width>]		 Don't truncate data to fit in 80 columns; truncate to <width>
{_AUTOFORMAT}\
	-long[:<form>]		 Display entire ClassAds in <form> format: long, json, xml, new
	-xml			 Display entire ClassAds in XML form
	-json			 Display entire ClassAds in JSON form
	-attributes X,Y,...	 Attributes to show in -xml, -json, and -long
	-print-format <file>	 Use <file> to set display attributes and formatting

    [analyze-opts] are
	-analyze[:<qual>]	 Why jobs do not run
	-better-analyze[:<qual>] The same, with how many machines satisfy each condition
	    <qual> is a comma separated list of one or more of
	    summary	Show a one-line summary for each job or machine
	    reverse	Analyze machines rather than jobs
	-machine <name>		 Machine name or slot name for analysis
	-mconstraint <expr>	 Machine constraint for analysis
	-slotads <file>		 Read Machine ClassAds for analysis from <file>
	-reverse-analyze	 Analyze Machine requirements against jobs
	-verbose		 Show machine names in results
"""

UNIVERSES = """\
    JobUniverse codes:
	 1 Standard
	 4 PVM
	 5 Vanilla
	 6 PVMD
	 7 Scheduler
	 8 MPI
	 9 Grid
	10 Java
	11 Parallel
	12 Local
	13 VM

"""

STATES = """\
    JobStatus codes:
	 1 I IDLE
	 2 R RUNNING
	 3 X REMOVED
	 4 C COMPLETED
	 5 H HELD
	 6 > TRANSFERRING_OUTPUT
	 7 S SUSPENDED
	 8 F FAILED
	 9 B BLOCKED

"""


def condor_q(topics: Sequence[str]) -> str:
    """The usage of condor_q, and the codes that are asked for: Universe, State."""
    names = [topic.lower() for topic in topics]
    universes = [name for name in names if len(name) > 2 and "universe".startswith(name)]
    states = [name for name in names if len(name) > 1 and ("state".startswith(name) or "status".startswith(name))]
    codes = (UNIVERSES if universes else "") + (STATES if states else "")
    return CONDOR_Q + ("\n" + codes if codes else "")


CONDOR_HISTORY = f"""\
Usage: condor_history [source] [restriction-list] [options]

   where [source] is one of (one history is there; the names are accepted and mean it)
	-name <schedd-name>	Remote schedd to read from
	-pool <collector-name>	Pool remote schedd lives in.
	-file <file>		Read history data from specified file
	-local			Read history data from the configured files
	-userlog <file>		Read job data from the specified job event log

   and [restriction-list] is one or more of
	<cluster>		Get information about specific cluster
	<cluster>.<proc>	Get information about specific job
	<owner>			Information about jobs owned by <owner>
	-constraint <expr>	Information about jobs matching <expr>
	-scanlimit <num>	Stop scanning when <num> jobs have been read
	-since <jobid>|<expr>	Stop scanning when <expr> is true or <jobid> is read
	-completedsince <time>	Display jobs completed on/after time

   and [options] are one or more of
	-help			Display this screen
	-backwards		List jobs in reverse chronological order
	-forwards		List jobs in chronological order
	-limit <number>		Limit the number of jobs displayed
	-match <number>		Old name for -limit
	-long			Display entire classads
	-xml			Display classads in XML format
	-json			Display classads in JSON format
	-jsonl			Display classads in JSON-Lines format: one ad per line
	-attributes <attr-list>	Display only the given attributes
	-wide[:<width>]		Don't truncate fields to fit into 80 columns
	-print-format <file>	Use <file> to specify the attributes and formatting
{_AUTOFORMAT}"""

CONDOR_STATUS = f"""\
Usage: condor_status [query-opt] [display-opts] [name ...]
    the pool is one partitionable slot, each running job a dynamic one

    [query-opt] is one or more of
	-avail			Print information about available resources
	-claimed		Print information about claimed resources
	-collector		Display collector daemon attributes
	-master			Display daemon master attributes
	-schedd			Display attributes of schedds
	-ads <file>		Get information from <file> in long form
	-constraint <const>	Add constraint on classads
	-name <name>		Accepted, and means the one pool
	-pool <name>		Accepted, and means the one pool

    and [display-opts] are one or more of
	-help			Print this screen and exit
	-version		Print HTCondor version and exit
	-limit <n>		Display no more than <n> classads.
	-sort <expr>		Sort entries by expressions
	-state			Display state of resources
	-compact		One line for the pool, slots rolled up
	-total			Display totals only
	-long[:<form>]		Display entire classads in <form>: long, json, xml, new
	-xml			Display entire classads, but in XML
	-json			Display entire classads, but in JSON
	-attributes X,Y,...	Attributes to show in -xml, -json or -long
	-wide[:<width>]		Don't truncate data; truncate to <width>
	-print-format <file>	Use <file> to set display attributes and formatting
{_AUTOFORMAT}"""

CONDOR_VERSION = """\
Usage: condor_version [options]
   If no options are specified, print the version and platform strings
   where the tool was built.  Valid options are:
   -help	(this message)
   -arch	(print the ARCH string)
   -opsys	(print the OPSYS string)
"""


def action_usage(name: str) -> str:
    """The usage of a command of ``shims.commands.condor.job_actions``."""
    word = {
        "condor_rm": "Remove", "condor_hold": "Hold", "condor_release": "Release", "condor_vacate_job": "Vacate",
        "condor_suspend": "Suspend", "condor_continue": "Continue",
    }[name]  # fmt: skip
    more = reason = ""
    if word in ("Remove", "Hold", "Release"):
        reason = f"  -reason reason      Use the given {word}Reason\n"
    elif word == "Vacate":
        more = "  -fast               Use a fast vacate (hardkill)\n"
    if name == "condor_hold":
        more = "  -subcode number     Set HoldReasonSubCode\n"
    elif name == "condor_rm":
        more = (
            "  -forcex             Force the immediate local removal of jobs in the X state\n"
            "                      (only affects jobs already being removed)\n"
        )
    return f"""\
Usage: {name} [options] [constraints]
 where [options] is zero or more of:
  -help               Display this message and exit
  -version            Display version information and exit
  -long               Display full result classad
  -totals             Display success/failure totals
  -name schedd_name   Connect to the given schedd
  -pool hostname      Use the given central manager to find daemons
  -addr <ip:port>     Connect directly to the given "sinful string"
{reason}{more} and where [constraints] is one of:
  cluster.proc        {word} the given job
  cluster             {word} the given cluster of jobs
  user                {word} all jobs owned by user
  -constraint expr    {word} all jobs matching the boolean expression
  -all                {word} all jobs (cannot be used with other constraints)
"""
