"""The spool folder: every path in it, and the check that it is ours and private.

Executables with private keys are copied into it, and what is found in it is run: nobody else may write in it, nor put
another folder in its place.
"""

from __future__ import annotations

import os
import stat

from spool.errors import SpoolError

_PARTS = ("tmp", "queue", "payload", "rejected", "stat")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_OTHERS_ANY = stat.S_IRWXG | stat.S_IRWXO
_PRIVATE = 0o700


class Spool:
    """Paths of one spool folder. Making one checks nothing: use ``open_spool`` or ``create_spool``."""

    __slots__ = ("root",)

    def __init__(self, root: str) -> None:
        self.root = root

    @property
    def tmp(self) -> str:
        """Files being written."""
        return f"{self.root}/tmp"

    @property
    def queue(self) -> str:
        """Task files that wait for the master."""
        return f"{self.root}/queue"

    @property
    def rejected(self) -> str:
        """Task files that could not be read, each with its reason beside it."""
        return f"{self.root}/rejected"

    def payload(self, cluster: int) -> str:
        """Folder of the copies of a cluster's executable and inputs."""
        return f"{self.root}/payload/{cluster}"

    @property
    def stat(self) -> str:
        """The published counts."""
        return f"{self.root}/stat/latest"

    @property
    def database(self) -> str:
        """The job database."""
        return f"{self.root}/jobs.db"

    @property
    def clusters(self) -> str:
        """The last cluster number given out."""
        return f"{self.root}/clusters"

    @property
    def master_lock(self) -> str:
        """Locked as long as a master lives."""
        return f"{self.root}/master.lock"

    @property
    def in_hand(self) -> str:
        """What the master handles at the moment."""
        return f"{self.root}/in-hand"

    @property
    def in_hand_before(self) -> str:
        """What the master that died last had in hand."""
        return f"{self.root}/in-hand.before"

    @property
    def crash(self) -> str:
        """The stack of a master that a fatal signal ended."""
        return f"{self.root}/crash"

    @property
    def wakeup(self) -> str:
        """A FIFO; a byte in it makes the master look at the queue."""
        return f"{self.root}/wakeup"

    @property
    def engine_socket(self) -> str:
        """Where the engine listens for the master."""
        return f"{self.root}/engine.sock"

    @property
    def commands_socket(self) -> str:
        """Where the fork server listens for launchers (``shims/forkserver/launcher.c`` spells it too)."""
        return f"{self.root}/commands.sock"

    @property
    def commands_state(self) -> str:
        """How many clients the fork server has served, and why it left others alone."""
        return f"{self.root}/stat/commands"

    @property
    def engine_port(self) -> str:
        """A file with the Work Queue port that the engine listens on."""
        return f"{self.root}/engine.port"

    @property
    def engine_log(self) -> str:
        """What the engine says."""
        return f"{self.root}/engine.log"

    @property
    def history(self) -> str:
        """The ads of finished jobs as a text file."""
        return f"{self.root}/history"

    @property
    def statistics(self) -> str:
        """A line of counts and rates for every minute or so."""
        return f"{self.root}/statistics"

    @property
    def drain(self) -> str:
        """While it exists the master takes no new submissions up."""
        return f"{self.root}/drain"

    def wake_master(self) -> None:
        """Tell a master, if there is one, to look at the queue now; it looks by itself too, a second later."""
        try:
            fd = os.open(self.wakeup, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return  # nobody listens: the task file is what counts
        try:
            os.write(fd, b"!")
        except OSError:
            return  # the pipe is full of wake-ups already, or the master has just gone
        finally:
            os.close(fd)


def open_spool(root: str) -> Spool:
    """The spool at ``root``; SpoolError when it is missing, not ours, or others can write it or replace it."""
    try:
        info = os.lstat(root)
        _check_above(root)
    except OSError as error:
        raise SpoolError(
            f"no spool folder {root} ({error.strerror}): start alien_work_queue, or set AWQ_WORKDIR"
        ) from None
    if _check(root, info):
        _check_parts(root)
    return Spool(root)


def create_spool(root: str) -> Spool:
    """The spool at ``root``, made with its parts (mode 0700) where they are missing."""
    try:
        _make_above(os.path.dirname(root))
        _check_above(root)
        _make(root, tighten=False)
        for part in _PARTS:
            _make(f"{root}/{part}", tighten=True)
        _check_files(root)
    except OSError as error:
        raise SpoolError(
            f"cannot make the spool folder {root}: {error.strerror} (set AWQ_WORKDIR to another)"
        ) from None
    return Spool(root)


def _make(path: str, tighten: bool) -> None:
    try:
        os.mkdir(path, _PRIVATE)
    except FileExistsError:
        _check(path, os.lstat(path), tighten)


def _make_above(path: str) -> None:
    """Folders that nobody else can write, whatever the umask is."""
    if path and not os.path.isdir(path):
        _make_above(os.path.dirname(path))
        os.mkdir(path, 0o755)


def _check_above(root: str) -> None:
    """SpoolError when others can write a folder above: they could move ours away. In a sticky one (/tmp) they cannot."""
    path = os.path.realpath(os.path.dirname(root))
    while True:
        mode = os.lstat(path).st_mode
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            raise SpoolError(
                f"the spool folder {root} is not safe: others can write {path} and so replace it: chmod go-w {path}, or set AWQ_WORKDIR"
                " to a folder elsewhere"
            )
        if path == "/":
            return
        path = os.path.dirname(path)


def _check_parts(root: str) -> None:
    """The folders inside, from a time when the spool may have been open: ours, no links, and closed now."""
    for part in _PARTS:
        path = f"{root}/{part}"
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        _check(path, info, tighten=True)


def _check_files(root: str) -> None:
    """SpoolError for what somebody may have put among our files while the spool was open: links, other people's files."""
    for entry in os.scandir(root):
        info = entry.stat(follow_symlinks=False)
        linked = stat.S_ISREG(info.st_mode) and info.st_nlink != 1
        if linked or info.st_uid not in (os.geteuid(), 0):
            what = "has another name elsewhere (a hard link)" if linked else f"belongs to user {info.st_uid}"
            raise SpoolError(f"{entry.path} {what}: somebody else may have put it there: look at it, and remove it")


def _check(path: str, info: os.stat_result, tighten: bool = False) -> bool:
    """SpoolError unless it is a folder of ours that others cannot write (``tighten``: could); True when it had to be closed."""
    if stat.S_ISLNK(info.st_mode):
        raise SpoolError(f"the spool folder {path} is a symbolic link: set AWQ_WORKDIR to the real folder")
    if not stat.S_ISDIR(info.st_mode):
        raise SpoolError(f"the spool folder {path} is not a folder: set AWQ_WORKDIR to another path")
    if info.st_uid != os.geteuid():
        raise SpoolError(
            f"the spool folder {path} belongs to user {info.st_uid}, not to you ({os.geteuid()}):"
            " set AWQ_WORKDIR to a folder of your own"
        )
    if info.st_mode & _OTHERS_WRITE and not tighten:
        raise SpoolError(
            f"the spool folder {path} can be written by others: chmod 700 {path}, or set AWQ_WORKDIR to another"
        )
    if not info.st_mode & _OTHERS_ANY:
        return False
    try:
        os.chmod(path, _PRIVATE)
    except OSError as error:
        raise SpoolError(f"the spool folder {path} is open to others and cannot be closed: {error.strerror}") from None
    return True
