"""Put the outputs of a job where they belong, from an archive that was made on a node that we do not know.

Only plain files and folders are made, below the job's folder or where a remap of its own says. Names that lead out of the
sandbox, links and everything else in the archive are passed over. What is larger than its limits, or than the disk has room
for, is refused before anything is written; a wanted name that yields nothing is an error, as with HTCondor.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from foremen.master.file_transfer import Outputs, clean
from spool.errors import AwqError

_MOST_MEMBERS = 100_000  # about 1 KB of memory each
_MOST_HEADER = 1 << 20  # bytes of one extended header: a path has 4096 at most
_NULL = os.makedev(1, 3)
_LONG_HEADERS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
# What the launch script and Work Queue put into a sandbox, which is not the job's.
_OURS = (".job.ad", ".machine.ad", "_awq_out.tar", "agent.sh", "awq_job_wrapper.sh")
_OUR_BEGINNINGS = ("_condor_std", ".awq_", "cctools-temp-")


class NotUnpacked(AwqError):
    """The outputs could not be put where they belong: what HTCondor would tell, and ``error``, its errno."""

    def __init__(self, detail: str, error: int) -> None:
        super().__init__(detail)
        self.error = error


class Target(NamedTuple):
    """Where a member goes, and the wanted name that it belongs to (empty: none was given).

    ``make_folder``: missing folders above it are made, as HTCondor does for all but absolute remaps.
    """

    path: str
    entry: str
    make_folder: bool


class _Header(tarfile.TarInfo):
    """A header whose extensions are bounded before they are read into memory."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _LONG_HEADERS and self.size > _MOST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return found


def unpack(archive: str, wanted: Outputs) -> None:
    """Put the archive's files into the job's folder; doing it again does no harm. NotUnpacked."""
    try:
        if os.path.getsize(archive) == 0:
            return
        with tarfile.open(archive, "r:", tarinfo=_Header) as tar:
            members = _members(tar)
            _check_room(members, wanted.iwd)
            _place(tar, members, wanted)
    except (
        tarfile.TarError,
        ValueError,
        EOFError,
        OverflowError,
        KeyError,
        RecursionError,
    ) as error:  # damaged headers
        raise NotUnpacked(f"the archive of the outputs is damaged: {error}", errno.EIO) from None
    except OSError as error:
        number = error.errno or errno.EIO
        path = error.filename or wanted.iwd
        raise NotUnpacked(f"writing to file {path}: (errno {number}) {os.strerror(number)}", number) from None


def _place(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], wanted: Outputs) -> None:
    missing = set(wanted.names)
    folders: list[tuple[str, int]] = []
    for member in members.values():
        for target in targets(member.name, wanted):
            missing.discard(target.entry)
            if not target.path:
                continue
            if target.make_folder:
                os.makedirs(os.path.dirname(target.path), exist_ok=True)
            if not member.isdir():
                _write(tar, _content(member, members), target.path)
            elif not os.path.isdir(target.path):
                os.makedirs(target.path)
                folders.append((target.path, member.mode))
    for path, mode in reversed(folders):  # at the end, for a folder may be one that cannot be written
        os.chmod(path, mode & 0o777)
    for name in wanted.names:
        if name in missing:
            raise NotUnpacked(f"reading from file {name}: (errno 2) {os.strerror(errno.ENOENT)}", errno.ENOENT)


def targets(name: str, wanted: Outputs) -> Iterator[Target]:
    """The places that a member of this name has at home: one for every wanted name that it is, or lies below.

    A member that is a wanted folder whose content alone is asked for has an empty path.
    """
    path = clean(name)
    if path.startswith("..") or _is_ours(path):
        return
    if not wanted.names:
        if "/" not in path and path != ".":
            yield _home(path, "", wanted)
        return
    for entry in wanted.names:
        found = _below(path, entry, wanted.preserve)
        if found is not None:
            yield _home(found, entry, wanted) if found else Target("", entry, False)


def _below(path: str, entry: str, preserve: bool) -> str | None:
    """The name at home of ``path`` by the wanted name ``entry``; empty for the folder itself, None if it is another's."""
    stem = clean(entry)
    if stem == ".":
        return "" if path == "." else path
    if path == stem:
        rest = ""
    elif path.startswith(stem + "/"):
        rest = path[len(stem) :]
    else:
        return None
    if preserve:
        return path
    if entry.endswith(("/", "/.")):
        return rest[1:]
    return posixpath.basename(stem) + rest


def _is_ours(path: str) -> bool:
    first = path.partition("/")[0]
    return first in _OURS or first.startswith(_OUR_BEGINNINGS)


def _home(path: str, entry: str, wanted: Outputs) -> Target:
    """Where a file of the job's folder goes: by its remap, by that of a folder above it, or by its name."""
    stem, rest = path, ""
    while stem:
        if stem in wanted.remaps:
            path = wanted.remaps[stem] + rest
            break
        stem, slash, last = stem.rpartition("/")
        rest = f"{slash}{last}{rest}"
    return Target(os.path.join(wanted.iwd, path), entry, "/" in path and not path.startswith("/"))


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    """Folders and files by name; the last of a name counts. What is passed over is counted too."""
    found: dict[str, tarfile.TarInfo] = {}
    for number, member in enumerate(tar):
        if number >= _MOST_MEMBERS:
            raise NotUnpacked(f"more than {_MOST_MEMBERS} output files", errno.E2BIG)
        if member.isdir() or ((member.isreg() or member.islnk()) and not member.issparse()):
            found[member.name] = member
    return found


def _content(member: tarfile.TarInfo, members: dict[str, tarfile.TarInfo]) -> tarfile.TarInfo:
    """The file that a hard link is; ReadError when that is not in the archive."""
    if not member.islnk():
        return member
    found = members.get(member.linkname)
    if found is None or not found.isreg():
        raise tarfile.ReadError(f"{member.name} is a link to {member.linkname}, which is not there")
    return found


def _check_room(members: dict[str, tarfile.TarInfo], folder: str) -> None:
    """Every link is written as the file that it names, so it counts as much."""
    space = os.statvfs(folder)
    needed = sum([_content(member, members).size for member in members.values() if not member.isdir()])
    if needed > space.f_bavail * space.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    source = tar.extractfile(member)
    if source is None:
        return
    with source:
        fd = open_regular(target, 0o600)
        if fd is None:
            return
        with os.fdopen(fd, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            os.fchmod(fd, member.mode & 0o777)


def open_regular(path: str, mode: int) -> int | None:
    """An empty regular file to write; None for /dev/null. OSError: EINVAL for anything else.

    Nothing is emptied or changed before it is known to be a regular file, and nothing is waited for (a FIFO's reader).
    A file of ours that cannot be written is replaced, so that outputs that are read-only can come twice.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(path, flags, mode)
    except PermissionError:
        if not _is_own_file(path):
            raise
        os.unlink(path)
        fd = os.open(path, flags, mode)
    try:
        found = os.fstat(fd)
        if stat.S_ISREG(found.st_mode):
            os.ftruncate(fd, 0)
            return fd
        if not (stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _is_own_file(path: str) -> bool:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()
    return False
