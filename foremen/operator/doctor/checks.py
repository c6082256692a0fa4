"""The doctor's judgement: pure functions from facts to findings. Every remedy is one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from foremen.operator.doctor.facts import Facts, Folder, Master

OK, WARN, FAIL = "ok", "warn", "fail"

_NETWORKED = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "gpfs", "lustre", "beegfs", "ceph", "glusterfs", "9p", "panfs", "ocfs2", "gfs2",
)  # fmt: skip
_MEMORY = ("tmpfs", "ramfs")
_MB = 1 << 20
_LEAST_FREE, _LITTLE_FREE = 64 * _MB, 1024 * _MB
_LEAST_INODES, _FEW_INODES = 1000, 50_000
_FILES_OF_OUR_OWN = 200
_PROCESSES_OF_OUR_OWN = 100
_PROCESSES_OF_A_PILOT = 20
_SKEW = 2.0  # s
_OLDEST_PYTHON = (3, 9)


@dataclass(frozen=True)
class Finding:
    """One check: its name, ok/warn/fail, what was seen, and the remedy (empty for ok)."""

    name: str
    state: str
    seen: str
    remedy: str = ""


Check = Callable[[Facts], Iterator[Finding]]


def examine(facts: Facts) -> list[Finding]:
    """All checks that apply to this node."""
    return [finding for check in (_HEAD if facts.head else _NODE) for finding in check(facts)]


def spool(facts: Facts) -> Iterator[Finding]:
    """The spool folder is ours and closed, with all that is in it."""
    if not facts.spool.there:
        yield Finding(
            "spool", WARN, f"no folder {facts.spool.path}", "Start alien_work_queue, or set AWQ_WORKDIR to its spool."
        )
        return
    yield from _folder("spool", facts.spool, "AWQ_WORKDIR")


def launch_folder(facts: Facts) -> Iterator[Finding]:
    """So is the folder of foremen and workers, when there is one."""
    if facts.launch.there:
        yield from _folder("work folder", facts.launch, "WQ_WORKDIR")


def _folder(name: str, folder: Folder, setting: str) -> Iterator[Finding]:
    if folder.trouble:
        yield Finding(
            name, FAIL, folder.trouble, f"Do what the sentence says, or set {setting} to a folder of your own."
        )
    elif folder.foreign:
        first = folder.foreign[0]
        yield Finding(
            name, FAIL, f"{len(folder.foreign)} entries are not yours, {first} first", f"Look at {first} and remove it."
        )
    elif folder.open_to_others:
        first = folder.open_to_others[0]
        seen = f"others can read or write {len(folder.open_to_others)} entries, {first} first"
        yield Finding(name, FAIL, seen, f"Run: chmod -R go= {folder.path}")
    else:
        yield Finding(name, OK, f"{folder.path} is yours and closed")


def disk(facts: Facts) -> Iterator[Finding]:
    """Local, and with room. SQLite's WAL needs memory shared between processes, which no network file system gives."""
    kind = facts.disk.kind
    if kind in _NETWORKED or kind.startswith("fuse."):
        yield Finding("file system", FAIL, f"the spool is on {kind}", "Set AWQ_WORKDIR to a folder on a local disk.")
    elif kind in _MEMORY:
        yield Finding(
            "file system", WARN, f"the spool is on {kind}, gone at a reboot", "Set AWQ_WORKDIR to a folder on a disk."
        )
    else:
        yield Finding("file system", OK, f"the spool is on {kind or 'a file system of unknown type'}")
    free = facts.disk.free
    state = FAIL if free < _LEAST_FREE else WARN if free < _LITTLE_FREE else OK
    yield _unless_ok(
        Finding(
            "free space", state, f"{free // _MB} MB free of {facts.disk.size // _MB}", "Make room on the spool's disk."
        )
    )
    if facts.disk.inodes:
        left = facts.disk.inodes_free
        state = FAIL if left < _LEAST_INODES else WARN if left < _FEW_INODES else OK
        yield _unless_ok(
            Finding("free inodes", state, f"{left} of {facts.disk.inodes}", "Remove files from the spool's disk.")
        )


def clock(facts: Facts) -> Iterator[Finding]:
    """The clocks agree: counts of the future or of long ago are not believed."""
    skew = facts.disk.skew
    if skew is not None and abs(skew) > _SKEW:
        seen = f"the spool's file system is {skew:+.1f} s off the system's clock"
        yield Finding("clock", FAIL, seen, "Set AWQ_WORKDIR to a local disk, or set the clocks right.")
    elif facts.node.synchronized is False:
        yield Finding("clock", WARN, "it is not synchronized", "Switch NTP on: timedatectl set-ntp true")
    else:
        yield Finding("clock", OK, "synchronized" if facts.node.synchronized else "agrees with the file system's")


def cctools(facts: Facts) -> Iterator[Finding]:
    """Workers here and the engine's library are of one release, and speak with each other (it was tried)."""
    seen = facts.cctools
    if not seen.worker:
        yield Finding("CCTools", FAIL, f"no {seen.prefix}/bin/work_queue_worker",
                      "Install CCTools (Debian: coop-computing-tools), or set CCTOOLS to its prefix.")  # fmt: skip
        return
    if not facts.head:
        yield Finding(
            "CCTools",
            OK,
            f"work_queue_worker {seen.worker}; the engine's release must be the same (run this on the head node)",
        )
        return
    if not seen.library:
        yield Finding("CCTools", FAIL, "the engine's extension cannot be loaded", "Run scripts/install again.")
        return
    versions = f"work_queue_worker {seen.worker}, the engine's library {seen.library}"
    if seen.handshake:
        yield Finding(
            "CCTools",
            FAIL,
            f"{versions}: {seen.handshake}",
            "Run scripts/install with CCTOOLS set to the workers' CCTools.",
        )
    elif seen.worker != seen.library:
        yield Finding(
            "CCTools", WARN, f"{versions}; they speak with each other", "Use one release of CCTools on all nodes."
        )
    else:
        yield Finding("CCTools", OK, f"{versions}; they speak with each other")


def encryption(facts: Facts) -> Iterator[Finding]:
    """None of the links has any: said, not judged, since a site's own network may be enough."""
    has = "this CCTools could, this release does not use it" if facts.cctools.tls else "this CCTools cannot"
    yield Finding(
        "encryption", OK, f"none between engine, foremen and workers ({has}): docs/operations.md has the tunnels"
    )


def ports(facts: Facts) -> Iterator[Finding]:
    """The engine's and the foremen's ports are free, or in our own hands."""
    for port in facts.ports:
        name, seen = f"port {port.number}", f"{port.what}: {port.state}"
        if port.state == "taken":
            yield Finding(
                name,
                FAIL,
                f"{seen} by another process",
                f"Stop what uses port {port.number}, or set {port.setting} to another.",
            )
        elif port.open_at:
            yield Finding(
                name,
                WARN,
                f"{seen}, open to other hosts ({', '.join(port.open_at)}); nothing there is encrypted",
                f"If no other host needs port {port.number}: AWQ_BIND=127.0.0.1. Else keep it inside your network (docs/security.md).",
            )
        else:
            yield Finding(name, OK, seen)


def password(facts: Facts) -> Iterator[Finding]:
    """There is one, and nobody else can read it."""
    found = facts.password
    if found.there and found.trouble:
        yield Finding("password", FAIL, f"{found.path} {found.trouble}",
                      f"Run chmod 600 {found.path}, and make a new one if others may have read it.")  # fmt: skip
    elif found.there:
        yield Finding("password", OK, f"{found.path} is yours and closed")
    elif facts.head:
        yield Finding("password", WARN, f"no {found.path} yet", "Start alien_work_queue: its first start makes one.")
    else:
        yield Finding(
            "password",
            FAIL,
            f"no {found.path}",
            "Copy the head node's to this node (scp -p), and name it in WQ_PASSWORD_FILE.",
        )


def limits(facts: Facts) -> Iterator[Finding]:
    """Enough descriptors for the workers' connections, enough processes for what runs here."""
    has = facts.limits
    jobs = has.job_limit or 100_000
    wanted = jobs // max(1, has.foremen) + _FILES_OF_OUR_OWN if facts.head else _FILES_OF_OUR_OWN
    soft, hard = has.files
    if 0 <= soft < wanted:
        how = (
            f"ulimit -n {wanted}"
            if hard < 0 or hard >= wanted
            else f"a line 'nofile {wanted}' in /etc/security/limits.conf"
        )
        why = f" (AWQ_JOB_LIMIT {jobs} over {has.foremen} foremen: each worker is a connection)" if facts.head else ""
        yield Finding(
            "open files", WARN, f"{soft} allowed, {wanted} may be needed{why}", f"Raise it before you start: {how}"
        )
    else:
        yield Finding("open files", OK, "no limit" if soft < 0 else f"{soft} allowed")
    wanted = _PROCESSES_OF_OUR_OWN + (0 if facts.head else min(jobs, has.cores) * _PROCESSES_OF_A_PILOT)
    soft, hard = has.processes
    if 0 <= soft < wanted and not has.root:
        yield Finding(
            "processes",
            WARN,
            f"{soft} allowed, {wanted} may be needed",
            f"Raise it before you start: ulimit -u {wanted}",
        )
    else:
        yield Finding("processes", OK, "no limit" if soft < 0 or has.root else f"{soft} allowed")


def commands(facts: Facts) -> Iterator[Finding]:
    """A client finds our commands, also after JAliEn has cleaned its PATH."""
    prefix = facts.commands.prefix
    if not prefix:
        yield Finding(
            "PATH", WARN, "ALIEN_WORKQUEUE is not set", "Source PREFIX/etc/env.sh in the shell that starts the gateway."
        )
        return
    others = {name: path for name, path in facts.commands.found.items() if path != f"{prefix}/bin/{name}"}
    under = [folder for folder in facts.commands.stripped if _below(prefix, folder)]
    if others:
        name, path = next(iter(others.items()))
        yield Finding(
            "PATH",
            FAIL,
            f"{name} is {path or 'not found'}",
            f"Put {prefix}/bin first on PATH: source {prefix}/etc/env.sh last.",
        )
    elif under:
        yield Finding("PATH", WARN, f"the installation {prefix} is under {under[0]}, which JAliEn strips from PATH",
                      "Install the toolkit elsewhere, for instance in a folder of your home.")  # fmt: skip
    else:
        yield Finding("PATH", OK, f"the commands are those of {prefix}")


def _below(path: str, folder: str) -> bool:
    return bool(folder) and f"{path}/".startswith(folder.rstrip("/") + "/")


def node(facts: Facts) -> Iterator[Finding]:
    """Python, CVMFS, user namespaces, and what systemd does at logout."""
    has = facts.node
    version = ".".join(map(str, has.python))
    state = OK if has.python >= _OLDEST_PYTHON else FAIL
    yield _unless_ok(
        Finding("Python", state, version, "Use Python 3.9 or newer: set PYTHON and run scripts/install again.")
    )
    yield _unless_ok(Finding("own name", FAIL if has.own_name else OK, has.own_name or "can be looked up",
                             "Work Queue needs it: add the name to /etc/hosts (getent hosts $(hostname) must find it)."))  # fmt: skip
    worse = WARN  # a site may have its software elsewhere, and the head node runs no pilots
    yield _unless_ok(Finding("CVMFS", worse if has.cvmfs else OK, has.cvmfs or "/cvmfs/alice.cern.ch can be read",
                             "Mount /cvmfs/alice.cern.ch where pilots run."))  # fmt: skip
    yield _unless_ok(Finding("user namespaces", worse if has.namespaces else OK, has.namespaces or "users can make them",
                             "Allow them where pilots run containers: sysctl user.max_user_namespaces=15000"))  # fmt: skip
    yield (
        Finding("starter", OK, "there is one for this machine") if has.starter
        else Finding("starter", WARN, "none: the shell starts pilots, and their memory is not known",
                     "Run on the head: apt-get install musl-tools; then scripts/install again, and worker-file where it is used.")
    )  # fmt: skip
    yield (
        Finding("shortcut", OK, "there is one for this machine") if has.shortcut
        else Finding("shortcut", WARN, "none: each pilot's start takes half a millisecond of CPU more",
                     "Run on the head: apt-get install gcc libc6-dev; then scripts/install again, and worker-file where it is used.")
    )  # fmt: skip
    if has.kill_user_processes and not has.linger:
        yield Finding(
            "logout", WARN, "systemd ends your processes at logout (KillUserProcesses)", "Run: loginctl enable-linger"
        )
    else:
        yield Finding("logout", OK, "processes stay" if has.kill_user_processes is not None else "no systemd-logind")


def master(facts: Facts) -> Iterator[Finding]:
    """Master and engine live and say so; no task file was refused."""
    has = facts.master
    if not has.begun:
        yield Finding("master", WARN, "none has run here yet", "Start alien_work_queue.")
    elif has.trouble:
        yield Finding(
            "master", FAIL, has.trouble, "Start alien_work_queue; kill -9 one that hangs before: that is safe."
        )
    else:
        yield Finding("master", OK, "lives, and its counts are fresh")
        if has.engine_lives:
            yield Finding("engine", OK, f"process {has.engine} lives")
        else:
            yield Finding(
                "engine",
                FAIL,
                "none lives",
                "Look into engine.log in the spool: the master starts one as soon as it can.",
            )
        if has.served is not None:
            yield _fork_server(has)
    if has.rejected:
        yield Finding("rejected", WARN, f"{has.rejected} task files were refused",
                      f"Read the reasons in {facts.spool.path}/rejected, then remove the files.")  # fmt: skip
    else:
        yield Finding("rejected", OK, "no task file was refused")


def _fork_server(has: Master) -> Finding:
    """Whether condor_* commands start fast."""
    if not has.served:
        return Finding("fork server", WARN, "none: each condor_* command starts a Python",
                       "Look into the master's log; without launchers in PREFIX/bin: scripts/install says why.")  # fmt: skip
    if has.left_alone:
        return Finding("fork server", WARN, f"most condor_* commands start a Python: {has.left_alone}",
                       "Start the master as its users are: without nice, limits or confinement that they do not have.")  # fmt: skip
    return Finding("fork server", OK, "it starts condor_* commands")


def _unless_ok(finding: Finding) -> Finding:
    """Without the remedy when nothing is wrong."""
    return Finding(finding.name, OK, finding.seen) if finding.state == OK else finding


_HEAD: tuple[Check, ...] = (
    spool, launch_folder, disk, clock, cctools, encryption, ports, password, limits, commands, node, master,
)  # fmt: skip
_NODE: tuple[Check, ...] = (launch_folder, cctools, encryption, password, limits, node)
