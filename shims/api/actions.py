"""What an action means for a job in its state: who is acted on, and what the tool says (HTCondor's ``actOnJobs``)."""

from __future__ import annotations

from spool.classad import ads
from spool.job import COMPLETED, HELD, HOLD_SPOOLING_INPUT, HOLD_USER_REQUEST, IDLE, REMOVED, RUNNING, SUSPENDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from spool.classad.job_record import JobRecord

# HTCondor's action_result_t
ERROR, SUCCESS, NOT_FOUND, BAD_STATUS, ALREADY_DONE, PERMISSION_DENIED = range(6)

_NEW_STATUS = {"remove": REMOVED, "remove-forcex": -1, "hold": HELD, "release": 0, "vacate": IDLE}

NO_SUSPENSION = "Work Queue has no way to suspend a task (condor_hold ends it, condor_release starts it anew)"


class Verb:
    """An action's words and numbers: ``code`` is HTCondor's JobAction."""

    __slots__ = ("action", "code", "done", "reason", "word")

    def __init__(self, action: str, word: str, done: str, reason: str, code: int) -> None:
        self.action = action
        self.word = word
        self.done = done
        self.reason = reason
        self.code = code


REMOVE = Verb("remove", "remove", "marked for removal", "via condor_rm", 3)
FORCEX = Verb("remove-forcex", "remove", "removed locally (remote state unknown)", "via condor_rm -forcex", 4)
HOLD = Verb("hold", "hold", "held", "via condor_hold", 1)
RELEASE = Verb("release", "release", "released", "via condor_release", 2)
VACATE = Verb("vacate", "vacate", "vacated", "", 5)
FAST_VACATE = Verb("vacate", "fast-vacate", "fast-vacated", "", 6)
SUSPEND = Verb("suspend", "suspend", "suspended", "", 8)
CONTINUE = Verb("continue", "continue", "continued", "", 9)
_OF_RUNNING = {VACATE: RUNNING, FAST_VACATE: RUNNING, SUSPEND: RUNNING, CONTINUE: SUSPENDED}
"""Those that are for jobs of one state only."""


def matches(verb: Verb, status: int, hold_code: int) -> bool:
    """Whether a constraint reaches jobs of this state at all: only such are looked at when no ids were given."""
    if verb is REMOVE:
        return status != REMOVED
    if verb is FORCEX:
        return status == REMOVED
    if verb is HOLD:
        return status not in (REMOVED, COMPLETED)
    if verb in _OF_RUNNING:
        return status == _OF_RUNNING[verb]
    return status == HELD and hold_code != HOLD_SPOOLING_INPUT


def verdict(verb: Verb, status: int, hold_code: int) -> int:
    """What comes of the action on a job of this state. Work Queue cannot suspend a task: an error."""
    if verb in _OF_RUNNING:
        return BAD_STATUS if status != _OF_RUNNING[verb] else SUCCESS if verb.action == "vacate" else ERROR
    if verb is REMOVE:
        return ALREADY_DONE if status == REMOVED else SUCCESS
    if verb is FORCEX:
        return SUCCESS if status == REMOVED else BAD_STATUS
    if verb is RELEASE:
        return SUCCESS if status == HELD and hold_code != HOLD_SPOOLING_INPUT else BAD_STATUS
    if status == HELD and hold_code in (HOLD_USER_REQUEST, HOLD_SPOOLING_INPUT):
        return ALREADY_DONE
    return PERMISSION_DENIED if status in (REMOVED, COMPLETED) else SUCCESS


def hold_code(record: JobRecord) -> int:
    """HoldReasonCode of a job; 0 where there is none."""
    return ads.number(record.expression("HoldReasonCode"))


def status_after(verb: Verb) -> int:
    """The JobStatus of a job that was acted on, as the rest of the same command line sees it."""
    return _NEW_STATUS[verb.action]


def message(verb: Verb, job: str, result: int) -> str:
    """What the tool says of a job that was named by its id."""
    if result == SUCCESS:
        return f"Job {job} {verb.done}"
    if result == PERMISSION_DENIED:
        return f"Permission denied to {verb.word} job {job}"
    if result == NOT_FOUND:
        why = "not found"
    elif result == ALREADY_DONE:
        why = f"already {verb.done}"
    elif result == ERROR:
        # HTCondor's words, although it runs: TARDIS ends with everything it manages when it reads others.
        why = f"not running to be {verb.done}: {NO_SUSPENSION}"
    elif verb in _OF_RUNNING:
        why = f"not running to be {verb.done}"
    else:
        why = "not held to be released" if verb is RELEASE else "not in `X' state to be forcibly removed"
    return f"Job {job} {why}"
