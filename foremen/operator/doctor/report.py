"""The findings as text or JSON, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Sequence

from foremen.operator.doctor.checks import FAIL, OK, Finding


def text(findings: Sequence[Finding]) -> str:
    """A line a check, its remedy below it, and the sum."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<4}  {finding.name:<{width}}  {_plain(finding.seen)}")
        if finding.remedy:
            lines.append(f"{'':{width + 6}}  -> {_plain(finding.remedy)}")
    bad = sum(finding.state == FAIL for finding in findings)
    odd = sum(finding.state not in (OK, FAIL) for finding in findings)
    lines.append(f"{len(findings)} checks: {bad} failed, {odd} warnings")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """A list of objects: name, state (ok, warn, fail), seen, remedy."""
    return json.dumps([vars(finding) for finding in findings])


def exit_status(findings: Sequence[Finding]) -> int:
    """1 when something has failed; warnings are allowed."""
    return int(any(finding.state == FAIL for finding in findings))


def _plain(seen: str) -> str:
    """Names of files may hold anything: no terminal is to obey them."""
    return "".join([char if char.isprintable() else "?" for char in seen])
