"""What ``condor_submit -help`` says: HTCondor's words, without the options that we have no use for."""

from __future__ import annotations

USAGE = """\
Usage: condor_submit [options] [<attrib>=<value>] [- | <submit-file>]
    [options] are
\t-file <submit-file>\tRead Submit commands from <submit-file>
\t-terse  \t\tDisplay terse output, jobid ranges only
\t-verbose\t\tDisplay verbose output, jobid and full job ClassAd
\t-debug  \t\tDisplay debugging output
\t-append <line>\t\tadd line to submit file before processing
\t              \t\t(overrides submit file; multiple -a lines ok)
\t-queue <queue-opts>\tappend Queue statement to submit file before processing
\t                   \t(submit file must not already have a Queue statement)
\t-batch-name <name>\tappend a line to submit file that sets the batch name
\t-disable\t\tdisable file permission checks
\t-dry-run <filename>\tprocess submit file and write ClassAd attributes to <filename>
\t        \t\tbut do not actually submit the job(s) to the SCHEDD
\t-dump <filename>\tWrite job ClassAds to <filename> instead of
\t     \t\t\tsubmitting to the SCHEDD
\t-maxjobs <maxjobs>\tDo not submit if number of jobs would exceed <maxjobs>.
\t-single-cluster\t\tDo not submit if more than one ClusterId is needed.
\t-unused\t\t\ttoggles unused or unexpanded macro warnings
\t       \t\t\t(overrides config file; multiple -u flags ok)
\t-name <name>\t\tsubmit to the specified schedd
\t-remote <name>\t\tsubmit to the specified remote schedd
\t              \t\t(implies -spool)
\t-addr <ip:port>\t\tsubmit to schedd at given "sinful string"
\t-spool\t\t\tspool all files to the schedd
\t-pool <host>\t\tUse host as the central manager to query
\t-version\t\tDisplay the version
\t<attrib>=<value>\tSet <attrib>=<value> before reading the submit file.

    If <submit-file> is omitted or is -, and a -queue is not provided, submit commands
     are read from stdin. Use of - implies verbose output unless -terse is specified
"""
