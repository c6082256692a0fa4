"""The command: options, groups, circumstances; measures and prints."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Optional

from benching import full, mixed, profiles, queries, ramps, rates, shown, spreads, submits, table
from benching.bench import Bench
from benching.condor import Condor
from benching.rig import BenchError, Rig, say
from benching.scale import QUICK, Scale

GROUPS: dict[str, Callable[[Bench], Iterator[table.Row]]] = {
    "start": submits.start,
    "latency": submits.latency,
    "tasks": rates.tasks,
    "depth": rates.depth,
    "workers": rates.workers,
    "running": ramps.running,
    "full": full.full,
    "queries": queries.queries,
    "spread": spreads.spreads,
    "mixed": mixed.mixed,
    "profile": profiles.profile,
    "many-workers": ramps.many_workers,
}
_ONLY_WHEN_ASKED = ("many-workers",)
_LOUD = 0.5  # load of the machine with which figures mean little


def main(words: Optional[Sequence[str]] = None) -> int:
    """Measure and print; the exit status: 1 when a measurement could not be made, 130 when interrupted."""
    options = _options(words)
    if options.list:
        print("\n".join(f"{name:13}{(group.__doc__ or '').splitlines()[0]}" for name, group in GROUPS.items()))
        return 0
    signal.signal(signal.SIGTERM, _interrupted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    rig = Rig(options.prefix, options.manager)
    rows: list[table.Row] = []
    status = 0
    try:
        condor = Condor(options.htcondor, rig)
        circumstances = _circumstances(options, condor)
        try:
            with shown.each(options.only) as names:
                for name in names:
                    for row in GROUPS[name](Bench(rig, _scale(options), condor)):
                        rows.append(row)  # one by one: what was measured before an error is shown
        finally:
            condor.close()
    except (BenchError, OSError) as error:
        say(f"bench: {error}")
        status = 1
    except KeyboardInterrupt:
        say("bench: interrupted; ending what was started")
        status = 130
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        rig.close()
    if rows:
        _show(rows, circumstances, options.json)
    return status


def _show(rows: Sequence[table.Row], circumstances: dict[str, Any], file: Optional[Path]) -> None:
    machine, versions = circumstances["machine"], circumstances["versions"]
    facts = [circumstances["date"], machine["cpu"], f"{machine['cores']} cores", f"{machine['memory'] / 2**30:.0f} GiB"]
    facts += [machine["system"], *[f"{name} {version}" for name, version in versions.items() if version]]
    print(table.text(rows, f"{', '.join(facts)}; medians"), end="")
    if file:
        file.write_text(json.dumps(table.document(rows, circumstances), indent=1) + "\n")


def _interrupted(_number: int, _frame: Optional[FrameType]) -> None:
    raise KeyboardInterrupt


def _options(words: Optional[Sequence[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("prefix", type=Path)
    parser.add_argument("manager", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", type=_groups, default=[name for name in GROUPS if name not in _ONLY_WHEN_ASKED])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--htcondor", default=os.environ.get("HTCONDOR_ORACLE_CMD", ""))
    parser.add_argument("--turns", type=int)
    parser.add_argument("--tasks", type=int)
    return parser.parse_args(words)


def _groups(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no group {', '.join(unknown)}: there are {', '.join(GROUPS)}")
    return names


def _scale(options: argparse.Namespace) -> Scale:
    scale = QUICK if options.quick else Scale()
    return scale._replace(turns=options.turns or scale.turns, tasks=options.tasks or scale.tasks)


def _circumstances(options: argparse.Namespace, condor: Condor) -> dict[str, Any]:
    """The machine, the date, the versions, the options: what figures depend on."""
    load = os.getloadavg()[0]
    if load > _LOUD:
        say(f"bench: the machine has a load of {load:.1f} already: figures suffer, the small ones most")
    cpus = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {
            "cpu": cpus[0] if cpus else platform.machine(),
            "cores": os.cpu_count(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": f"{platform.system()} {platform.release()}",
            "load": load,
        },
        "versions": {
            "alien-workqueue": _said(["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"])
            or metadata.version("alien-workqueue"),
            "Python": platform.python_version(),
            "CCTools": _cctools(),
            "HTCondor": condor.version.removeprefix("CondorVersion:").split(" ")[1] if condor.version else "",
        },
        "options": {"quick": options.quick, **_scale(options)._asdict(), "only": options.only},
    }


def _cctools() -> str:
    words = _said([f"{os.environ.get('CCTOOLS', '/usr')}/bin/work_queue_worker", "--version"]).split()
    return words[2] if len(words) > 2 else ""


def _said(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
