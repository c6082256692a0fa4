"""A client of HTCondor's commands: a program in a folder of its own that finds our commands on PATH."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Callable

import pytest
from environments import environment
from sites import Site, eventually

PROGRAMS = Path(__file__).parent / "programs"
DEADLINE = 100.0  # seconds for all that a client does in a test


class Client:
    """A client at work; ``close`` ends what it started and removes what it left in the queue."""

    def __init__(self, at: Site, name: str, work: Path) -> None:
        self.at, self.name, self.work = at, name, work
        self.env = dict(at.env)
        self._running: list[subprocess.Popen[bytes]] = []

    def use_environment(self) -> None:
        """Put the client's own environment (requirements/NAME.txt) on PATH, behind our commands."""
        folder = environment(self.name)
        self.env["PATH"] = f"{self.at.prefix}/bin:{folder}/bin:{self.env['PATH']}"
        self.env["VIRTUAL_ENV"] = str(folder)

    def run(self, *words: str, seconds: float = DEADLINE) -> str:
        """Run it to its end; what it said. The test fails when it does, or takes too long."""
        process = self.start(*words)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail(f"{words[0]} has not ended within {seconds:.0f} s")
        if status:
            self.fail(f"{words[0]} ended with {status}")
        return self.said()

    def program(self, name: str = "") -> dict[str, str]:
        """Run ``programs/NAME_program.py`` (the client's) in its folder; the facts that it printed as ``name: value``."""
        said = self.run("python", self.copy(f"{name or self.name}_program.py"))
        return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)

    def copy(self, name: str) -> str:
        """Copy ``programs/NAME`` into the client's folder: some clients look around their script. Its name there."""
        shutil.copy(PROGRAMS / name, self.work / name)
        return name

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start it and go on."""
        with (self.work / "said").open("wb") as said:
            process = subprocess.Popen(
                words, env=self.env, cwd=self.work, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        self._running.append(process)
        return process

    def running(self) -> bool:
        """Whether the program that was started last still runs."""
        return self._running[-1].poll() is None

    def said(self) -> str:
        """What the program that was started last has said so far."""
        return (self.work / "said").read_text(errors="replace")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for what the running program does; the test fails with what it said, at once when it has ended with an error."""
        running = self._running[-1]
        try:
            eventually(lambda: condition() or running.poll(), DEADLINE, what)
        except AssertionError as error:
            self.fail(str(error))
        if not condition():
            self.fail(f"ended with {running.poll()} before: {what}")

    def fail(self, why: str) -> None:
        """Fail with what the client said and what the commands know of its jobs."""
        queue = self.at.command("condor_q", "-nobatch", check=False)
        past = self.at.command("condor_history", "-limit", "5", check=False)
        pytest.fail(
            f"{self.name}: {why}\n--- the client\n{self.said()[-6000:]}\n--- condor_q\n{queue.stdout}{queue.stderr}"
            f"--- condor_history\n{past.stdout}--- the master\n{self.at.log()[-2000:]}"
        )

    def close(self) -> None:
        """End what still runs, then empty the queue, so that the next client finds free workers."""
        for process in self._running:
            end(process)
        self.at.command("condor_rm", "-all", check=False)
        self.at.command("condor_rm", "-all", "-forcex", check=False)
        eventually(lambda: not self.at.command("condor_q", "-af", "ClusterId").stdout, what="the queue is empty")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program with what it started in its session."""
    with contextlib.suppress(ProcessLookupError):  # all of it has left already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
