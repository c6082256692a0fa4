"""What a job needs of its machine beyond amounts: plug-ins for URLs, containers, properties of GPUs, a time to start at.

Attributes and clauses of Requirements as HTCondor 23.9.6 makes them (recorded from it). Nothing here is matched on them; clients and
tools read them.
"""

from __future__ import annotations

from shims.jobad.job_ad import JobAd, unquoted
from shims.jobad.resources import size
from shims.submit.errors import SubmitError
from shims.submit.expressions import integer
from spool.classad import ads

_SCHEDD_INTERVAL = "300"  # HTCondor's own default: there is no such cycle here
_CRON = ("cron_minute", "cron_hour", "cron_day_of_month", "cron_month", "cron_day_of_week")
_STORES = ("s3", "gs")
_MOST_PORT = 65535
_KEYS = (
    ("EC2SecretAccessKey", "secret_access_key_file", "URLS"),
    ("EC2AccessKeyId", "access_key_id_file", "URLs"),
)


# --- URLs ------------------------------------------------------------------------------------------------------------


def set_keys(job: JobAd) -> None:
    """``aws_access_key_id_file`` and its like: names of files, which nobody reads here."""
    for attribute, command, _urls in _KEYS:
        value = job.macros.get(*[f"{store}_{command}" for store in ("s3", "aws", "gs")])
        if value is not None:
            job.text(attribute, value)


def set_methods(job: JobAd) -> None:
    """WantTransferPluginMethods: the protocols of all URLs. SubmitError when a store's keys are not named."""
    found = {_method(name) for name in _urls(job)}
    for attribute, command, urls in _KEYS[: 2 if found.intersection(_STORES) else 0]:
        if job.lookup(attribute) is None and not job.macros.has(f"MY.{attribute}"):
            missing = [f"[s3|gs]:// {urls} require [s3|aws|gs]_{command} to be set."]
            if attribute == _KEYS[0][0] and not job.macros.has("MY.EC2AccessKeyId") and job.lookup(_KEYS[1][0]) is None:
                missing.append(f"ERROR: [s3|gs]:// {_KEYS[1][2]} require [s3|aws|gs]_{_KEYS[1][1]} to be set.")
            raise SubmitError("\n".join(missing), lead="")
    if found:
        job.text("WantTransferPluginMethods", ",".join(sorted(found)))


def _urls(job: JobAd) -> list[str]:
    names = ads.string(job.lookup("TransferInput")).split(",")
    names.append(ads.string(job.lookup("OutputDestination")))
    names += [pair.partition("=")[2].strip() for pair in ads.string(job.lookup("TransferOutputRemaps")).split(";")]
    return [name for name in names if "://" in name]


def _method(url: str) -> str:
    return url.partition("://")[0].rpartition("+")[2]


def transfer_clause(job: JobAd, crypt: str) -> str:
    """What file transfer asks of the machine."""
    if job.lookup("TransferPlugins") is not None:
        return "(TARGET.HasJobTransferPlugins)"
    clause = f"TARGET.HasFileTransfer{crypt}"
    newer = ads.string(job.lookup("WhenToTransferOutput")) == "ON_SUCCESS" or job.lookup("TransferCheckpoint")
    if newer or job.lookup("PreserveRelativePaths") == "true":
        clause += ' && versioncmp(split(TARGET.CondorVersion)[1],"8.9.7") >= 0'
    for method in ads.string(job.lookup("WantTransferPluginMethods")).split(","):
        clause += f' && stringListIMember("{method}",TARGET.HasFileTransferPluginMethods)' if method else ""
    return f"({clause})"


def last_clauses(job: JobAd) -> list[str]:
    """Those that come behind all others."""
    clauses: list[str] = []
    if job.lookup("WantFTOnCheckpoint") == "true":
        clauses.append("TARGET.HasSelfCheckpointTransfers")
    if job.lookup("CUDAVersion") is not None:
        clauses.append("CUDAVersion <= TARGET.CUDAMaxSupportedVersion")
    if job.lookup("ScheddInterval") is not None:
        if job.universe not in (7, 12):
            clauses.append("TARGET.HasJobDeferral")
        clauses.append(
            "(((time() + ScheddInterval) >= (DeferralTime - DeferralPrepTime)) && (time() < (DeferralTime + DeferralWindow)))"
        )
    return clauses


# --- containers --------------------------------------------------------------------------------------------------------


def container_image(job: JobAd) -> str:
    """The image as an input of the job, when it is to be sent with it; sets what says of which kind it is."""
    if job.topping != "container":
        return ""
    image = job.macros.get("container_image", "ContainerImage")
    if image is None:
        job.text("DockerImage", unquoted(ads.string(job.lookup("DockerImage"))))
        job.ad["WantDockerImage"] = "true"
        return ""
    method = _method(image) if "://" in image else ""
    if method == "instance":
        raise SubmitError(f"'{image}' is not a valid container image", lead="")
    kind = "WantDockerImage" if method == "docker" else "WantSIF" if image.endswith(".sif") else "WantSandboxImage"
    job.ad[kind] = "true"
    if method in ("docker", "oras"):
        job.text("ContainerImageSource", method)
        return ""
    if image.startswith("/cvmfs/") or not job.is_true("transfer_container", "TransferContainer", True):
        job.text("ContainerImageSource", "local")
        return ""
    job.text("ContainerImageSource", method or "cedar")
    job.text("ContainerImage", image.rstrip("/").rpartition("/")[2])
    return image


def set_services(job: JobAd) -> None:
    """``container_service_names`` and the ports of each. SubmitError."""
    names = job.macros.get("container_service_names", "ContainerServiceNames")
    if names is None:
        return
    job.text("ContainerServiceNames", names)
    for name in names.replace(",", " ").split():
        port = job.macros.get(f"{name}_container_port", f"{name}_ContainerPort")
        number = None if port is None else integer(port)
        if number is None or not 0 <= number <= _MOST_PORT:
            text = f"Requested container service '{name}' was not assigned a port, or the assigned port was not valid."
            if port is not None and number is None:
                text += f"\nERROR: {name}_container_port={port} is invalid, must eval to an integer."
            raise SubmitError(text, lead="")
        job.ad[f"{name}_ContainerPort"] = str(number)


def container_clauses(job: JobAd) -> list[str]:
    """What the image asks of the machine."""
    clauses = ["TARGET.HasDocker" if job.topping == "docker" else "TARGET.HasContainer"]
    for attribute, clause in (
        ("WantDockerImage", "HasDockerURL"),
        ("WantSIF", "HasSIF"),
        ("WantSandboxImage", "HasSandboxImage"),
    ):
        if job.lookup(attribute) == "true":
            clauses.append(f"TARGET.{clause}")
    return clauses


# --- GPUs --------------------------------------------------------------------------------------------------------------


def set_gpu_limits(job: JobAd) -> None:
    """``gpus_minimum_memory`` and its like, of a job that asks for GPUs: attributes, and clauses of RequireGPUs."""
    asked = job.lookup("RequireGPUs") or ""
    clauses = [f"({asked})" if "||" in asked else asked] if asked else []
    for command, attribute, clause in (
        ("gpus_minimum_capability", "GPUsMinCapability", "Capability >= GPUsMinCapability"),
        ("gpus_maximum_capability", "GPUsMaxCapability", "Capability <= GPUsMaxCapability"),
        ("gpus_minimum_memory", "GPUsMinMemory", "GlobalMemoryMb >= GPUsMinMemory"),
        ("gpus_minimum_runtime", "GPUsMinRuntime", "MaxSupportedVersion >= GPUsMinRuntime"),
    ):
        value = job.macros.get(command, attribute)
        if value is not None:
            amount = (
                size(value, 2**20)
                if attribute == "GPUsMinMemory"
                else _runtime(value)
                if attribute == "GPUsMinRuntime"
                else None
            )
            job.expression(attribute, value if amount is None else str(amount))
            clauses.append(clause)
    if clauses:
        job.ad["RequireGPUs"] = " && ".join(clauses)


def _runtime(text: str) -> int | None:
    """``12.1`` as 12010, ``12`` as 12000; what is large enough is of that form already."""
    major, _, minor = text.partition(".")
    if not major.isdigit() or (minor and not minor.isdigit()):
        return None
    return int(major) if int(major) >= 1000 else int(major) * 1000 + int(minor or "0") * 10


def set_cuda(job: JobAd) -> None:
    """``cuda_version``. SubmitError."""
    value = job.macros.get("cuda_version", "CUDAVersion")
    if value is None:
        return
    major, dot, minor = value.partition(".")
    if not major.isdigit() or (dot and not minor.isdigit()):
        raise SubmitError(
            "cuda_version must be of the form 'x' or 'x.y', where x and y are positive integers.", lead=""
        )
    job.ad["CUDAVersion"] = str(int(major) if int(major) >= 1000 else int(major) * 1000 + int(minor or "0"))


# --- when --------------------------------------------------------------------------------------------------------------


def set_deferral(job: JobAd) -> None:
    """``deferral_time`` and ``cron_*``: kept in the ad; the job is started as soon as there is a place. SubmitError."""
    macros = job.macros
    if macros.get("deferral_time", "DeferralTime") is None and not any(macros.has(name) for name in _CRON):
        return
    _moment(job, ("deferral_time", "DeferralTime"), "DeferralTime", None)
    _moment(job, ("deferral_window", "cron_window", "DeferralWindow"), "DeferralWindow", "0")
    _moment(job, ("deferral_prep_time", "cron_prep_time", "DeferralPrepTime"), "DeferralPrepTime", "300")
    job.ad["ScheddInterval"] = _SCHEDD_INTERVAL


def _moment(job: JobAd, commands: tuple[str, ...], attribute: str, default: str | None) -> None:
    value = job.macros.get(*commands) or default
    if value is None:
        return
    number = integer(value)
    if number is not None and number < 0:
        raise SubmitError(f"{commands[0]} = {value} is invalid, must eval to a non-negative integer.", lead="")
    job.expression(attribute, value)
