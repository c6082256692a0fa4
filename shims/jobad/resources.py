"""What a job asks for: ``request_cpus``, ``request_memory`` (MiB), ``request_disk`` (KiB), ``request_xxx``, sizes with units."""

from __future__ import annotations

from shims.jobad.job_ad import JobAd

DEFAULT_MEMORY = "ifthenelse(MemoryUsage =!= undefined,MemoryUsage,(ImageSize + 1023) / 1024)"
"""RequestMemory of a job that asks for none, as HTCondor writes it."""
DEFAULT_DISK = "DiskUsage"
"""RequestDisk of a job that asks for none, as HTCondor writes it."""

_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def size(text: str, base: int) -> int | None:
    """``1.5G``, ``100 MB``, ``512.0`` in units of ``base`` bytes, rounded up; None when it is no plain size.

    From HTCondor 23.9.6 (``parse_int64_bytes``): a number without unit is in units of ``base`` already.
    """
    rest = text.strip(" \t")
    sign = -1 if rest[:1] == "-" else 1
    rest = rest[1:] if rest[:1] in ("-", "+") else rest
    end = 0
    while end < len(rest) and rest[end] in "0123456789.":
        end += 1
    whole, point, fraction = rest[:end].partition(".")
    if "." in fraction or not (whole or point) or not rest[:end].strip("."):
        return None
    unit = rest[end:].strip(" \t").upper()
    if unit and unit not in ("K", "M", "G", "T", "KB", "MB", "GB", "TB"):
        return None
    scale = _UNITS[unit[0]] if unit else base
    thousandths = int(whole or "0") * 1000 + int((fraction + "000")[:3])
    total = sign * thousandths * scale // 1000 + base - 1
    return total // base if total >= 0 else -(-total // base)


def set_requests(job: JobAd) -> None:
    """Every ``request_xxx``, and what HTCondor asks for by itself."""
    plain = job.grid_type != "batch"
    cpus = job.macros.get("request_cpus", "RequestCpus") or ("1" if plain else "undefined")
    if cpus.lower() != "undefined":
        job.expression("RequestCpus", cpus)
    _set_size(job, ("request_disk", "RequestDisk"), 1024, DEFAULT_DISK if plain else None)
    _set_size(job, ("request_memory", "RequestMemory"), 2**20, DEFAULT_MEMORY if plain else None)
    gpus = job.macros.get("request_gpus", "RequestGPUs")
    if gpus is not None and gpus.lower() != "undefined":
        job.expression("RequestGPUs", gpus)
        require = job.macros.get("require_gpus", "RequireGPUs")
        if require is not None:
            job.expression("RequireGPUs", require)
        from shims.jobad.machine_needs import set_gpu_limits

        set_gpu_limits(job)
    for macro in job.macros.items():
        name = macro.name.lower()
        if name.startswith("request_") and name[8:] not in ("cpus", "disk", "memory", "gpus"):
            _set_custom(job, macro.name)


def _set_size(job: JobAd, names: tuple[str, str], base: int, default: str | None) -> None:
    value = job.macros.get(*names)
    if value is None:
        if default is not None:
            job.ad[names[1]] = default
        return
    amount = size(value, base)
    if amount is not None:
        job.ad[names[1]] = str(amount)
    elif value.lower() != "undefined":
        job.expression(names[1], value)


def _set_custom(job: JobAd, command: str) -> None:
    tag = command[8:]
    if tag.lower() in ("cpu", "gpu"):
        job.warnings.append(f"{command} is not a valid submit keyword, did you mean request_{tag.lower()}s?")
        return
    value = job.macros.get(command)
    if len(tag) > 1 and tag[0] != "_" and value is not None and tag.lower() not in ("gpu_memory", "gpus_memory"):
        job.expression(f"Request{tag}", value)
