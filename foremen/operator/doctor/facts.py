"""What the doctor looks at, as plain values: ``look`` fills them in, ``checks`` judges them, tests make them up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Folder:
    """The spool or another folder: why it cannot be used ("" when it can), and what in it others may read or own."""

    path: str
    there: bool = True
    trouble: str = ""
    open_to_others: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True)
class Disk:
    """The file system of the spool: its type, bytes and inodes, and its clock against the system's (seconds ahead)."""

    kind: str = "ext4"
    free: int = 1 << 40
    size: int = 1 << 41
    inodes_free: int = 1 << 20
    inodes: int = 1 << 21  # 0: the file system does not count them
    skew: Optional[float] = 0.0


@dataclass(frozen=True)
class Cctools:
    """CCTools here: what is installed, what the engine was built with, and whether a worker reaches a manager ("" when so)."""

    prefix: str = "/usr"
    worker: str = "9.9.9"  # version of work_queue_worker; "": there is none
    library: str = "9.9.9"  # version in the engine's extension; "": it cannot be loaded
    handshake: str = ""
    tls: bool = False  # whether its work_queue_worker has --ssl


@dataclass(frozen=True)
class Port:
    """A port that we want to listen on: ``state`` is free, ours or taken; ``open_at``: addresses that other hosts may reach."""

    what: str
    number: int
    state: str
    setting: str
    open_at: tuple[str, ...] = ()


@dataclass(frozen=True)
class Password:
    """The Work Queue password file."""

    path: str
    there: bool = True
    trouble: str = ""


@dataclass(frozen=True)
class Limits:
    """What the node allows us: soft and hard limits (-1: none), and what the job limit is set to (0: none)."""

    files: tuple[int, int] = (65536, 65536)
    processes: tuple[int, int] = (-1, -1)
    job_limit: int = 10000
    foremen: int = 2
    cores: int = 8
    root: bool = False


@dataclass(frozen=True)
class Commands:
    """PATH: the installation, where our commands are found first (name to path), and folders that JAliEn strips."""

    prefix: str = "/opt/awq"
    found: dict[str, str] = field(default_factory=dict)
    stripped: tuple[str, ...] = ("/cvmfs/alice.cern.ch",)


@dataclass(frozen=True)
class Node:
    """The rest of the node. None: it cannot be told here."""

    python: tuple[int, int] = (3, 11)
    synchronized: Optional[bool] = True  # the clock, by timedatectl
    cvmfs: str = ""  # why /cvmfs/alice.cern.ch cannot be read
    namespaces: str = ""  # why an ordinary user cannot make user namespaces
    kill_user_processes: Optional[bool] = False
    linger: Optional[bool] = True
    own_name: str = ""  # why the node's own name cannot be looked up
    starter: bool = True  # whether the installation has one for this machine
    shortcut: bool = True  # the same


@dataclass(frozen=True)
class Master:
    """Master and engine: ``trouble`` is why nobody vouches for the counts; ``begun`` whether one ever ran here."""

    begun: bool = True
    trouble: str = ""
    engine: int = 1  # its process, 0: none
    engine_lives: bool = True
    rejected: int = 0
    served: Optional[bool] = True  # whether the commands' fork server listens; None: it is switched off
    left_alone: str = ""  # why it runs fewer commands than start by themselves


@dataclass(frozen=True)
class Facts:
    """All of it. ``head``: the node is to run the master and foremen; else only workers."""

    head: bool
    spool: Folder
    launch: Folder
    disk: Disk
    cctools: Cctools
    ports: tuple[Port, ...]
    password: Password
    limits: Limits
    commands: Commands
    node: Node
    master: Master
