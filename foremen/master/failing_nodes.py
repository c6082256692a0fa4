"""Nodes on which pilots fail at once, as far as the master sees it: for ``alien_work_queue status``. The node's own guard acts (ADR 14)."""

from __future__ import annotations

import json
import os

from foremen.engine.protocol import Result
from foremen.pilot.launch_script import parse_report
from spool.settings import Settings
from spool.store.layout import Spool

_FORGET = 3600.0  # seconds without a pilot: twice the longest quarantine


class Nodes:
    """How many different jobs in a row have failed at once on each host; hosts whose last pilot was good are not kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rows: dict[str, tuple[int, float]] = {}
        self._jobs: dict[str, set[str]] = {}
        self._published: dict[str, tuple[int, float]] = {}

    def saw(self, result: Result) -> None:
        """A pilot has ended; without a report nothing is known about its node."""
        report = parse_report(result.report)
        if not report.host or report.bounced:
            return
        if report.exit_code == 0 or result.ended - result.started >= self._settings.blackhole_seconds:
            self._rows.pop(report.host, None)
            self._jobs.pop(report.host, None)
        else:
            jobs = self._jobs.setdefault(report.host, set())
            jobs.add(result.tag.partition("#")[0])
            self._rows[report.host] = (len(jobs), result.ended)

    def failing(self, now: float) -> dict[str, tuple[int, float]]:
        """Hosts with too many: how many, and when the last one ended (epoch)."""
        self._rows = {host: row for host, row in self._rows.items() if now - row[1] < _FORGET}
        self._jobs = {host: jobs for host, jobs in self._jobs.items() if host in self._rows}
        limit = self._settings.blackhole_pilots
        return {host: row for host, row in self._rows.items() if limit and row[0] >= limit}

    def publish(self, spool: Spool, now: float) -> None:
        """Write ``stat/nodes`` when it says something new. OSError when the disk is full."""
        found = self.failing(now)
        if found == self._published:
            return
        aside = f"{spool.root}/stat/nodes.new"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump(found, file)
        os.rename(aside, f"{spool.root}/stat/nodes")
        self._published = found


def read(spool: Spool, now: float) -> dict[str, tuple[int, float]]:
    """What was published, without what is too old; nothing when there is nothing, or it is damaged: it is only for people."""
    try:
        with open(f"{spool.root}/stat/nodes", encoding="utf-8") as file:
            found = json.load(file)
        return {str(host): (int(row), float(at)) for host, (row, at) in found.items() if now - at < _FORGET}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
