"""From macros to job ads: the cluster's common ad, and for every further job what differs from it.

The order of the steps is HTCondor's (``make_job_ad`` in ``submit_utils.cpp``, 23.9.6): it decides which of several errors is
reported. The first job of a queue statement is made whole; for the others only those steps run again in whose macros
something changes from job to job (``$(Process)``, item variables, chance), so ten thousand jobs cost little more than one.
"""

from __future__ import annotations

from shims.cli.release import CONDOR_PLATFORM, CONDOR_VERSION
from shims.jobad import machine_needs, policy, program, simple_commands, transfer
from shims.jobad.job_ad import JobAd, Surroundings
from shims.jobad.requirements import set_requirements
from shims.jobad.resources import set_requests
from shims.submit.macros import Macros
from spool.classad import ads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[JobAd], None]

_EXCLUSIVE = (("Args", "Arguments"), ("Env", "Environment"))
_STREAMS = (("StreamIn", "TransferIn"), ("StreamOut", "TransferOut"), ("StreamErr", "TransferErr"))


class JobAds:
    """Makes the ads of one cluster, job by job."""

    __slots__ = ("_constant", "_macros", "_varying", "base", "surroundings", "warnings")

    def __init__(self, macros: Macros, surroundings: Surroundings) -> None:
        self._macros = macros
        self.surroundings = surroundings
        self.base: dict[str, str] = {}
        self._varying: list[Step] | None = None
        self._constant: frozenset[str] = frozenset()
        self.warnings: list[str] = []

    def new_statement(self) -> None:
        """Another queue statement begins: macros may have any value now."""
        self._varying = None

    def job(self) -> dict[str, str]:
        """What the next job differs in from ``base``; the first job makes ``base`` and differs in nothing. SubmitError."""
        if self._varying is None:
            made = self._whole()
            if not self.base:
                self.base = made
                return {}
            return self._difference(made)
        if not self._varying:
            return {}
        job = JobAd(self._macros, self.surroundings, self.base)
        job.universe = ads.number(self.base.get("JobUniverse"))
        job.iwd = ads.string(self.base.get("Iwd"))
        for step in self._varying:
            step(job)
        return self._difference({name: value for name, value in job.ad.items() if name not in self._constant})

    def _difference(self, made: dict[str, str]) -> dict[str, str]:
        base = self.base
        found = {name: value for name, value in made.items() if base.get(name) != value}
        for pair in _EXCLUSIVE:
            for one, other in (pair, pair[::-1]):
                if one in found and other in base and other not in made:
                    found[other] = "undefined"
        for one, other in _STREAMS:
            if one in found and base.get(other) == "false" and other not in made:
                found[other] = "true"  # HTCondor forgets this one, and the file of the second job with it
        return found

    def _whole(self) -> dict[str, str]:
        job = JobAd(self._macros, self.surroundings, {})
        job.ad.update(_BASE)
        job.ad["QDate"] = job.ad["EnteredCurrentStatus"] = str(self.surroundings.now)
        varying: list[Step] = []
        fixed: set[str] = set()
        everything = False
        steps = self._steps(job)
        for step, matters in steps:
            self._macros.touched = False
            step(job)
            if self._macros.touched:
                varying.append(step)
                everything = everything or matters
            elif isinstance(step, _Forced):
                fixed.add(step.name)
        self._varying = [step for step, _matters in steps] if everything else varying
        self._constant = frozenset() if everything else frozenset(fixed)
        self.warnings += job.warnings
        return job.ad

    def _steps(self, job: JobAd) -> list[tuple[Step, bool]]:
        """Every step, and whether the others depend on it."""
        has = self._macros.has
        steps: list[tuple[Step, bool]] = [*_STEPS]
        steps += [(_Simple(row), False) for row in simple_commands.SIMPLE if has(row[0]) or has(row[1])]
        steps += _LATER_STEPS
        forced = [macro.name[3:] for macro in self._macros.items() if macro.name[:3].upper() == "MY."]
        steps += [(_Forced(name), False) for name in forced]
        steps.append((set_requirements, False))
        return steps


class _Simple:
    """One row of ``commands.SIMPLE`` as a step."""

    __slots__ = ("_row",)

    def __init__(self, row: tuple[str, str, int]) -> None:
        self._row = row

    def __call__(self, job: JobAd) -> None:
        job.simple(*self._row)


class _Forced:
    """``+Attr = expression`` as a step: it wins over every command."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, job: JobAd) -> None:
        job.force(self.name, job.macros.get("MY." + self.name) or "undefined")


_STEPS: tuple[tuple[Step, bool], ...] = (
    (program.set_universe, True),
    (program.set_iwd, True),
    (program.set_executable, False),
    (program.set_arguments, False),
    (program.set_grid, False),
    (program.set_environment, False),
    (policy.set_status, False),
    (transfer.set_input, False),
    (transfer.set_output, False),
    (transfer.set_error, False),
    (policy.set_credentials, False),
    (policy.set_notification, False),
    (policy.set_rank, False),
    (policy.set_leave, False),
    (policy.set_retries, False),
    (policy.set_signals, False),
    (set_requests, True),
    (policy.set_accounting, False),
    (machine_needs.set_keys, False),
    (machine_needs.set_cuda, False),
    (machine_needs.set_deferral, False),
    (machine_needs.set_services, False),
)
_LATER_STEPS: tuple[tuple[Step, bool], ...] = (
    (policy.set_image_size, False),
    (transfer.set_transfer, False),
    (policy.set_rest, False),
)

_BASE = {
    "MyType": '"Job"',
    "TargetType": '"Machine"',
    "JobSubmitMethod": "0",
    "RemoteWallClockTime": "0.0",
    "RemoteUserCpu": "0.0",
    "RemoteSysCpu": "0.0",
    "CumulativeRemoteUserCpu": "0.0",
    "CumulativeRemoteSysCpu": "0.0",
    "ExitStatus": "0",
    "NumCkpts": "0",
    "NumJobStarts": "0",
    "NumJobCompletions": "0",
    "NumRestarts": "0",
    "NumSystemHolds": "0",
    "CommittedTime": "0",
    "CommittedSlotTime": "0",
    "CumulativeSlotTime": "0",
    "TotalSuspensions": "0",
    "LastSuspensionTime": "0",
    "CumulativeSuspensionTime": "0",
    "CommittedSuspensionTime": "0",
    "ExitBySignal": "false",
    "CondorVersion": f'"{CONDOR_VERSION}"',
    "CondorPlatform": f'"{CONDOR_PLATFORM}"',
    "MinHosts": "1",
    "MaxHosts": "1",
    "CurrentHosts": "0",
}
