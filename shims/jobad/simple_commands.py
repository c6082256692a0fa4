"""The submit commands that become one attribute each: (command, attribute, kind), in HTCondor's order.

From HTCondor 23.9.6 (``prunable_keywords`` in ``submit_utils.cpp``). A command can be written by its attribute's name
too (``JobBatchName = x``). Commands that need more than a conversion are in ``job_ads``, ``resources`` and ``transfer``.
"""

from __future__ import annotations

TEXT = 0
"""A string, as it is."""
UNQUOTED = 1
"""A string; quotes around it are dropped."""
LIST = 2
"""A string: the items of a list, joined by commas."""
PATH = 3
"""A string: an absolute path, relative ones counted from the job's folder."""
INTEGER = 4
NATURAL = 5
"""An integer that is not negative."""
BOOLEAN = 6
EXPRESSION = 7

SIMPLE: tuple[tuple[str, str, int], ...] = (
    ("next_job_start_delay", "NextJobStartDelay", EXPRESSION),
    ("keep_claim_idle", "KeepClaimIdle", EXPRESSION),
    ("job_ad_information_attrs", "JobAdInformationAttrs", TEXT),
    ("ulog_execute_attrs", "UserLogExecuteEventAttrs", TEXT),
    ("materialize_max_idle", "JobMaterializeMaxIdle", EXPRESSION),
    ("max_idle", "JobMaterializeMaxIdle", EXPRESSION),
    ("docker_network_type", "DockerNetworkType", TEXT),
    ("docker_pull_policy", "DockerPullPolicy", TEXT),
    ("docker_override_entrypoint", "DockerOverrideEntrypoint", BOOLEAN),
    ("container_target_dir", "ContainerTargetDir", UNQUOTED),
    ("transfer_container", "TransferContainer", BOOLEAN),
    ("transfer_plugins", "TransferPlugins", TEXT),
    ("want_io_proxy", "WantIOProxy", BOOLEAN),
    ("starter_debug", "JobStarterDebug", UNQUOTED),
    ("starter_log", "JobStarterLog", PATH),
    ("job_machine_attrs", "JobMachineAttrs", TEXT),
    ("job_machine_attrs_history_length", "JobMachineAttrsHistoryLength", INTEGER),
    ("notify_user", "NotifyUser", TEXT),
    ("email_attributes", "EmailAttributes", LIST),
    ("remote_initialdir", "RemoteIwd", TEXT),
    ("Remote_grid_resource", "Remote_GridResource", TEXT),
    ("output_destination", "OutputDestination", TEXT),
    ("want_graceful_removal", "WantGracefulRemoval", EXPRESSION),
    ("job_max_vacate_time", "JobMaxVacateTime", EXPRESSION),
    ("encrypt_execute_directory", "EncryptExecuteDirectory", BOOLEAN),
    ("encrypt_input_files", "EncryptInputFiles", TEXT),
    ("encrypt_output_files", "EncryptOutputFiles", TEXT),
    ("dont_encrypt_input_files", "DontEncryptInputFiles", TEXT),
    ("dont_encrypt_output_files", "DontEncryptOutputFiles", TEXT),
    ("load_profile", "LoadProfile", BOOLEAN),
    ("file_remaps", "FileRemaps", EXPRESSION),
    ("buffer_files", "BufferFiles", EXPRESSION),
    ("buffer_size", "BufferSize", EXPRESSION),
    ("buffer_block_size", "BufferBlockSize", EXPRESSION),
    ("fetch_files", "FetchFiles", TEXT),
    ("compress_files", "CompressFiles", TEXT),
    ("append_files", "AppendFiles", TEXT),
    ("local_files", "LocalFiles", TEXT),
    ("log", "UserLog", PATH),
    ("dagman_log", "DAGManNodesLog", PATH),
    ("log_xml", "UserLogUseXML", BOOLEAN),
    ("noop_job", "IsNoopJob", EXPRESSION),
    ("noop_job_exit_signal", "NoopJobExitSignal", EXPRESSION),
    ("noop_job_exit_code", "NoopJobExitCode", EXPRESSION),
    ("dag_node_name", "DAGNodeName", TEXT),
    ("match_list_length", "LastMatchListLength", INTEGER),
    ("dagman_job_id", "DAGManJobId", NATURAL),
    ("submit_event_notes", "SubmitEventNotes", TEXT),
    ("submit_event_user_notes", "SubmitEventUserNotes", TEXT),
    ("stack_size", "StackSize", EXPRESSION),
    ("jar_files", "JarFiles", TEXT),
    ("public_input_files", "PublicInputFiles", TEXT),
    ("parallel_script_shadow", "ParallelScriptShadow", TEXT),
    ("parallel_script_starter", "ParallelScriptStarter", TEXT),
    ("cron_minute", "CronMinute", TEXT),
    ("cron_hour", "CronHour", TEXT),
    ("cron_day_of_month", "CronDayOfMonth", TEXT),
    ("cron_month", "CronMonth", TEXT),
    ("cron_day_of_week", "CronDayOfWeek", TEXT),
    ("description", "JobDescription", TEXT),
    ("batch_name", "JobBatchName", UNQUOTED),
    ("batch_id", "JobBatchId", UNQUOTED),
    ("max_job_retirement_time", "MaxJobRetirementTime", EXPRESSION),
    ("job_lease_duration", "JobLeaseDuration", EXPRESSION),
    ("core_size", "CoreSize", INTEGER),
    ("priority", "JobPrio", INTEGER),
    ("run_as_owner", "RunAsOwner", BOOLEAN),
    ("max_transfer_input_mb", "MaxTransferInputMB", EXPRESSION),
    ("max_transfer_output_mb", "MaxTransferOutputMB", EXPRESSION),
    ("manifest", "ManifestDesired", BOOLEAN),
    ("manifest_dir", "ManifestDir", TEXT),
    ("checkpoint_exit_code", "SuccessCheckpointExitCode", INTEGER),
    ("checkpoint_destination", "CheckpointDestination", TEXT),
    ("aws_region", "AWSRegion", TEXT),
    ("erase_output_and_error_on_restart", "EraseOutputAndErrorOnRestart", BOOLEAN),
    ("transfer_checkpoint_files", "TransferCheckpoint", TEXT),
    ("preserve_relative_paths", "PreserveRelativePaths", BOOLEAN),
    ("skip_if_dataflow", "SkipIfDataflow", BOOLEAN),
    ("allowed_job_duration", "AllowedJobDuration", EXPRESSION),
    ("allowed_execute_duration", "AllowedExecuteDuration", EXPRESSION),
    ("jobset", "JobSetName", UNQUOTED),
    # HTCondor handles these one by one, with the same effect
    ("periodic_hold", "PeriodicHold", EXPRESSION),
    ("periodic_hold_reason", "PeriodicHoldReason", EXPRESSION),
    ("periodic_hold_subcode", "PeriodicHoldSubCode", EXPRESSION),
    ("periodic_release", "PeriodicRelease", EXPRESSION),
    ("periodic_remove", "PeriodicRemove", EXPRESSION),
    ("periodic_vacate", "PeriodicVacate", EXPRESSION),
    ("on_exit_hold_reason", "OnExitHoldReason", EXPRESSION),
    ("on_exit_hold_subcode", "OnExitHoldSubCode", EXPRESSION),
    ("arc_rte", "ArcRte", TEXT),
    ("arc_resources", "ArcResources", TEXT),
    ("arc_application", "ArcApplication", TEXT),
    ("concurrency_limits_expr", "ConcurrencyLimits", EXPRESSION),
)

KEPT_ONLY: dict[str, str] = {
    "append_files": "files that come home replace what is there",
    "checkpoint_destination": "jobs are not checkpointed",
    "checkpoint_exit_code": "jobs are not checkpointed: an exit with this status ends the job",
    "concurrency_limits": "nothing is limited by it",
    "concurrency_limits_expr": "nothing is limited by it",
    "cron_day_of_month": "the job starts as soon as it can",
    "cron_day_of_week": "the job starts as soon as it can",
    "cron_hour": "the job starts as soon as it can",
    "cron_minute": "the job starts as soon as it can",
    "cron_month": "the job starts as soon as it can",
    "deferral_time": "the job starts as soon as it can",
    "encrypt_execute_directory": "the sandbox is not encrypted",
    "encrypt_input_files": "files travel as Work Queue sends them",
    "encrypt_output_files": "files travel as Work Queue sends them",
    "file_remaps": "see transfer_output_remaps",
    "hold_kill_sig": "pilots are ended by SIGTERM, then SIGKILL",
    "keep_claim_idle": "claims are not kept",
    "kill_sig": "pilots are ended by SIGTERM, then SIGKILL",
    "log_xml": "the job event log is written as text",
    "machine_count": "the job runs once, on one machine",
    "manifest": "no manifest is made",
    "max_idle": "all jobs are submitted at once",
    "max_materialize": "all jobs are submitted at once",
    "materialize_max_idle": "all jobs are submitted at once",
    "max_transfer_input_mb": "the size of inputs is not limited",
    "max_transfer_output_mb": "the size of outputs is not limited",
    "nice_user": "priorities of users are not known here",
    "next_job_start_delay": "jobs start as soon as they can",
    "output_destination": "outputs come home",
    "periodic_vacate": "it is not evaluated",
    "public_input_files": "these files are not sent: use transfer_input_files",
    "remote_initialdir": "the job starts in its sandbox",
    "remove_kill_sig": "pilots are ended by SIGTERM, then SIGKILL",
    "skip_if_dataflow": "the job runs whatever its outputs are",
    "stream_error": "the stream comes home when the job ends",
    "stream_output": "the stream comes home when the job ends",
    "transfer_plugins": "only http, https, ftp and file are fetched",
    "transfer_checkpoint_files": "jobs are not checkpointed",
    "want_io_proxy": "there is no condor_chirp",
}
"""Commands that only queries see, where a user would be misled: why, for stderr. docs/submit-commands.md has all."""

KNOWN_UNUSED = ("copy_to_spool", "skip_filechecks", "allow_arguments_v1", "allow_environment_v1", "send_credential",
                "stream_input", "stream_output", "stream_error", "universe", "hold", "want_ads", "encrypt_execute_directory",
                "use_x509userproxy", "submit_warn_empty_fields", "SubmitWarnEmptyFields",
                "SubmitFailEmptyFields", "submit_fail_empty_fields")  # fmt: skip
"""Read by HTCondor without an attribute of their own, or in some cases only: no reason to warn about a typo."""

BATCH: tuple[tuple[str, str, int], ...] = (
    ("batch_extra_submit_args", "BatchExtraSubmitArgs", TEXT),
    ("batch_project", "BatchProject", TEXT),
    ("batch_queue", "BatchQueue", TEXT),
    ("batch_runtime", "BatchRuntime", EXPRESSION),
)
"""Of the grid universe's batch jobs only."""

UNIVERSES = {
    "standard": 1, "pipe": 2, "linda": 3, "pvm": 4, "vanilla": 5, "pvmd": 6, "scheduler": 7, "mpi": 8, "grid": 9,
    "java": 10, "parallel": 11, "local": 12, "vm": 13, "docker": 5, "container": 5,
}  # fmt: skip
