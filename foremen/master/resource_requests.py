"""What a job asks for, and what it is told of its machine: requests that are expressions, ``$$(X)`` and ``$$([expression])``.

HTCondor expands ``$$`` with the ad of the slot that was matched. Here the worker is not known when a task is given, since
foremen are between: the machine is what the job asked for, no more and no less, and its name is ``unknown``.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from foremen.master.policy_expressions import Evaluates, Scope, Value
from spool.classad import ads
from spool.classad.job_record import JobRecord
from spool.errors import AwqError
from spool.settings import Settings

# What HTCondor writes for a job that asks for nothing, without blanks: what such a job had when it ran before is not asked for here.
_ASKED_FOR_NONE = ("ifthenelse(memoryusage=!=undefined,memoryusage,(imagesize+1023)/1024)", "diskusage")
_SMALL = 10  # digits of a number below 2**31
_UNASKED_DISK = 1 << 20  # KiB that a job is told of which asked for none
_MATCHED = re.compile(r"\$\$\((?:\[(?P<expression>.*?)\]|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<default>[^)]*))?)\)")
_EXPANDED = ("Cmd", "Args", "Arguments", "Env", "Environment", "In", "Out", "Err", "TransferInput", "TransferOutput")


class Resources(NamedTuple):
    """Cores, MB of memory, KiB of disk (0: it asked for none), GPUs."""

    cores: int
    memory: int
    disk: int
    gpus: int


class NotExpanded(AwqError):
    """A ``$$`` that means nothing; ``args[0]`` is what is in it."""


def resources(record: JobRecord, settings: Settings, now: float, evaluators: Evaluates | None = None) -> Resources:
    """What the job asks for; a request that gives no number counts as not made. NotYet, Unfinished."""
    scope = Scope(record, now, evaluators=evaluators)
    return Resources(
        cores=max(1, _request(scope, "RequestCpus")),
        memory=_request(scope, "RequestMemory") or max(1, settings.default_memory),
        disk=_request(scope, "RequestDisk"),
        gpus=_request(scope, "RequestGPUs"),
    )


def expand(
    record: JobRecord, ad: dict[str, str], asked: Resources, now: float, evaluators: Evaluates | None = None
) -> dict[str, str]:
    """The ad with every ``$$`` expanded in the attributes that take them. NotExpanded, NotYet, Unfinished."""
    if "$$(" not in record.text:
        return ad
    machine = _machine(asked)
    scope = Scope(record, now, machine, evaluators)
    expanded = dict(ad)
    for name in _EXPANDED:
        text = ads.unquote(ad.get(name, ""))
        if text and "$$(" in text:
            expanded[name] = ads.quote(_MATCHED.sub(lambda found: _matched(found, scope, machine), text))
    return expanded


def told_disk(asked: Resources) -> int:
    """KiB of disk that the job is told it has."""
    return asked.disk or _UNASKED_DISK


def _request(scope: Scope, name: str) -> int:
    text = scope.text(name)
    if text.isascii() and text.isdigit() and len(text) < _SMALL:
        return int(text)
    if text.replace(" ", "").lower() in _ASKED_FOR_NONE:
        return 0
    value = scope.evaluate(text)
    return max(0, int(value)) if isinstance(value, (int, float)) and abs(value) < 2**31 else 0


def _machine(asked: Resources) -> dict[str, str]:
    system = os.uname()
    facts = {
        "Cpus": asked.cores,
        "Memory": asked.memory,
        "Disk": told_disk(asked),
        "GPUs": asked.gpus,
    }
    ad = {name: str(value) for name, value in facts.items()}
    ad.update({f"Total{name}": value for name, value in list(ad.items())})
    ad.update({f"TotalSlot{name}": str(value) for name, value in facts.items()})
    ad.update(MyType='"Machine"', Machine='"unknown"', Name='"slot1@unknown"', SlotID="1", OpSys='"LINUX"')
    ad["Arch"] = ads.quote(system.machine.upper())
    return ad


def _matched(found: re.Match[str], scope: Scope, machine: dict[str, str]) -> str:
    if found["expression"] is not None:
        value = scope.evaluate(found["expression"])
    else:
        value = scope.evaluate(ads.find(machine, found["name"]) or scope.text(found["name"]))
    if value is None:
        if found["default"] is None:
            raise NotExpanded(found[0][3:-1])
        return str(found["default"])
    return _text(value)


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
