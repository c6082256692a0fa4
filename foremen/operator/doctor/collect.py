"""The doctor's eyes: everything that it asks the operating system. Nothing here judges, and nothing that it asks can hang it."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Optional

from foremen.acceptor.binding import is_local
from foremen.master import fork_server_keeper
from foremen.native import deploy, preload, starter
from foremen.node.control import Control
from foremen.node.host import procfs
from foremen.node.host.linux import System
from foremen.node.state_files import Place, check_private
from foremen.operator.doctor import tools
from foremen.operator.doctor.facts import Commands, Disk, Facts, Folder, Limits, Master, Node, Password, Port
from foremen.operator.doctor.handshake import look_at_cctools
from spool.errors import AwqError, NotVouched
from spool.settings import Settings
from spool.store import published_counts
from spool.store.layout import Spool, open_spool
from spool.store.private_files import problem_of
from spool.store.sockets import connect

_MOST_ENTRIES = 20_000  # of a folder that are looked at
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PATIENCE = 10.0  # s for a command
_CVMFS = "/cvmfs/alice.cern.ch"
_STRIPPED = ("JALIEN_ROOT", "JALIEN_HOME", "ALIEN_ROOT")  # JAliEn's SystemCommand takes what is under these off PATH
_COMMANDS = ("condor_submit", "condor_q", "condor_rm", "condor_status")


def look(settings: Settings, environ: Mapping[str, str], head: bool) -> Facts:
    """Look at this node; takes a few seconds."""
    return Facts(
        head=head,
        spool=_spool(settings.workdir),
        launch=_launch(settings.wq_workdir),
        disk=_disk(settings.workdir),
        cctools=look_at_cctools(settings, head),
        ports=_ports(settings) if head else (),
        password=_password(settings.password_file),
        limits=_limits(settings),
        commands=_commands(environ),
        node=_node(),
        master=_master(Spool(settings.workdir), settings),
    )


def _spool(path: str) -> Folder:
    if not os.path.lexists(path):
        return Folder(path, there=False)
    entries = list(_entries(path, "payload"))  # first: opening the spool closes what is open
    try:
        open_spool(path)
    except AwqError as error:
        return Folder(path, trouble=str(error))
    return _judged(path, entries)


def _launch(path: str) -> Folder:
    """Below ``work`` is what pilots made, with modes of their own, in folders that are closed."""
    if not os.path.lexists(path):
        return Folder(path, there=False)
    entries = list(_entries(path, os.path.basename(os.path.dirname(Place(path, "workers").work))))
    try:
        check_private(path)
    except AwqError as error:
        return Folder(path, trouble=str(error))
    return _judged(path, entries)


def _judged(path: str, entries: list[tuple[str, os.stat_result]]) -> Folder:
    me = os.geteuid()
    opened = [
        name
        for name, info in entries
        if info.st_mode & _OTHERS
        and not stat.S_ISLNK(info.st_mode)
        and name != f"{path}/drain"  # made by touch(1), empty
    ]
    foreign = [name for name, info in entries if info.st_uid not in (me, 0)]
    return Folder(path, open_to_others=tuple(opened), foreign=tuple(foreign))


def _entries(folder: str, closed: str) -> Iterator[tuple[str, os.stat_result]]:
    """The folder and what is in it, but not what is in folders of the name ``closed``."""
    todo, seen = [folder], 0
    while todo and seen < _MOST_ENTRIES:
        path = todo.pop()
        try:
            info = os.lstat(path)
            names = os.listdir(path) if stat.S_ISDIR(info.st_mode) and os.path.basename(path) != closed else []
        except OSError:
            continue  # gone meanwhile, or not ours to look into: open_spool says the latter
        seen += 1
        todo += [f"{path}/{name}" for name in names]
        yield path, info


def _disk(path: str) -> Disk:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    space = os.statvfs(path)
    return Disk(
        _kind(os.path.realpath(path)),
        space.f_bavail * space.f_frsize,
        space.f_blocks * space.f_frsize,
        space.f_favail,
        space.f_files,
        _skew(path),
    )


def _kind(path: str) -> str:
    """The type of the file system (proc(5), mountinfo): statfs gives a number that Python does not hand on."""
    best, kind = "", ""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            place = before.split()[4].replace("\\040", " ").rstrip("/")
            if len(place) >= len(best) and f"{path}/".startswith(f"{place}/"):
                best, kind = place, after.split()[0]
    return kind


def _skew(folder: str) -> Optional[float]:
    """Seconds that the file system's clock is ahead of ours; None when no file can be made there."""
    path = f"{folder}/.doctor.{os.getpid()}"
    try:
        before = time.time()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        stamp = os.stat(path).st_mtime
        os.unlink(path)
    except OSError:
        return None
    after = time.time()
    return stamp - after if stamp > after else min(0.0, stamp - before)


def _ports(settings: Settings) -> tuple[Port, ...]:
    system = System()
    engine = _engine_pid(Spool(settings.workdir))
    control = Control(system, settings, "foremen")
    try:
        ours = [record.who.pid for record in control.living().values()]
    except AwqError:
        ours = []  # the folder's own check says why
    wanted = [("the engine", settings.port, [engine] if engine else [], "AWQ_PORT")]
    for number in range(settings.num_foremen):
        wanted.append((f"foreman {number}", settings.baseport + number, ours, "WQ_MASTER_BASEPORT"))
    found = []
    for what, port, pids, setting in wanted:
        ours_it_is = any(procfs.listens(pid, port) for pid in pids)
        free = not port or system.port_free(port)
        beyond = tuple(address for address, _uid in procfs.listeners(port) if ours_it_is and not is_local(address))
        found.append(Port(what, port, "ours" if ours_it_is else "free" if free else "taken", setting, beyond))
    return tuple(found)


def _engine_pid(spool: Spool) -> int:
    """The process that ``engine.lock`` names; 0 for none."""
    try:
        with open(f"{spool.root}/engine.lock", encoding="ascii") as file:
            return int(file.read() or 0)
    except (OSError, ValueError):
        return 0


def _password(path: str) -> Password:
    try:
        return Password(path, trouble=problem_of(path))
    except FileNotFoundError:
        return Password(path, there=False)
    except OSError as error:
        return Password(path, trouble=f"cannot be read: {error.strerror}")


def _limits(settings: Settings) -> Limits:
    return Limits(
        files=resource.getrlimit(resource.RLIMIT_NOFILE),
        processes=resource.getrlimit(resource.RLIMIT_NPROC),
        job_limit=settings.job_limit,
        foremen=settings.num_foremen,
        cores=len(os.sched_getaffinity(0)),
        root=os.geteuid() == 0,
    )


def _commands(environ: Mapping[str, str]) -> Commands:
    prefix = environ.get("ALIEN_WORKQUEUE", "").rstrip("/")
    path = environ.get("PATH", os.defpath)
    found = {name: shutil.which(name, path=path) or "" for name in _COMMANDS}
    stripped = tuple(environ[name] for name in _STRIPPED if environ.get(name))
    return Commands(prefix, found, (_CVMFS, *stripped))


def _node() -> Node:
    python = (sys.version_info[0], sys.version_info[1])
    logind = os.path.isdir("/run/systemd/system")
    return Node(
        python=python,
        synchronized=_yes(_said("timedatectl", "show", "-p", "NTPSynchronized", "--value")),
        cvmfs=_cvmfs(),
        namespaces=_namespaces(),
        kill_user_processes=_yes(_said("busctl", *_KILL_USER_PROCESSES).rpartition(" ")[2]) if logind else None,
        linger=_yes(_said("loginctl", "show-user", _user(), "-p", "Linger", "--value")) if logind else None,
        own_name=own_name(socket.gethostname()),
        starter=bool(deploy.packaged(starter.NAME)),
        shortcut=bool(deploy.packaged(preload.NAME)),
    )


_KILL_USER_PROCESSES = (
    "get-property", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "KillUserProcesses",
)  # fmt: skip


def _said(*command: str) -> str:
    """What a command printed; "" when there is none, or it fails, or takes too long."""
    done = tools.answer(*command, seconds=_PATIENCE)
    return done.stdout.strip() if done and done.returncode == 0 else ""


def own_name(name: str) -> str:
    """Why this node's name cannot be looked up (``getent hosts NAME``); "" when it can. A resolver that hangs must not hang us."""
    look_up = "import socket, sys; socket.getaddrinfo(sys.argv[1], 0)"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", look_up, name],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return f"{name} is not found within {_PATIENCE:.0f} s"
    return f"{name} is not found" if done.returncode else ""


def _yes(word: str) -> Optional[bool]:
    return {"yes": True, "true": True, "no": False, "false": False}.get(word)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _cvmfs() -> str:
    """A mount that hangs must not hang us: another process looks."""
    try:
        done = subprocess.run(
            ["ls", _CVMFS], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return f"{_CVMFS} does not answer"
    return "" if done.returncode == 0 and done.stdout.strip() else f"{_CVMFS} is not there, or empty"


def _namespaces() -> str:
    """The three switches that distributions have for it."""
    if not os.path.exists("/proc/self/ns/user"):
        return "this kernel has none"
    if _number("/proc/sys/user/max_user_namespaces") == 0:
        return "user.max_user_namespaces is 0"
    if _number("/proc/sys/kernel/unprivileged_userns_clone") == 0:
        return "kernel.unprivileged_userns_clone is 0"
    if _number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1:
        return "kernel.apparmor_restrict_unprivileged_userns is 1"
    return ""


def _number(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return -1


def _master(spool: Spool, settings: Settings) -> Master:
    begun, trouble, engine = os.path.exists(spool.stat), "", 0
    try:
        found = published_counts.vouched_counts(spool, settings.stale, time.time())
        engine = found.extra.get("ENGINE_PID", 0)
    except NotVouched as error:
        trouble = str(error)
    try:
        rejected = sum(not name.endswith(".reason") for name in os.listdir(spool.rejected))
    except OSError:
        rejected = 0
    alive = engine > 0 and os.path.exists(f"/proc/{engine}")
    served = _listens(spool) if settings.forkserver else None
    clients = fork_server_keeper.clients(spool)
    left_alone = clients.why if served and clients.alone > clients.served else ""
    return Master(begun, trouble, engine, alive, rejected, served, left_alone)


def _listens(spool: Spool) -> bool:
    """Whether the commands' fork server does."""
    try:
        connect(*os.path.split(spool.commands_socket)).close()
    except OSError:
        return False
    return True
