"""The job's Requirements: the description's, and the clauses HTCondor adds (``SetRequirements`` in 23.9.6).

Work Queue places tasks by cores, memory and disk; a job whose Requirements rule every worker out is kept back
(``spool.classad.matchmaking``).
"""

from __future__ import annotations

from shims.jobad import machine_needs
from shims.jobad.job_ad import JobAd
from shims.submit.errors import SubmitError
from shims.submit.expressions import parse
from spool.classad import ads

_OPSYS = ("opsys", "opsysandver", "opsyslongname", "opsysshortname", "opsysname", "opsyslegacy")
_DOMAIN = "(TARGET.FileSystemDomain == MY.FileSystemDomain)"


def set_requirements(job: JobAd) -> None:
    """Set Requirements, unless ``+Requirements`` did. SubmitError."""
    given = job.macros.get("requirements")
    if job.macros.has("MY.Requirements"):
        if given is not None:
            job.warnings.append(
                "Use of MY.Requirements or +Requirements  overrides requirements. "
                "You should remove one of these statements from your submit file."
            )
        return
    clauses: list[str] = []
    names: frozenset[str] = frozenset()
    if given is not None:
        expression = parse(given)
        clauses = [f"({given if expression is None else expression.text})"]
        names = frozenset() if expression is None else expression.names
        _warn(job, names)
        if expression is None:
            clauses += _machine(job, names) + _amounts(job, names) + _transfer(job, names)
            text = " && ".join(clauses)
            raise SubmitError(f"Parse error in expression: \n\tRequirements = {text}\n\t", lead="")
    if job.universe == 9 and job.grid_type != "condor":
        job.ad["Requirements"] = clauses[0] if clauses else "true"
        return
    clauses += _machine(job, names) + _amounts(job, names)
    if job.lookup("EncryptExecuteDirectory") == "true":
        clauses.append("TARGET.HasEncryptExecuteDirectory")
    clauses += _transfer(job, names) + machine_needs.last_clauses(job)
    job.ad["Requirements"] = " && ".join(clauses)


def _warn(job: JobAd, names: frozenset[str]) -> None:
    if job.universe == 9 and job.grid_type != "condor":
        return
    for name, your in (("disk", "Your"), ("memory", "your")):
        if name in names:
            job.warnings.append(
                f"{your} Requirements expression refers to TARGET.{name.capitalize()}. This is obsolete. Set request_{name}"
                " and condor_submit will modify the Requirements expression as needed."
            )


def _machine(job: JobAd, names: frozenset[str]) -> list[str]:
    clauses = ["TARGET.HasJava"] if job.universe == 10 else []
    if "arch" not in names and job.universe != 10:
        clauses.append(f'(TARGET.Arch == "{job.surroundings.machine.upper()}")')
    if job.topping:
        clauses += machine_needs.container_clauses(job)
    elif job.universe != 10 and not names.intersection(_OPSYS):
        clauses.append('(TARGET.OpSys == "LINUX")')
    return clauses


def _amounts(job: JobAd, names: frozenset[str]) -> list[str]:
    clauses: list[str] = []
    if "disk" in names:
        if job.lookup("RequestDisk") is not None:
            clauses.append("(TARGET.Disk >= RequestDisk)")
    elif job.lookup("RequestDisk") is None:
        clauses.append("(TARGET.Disk >= DiskUsage)")
    elif _over(job, "RequestDisk", 0):
        clauses.append("(TARGET.Disk >= RequestDisk)")
    if _over(job, "RequestMemory", 1):
        clauses.append("(TARGET.Memory >= RequestMemory)")
    if job.universe != 9 and "cpus" not in names and _over(job, "RequestCpus", 1):
        clauses.append("(TARGET.Cpus >= RequestCpus)")
    for name in sorted({*job.base, *job.ad}, key=str.lower):
        tag = name[7:]
        if name[:7] != "Request" or tag in ("Cpus", "Disk", "Memory") or len(tag) < 2 or tag.lower() in names:
            continue
        clause = _custom(job, name, tag)
        if clause:
            clauses.append(clause)
    return clauses


def _custom(job: JobAd, name: str, tag: str) -> str:
    value = job.lookup(name) or ""
    if ads.unquote(value) is not None:
        return f"regexp({name},TARGET.{tag})" if len(value) > 2 else ""
    if not _over(job, name, 0):
        return ""
    if job.lookup(f"Require{tag}") is not None:
        return f"(countMatches(MY.Require{tag},TARGET.Available{tag}) >= {name})"
    return f"(TARGET.{tag} >= {name})"


def _over(job: JobAd, name: str, least: float) -> bool:
    """Whether the attribute is there and is not a literal number of at most ``least``."""
    value = job.lookup(name)
    if value is None:
        return False
    try:
        return float(value) > least
    except ValueError:
        return True


def _transfer(job: JobAd, names: frozenset[str]) -> list[str]:
    if job.universe not in (5, 8, 10, 11):
        return []
    should = ads.string(job.lookup("ShouldTransferFiles"))
    checked = "filesystemdomain" in names
    if should == "NO":
        return [] if checked else [_DOMAIN]
    if "hasfiletransfer" in names or "hasjobtransferplugins" in names:
        return []
    crypt = ""
    if "hasperfileencryption" not in names:
        wanted = ("EncryptInputFiles", "EncryptOutputFiles", "DontEncryptInputFiles", "DontEncryptOutputFiles")
        crypt = " && TARGET.HasPerFileEncryption" if any(job.lookup(name) is not None for name in wanted) else ""
    transfer = machine_needs.transfer_clause(job, crypt)
    return [f"({_DOMAIN} || {transfer})"] if should == "IF_NEEDED" and not checked else [transfer]
