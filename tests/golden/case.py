"""One command run both in a real HTCondor and here: ``WHAT/cases.py`` lists them, ``WHAT/recorded.json`` is what HTCondor said."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "/tmp/a_golden"
"""Where the commands run inside of HTCondor's machine."""


class Case:
    """``command``: a line of shell; ``files``: name to content, written before; ``stdin``: None means an empty one.

    ``differs`` says why we deviate on purpose: then only what ``checks`` in the test asks for is compared.
    """

    def __init__(
        self, name: str, command: str, files: dict[str, str], stdin: str | None = None, differs: str = ""
    ) -> None:
        self.name = name
        self.command = command
        self.files = files
        self.stdin = stdin
        self.differs = differs


def oracle(script: str) -> str:
    """Output of a bash script run in HTCondor's machine (``HTCONDOR_ORACLE_CMD`` says how to get there)."""
    command = shlex.split(os.environ.get("HTCONDOR_ORACLE_CMD", ""))
    if not command:
        raise SystemExit(
            "say how to reach a real HTCondor: HTCONDOR_ORACLE_CMD='COMMAND', where COMMAND sh 'LINE' runs a line of shell"
        )
    done = subprocess.run([*command, "sh", "bash"], input=script, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"the oracle failed ({done.returncode}): {done.stderr}")
    return done.stdout


def record(prepare: str, cases: list[Case], cleanup: str = "") -> dict[str, object]:
    """Run the cases in HTCondor's machine: its version, and per case stdout, stderr and exit status."""
    script = [f"mkdir -p {FOLDER} && cd {FOLDER} && rm -rf ./*", prepare]
    for case in cases:
        for name, content in case.files.items():
            script.append(f"echo {_encoded(content)} | base64 -d > {shlex.quote(name)}")
        script.append(f"echo {_encoded(case.stdin or '')} | base64 -d > .stdin")
        script.append(f"(timeout 30 bash -c {shlex.quote(case.command)}) <.stdin >.out 2>.err; status=$?")
        script.append(f'echo "{case.name} $status $(base64 -w0 <.out) $(base64 -w0 <.err)"')
        script += [f"rm -f {shlex.quote(name)}" for name in case.files]
    answers = oracle("\n".join([*script, cleanup, ""])).splitlines()
    found = {}
    for line in answers:
        words = line.split(" ")
        if len(words) == 4 and words[1].isdigit():
            found[words[0]] = {"status": int(words[1]), "stdout": _lines(words[2]), "stderr": _lines(words[3])}
    missing = [case.name for case in cases if case.name not in found]
    if missing:
        raise SystemExit(f"no answer for {', '.join(missing)}")
    return {"recorded_from": oracle("condor_version").splitlines(), "cases": found}


def record_new(what: str, prepare: str, cases: list[Case], cleanup: str = "") -> dict[str, object]:
    """What is recorded already, without cases that are gone, and the cases that are not recorded yet."""
    path = ROOT / "tests/golden" / what / "recorded.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"cases": {}}
    kept = {case.name: known["cases"][case.name] for case in cases if case.name in known["cases"]}
    found = record(prepare, [case for case in cases if case.name not in kept], cleanup)
    return {**found, "cases": {**kept, **found["cases"]}}  # type: ignore[dict-item]


def save(what: str, recorded: dict[str, object]) -> Path:
    """Write ``recorded.json``."""
    path = ROOT / "tests/golden" / what / "recorded.json"
    path.write_text(
        json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="surrogateescape"
    )
    return path


def load(what: str) -> dict[str, dict[str, object]]:
    """What HTCondor said, by name of the case."""
    path = ROOT / "tests/golden" / what / "recorded.json"
    return json.loads(path.read_text(encoding="utf-8"))["cases"]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _lines(encoded: str) -> list[str]:
    return base64.b64decode(encoded).decode("utf-8", "backslashreplace").split("\n")
