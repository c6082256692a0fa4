"""``WQ_WORKDIR``: every path in it, the check that it is ours and private, and the records of our processes.

Home folders are shared between nodes, so everything lies below the node's name: a pid means something on one node.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from typing import Any

from foremen.errors import LaunchError
from foremen.node.host.port import Identity

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_ANY = stat.S_IRWXG | stat.S_IRWXO
KINDS = ("foremen", "workers")


def _short(host: str) -> str:
    """Eight characters for a node's name: sandboxes lie below, and a UNIX socket in one has 107 for its whole path.

    A payload that makes such a socket in $TMPDIR (Python's multiprocessing adds 32 characters) needs a path of at most 75.
    """
    return base64.b32encode(hashlib.blake2b(host.encode(), digest_size=5).digest()).decode().lower()


class Place:
    """Paths of one kind ("foremen" or "workers") on this node. Making one touches nothing."""

    def __init__(self, workdir: str, kind: str, host: str = "") -> None:
        self.workdir = workdir
        self.kind = kind
        self.host = host or os.uname().nodename
        self.state = f"{workdir}/state/{self.host}/{kind}"
        self.work = f"{workdir}/w/{_short(self.host)}"

    @property
    def plan(self) -> str:
        """What is to run: written by ``start-*``, read by the supervisor."""
        return f"{self.state}/plan.json"

    @property
    def supervisor(self) -> str:
        """Who supervises: a record."""
        return f"{self.state}/supervisor.json"

    @property
    def status(self) -> str:
        """What the supervisor knows of every slot, rewritten at each change."""
        return f"{self.state}/status.json"

    @property
    def verdict(self) -> str:
        """What the last self-test of the foremen said."""
        return f"{self.state}/selftest.json"

    @property
    def log(self) -> str:
        """What the supervisor says."""
        return f"{self.state}/supervisor.log"

    @property
    def features(self) -> str:
        """$MACHINEFEATURES of what runs here."""
        return f"{self.state}/machinefeatures"

    def record(self, slot: int) -> str:
        """The process of a slot."""
        return f"{self.state}/slot-{slot}.json"

    def slot_log(self, slot: int) -> str:
        """What the process of a slot says."""
        return f"{self.state}/slot-{slot}.log"

    def debug_log(self, slot: int) -> str:
        """What it says with WQ_DEBUG=1."""
        return f"{self.state}/slot-{slot}.debug"

    def new_life(self, slot: int) -> str:
        """A fresh folder for one life of a slot: the worker's workspace and its ``state`` folder are in it."""
        life = ""
        while not life or os.path.lexists(life):
            life = f"{self.work}/{self.kind[0]}{slot}.{secrets.token_hex(2)}"
        make_closed(flags(life))
        return life

    def create(self) -> None:
        """Make what is missing, 0700. LaunchError when WQ_WORKDIR is not ours alone."""
        private_folder(self.workdir)
        try:
            for folder in (self.state, self.work):
                make_closed(folder)
        except OSError as error:
            raise LaunchError(f"cannot make {error.filename}: {error.strerror} (set WQ_WORKDIR)") from None

    def exists(self) -> bool:
        """Whether anything was ever started here; LaunchError when WQ_WORKDIR is not ours alone."""
        if not os.path.lexists(self.workdir):
            return False
        check_private(self.workdir)
        return os.path.isdir(self.state)

    def records(self) -> dict[int, Record]:
        """Slot to record, of every process that was started and not yet cleaned up after."""
        read = {number: read_record(self.record(number)) for number in self.slots()}
        return {number: record for number, record in read.items() if record is not None}

    def slots(self) -> list[int]:
        """The slots that have a record: without opening any, for there may be thousands on a shared disk."""
        names = os.listdir(self.state) if self.exists() else []
        numbers = [
            name[len("slot-") : -len(".json")] for name in names if name.startswith("slot-") and name.endswith(".json")
        ]
        return sorted(int(number) for number in numbers if number.isdigit())

    def lives(self) -> list[str]:
        """The folders of all lives of this kind, also of dead ones."""
        if not os.path.isdir(self.work):
            return []
        return [f"{self.work}/{name}" for name in sorted(os.listdir(self.work)) if name[0] == self.kind[0]]


class Record:
    """One of our processes: who it is, where it works, whom it serves, since when (epoch), after how many restarts."""

    __slots__ = ("foreman", "life", "restarts", "since", "who")

    def __init__(self, who: Identity, life: str = "", foreman: str = "", since: float = 0.0, restarts: int = 0) -> None:
        self.who = who
        self.life = life
        self.foreman = foreman
        self.since = since
        self.restarts = restarts

    def write(self, path: str) -> None:
        """Aside and renamed: a reader sees a whole record or none."""
        facts = {"pid": self.who.pid, "ticks": self.who.ticks, "boot": self.who.boot, "life": self.life}
        write_json(path, {**facts, "foreman": self.foreman, "since": self.since, "restarts": self.restarts})


def read_record(path: str) -> Record | None:
    """The record, None when there is none. A damaged one is an error: its process could not be found again."""
    facts = read_json(path)
    if facts is None:
        return None
    try:
        who = Identity(int(facts["pid"]), int(facts["ticks"]), str(facts["boot"]))
        return Record(who, str(facts["life"]), str(facts["foreman"]), float(facts["since"]), int(facts["restarts"]))
    except (KeyError, ValueError, TypeError):
        raise LaunchError(f"the record {path} is damaged: look at the process it names, then remove it") from None


def make_closed(path: str) -> None:
    """The folder, and those above it that are missing, all 0700: ``os.makedirs`` leaves those above to the umask. OSError."""
    if os.path.isdir(path):
        return
    make_closed(os.path.dirname(path))
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def flags(life: str) -> str:
    """The folder of ``closed``, ``leave``, ``over`` and ``bounce.PID``: AWQ_WORKER_STATE of what runs there."""
    return f"{life}/state"


def write_json(path: str, value: Any) -> None:
    """Aside, then renamed. No fsync: after a power cut the processes are gone as well."""
    write_text(path, json.dumps(value))


def write_text(path: str, text: str) -> None:
    """As ``write_json``: a reader sees the old text or the new one."""
    aside = f"{path}.{os.getpid()}"
    with open(aside, "w", encoding="utf-8", opener=_private) as file:
        file.write(text)
    os.replace(aside, path)


def read_json(path: str) -> dict[str, Any] | None:
    """The object in the file, None when there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LaunchError(f"cannot read {path}: {error}") from None
    if not isinstance(found, dict):
        raise LaunchError(f"{path} is damaged: remove it")
    return found


def touch(path: str) -> bool:
    """Create an empty file; False when it was there already, or the folder is gone."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except (FileExistsError, FileNotFoundError):
        return False
    return True


def remove(path: str) -> None:
    """Remove a file that may be gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def remove_tree(folder: str) -> bool:
    """Remove a folder with all it holds, also what a pilot has made unwritable; False when something stayed."""
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):
        return True
    for parent, names, _files in os.walk(folder):  # top down: a folder is opened before it is looked into
        for name in names:
            path = f"{parent}/{name}"
            if not os.path.islink(path):
                _open_folder(path)
    shutil.rmtree(folder, ignore_errors=True)
    return not os.path.lexists(folder)


def _open_folder(path: str) -> None:
    try:
        os.chmod(path, 0o700)
    except OSError:
        return  # not ours, or gone: remove_tree reports by looking


def lock(path: str, wait: float) -> int | None:
    """Take the lock file; its descriptor, or None when somebody still holds it after ``wait`` seconds."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES) or time.monotonic() > until:
                os.close(handle)
                return None
            time.sleep(0.05)
        else:
            return handle


def private_folder(root: str) -> None:
    """Make the folder, mode 0700, or check the one that is there."""
    try:
        make_closed(os.path.dirname(root))
        os.mkdir(root, 0o700)
    except FileExistsError:
        check_private(root)
    except OSError as error:
        raise LaunchError(f"cannot make {root}: {error.strerror} (set WQ_WORKDIR to another folder)") from None


def check_private(root: str) -> None:
    """LaunchError when the folder is a link, not ours, or others can write it; closes it where others can read it."""
    info = os.lstat(root)
    other = "set WQ_WORKDIR to another folder"
    if not stat.S_ISDIR(info.st_mode):
        raise LaunchError(f"{root} is not a folder (a link does not count): {other}")
    if info.st_uid != os.geteuid():
        raise LaunchError(f"{root} belongs to user {info.st_uid}, not to you ({os.geteuid()}): {other}")
    if info.st_mode & _OTHERS_WRITE:
        raise LaunchError(f"{root} can be written by others: chmod 700 {root}, or {other}")
    if info.st_mode & _OTHERS_ANY:
        os.chmod(root, 0o700)


def _private(path: str, how: int) -> int:
    return os.open(path, how, 0o600)
