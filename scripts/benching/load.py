"""What is submitted: AliEn-like pilots, pilots that stay, and queues filled without a process for every job."""

from __future__ import annotations

import os
from pathlib import Path

from benching.rig import Rig
from spool.store import cluster_ids, task_file
from spool.store.layout import Spool

AGENT = b"#!/bin/bash\n" + b"# an AliEn-like agent script of 2 kB\n" * 56 + b"echo hello\n"
STAMP = b"#!/bin/sh\ndate +%s.%N\n"
SECOND = b"#!/bin/sh\nexec sleep 1\n"
_AT_ONCE = 1000  # clusters in a task file


def staying(marks: Path) -> bytes:
    """A pilot that adds a byte to ``marks`` when it runs, and stays; it forks nothing."""
    return f"#!/bin/sh\nprintf . >> {marks}\nexec sleep 36000\n".encode()


def started(marks: Path) -> int:
    """How many have begun."""
    return marks.stat().st_size


def description(rig: Rig, script: bytes, jobs: int = 1, **more: object) -> bytes:
    """An AliEn-like submit description with its script, for stdin."""
    agent = rig.work / "agent.startup"
    if not agent.exists() or agent.read_bytes() != script:
        agent.write_bytes(script)
        agent.chmod(0o700)
    facts: dict[str, object] = {"executable": agent, "output": rig.work / "out", "error": rig.work / "err", **more}
    facts["environment"] = "CONDOR_ID=$(Cluster).$(Process);ALIEN_CM_AS_LDAP_PROXY=voboxes.cern.ch:8084"
    return ("".join(f"{key} = {value}\n" for key, value in facts.items()) + f"queue {jobs}\n").encode()


def pilots(rig: Rig, spool: Spool, jobs: int) -> None:
    """AliEn-like pilots, each a cluster with its own copy of the script and its own task file, as condor_submit leaves them."""
    ad = _ad(rig)
    for _ in range(jobs):
        number = _with_copy(spool)
        task_file.write_submission(spool, task_file.Submission([_cluster(ad, number, True)]))


def queue(rig: Rig, spool: Spool, real: int, more: int) -> None:
    """``real`` pilots as ``pilots`` makes them, and behind them ``more`` clusters that differ only in having no copy."""
    ad = _ad(rig)
    clusters = [_cluster(ad, _with_copy(spool), True) for _ in range(real)]
    first = cluster_ids.take_clusters(spool, more)
    clusters += [_cluster(ad, number, False) for number in range(first, first + more)]
    for at in range(0, len(clusters), _AT_ONCE):
        task_file.write_submission(spool, task_file.Submission(clusters[at : at + _AT_ONCE]))


def _with_copy(spool: Spool) -> int:
    number = cluster_ids.take_clusters(spool, 1)
    os.makedirs(spool.payload(number), 0o700)
    task_file.write_durably(f"{spool.payload(number)}/executable", AGENT)
    return number


def _ad(rig: Rig) -> dict[str, str]:
    """The ad that condor_submit makes of such a pilot; its log is in a folder of the measurement."""
    logs = rig.folder("logs")
    text = description(rig, AGENT, initialdir=logs, output="$(Cluster).log", error="$(Cluster).log")
    said = rig.said([rig.tool("condor_submit"), "-dry-run", "-", "-"], text)
    lines = [line.partition("=") for line in said.decode().splitlines() if "=" in line]
    ad = {name.strip(): expression.strip() for name, _, expression in lines}
    return {name: expression for name, expression in ad.items() if name not in ("ProcId", "Owner")}


def _cluster(ad: dict[str, str], number: int, copy: bool) -> task_file.Cluster:
    own = {"ClusterId": str(number), "Out": f'"{number}.log"', "Err": f'"{number}.log"'}
    if not copy:
        own["Cmd"] = '"/bin/true"'
    return task_file.Cluster(number, {**ad, **own}, [{"ProcId": "0"}], copy)
