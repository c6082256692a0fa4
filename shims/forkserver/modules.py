"""What the fork server loads before it forks: every module of the toolkit that its commands import, at once or later.

A list rather than a walk over the packages: what nobody asked for must not be loaded (a driver that is not installed
would end the server, ``threading`` costs every child half a millisecond). A test compares it with what the commands import.
"""

from __future__ import annotations

MODULES = (
    "shims.analysis.analyze", "shims.analysis.conditions", "shims.analysis.idle_reasons", "shims.analysis.jobs",
    "shims.analysis.match", "shims.analysis.reduce", "shims.analysis.reverse", "shims.api.action_targets",
    "shims.api.actions", "shims.api.ad_files", "shims.api.constraints", "shims.api.history",
    "shims.api.input_copies", "shims.api.jobs", "shims.api.machines", "shims.api.query", "shims.api.selection",
    "shims.api.submit", "shims.api.userlog_jobs", "shims.cli.help.actions", "shims.cli.help.others",
    "shims.cli.help.submit", "shims.cli.identity", "shims.cli.options", "shims.cli.refusals", "shims.cli.release",
    "shims.cli.stdio", "shims.commands.condor.condor_advertise", "shims.commands.condor.condor_config_val",
    "shims.commands.condor.condor_continue", "shims.commands.condor.condor_drain",
    "shims.commands.condor.condor_history", "shims.commands.condor.condor_hold",
    "shims.commands.condor.condor_ping", "shims.commands.condor.condor_prio", "shims.commands.condor.condor_q",
    "shims.commands.condor.condor_q_answer", "shims.commands.condor.condor_q_request",
    "shims.commands.condor.condor_qedit", "shims.commands.condor.condor_release", "shims.commands.condor.condor_rm",
    "shims.commands.condor.condor_status", "shims.commands.condor.condor_submit",
    "shims.commands.condor.condor_suspend", "shims.commands.condor.condor_transfer_data",
    "shims.commands.condor.condor_vacate", "shims.commands.condor.condor_vacate_job",
    "shims.commands.condor.condor_version", "shims.commands.condor.dry_run", "shims.commands.condor.job_actions",
    "shims.format.autoclusters", "shims.format.autoformat", "shims.format.batches", "shims.format.columns",
    "shims.format.job_tables", "shims.format.machine_tables", "shims.format.printf", "shims.format.row_cache",
    "shims.format.times", "shims.format.totals", "shims.format.whole_ads", "shims.jobad.builder",
    "shims.jobad.environment", "shims.jobad.job_ad", "shims.jobad.machine_needs", "shims.jobad.policy",
    "shims.jobad.program", "shims.jobad.requirements", "shims.jobad.resources", "shims.jobad.simple_commands",
    "shims.jobad.transfer", "shims.print_format.builtin", "shims.print_format.parser",
    "shims.print_format.print_mask", "shims.print_format.renderers", "shims.submit.conditions",
    "shims.submit.description", "shims.submit.errors", "shims.submit.expressions", "shims.submit.external",
    "shims.submit.lines", "shims.submit.macro_functions", "shims.submit.macros", "shims.submit.queue_statement",
    "spool.classad.ads", "spool.classad.arguments", "spool.classad.bounds", "spool.classad.cost",
    "spool.classad.evaluate", "spool.classad.job_record", "spool.classad.library", "spool.classad.literals",
    "spool.classad.lookup", "spool.classad.matchmaking", "spool.classad.scope", "spool.classad.values",
    "spool.crashpoints", "spool.errors", "spool.job", "spool.settings", "spool.store.cluster_ids",
    "spool.store.layout", "spool.store.private_files", "spool.store.published_counts", "spool.store.queue_view",
    "spool.store.sqlite", "spool.store.task_file", "spool.userlog.reader", "spool.userlog.writer",
)  # fmt: skip

LIBRARIES = ("classad2", "sqlite3", "pwd", "re", "glob")
"""What commands load of others when they come to need it."""
