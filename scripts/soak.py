"""The soak behind scripts/soak: a site under load whose processes are killed at random; at the end every job is accounted for."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from quickstart import Site, free_ports
from soak_account import Facts, Submission, problems

AGENT = """#!/bin/sh
echo "start $CONDOR_ID" >> {ledger}
sleep $1
echo "output of $CONDOR_ID"
echo "end $CONDOR_ID" >> {ledger}
exit $2
"""
DESCRIPTION = """executable = {agent}
arguments = {seconds} {exit_code}
output = {work}/out/$(Cluster).$(Process)
error = {work}/err/$(Cluster).$(Process)
log = {work}/events.log
environment = CONDOR_ID=$(Cluster).$(Process)
+SoakLabel = "{label}"
{more}queue {count}
"""
WEIGHTS = {"master": 26, "worker": 26, "command": 26, "supervisor": 10, "foreman": 8, "engine": 4}
WORKERS, MOST_WAITING = 4, 60
TWO_AT_ONCE = 0.15  # share of the moments at which two are killed
EMPTY_WITHIN, SWEPT_WITHIN, GONE_WITHIN = 240.0, 150.0, 20.0  # seconds


class Crowd:
    """The processes of this site, found by the folder that their environment names; killed through a pidfd."""

    def __init__(self, work: Path) -> None:
        self._mark = os.fsencode(str(work))

    def all(self) -> dict[int, str]:
        """Process id to kind."""
        found = {int(name): self._kind(int(name)) for name in os.listdir("/proc") if name.isdigit()}
        return {pid: kind for pid, kind in found.items() if kind and pid != os.getpid()}

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kill -9 one of a kind; False when there is none."""
        pids = sorted(pid for pid, found in self.all().items() if found == kind)
        if not pids:
            return False
        pid = chance.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                if self._kind(pid) == kind:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    return True
            finally:
                os.close(handle)
        return False

    def _kind(self, pid: int) -> str:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            folder = os.fsencode(os.readlink(f"/proc/{pid}/cwd"))
        except OSError:
            return ""
        if not any(self._mark in text for text in (environ, folder, *words)):
            return ""
        if os.path.basename(words[0]) == b"work_queue_worker":
            return "foreman" if b"--foreman" in words else "worker"
        for kind, word in {
            "engine": b"foremen.engine",
            "supervisor": b"foremen.node.supervisor",
            "master": b"alien_work_queue",
        }.items():
            if any(word in each for each in words):
                return kind
        return f"other ({b' '.join(words).decode(errors='replace')[:60]})"


class Keeper:
    """What a site has to keep its processes going: the master under a loop, start-foremen and start-workers now and then."""

    def __init__(self, site: Site, port: int) -> None:
        self._site, self._over = site, threading.Event()
        self._command = [
            "alien_work_queue",
            "--port",
            str(port),
            "--job-wrapper",
            f"{site.prefix}/etc/alien_job_wrapper.sh",
        ]
        self.masters = 0
        self._threads = [
            threading.Thread(target=each, args=args)
            for each, args in (
                (self._masters, ()),
                (self._start, ("start-foremen",)),
                (self._start, ("start-workers",)),
            )
        ]

    def __enter__(self) -> Keeper:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        for command in (["stop-workers"], ["stop-foremen"]):
            subprocess.run(command, env=self._site.env, capture_output=True, check=False)

    def _masters(self) -> None:
        with (self._site.work / "master.log").open("ab") as log:
            while not self._over.is_set():
                self.masters += 1
                master = subprocess.Popen(
                    self._command,
                    env=self._site.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
                while master.poll() is None and not self._over.wait(0.05):
                    pass
                if master.poll() is not None:
                    self._over.wait(0.3)
        self._end(master)

    def _end(self, master: subprocess.Popen[bytes]) -> None:
        master.send_signal(signal.SIGUSR1)
        try:
            master.wait(40)
        except subprocess.TimeoutExpired:
            master.kill()
            master.wait()

    def _start(self, verb: str) -> None:
        """As cron does it, only more often. Its exit status does not matter: a foreman may have just been killed."""
        with (self._site.work / f"{verb}.log").open("ab") as log:
            while not self._over.wait(2.0):
                subprocess.run(
                    [verb], env=self._site.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
                )


class Load:
    """Clients: condor_submit on stdin and by file, condor_rm, condor_hold, condor_release, condor_q; some are killed at work."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site, self._chance = site, random.Random(seed + 1)
        self._over = threading.Event()
        self._condemned = threading.Semaphore(0)
        self.submissions: list[Submission] = []
        self.removals: set[int] = set()
        self.seen: Counter[str] = Counter()
        self.wrong: list[str] = []
        for folder in ("out", "err"):
            (site.work / folder).mkdir()
        self.anchor = self.submit(more="hold = true\n").cluster
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def condemn(self) -> None:
        """The next command is killed at work."""
        self._condemned.release()

    def _work(self) -> None:
        while not self._over.wait(self._chance.uniform(0.05, 0.3)):
            waiting = self.ask()
            draw = self._chance.random()
            if draw < 0.75 and waiting < MOST_WAITING:
                self.submit()
            elif draw < 0.9 and len(self.submissions) > 1:
                self._act(self._chance.choice(("condor_rm", "condor_hold", "condor_release", "condor_release")))

    def ask(self) -> int:
        """Jobs in the queue by condor_q, 0 when it refuses. The held job is always there: an answer of none is a lie."""
        done = self._run(["condor_q", "-totals"], None, kill=False)
        if done.returncode:
            self.seen["condor_q refused"] += 1
            if done.stdout.strip():
                self.wrong.append(f"condor_q refused ({done.returncode}) and printed {done.stdout!r}")
            return 0
        self.seen["condor_q answered"] += 1
        found = re.search(r"(\d+) jobs; .* (\d+) held", done.stdout)
        if not found or (int(found[2]) < 1 and self.anchor not in self.removals):
            self.wrong.append(f"condor_q forgot a held job: {done.stdout!r}")
        return int(found[1]) if found else 0

    def submit(self, more: str = "") -> Submission:
        """One condor_submit, and what it said."""
        number = len(self.submissions)
        label = f"{'anchor' if more else 'load'}-{number}"
        count = 3 if not more and self._chance.random() < 0.2 else 1
        exit_code = self._chance.choice((0, 0, 0, 1, 3))
        agent = self._site.work / f"agent.{number}"
        agent.write_text(AGENT.format(ledger=self._site.work / "ledger"))
        agent.chmod(0o700)
        text = DESCRIPTION.format(
            agent=agent, seconds=f"{self._chance.uniform(0.1, 3.0):.2f}", exit_code=exit_code, work=self._site.work,
            label=label, count=count, more=more,
        )  # fmt: skip
        kill = not more and self._condemned.acquire(blocking=False)
        if self._chance.random() < 0.5:
            path = self._site.work / "description.jdl"
            path.write_text(text)
            done = self._run(["condor_submit", str(path)], None, kill)
        else:
            done = self._run(["condor_submit"], text, kill)
        agent.unlink()
        said = re.search(r"submitted to cluster (\d+)\.", done.stdout)
        made = Submission(label, count, exit_code, done.returncode, int(said[1]) if said else 0, done.returncode == -9)
        if done.returncode > 0:
            self.wrong.append(f"{label}: condor_submit failed with {done.returncode}: {done.stderr.strip()}")
        self.seen["submissions cut off" if made.killed else "submissions"] += 1
        self.submissions.append(made)
        return made

    def _act(self, command: str) -> None:
        clusters = [one.cluster for one in self.submissions[-30:] if one.cluster not in (0, self.anchor)]
        if not clusters:
            return
        cluster = self._chance.choice(clusters)
        if command == "condor_rm":
            self.removals.add(cluster)
        self._run([command, str(cluster)], None, self._condemned.acquire(blocking=False))
        self.seen[command] += 1

    def _run(self, command: list[str], text: str | None, kill: bool) -> subprocess.CompletedProcess[str]:
        """Run a command; ``kill``: with -9 somewhere on its way."""
        stdin = subprocess.PIPE if text is not None else subprocess.DEVNULL
        with subprocess.Popen(
            command,
            env=self._site.env,
            cwd=self._site.work,
            text=True,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as client:
            timer = threading.Timer(self._chance.uniform(0.0, 0.045), client.kill)
            if kill:
                timer.start()
            out, err = client.communicate(text)
            timer.cancel()
        if client.returncode == -signal.SIGKILL:
            self.seen["killed command"] += 1
        return subprocess.CompletedProcess(command, client.returncode, out, err)

    def finish(self) -> None:
        """Let go of all that is held, until the queue is empty."""
        self.removals.add(self.anchor)
        self._run(["condor_rm", str(self.anchor)], None, kill=False)
        deadline = time.monotonic() + EMPTY_WITHIN
        answered = self.seen["condor_q answered"]
        while self.ask() or self.seen["condor_q answered"] == answered:
            answered = self.seen["condor_q answered"]
            if time.monotonic() > deadline:
                self.wrong.append(f"the queue is not empty after {EMPTY_WITHIN:.0f} s: {self.queue()}")
                return
            self._run(["condor_release", "-all"], None, kill=False)
            time.sleep(0.5)

    def queue(self) -> list[str]:
        """Jobs that are left: id, JobStatus, why held."""
        return self._lines("condor_q", "ClusterId", "ProcId", "JobStatus", "HoldReason")

    def history(self) -> list[tuple[str, int, str, str]]:
        """(job, JobStatus, ExitCode, label), oldest first."""
        rows = [
            line.split()
            for line in self._lines("condor_history", "ClusterId", "ProcId", "JobStatus", "ExitCode", "SoakLabel")
        ]
        return [(f"{row[0]}.{row[1]}", int(row[2]), row[3], row[4]) for row in reversed(rows)]

    def _lines(self, command: str, *attributes: str) -> list[str]:
        done = self._run([command, "-af", *attributes], None, kill=False)
        if done.returncode:
            self.wrong.append(f"{command} failed with {done.returncode}: {done.stderr}")
        return done.stdout.splitlines()


def main() -> None:
    """Run the soak; exit status 0 only when the account is clean."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="awq-soak-"))
    print(f"seed {options.seed}, folder {work}", flush=True)
    try:
        wrong = soak(Site(options.prefix, work), options)
    except KeyboardInterrupt:
        print(f"\ninterrupted; what was started is stopped; the folder is {work}", file=sys.stderr)
        raise SystemExit(130) from None
    if wrong:
        print(
            f"\nNOT CLEAN, {len(wrong)} findings; the folder is kept: {work}", *wrong[:50], sep="\n  ", file=sys.stderr
        )
        raise SystemExit(1)
    shutil.rmtree(work)
    print("clean: every job that was reported as submitted ended once, nothing else ran, nothing is left")


def soak(site: Site, options: argparse.Namespace) -> list[str]:
    """The whole of it: load and kills, the end of the queue, the account. What is wrong, a line each."""
    base = free_ports(3)  # two foremen and the engine
    site.env.update(
        WQ_MASTER=f"127.0.0.1:{base + 2}",
        WQ_MASTER_BASEPORT=str(base),
        WQ_NUM_WORKERS=str(WORKERS),
        WQ_MEMORY="300",
        WQ_DISK="1000",
    )
    site.env.update(AWQ_MAX_LOST="1000000", AWQ_DEFAULT_MEMORY="64", WQ_IDLETIMEOUT="3600")
    crowd, kills, began = Crowd(site.work), Counter[str](), time.monotonic()
    with Keeper(site, base + 2) as keeper:
        wait_for((site.work / "spool/engine.port").exists)
        load = Load(site, options.seed)
        with load:
            kill_for(options, crowd, load, kills)
        print(
            f"{sum(kills.values())} kills, {len(load.submissions)} submissions; waits for the queue to end", flush=True
        )
        load.finish()
        history = load.history()
        left = swept(site.work / "spool")
    facts = Facts(load.submissions, load.removals, history, *read(site.work))
    strays = crowd.all()
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not crowd.all(), GONE_WITHIN)
        strays = {}
    table(facts, load, kills, keeper.masters, time.monotonic() - began)
    return [*load.wrong, *problems(facts), *left, *(f"process {pid} is left: {kind}" for pid, kind in strays.items())]


def kill_for(options: argparse.Namespace, crowd: Crowd, load: Load, kills: Counter[str]) -> None:
    """Kill something every so often until the time is over, and as many as asked for."""
    chance = random.Random(options.seed)
    begin, duration = time.monotonic(), options.minutes * 60
    interval = duration / options.kills if options.kills else 1.2
    kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
    at = begin
    while at < begin + duration or sum(kills.values()) < options.kills:
        at += interval
        time.sleep(max(0.0, at - time.monotonic()))
        for kind in chance.choices(kinds, weights, k=2 if chance.random() < TWO_AT_ONCE else 1):
            if kind == "command":
                load.condemn()
            else:
                kills[kind] += crowd.kill(kind, chance)
        kills["command"] = load.seen["killed command"]
        if int((at - begin) / 10) != int((at - interval - begin) / 10):
            done = ", ".join(f"{number} {name}" for name, number in kills.items())
            print(
                f"{at - begin:4.0f} s: {sum(kills.values())} kills ({done}), {len(load.submissions)} submissions",
                flush=True,
            )


def swept(spool: Path) -> list[str]:
    """What stays in the spool though nobody needs it; what dead clients left is swept within two minutes."""

    def left() -> Iterator[str]:
        for folder in ("queue", "payload", "tmp", "rejected"):
            yield from (
                f"left in the spool: {folder}/{path.name}"
                for path in (spool / folder).iterdir()
                if path.name != "engine"
            )

    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not list(left()), SWEPT_WITHIN)
    return list(left())


def read(work: Path) -> tuple[str, list[str], dict[str, str], list[str]]:
    """Event log, ledger, outputs, and the jobs in the history's file."""
    outputs = {path.name: path.read_text(errors="replace") for path in (work / "out").iterdir()}
    ledger = work / "ledger"
    history = "".join(path.read_text() for path in (work / "spool").glob("history*"))
    jobs = [
        f"{cluster}.{proc}"
        for cluster, proc in re.findall(r"^\*\*\* .*ClusterId = (\d+) ProcId = (\d+) ", history, re.M)
    ]
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    return (work / "events.log").read_text(), lines, outputs, jobs


def table(facts: Facts, load: Load, kills: Counter[str], masters: int, seconds: float) -> None:
    """The figures."""
    states = Counter(row[1] for row in facts.history)
    rows = {
        "seconds": f"{seconds:.0f}",
        "kill -9": f"{sum(kills.values())}: " + ", ".join(f"{number} {name}" for name, number in kills.most_common()),
        "masters started": str(masters),
        "submissions": f"{load.seen['submissions']} reported, {load.seen['submissions cut off']} killed at work",
        "jobs": f"{len(facts.history)}: {states[4]} completed, {states[3]} removed",
        "starts": f"{sum(facts.starts.values())}, to the end {sum(facts.ends.values())}",
        "actions": ", ".join(f"{load.seen[name]} {name}" for name in ("condor_rm", "condor_hold", "condor_release")),
        "condor_q": f"{load.seen['condor_q answered']} answered, {load.seen['condor_q refused']} refused, none of them wrong"
        if not load.wrong
        else "see below",
    }
    for name, value in rows.items():
        print(f"  {name:16} {value}")


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until it holds; TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.1)


if __name__ == "__main__":
    main()
