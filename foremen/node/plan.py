"""What is to run on this node: settings become one frozen plan, and the plan becomes command lines.

The plan is a file in the state folder, so that a supervisor needs no environment and sees a new ``start`` by itself.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

from foremen.acceptor.binding import foremen_address, is_address
from foremen.acceptor.command import guarded
from foremen.errors import LaunchError
from foremen.native import starter
from foremen.node.black_hole import Limits
from foremen.node.foreman_choice import spread
from foremen.node.host.port import Door, Node
from foremen.node.machine_features import link_of
from foremen.node.restart_policy import Policy
from foremen.node.state_files import Place, flags, read_json, write_json
from spool.settings import Settings
from spool.store.private_files import problem_of

# The disk is shared with logs and other people: a worker whose node has less free than it promised leaves with all its
# tasks (work_queue_worker.c, enforce_worker_promises), so we promise less than there is.
DISK_SHARE = 0.9
# Nothing that a caller has set for itself may reach a worker: work_queue_worker reads these four.
_NOT_PASSED = ("CORES", "MEMORY", "DISK", "GPUS", "ALIEN_WORKQUEUE", "CCTOOLS")
# What pilots inherit through their worker must not tell them where the spool and the password are.
_OURS = ("AWQ_", "WQ_")
_PASSED = ("AWQ_BOOTED", "AWQ_KEEP_ENV", starter.VARIABLE)
_CONNECT_TIMEOUT = 30
# Long enough that a foreman never leaves for want of work, short enough that one whose master is hung connects again:
# link_auth_password waits as long (work_queue_worker.c, serve_manager_by_hostport). The manager's keepalive (120 s)
# counts as work.
_FOREMAN_IDLE = 3600
_FOREMAN_CONNECT = 10 * 365 * 86400
_FOREMAN_BACKOFF = ("-i", "1", "-b", "3")


@dataclass(frozen=True)
class Plan:
    """``count`` processes of ``kind``. Memory and disk are MB of one worker, foremen are ``host:port``.

    ``until`` (epoch) is when they must have left, 0 for never.
    """

    id: str
    kind: str
    count: int
    binary: str
    password_file: str
    drain: str
    master: str = ""
    baseport: int = 0
    foremen: tuple[str, ...] = ()
    cores: int = 0
    memory: int = 0
    disk: int = 0
    idle_timeout: int = 0
    singletask: bool = False
    norespawn: bool = False
    debug: bool = False
    until: float = 0.0
    blackhole_pilots: int = 0
    blackhole_seconds: int = 30
    preload: bool = True
    bind: str = ""

    @property
    def policy(self) -> Policy:
        """What the decisions need of it. A foreman is never given up: nothing would run without it."""
        if self.kind == "foremen":
            return Policy(pause=2.0)
        return Policy(idle_timeout=float(self.idle_timeout), norespawn=self.norespawn, singletask=self.singletask)

    def choices(self, host: str, slots: int) -> tuple[tuple[str, ...], ...]:
        """For each slot the foremen in the order in which it tries them.

        Workers that are not started again, but by a scheduler, begin with others each time: one of the foremen may hold a pilot back.
        """
        return spread(f"{host} {self.id}" if self.norespawn else host, slots, self.foremen)

    @property
    def limits(self) -> Limits:
        """What the node's guard needs of it."""
        return Limits(self.blackhole_pilots, self.blackhole_seconds)

    def port(self, slot: int) -> int:
        """Where foreman ``slot`` listens."""
        return self.baseport + slot

    def write(self, place: Place) -> None:
        """Make it the plan of this node."""
        write_json(place.plan, dataclasses.asdict(self))

    def argv(self, place: Place, slot: int, foreman: str, life: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The command line of one process, with more ``options`` of a foreman."""
        debug = ("-d", "all", "-o", place.debug_log(slot), "--debug-rotate-max", "10M") if self.debug else ()
        common = ("-P", self.password_file, "-s", life, *debug)
        if self.kind == "foremen":
            limits = ("--idle-timeout", str(_FOREMAN_IDLE), "--connect-timeout", str(_FOREMAN_CONNECT))
            ours = ("--foreman", "--foreman-port", str(self.port(slot)), *limits, *_FOREMAN_BACKOFF)
            foreman_itself = (self.binary, *options, *ours, *common, *_host_port(self.master))
            return guarded(foreman_itself, self.port(slot), self.bind, self.password_file, place.state)
        size = ("--cores", str(self.cores), "--memory", str(self.memory), "--disk", str(self.disk))
        limits = ("--idle-timeout", str(self.idle_timeout), "--connect-timeout", str(_CONNECT_TIMEOUT))
        return (self.binary, "--single-shot", *size, *limits, *common, *_host_port(foreman))

    def environ(self, base: dict[str, str], life: str) -> tuple[tuple[str, str], ...]:
        """The environment of one process: the supervisor's, and where the launch scripts find ``closed``.

        The supervisor has put AWQ_BOOTED and the starter there; a batch job's own JOBFEATURES and MACHINEFEATURES are not a pilot's.
        """
        ours = {name: value for name, value in base.items() if name not in _NOT_PASSED}
        ours = {name: value for name, value in ours.items() if name in _PASSED or not name.startswith(_OURS)}
        ours.pop("JOBFEATURES", None)
        ours["AWQ_WORKER_STATE"] = flags(life)
        ours["MACHINEFEATURES"] = link_of(life)
        if self.singletask:
            ours["AWQ_SINGLETASK"] = "1"
        return tuple(ours.items())


def read_plan(place: Place) -> Plan | None:
    """The plan of this node, None when nothing was ever started."""
    facts: dict[str, Any] | None = read_json(place.plan)
    if facts is None:
        return None
    try:
        return Plan(**{**facts, "foremen": tuple(facts["foremen"])})
    except (TypeError, KeyError) as error:
        raise LaunchError(f"{place.plan} is of another version ({error}): stop and start again") from None


def plan_foremen(settings: Settings, name: str) -> Plan:
    """What ``start-foremen`` wants. LaunchError when CCTools or the password is missing."""
    if settings.baseport + settings.num_foremen > 65536:
        raise LaunchError(f"there are no {settings.num_foremen} ports from WQ_MASTER_BASEPORT={settings.baseport} on")
    _host_port(settings.master)
    return Plan(
        id=name,
        kind="foremen",
        count=settings.num_foremen,
        binary=find_worker(settings),
        password_file=check_password(settings),
        drain=settings.drain,
        master=settings.master,
        baseport=settings.baseport,
        debug=settings.debug,
        bind=_address(settings),
    )


def _address(settings: Settings) -> str:
    if settings.bind and not is_address(settings.bind):
        raise LaunchError(f"AWQ_BIND needs a numeric address, has {settings.bind!r}")
    return foremen_address(settings)


def plan_workers(settings: Settings, name: str, door: Door) -> Plan:
    """What ``start-workers`` wants, sized for this node. LaunchError when CCTools or the password is missing."""
    node = door.node(settings.wq_workdir)
    cores = max(1, settings.worker_cores)
    return Plan(
        id=name,
        kind="workers",
        count=settings.num_workers or max(1, node.cores // cores),
        binary=find_worker(settings),
        password_file=check_password(settings),
        drain=settings.drain,
        foremen=foremen_of(settings),
        cores=cores,
        memory=settings.worker_memory or share(node, cores, settings.num_workers).memory,
        disk=settings.worker_disk or share(node, cores, settings.num_workers).disk,
        idle_timeout=max(1, settings.idle_timeout),
        singletask=settings.singletask,
        norespawn=settings.norespawn,
        debug=settings.debug,
        until=door.epoch() + settings.walltime if settings.walltime else 0.0,
        blackhole_pilots=settings.blackhole_pilots,
        blackhole_seconds=settings.blackhole_seconds,
        preload=settings.preload,
    )


def share(node: Node, cores: int, workers: int) -> Node:
    """What one worker of ``cores`` gets of the node; with more workers than fit, what there is divided by them."""
    parts = max(node.cores / cores, workers, 1)
    return Node(cores, max(1, int(node.memory / parts)), max(1, int(node.disk * DISK_SHARE / parts)))


def foremen_of(settings: Settings) -> tuple[str, ...]:
    """Every foreman as ``host:port``. A host in WQ_FOREMEN stands for all its foremen; host:port for one."""
    found: list[str] = []
    for word in settings.foremen_host.replace(",", " ").split():
        if ":" in word:
            found.append(":".join(_host_port(word)))
        else:
            found.extend(f"{word}:{settings.baseport + i}" for i in range(settings.num_foremen))
    if not found:
        raise LaunchError("no foremen to go to: set WQ_FOREMEN to their host, and WQ_NUM_FOREMEN to their number")
    return tuple(dict.fromkeys(found))


def find_worker(settings: Settings) -> str:
    """The absolute path of work_queue_worker."""
    path = f"{settings.cctools}/bin/work_queue_worker"
    if not os.access(path, os.X_OK):
        raise LaunchError(f"no {path}: install CCTools (Debian: coop-computing-tools), or set CCTOOLS to its prefix")
    return path


def check_password(settings: Settings) -> str:
    """The password file: ours, private, not empty. Whoever knows the password can run anything as us."""
    path = settings.password_file
    copy = f"copy the master's to this node (scp MASTER:.../password {path}), chmod 600 it, or set WQ_PASSWORD_FILE"
    try:
        problem, size = problem_of(path), os.stat(path).st_size
    except OSError as error:
        raise LaunchError(f"no password file {path} ({error.strerror}): {copy}") from None
    if problem:
        raise LaunchError(f"the password file {path} {problem}: {copy}")
    if size == 0 or not os.access(path, os.R_OK):
        raise LaunchError(f"the password file {path} is empty or cannot be read: {copy}")
    return path


def _host_port(text: str) -> tuple[str, str]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise LaunchError(f"needs host:port, has {text!r} (WQ_MASTER, WQ_FOREMEN)")
    return host, port
