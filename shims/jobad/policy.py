"""How a job is treated: status at submission, credentials, notification, rank, retries, signals, accounting, sizes."""

from __future__ import annotations

import os

from shims.jobad import simple_commands
from shims.jobad.job_ad import JobAd
from shims.jobad.resources import size
from shims.jobad.transfer import kilobytes
from shims.submit.errors import SubmitError
from shims.submit.expressions import canonical, integer, parse
from spool.classad import ads
from spool.job import COMPLETED, HELD, HOLD_SUBMITTED_ON_HOLD, IDLE

_SPOOLED_LEAVE = (
    f"JobStatus == {COMPLETED} && "
    "(CompletionDate =?= undefined || CompletionDate == 0 || ((time() - CompletionDate) < 864000))"
)


def set_status(job: JobAd) -> None:
    """``hold``: JobStatus, and why. SubmitError."""
    job.ad["JobStatus"] = str(IDLE)
    if not job.is_true("hold", "hold", False):
        return
    if job.surroundings.remote:
        raise SubmitError("Cannot set hold to 'true' when using -remote or -spool", lead="")
    job.ad["JobStatus"] = str(HELD)
    job.ad["HoldReasonCode"] = str(HOLD_SUBMITTED_ON_HOLD)
    job.text("HoldReason", "submitted on hold at user's request")


def _is_certificate(path: str) -> bool:
    """Whether a file has a certificate in it; as much as HTCondor finds out of one that it cannot use."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return b"-----BEGIN CERTIFICATE-----" in file.read(1 << 20)
    except OSError:
        return False


def set_credentials(job: JobAd) -> None:
    """Names of proxy and token are kept; that they are there is not asked for (the pilot gets none from us)."""
    proxy = job.macros.get("x509userproxy")
    if proxy is None and job.is_true("use_x509userproxy", "use_x509userproxy", False):
        proxy = os.environ.get("X509_USER_PROXY") or f"/tmp/x509up_u{os.geteuid()}"  # where grid tools keep it
        proxy = proxy if os.path.exists(proxy) else None
    if proxy is not None:
        path = job.path(proxy)
        if not _is_certificate(path):
            raise SubmitError("unable to read proxy file", lead="")
        job.text("x509userproxy", path)
    lifetime = job.macros.get("delegate_job_gsi_credentials_lifetime", "DelegateJobGSICredentialsLifetime")
    if lifetime is not None:
        if integer(lifetime) is None:
            raise SubmitError(f"invalid integer setting delegate_job_gsi_credentials_lifetime = {lifetime}", lead="")
        job.ad["DelegateJobGSICredentialsLifetime"] = str(integer(lifetime))
    wish = (job.macros.get("use_scitokens", "use_scitoken") or "auto").lower()
    token = job.macros.get("scitokens_file", "ScitokensFile") or os.environ.get("BEARER_TOKEN_FILE")
    if token and (wish == "auto" or job.is_true("use_scitokens", "use_scitoken", False)):
        named = job.macros.has("scitokens_file") or job.macros.has("ScitokensFile") or job.macros.has("use_scitokens")
        if named:
            job.text("ScitokensFile", job.path(token))


def set_notification(job: JobAd) -> None:
    """``notification`` as HTCondor's number. SubmitError."""
    value = (job.macros.get("notification", "JobNotification") or "never").lower()
    codes = {"never": "0", "always": "1", "complete": "2", "error": "3"}
    if value not in codes:
        raise SubmitError("Notification must be 'Never', 'Always', 'Complete', or 'Error'", lead="")
    job.ad["JobNotification"] = codes[value]
    who = job.macros.get("notify_user", "NotifyUser")
    if who is not None and who.lower() in ("never", "false"):
        job.warnings.append(_NOBODY.format(who, job.surroundings.host))


_NOBODY = """You used  notify_user={0}  in your submit file.
This means notification email will go to user "{0}@{1}".
This is probably not what you expect!
If you do not want notification email, put "notification = never"
into your submit file, instead."""


def set_rank(job: JobAd) -> None:
    """``rank``."""
    rank = job.macros.get("rank", "preferences")
    if rank is None:
        job.ad["Rank"] = "0.0"
    else:
        job.expression("Rank", rank)


def set_leave(job: JobAd) -> None:
    """``leave_in_queue``; a spooled job stays ten days, for its output to be fetched."""
    leave = job.macros.get("leave_in_queue", "LeaveJobInQueue")
    job.expression("LeaveJobInQueue", leave or (_SPOOLED_LEAVE if job.surroundings.remote else "false"))


def set_retries(job: JobAd) -> None:
    """``max_retries`` and its like become OnExitRemove; ``on_exit_*``. SubmitError."""
    macros = job.macros
    remove, hold = macros.get("on_exit_remove", "OnExitRemove"), macros.get("on_exit_hold", "OnExitHold")
    if hold is not None:
        job.expression("OnExitHold", hold)
    most = macros.get("max_retries", "JobMaxRetries")
    success = macros.get("success_exit_code", "JobSuccessExitCode")
    until = macros.get("retry_until")
    if most is None and success is None and until is None:
        if remove is not None:
            job.expression("OnExitRemove", remove)
        return
    job.integer("max_retries", "JobMaxRetries", most or "2", False)
    if hold is None:
        job.ad["OnExitHold"] = "false"
    check = "0"
    if success is not None:
        job.integer("success_exit_code", "JobSuccessExitCode", success, False)
        check = "JobSuccessExitCode"
    clauses = [f"NumJobCompletions > JobMaxRetries || ExitCode =?= {check}"]
    if until is not None:
        clauses.append(_until(until))
    if remove is not None:
        clauses.append(_either("on_exit_remove", remove, "it must be a boolean expression."))
    job.ad["OnExitRemove"] = " || ".join(clauses)


def _until(text: str) -> str:
    code = integer(text) if parse(text) and not getattr(parse(text), "names", True) else None
    if code is not None:
        return f"ExitCode =?= {code}"
    return _either("retry_until", text, "it must be an integer or boolean expression.")


def _either(command: str, text: str, must: str) -> str:
    expression = canonical(text)
    if expression is None:
        raise SubmitError(f"{command}={text} is invalid, {must}", lead="")
    return f"({expression})" if "?" in expression.replace("=?=", "") else expression


def set_signals(job: JobAd) -> None:
    """``kill_sig`` and its like. SubmitError."""
    if job.universe != 5:
        job.text("KillSig", "SIGTERM")
    for command, attribute in (
        ("kill_sig", "KillSig"),
        ("remove_kill_sig", "RemoveKillSig"),
        ("hold_kill_sig", "HoldKillSig"),
    ):
        value = job.macros.get(command, attribute)
        if value is not None:
            job.text(attribute, signal_name(value))
    timeout = job.macros.get("kill_sig_timeout", "KillSigTimeout")
    if timeout is not None:
        job.ad["KillSigTimeout"] = str(_leading(timeout))


def _leading(text: str) -> int:
    """The number that the text begins with; 0 when it does not (C's atoi)."""
    end = 1 if text[:1] in ("-", "+") else 0
    while text[end : end + 1].isdigit():
        end += 1
    return int(text[:end]) if text[:end].strip("+-") else 0


def signal_name(value: str) -> str:
    """``9`` or ``sigkill`` as SIGKILL. SubmitError when there is no such signal."""
    import signal

    try:
        if value.isdigit() and value.isascii():
            return signal.Signals(int(value)).name
        return signal.Signals[value.upper()].name
    except (ValueError, KeyError):
        raise SubmitError(f"invalid signal {value}", lead="") from None


def set_accounting(job: JobAd) -> None:
    """``accounting_group``, ``nice_user``, ``concurrency_limits``. SubmitError."""
    limits = job.macros.get("concurrency_limits")
    if limits is not None and job.macros.has("concurrency_limits_expr"):
        raise SubmitError("concurrency_limits and concurrency_limits_expr can't be used together", lead="")
    if limits is not None:
        job.text("ConcurrencyLimits", ",".join(sorted(limits.lower().replace(",", " ").split())))
    nice = job.is_true("nice_user", "NiceUser", False)
    group = job.macros.get("accounting_group", "AccountingGroup") or ("nice-user" if nice else None)
    if nice:
        job.ad["MaxJobRetirementTime"] = "0"
    user = job.macros.get("accounting_group_user", "AcctGroupUser")
    if group is None and user is None:
        return
    for command, name in (("accounting_group", group), ("accounting_group_user", user)):
        if name is not None and not all(char.isalnum() or char in '_.-@"' for char in name):
            raise SubmitError(f"Invalid {command}: {name}", lead="")
    who = user or job.surroundings.user
    job.text("AcctGroupUser", who)
    if group is not None:
        job.text("AcctGroup", group)
    job.text("AccountingGroup", who if group is None else f"{group}.{who}")


def set_image_size(job: JobAd) -> None:
    """Sizes of executable and image, KiB. SubmitError."""
    executable = kilobytes(ads.string(job.lookup("Cmd"))) if job.lookup("Cmd") != '""' else 0
    job.ad["ExecutableSize"] = str(executable)
    given = job.macros.get("image_size", "ImageSize")
    if given is None:
        job.ad["ImageSize"] = str(executable)
        return
    amount = size(given, 1024)
    if amount is None or amount < 1:
        also = f"\nERROR: '{given}' is not valid for Image Size" if amount is None else ""
        raise SubmitError(f"Image Size must be positive{also}", lead="")
    job.ad["ImageSize"] = str(amount)


def set_rest(job: JobAd) -> None:
    """What HTCondor sets when nobody did, and the mistakes it reports."""
    if "SuccessCheckpointExitCode" in job.ad:
        job.ad["WantFTOnCheckpoint"] = "true"
    if job.universe in (5, 10, 11) and "JobLeaseDuration" not in job.ad:
        job.ad["JobLeaseDuration"] = "2400"
    lease = job.ad.get("JobLeaseDuration", "")
    if lease.isdigit() and 0 < int(lease) < 20:
        job.warnings.append("JobLeaseDuration less than 20 seconds is not allowed, using 20 instead")
        job.ad["JobLeaseDuration"] = "20"
    prio = None if "JobPrio" in job.ad else job.macros.get("prio")
    if prio is not None:
        job.integer("prio", "JobPrio", prio, False)
    job.ad.setdefault("JobPrio", "0")
    _check_unused(job)
    if job.surroundings.source:
        job.text("JobSubmitFile", job.surroundings.source)
    for name in simple_commands.KNOWN_UNUSED:
        job.macros.use(name)


def _check_unused(job: JobAd) -> None:
    """Commands that leave nothing in the ad but must be right. SubmitError."""
    job.is_true("copy_to_spool", "copy_to_spool", False)
    for name in ("max_idle", "materialize_max_idle", "max_materialize"):
        value = job.macros.get(name)
        if value is not None and integer(value) is None:
            raise SubmitError(f"{name}={value} is invalid, must eval to an integer.", lead="")
