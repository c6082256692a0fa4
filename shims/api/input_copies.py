"""By value: the executable and the inputs of a cluster are copied into the spool when the job is submitted.

A pilot's start script is rewritten and deleted by its owner minutes later, and holds a private key: so by content, mode
0600, on the disk before the task file is visible, and never shown. Inputs are ``in.0``, ``in.1`` ...; the attribute
``AwqInputs`` says which of them a job wants and what they are called in its sandbox: ``in.0=data.txt,in.1=conf``; folders are
copied with all that is in them, and of ``in.2=.`` the content is wanted. A job whose executable differs from its cluster's has
it as an input too, named by ``AwqExecutable`` (``in.3``).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from spool import crashpoints
from spool.classad import ads
from spool.errors import SpoolError
from spool.store.layout import Spool
from spool.store.task_file import sync_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 1 << 20


class Payload:
    """The copies of one cluster, made as its ads are seen; ``exists`` once there is one.

    Their folder is locked (flock, shared) until the task file is visible: the master sweeps copies that nobody holds.
    """

    __slots__ = ("_executable", "_held", "_inputs", "_made", "_spool", "cluster")

    def __init__(self, spool: Spool, cluster: int) -> None:
        self._spool = spool
        self.cluster = cluster
        self._executable = ""
        self._inputs: dict[str, str] = {}
        self._made = False
        self._held = -1

    @property
    def exists(self) -> bool:
        """Whether something was copied."""
        return self._made

    def take(self, ad: Mapping[str, str]) -> dict[str, str]:
        """Copy what this effective ad wants and the cluster does not have yet; the attributes that say where it is."""
        found: dict[str, str] = {}
        command = ads.string(ad.get("Cmd"))
        if command and ad.get("TransferExecutable") != "false" and "$$" not in command:
            if not self._executable:
                self._copy(command, "executable")
                self._executable = command
            elif command != self._executable:
                found["AwqExecutable"] = ads.quote(self._input(command))
        if ads.string(ad.get("ShouldTransferFiles")) == "NO":
            return found
        folder = ads.string(ad.get("Iwd"))
        names = [name for name in ads.string(ad.get("TransferInput")).split(",") if name]
        if ad.get("TransferIn") != "false" and ads.string(ad.get("In")) not in ("", "/dev/null"):
            names.append(ads.string(ad.get("In")))
        pairs: list[str] = []
        preserve = (ad.get("PreserveRelativePaths") or "").lower() == "true"
        for name in names:
            path = _local(name, folder)
            kind = _kind(path)
            if kind:
                pairs.append(f"{self._input(path)}={_name_there(name, kind, preserve)}")
        if pairs:
            found["AwqInputs"] = ads.quote(",".join(pairs))
        return found

    def settle(self) -> None:
        """Make the copies' names durable."""
        if not self._made:
            return
        try:
            sync_folder(self._spool.payload(self.cluster))
            sync_folder(os.path.dirname(self._spool.payload(self.cluster)))
        except OSError as error:
            raise self._failed(error) from None

    def drop(self) -> None:
        """Remove the copies: the submission came to nothing. What cannot be removed now the master removes later."""
        if not self._made:
            return
        self.let_go()
        folder = self._spool.payload(self.cluster)
        from spool.store.private_files import wipe_tree

        try:
            wipe_tree(folder)
        except OSError:
            return  # a read-only or broken disk: the error that brought us here is the one to report

    def let_go(self) -> None:
        """Unlock: a task file says now who needs the copies, or nobody does."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _input(self, path: str) -> str:
        name = self._inputs.get(path)
        if name is None:
            name = f"in.{len(self._inputs)}"
            self._copy(path, name)
            self._inputs[path] = name
        return name

    def _copy(self, source: str, name: str) -> None:
        folder = self._spool.payload(self.cluster)
        try:
            if not self._made:
                os.mkdir(folder, 0o700)
                self._made = True
                self._held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(self._held, fcntl.LOCK_SH)
            _copy_tree(source, f"{folder}/{name}")
            crashpoints.point("submit.file-copied")
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> SpoolError:
        where = error.filename or self._spool.payload(self.cluster)
        return SpoolError(f"cannot copy into the spool: {where}: {error.strerror}; nothing was submitted")


def _local(name: str, folder: str) -> str:
    """The path of an input; empty for a URL that is not of a file here."""
    if name[:8] == "file:///":
        return name[7:]
    if "://" in name:
        return ""
    return name if name[:1] == "/" else f"{folder}/{name}"


def _name_there(name: str, kind: int, preserve: bool) -> str:
    """What an input is called in the sandbox; ``.``: a folder named with a slash at its end, whose content is wanted."""
    if kind == stat.S_IFDIR and name[-1:] == "/":
        return "."
    if preserve and name[:1] != "/" and "://" not in name and ".." not in name.split("/"):
        return os.path.normpath(name)
    return os.path.basename(name.rstrip("/"))


def _kind(path: str) -> int:
    """Whether it is a file or a folder (``stat.S_IFREG``, ``S_IFDIR``); 0: neither, or not there: the master holds the job."""
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except (OSError, ValueError):
        return 0
    return kind if kind in (stat.S_IFREG, stat.S_IFDIR) else 0


def _copy_tree(source: str, target: str, above: tuple[tuple[int, int], ...] = ()) -> None:
    """A file, or a folder with all in it; links are followed, and what is neither file nor folder is passed over. OSError."""
    info = os.stat(source)
    if not stat.S_ISDIR(info.st_mode):
        return _copy_durably(source, target)
    here = (info.st_dev, info.st_ino)
    if here in above:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), source)
    os.mkdir(target, 0o700)
    for name in sorted(os.listdir(source)):
        if _kind(f"{source}/{name}"):
            _copy_tree(f"{source}/{name}", f"{target}/{name}", (*above, here))
    sync_folder(target)
    return None


def _copy_durably(source: str, target: str) -> None:
    """A new file with the content of another, mode 0600, or 0700 of what can be run; on the disk when this returns (OSError)."""
    taken = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        mode = 0o600 | (os.fstat(taken).st_mode & 0o100)
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            while True:
                chunk = os.read(taken, _CHUNK)
                if not chunk:
                    break
                view = memoryview(chunk)
                while view:
                    view = view[os.write(made, view) :]
            os.fsync(made)
        finally:
            os.close(made)
    finally:
        os.close(taken)
