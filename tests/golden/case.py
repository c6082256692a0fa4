"""One command run both in a real HTCondor and here: ``WHAT/cases.py`` lists them, ``WHAT/recorded.json`` is what HTCondor said.

Output that several cases have alike (a refused description lacks every line of the plain ad) is stored once, under ``shared``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "/tmp/a_golden"
"""Where the commands run inside of HTCondor's machine."""

STREAMS = ("stdout", "stderr")
WORTH_SHARING = 8  # lines


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
    known = load(what) if path.exists() else {}
    kept = {case.name: known[case.name] for case in cases if case.name in known}
    found = record(prepare, [case for case in cases if case.name not in kept], cleanup)
    return {**found, "cases": {**kept, **found["cases"]}}  # type: ignore[dict-item]


def save(what: str, recorded: dict[str, object]) -> Path:
    """Write ``recorded.json``."""
    path = ROOT / "tests/golden" / what / "recorded.json"
    path.write_text(
        json.dumps(packed(recorded), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", errors="surrogateescape"
    )
    return path


def packed(recorded: dict[str, object]) -> dict[str, object]:
    """With output that several cases have alike stored once: the case has its key."""
    cases: dict[str, dict[str, object]] = recorded["cases"]  # type: ignore[assignment]
    outputs = Counter(tuple(answer[stream]) for answer in cases.values() for stream in STREAMS)  # type: ignore[arg-type]
    shared = {lines: _key(lines) for lines, count in outputs.items() if count > 1 and len(lines) >= WORTH_SHARING}
    packed = {
        name: {**answer, **{stream: shared.get(tuple(answer[stream]), answer[stream]) for stream in STREAMS}}  # type: ignore[arg-type]
        for name, answer in cases.items()
    }
    assert len(set(shared.values())) == len(shared), "two outputs have one key: make it longer"
    return {**recorded, "shared": {key: list(lines) for lines, key in shared.items()}, "cases": packed}


def _key(lines: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def load(what: str) -> dict[str, dict[str, object]]:
    """What HTCondor said, by name of the case."""
    path = ROOT / "tests/golden" / what / "recorded.json"
    return unpacked(json.loads(path.read_text(encoding="utf-8")))


def unpacked(recorded: dict[str, object]) -> dict[str, dict[str, object]]:
    """The cases, with all their output."""
    shared: dict[str, list[str]] = recorded.get("shared", {})  # type: ignore[assignment]

    def lines(output: list[str] | str) -> list[str]:
        return shared[output] if isinstance(output, str) else output

    cases: dict[str, dict[str, object]] = recorded["cases"]  # type: ignore[assignment]
    return {
        name: {**answer, **{stream: lines(answer[stream]) for stream in STREAMS}}  # type: ignore[arg-type]
        for name, answer in cases.items()
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _lines(encoded: str) -> list[str]:
    return base64.b64decode(encoded).decode("utf-8", "backslashreplace").split("\n")
