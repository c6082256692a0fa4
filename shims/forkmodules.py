"""What the fork server loads before it forks: every module of the toolkit that its commands import, at once or later.

A list rather than a walk over the packages: what nobody asked for must not be loaded (a driver that is not installed
would end the server, ``threading`` costs every child half a millisecond). A test compares it with what the commands import.
"""

from __future__ import annotations

MODULES = (
    "shims.actions", "shims.condor_advertise", "shims.condor_config_val", "shims.condor_continue", "shims.condor_drain",
    "shims.condor_history", "shims.condor_hold", "shims.condor_ping", "shims.condor_prio", "shims.condor_q",
    "shims.condor_qedit", "shims.condor_release", "shims.condor_rm", "shims.condor_status", "shims.condor_submit",
    "shims.condor_suspend", "shims.condor_transfer_data", "shims.condor_vacate", "shims.condor_vacate_job",
    "shims.condor_version", "shims.dry_run", "shims.language.commands", "shims.language.conditions",
    "shims.language.description", "shims.language.errors", "shims.language.expressions", "shims.language.functions",
    "shims.language.getenv", "shims.language.job", "shims.language.job_ads", "shims.language.lines", "shims.language.macros",
    "shims.language.needs", "shims.language.outside", "shims.language.policy", "shims.language.program", "shims.language.queue",
    "shims.language.requirements", "shims.language.resources", "shims.language.transfer", "shims.logevents", "shims.options",
    "shims.payload", "shims.query.adforms", "shims.query.analysis", "shims.query.analyze", "shims.query.answers",
    "shims.query.attributes", "shims.query.autoclusters", "shims.query.autoformat", "shims.query.batches",
    "shims.query.classads", "shims.query.clauses", "shims.query.columns", "shims.query.constraints", "shims.query.extracts",
    "shims.query.helps", "shims.query.histories", "shims.query.jobfiles", "shims.query.jobs", "shims.query.jobtables",
    "shims.query.machines", "shims.query.machinetables", "shims.query.matching", "shims.query.output", "shims.query.place",
    "shims.query.printas", "shims.query.printf", "shims.query.printmask", "shims.query.question", "shims.query.reduction",
    "shims.query.reverse", "shims.query.selectfile", "shims.query.selections", "shims.query.targets", "shims.query.times",
    "shims.query.totals", "shims.query.usage", "shims.query.userlog", "shims.query.values", "shims.query.verdicts",
    "shims.query.waiting", "shims.query.wanted", "shims.refusals", "shims.release", "shims.submission", "shims.submit_usage",
    "spool.ad", "spool.arguments", "spool.classad.bounds", "spool.classad.cost", "spool.classad.literals",
    "spool.classad.scope", "spool.counts", "spool.crash", "spool.database", "spool.errors", "spool.expressions", "spool.folder",
    "spool.house", "spool.job", "spool.logfile", "spool.numbers", "spool.private", "spool.requirements", "spool.savepoint",
    "spool.settings", "spool.taskfile", "spool.view",
)  # fmt: skip

LIBRARIES = ("classad2", "sqlite3", "pwd", "re", "glob")
"""What commands load of others when they come to need it."""
