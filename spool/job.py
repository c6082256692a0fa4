"""HTCondor's words for jobs: states, codes, universes.

Values from HTCondor's manual, "Job ClassAd Attributes" (JobStatus, HoldReasonCode, JobUniverse).
"""

from __future__ import annotations

# JobStatus
IDLE = 1
RUNNING = 2
REMOVED = 3
COMPLETED = 4
HELD = 5
TRANSFERRING_OUTPUT = 6
SUSPENDED = 7

STATUSES = (IDLE, RUNNING, REMOVED, COMPLETED, HELD, TRANSFERRING_OUTPUT, SUSPENDED)
STATUS_NAMES = {
    IDLE: "idle",
    RUNNING: "running",
    REMOVED: "removed",
    COMPLETED: "completed",
    HELD: "held",
    TRANSFERRING_OUTPUT: "transferring_output",
    SUSPENDED: "suspended",
}
STATUS_LETTERS = {1: "I", 2: "R", 3: "X", 4: "C", 5: "H", 6: ">", 7: "S"}

# HoldReasonCode
HOLD_UNSPECIFIED = 0
HOLD_USER_REQUEST = 1
HOLD_JOB_POLICY = 3
HOLD_JOB_POLICY_UNDEFINED = 5
HOLD_FAILED_TO_CREATE_PROCESS = 6
HOLD_UNABLE_TO_OPEN_OUTPUT = 7
HOLD_UNABLE_TO_OPEN_INPUT = 8
HOLD_TRANSFER_OUTPUT = 12
HOLD_TRANSFER_INPUT = 13
HOLD_IWD_ERROR = 14
HOLD_SUBMITTED_ON_HOLD = 15
HOLD_SPOOLING_INPUT = 16
HOLD_SYSTEM_POLICY = 26
HOLD_JOB_DURATION_EXCEEDED = 46
HOLD_JOB_EXECUTE_EXCEEDED = 47
HOLD_NAMES = {
    HOLD_UNSPECIFIED: "Unspecified",
    HOLD_USER_REQUEST: "UserRequest",
    HOLD_JOB_POLICY: "JobPolicy",
    HOLD_JOB_POLICY_UNDEFINED: "JobPolicyUndefined",
    HOLD_FAILED_TO_CREATE_PROCESS: "FailedToCreateProcess",
    HOLD_UNABLE_TO_OPEN_OUTPUT: "UnableToOpenOutput",
    HOLD_UNABLE_TO_OPEN_INPUT: "UnableToOpenInput",
    HOLD_TRANSFER_OUTPUT: "TransferOutputError",
    HOLD_TRANSFER_INPUT: "TransferInputError",
    HOLD_IWD_ERROR: "IwdError",
    HOLD_SUBMITTED_ON_HOLD: "SubmittedOnHold",
    HOLD_SPOOLING_INPUT: "SpoolingInput",
    HOLD_SYSTEM_POLICY: "SystemPolicy",
    HOLD_JOB_DURATION_EXCEEDED: "JobDurationExceeded",
    HOLD_JOB_EXECUTE_EXCEEDED: "JobExecuteExceeded",
}
"""As NumHoldsByReason has them."""

# JobUniverse
VANILLA = 5
SCHEDULER = 7
GRID = 9
JAVA = 10
PARALLEL = 11
LOCAL = 12


def job_id(cluster: int, proc: int) -> str:
    """``12.0``."""
    return f"{cluster}.{proc}"


def parse_job_id(text: str) -> tuple[int, int] | None:
    """``12.0`` to (12, 0); None when it is something else."""
    cluster, dot, proc = text.partition(".")
    return (int(cluster), int(proc)) if dot and is_number(cluster) and is_number(proc) else None


def is_number(text: str) -> bool:
    """Whether it can be a cluster's or a job's number: decimal digits, few enough for the database."""
    return text.isascii() and text.isdigit() and len(text) <= 10
