"""The real HTCondor, where there is one: its commands are timed where they run, in turn with ours.

``COMMAND sh 'LINE'`` runs a line of shell there. One such line stays for the whole run: a timer that is told what to run, so
that nothing of the way there is in the figures.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from typing import Any, Optional

from benching.rig import BenchError, Rig

_TIMER = """
import json, subprocess, sys, time
for line in sys.stdin:
    words, text = json.loads(line)
    began = time.perf_counter()
    done = subprocess.run(words, input=text.encode(), capture_output=True)
    took = time.perf_counter() - began
    print(json.dumps([took, done.returncode, (done.stdout[:4000] + done.stderr[-500:]).decode(errors="replace")]), flush=True)
"""


class Condor:
    """The door; falsy when there is no HTCondor. ``close`` removes the jobs that were submitted through it."""

    def __init__(self, command: str, rig: Rig) -> None:
        self.version = ""
        self._rig = rig
        self._label = f"{os.getpid()}.{time.time_ns()}"  # in the ads, so that nobody else's jobs are removed
        self._process: Optional[subprocess.Popen[str]] = None
        if command:
            line = f"python3 -u -c {shlex.quote(_TIMER)}"
            self._process = subprocess.Popen(
                [*shlex.split(command), "sh", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                start_new_session=True,
            )  # fmt: skip
            rig.spared.add(self._process.pid)
            self.version = self._ask(["condor_version"])[2].split("$")[1].strip()

    def __bool__(self) -> bool:
        return self._process is not None

    def timed(self, words: Sequence[str], text: bytes = b"") -> float:
        """Wall seconds of one whole process there. BenchError when it fails."""
        took, status, said = self._ask(words, text)
        if status:
            raise BenchError(f"the real {' '.join(words)[:200]}: status {status}: {said[-500:]}")
        return float(took)

    def submit(self, description: bytes) -> float:
        """Seconds of one ``condor_submit`` there; its jobs are removed in the end."""
        return self.timed(["condor_submit"], f'+AwqBench = "{self._label}"\n'.encode() + description)

    def remove(self) -> None:
        """Remove what was submitted, and only that."""
        ours = ["-constraint", f'AwqBench == "{self._label}"']
        while self._ask(["condor_q", "-allusers", *ours, "-af", "ClusterId", "-limit", "1"])[2].strip():
            self._ask(["condor_rm", *ours])

    def close(self) -> None:
        """Leave the place as it was."""
        if self._process is None:
            return
        process = self._process
        with contextlib.suppress(BenchError, OSError, ValueError):
            self.remove()
        if process.stdin is not None:
            process.stdin.close()
        process.wait(20)
        self._rig.spared.discard(process.pid)
        self._process = None

    def _ask(self, words: Sequence[str], text: bytes = b"") -> Any:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BenchError("there is no HTCondor")
        process.stdin.write(json.dumps([list(words), text.decode()]) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise BenchError("the real HTCondor does not answer: look at the command given with --htcondor")
        return json.loads(answer)
