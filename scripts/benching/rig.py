"""The rig: an installation, a folder of its own, sites and pools in it, and their end.

Between two measurements everything is killed and the spool removed: each begins on an empty site.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from benching import family, shown
from foremen.engine.client import make_password
from foremen.native import starter
from foremen.native.preload import Shortcut
from spool.errors import NotVouched
from spool.store import published_counts
from spool.store.layout import Spool, create_spool, open_spool

_SELDOM = 0.05  # s between two looks at the counts, which cost what is measured
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """A measurement that could not be made, with the reason."""


class Shape(NamedTuple):
    """A pool: foremen (0: workers connect directly), workers, cores of each."""

    foremen: int
    workers: int
    cores: int

    @property
    def total(self) -> int:
        """All cores."""
        return self.workers * self.cores

    def __str__(self) -> str:
        """For the table."""
        through = f"{self.foremen} foremen" if self.foremen else "direct"
        return f"{through}, {self.workers} workers x {self.cores} cores"


class Pool(NamedTuple):
    """What was started for it: process ids, and the ports that workers can go to."""

    foremen: tuple[int, ...]
    workers: tuple[int, ...]
    ports: tuple[int, ...]


class Site:
    """A living master with its engine."""

    def __init__(self, spool: Spool, password: str) -> None:
        self.spool, self.password = spool, password
        extra = self.counts().extra
        self.master, self.engine, self.port = extra["MASTER_PID"], extra["ENGINE_PID"], extra["PORT"]

    def counts(self) -> published_counts.Counts:
        """Vouched for, jobs in task files included; BenchError when the master has gone."""
        try:
            return published_counts.vouched_counts(self.spool, 60, time.time())
        except NotVouched as error:
            raise BenchError(str(error)) from None

    def empty(self, seconds: float = 600) -> None:
        """Until no job is in the queue."""
        wait(lambda: self.counts().total == 0, seconds, "an empty queue", every=_SELDOM)

    def has_cores(self, cores: int, seconds: float = 120) -> None:
        """Until the pool has so many."""
        wait(lambda: self.counts().extra["CORES"] >= cores, seconds, f"a pool of {cores} cores", every=_SELDOM)

    def waits(self, jobs: int, seconds: float = 300) -> None:
        """Until so many jobs are taken up."""
        wait(
            lambda: published_counts.published(self.spool).total >= jobs and not os.listdir(self.spool.queue),
            seconds,
            f"{jobs} jobs",
        )


class Rig:
    """One run's processes and files; ``close`` leaves nothing of them."""

    def __init__(self, prefix: Path, manager: Path) -> None:
        self.prefix, self.manager = prefix, manager
        self._all = Path(tempfile.mkdtemp(prefix="awq-bench-"))
        self.work, self._left = self._all / "work", self._all / "left"
        for folder in (self.work, self._left):
            folder.mkdir(0o700)
        self.scratch = Path(tempfile.mkdtemp(prefix="awq-bench-", dir=_scratch()))
        self.spared: set[int] = set()  # children that live longer than a measurement
        self.cctools = os.environ.get("CCTOOLS", "/usr")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("AWQ_", "WQ_"))}
        self.env.update(
            AWQ_WORKDIR=str(self.work / "spool"), AWQ_BIND="127.0.0.1", AWQ_BLACKHOLE_PILOTS="0", AWQ_JOB_LIMIT="0",
            HOME=str(self.work), PATH=f"{prefix}/bin:{os.environ['PATH']}",
        )  # fmt: skip
        self.env[starter.VARIABLE] = starter.lay_out(str(self._all))  # as start-workers does on a node, and:
        self._binary = f"{self.cctools}/bin/work_queue_worker"
        self._preload = Shortcut(str(self._all), self.env).variables(self._binary)
        family.adopt()

    def close(self) -> None:
        """End everything, remove everything."""
        family.kill_all()
        for folder in (self._all, self.scratch):
            shutil.rmtree(folder, ignore_errors=True)

    def clear(self) -> None:
        """End what a measurement has started, remove what it has left."""
        family.kill_all(frozenset(self.spared))
        for path in self.scratch.iterdir():
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        self.work.rename(self._left / str(len(os.listdir(self._left))))  # removed at the end: see _scratch
        self.work.mkdir(0o700)

    def folder(self, name: str) -> Path:
        """A folder of this measurement."""
        path = self.work / name
        path.mkdir(exist_ok=True)
        return path

    def tool(self, name: str) -> str:
        """A command of the installation."""
        return str(self.prefix / "bin" / name)

    def bare_python(self) -> str:
        """The interpreter that the commands are started with, itself."""
        return (self.prefix / "lib/commands/condor_submit").read_text().split("\n", 1)[0][2:].split()[0]

    @contextlib.contextmanager
    def site(self, master: Sequence[str] = (), engine: Sequence[str] = ()) -> Iterator[Site]:
        """A master on a free port, on an empty spool; ``master`` and ``engine`` are other command lines for them."""
        self.clear()
        root, log = self.work / "spool", self.work / "master.log"
        try:
            if engine:
                make_password(f"{create_spool(str(root)).root}/password")
                self.start([*engine, str(root), "--port", "0", "--bind", self.env["AWQ_BIND"]], log)
                wait((root / "engine.port").exists, 30, "an engine", log)
            self.start([*(master or [self.tool("alien_work_queue")]), "--port", "0"], log)
            wait(lambda: (root / "engine.port").exists() and _engine_of(str(root)), 30, "a master", log)
            if not Path(self.tool("condor_submit")).read_bytes().startswith(b"#!"):  # a launcher
                wait((root / "commands.sock").exists, 30, "the commands' fork server", log)
            yield Site(open_spool(str(root)), f"{root}/password")
        finally:
            self.clear()

    def start(
        self, command: Sequence[str], output: Optional[Path] = None, variables: Optional[dict[str, str]] = None
    ) -> int:
        """Start a process that ``clear`` ends; its id."""
        environ = {**self.env, **(variables or {})}
        with (output or Path(os.devnull)).open("ab") as log:
            return subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            ).pid

    def pool(self, port: int, password: str, shape: Shape) -> Pool:
        """Start foremen and workers, the same ones for the toolkit and for the bare manager. They end with ``clear``."""
        ports: list[int] = [port]
        foremen: list[int] = []
        if shape.foremen:
            ports = free_ports(shape.foremen)
            for own in ports:
                listen = ["--foreman", "--foreman-port", str(own), "--disk", str(self._disk())]
                foremen.append(self.start([*self._worker(password), *listen, "127.0.0.1", str(port)]))
            wait(lambda: listening(ports), 30, "foremen")
        started = Pool(tuple(foremen), (), tuple(ports))
        return started._replace(workers=self.workers(started, password, shape))

    def workers(self, pool: Pool, password: str, shape: Shape) -> tuple[int, ...]:
        """Start workers, spread over the pool's ports."""
        share = ["--cores", str(shape.cores), "--memory", str(shape.cores * 1000)]
        share += ["--disk", str(max(shape.cores, self._disk() // shape.workers))]
        base = [*self._worker(password), *share, "127.0.0.1"]
        ports = [str(pool.ports[number % len(pool.ports)]) for number in range(shape.workers)]
        return tuple(self.start([*base, port], variables=self._preload) for port in ports)

    def _worker(self, password: str) -> list[str]:
        return [self._binary, "-P", password, "-s", str(self.scratch), "-i", "1", "-b", "2"]

    def _disk(self) -> int:
        return shutil.disk_usage(self.scratch).free // 2**20 // 2

    def timed(self, command: Sequence[str], text: bytes = b"") -> float:
        """Wall seconds of one whole process, its output read. BenchError when it fails."""
        began = time.perf_counter()
        self.said(command, text)
        return time.perf_counter() - began

    def said(self, command: Sequence[str], text: bytes = b"") -> bytes:
        """What a command says that is given ``text``. BenchError when it fails."""
        done = subprocess.run(command, input=text, env=self.env, capture_output=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(command)[:200]}: status {done.returncode}: {done.stderr.decode()[-500:]}")
        return done.stdout


def _scratch() -> str:
    """Where workers keep their sandboxes: in memory, if that is to be had, or where TMPDIR says.

    On a real site every node has a disk of its own, and none is the head's. Here all would share one, and ext4 looks for a new
    inode past all those removed in the last minute: with hundreds of sandboxes a second that is most of what would be measured.
    """
    memory = "/dev/shm"
    return memory if "TMPDIR" not in os.environ and os.access(memory, os.W_OK | os.X_OK) else tempfile.gettempdir()


def _engine_of(root: str) -> bool:
    """Whether a master has published its engine."""
    try:
        return bool(published_counts.published(Spool(root)).extra["PORT"])
    except (NotVouched, KeyError):
        return False


def say(text: str) -> None:
    """Progress, for a person who waits: the only door for it."""
    shown.say(text)


def wait(
    condition: Callable[[], object], seconds: float, what: str, log: Optional[Path] = None, every: float = 0.01
) -> None:
    """Until it holds. BenchError with the end of ``log`` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            words = log.read_text(errors="replace")[-500:] if log and log.exists() else ""
            raise BenchError(f"waited {seconds:.0f} s in vain for {what} {words}".rstrip())
        time.sleep(every)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in servers]


def listening(ports: Sequence[int]) -> bool:
    """Whether somebody listens on every one of them (proc(5), state 0A)."""
    found = set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(path).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                found.add(int(words[1].rpartition(":")[2], 16))
    return found.issuperset(ports)


def cpu(*pids: int) -> float:
    """Seconds of CPU that living processes have used, user and system (proc(5): utime and stime, in ticks of 10 ms)."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


def memory(pid: int, name: str = "VmRSS") -> int:
    """Bytes of a process' memory: VmRSS, or VmHWM for the most it ever had (proc(5))."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise BenchError(f"process {pid} has no {name}")


def share_of_memory(pids: Sequence[int]) -> int:
    """Bytes of processes' memory, each shared page divided among those that share it (PSS)."""
    found = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        found += next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024
    return found
