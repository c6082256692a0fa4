"""What came back of a job, put where it belongs: an archive that was made on a node that we do not know is read here.

Only plain files and folders are made, below the job's folder or where a remap of its own says. Names that lead out of the
sandbox, links and everything else in it are passed over; more than the disk has room for is refused before it is begun.
"""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
from collections.abc import Iterator

from foremen.master.file_transfer import Outputs
from spool.errors import AwqError

_MOST_MEMBERS = 100_000  # about 1 KB of memory each


class NotUnpacked(AwqError):
    """The outputs could not be put where they belong: what HTCondor would tell, and ``error``, its errno."""

    def __init__(self, detail: str, error: int) -> None:
        super().__init__(detail)
        self.error = error


def unpack(archive: str, wanted: Outputs) -> None:
    """Put the archive's files into the job's folder; doing it again does no harm. NotUnpacked."""
    try:
        if os.path.getsize(archive) == 0:
            return
        with tarfile.open(archive, "r:") as tar:
            members = _members(tar)
            _check_room(members, wanted.iwd)
            for member in members:
                for target in targets(member.name, wanted):
                    if wanted.preserve:
                        os.makedirs(os.path.dirname(target), exist_ok=True)
                    _write(tar, member, target)
    except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:  # what tarfile says of damaged headers
        raise NotUnpacked(f"the archive of the outputs is damaged: {error}", errno.EIO) from None
    except OSError as error:
        number = error.errno or errno.EIO
        path = error.filename or wanted.iwd
        raise NotUnpacked(f"writing to file {path}: (errno {number}) {os.strerror(number)}", number) from None


def targets(name: str, wanted: Outputs) -> Iterator[str]:
    """The paths that a member of this name has at home: one for every wanted name that it is, or lies below."""
    path = name[2:] if name.startswith("./") else name.lstrip("/")
    if not path or ".." in path.split("/"):
        return
    if not wanted.names:
        if "/" not in path:
            yield _home(path, wanted)
        return
    for entry in wanted.names:
        stem = entry.strip("/")
        stem = stem[2:] if stem.startswith("./") else stem
        below = path[len(stem) + 1 :] if path.startswith(stem + "/") else ""
        if path != stem and not below:
            continue
        if wanted.preserve:
            yield _home(path, wanted)
        elif not entry.endswith("/"):
            yield _home(os.path.basename(stem) + (f"/{below}" if below else ""), wanted)
        elif below:
            yield _home(below, wanted)


def _home(path: str, wanted: Outputs) -> str:
    """Where a file of the job's folder goes: by its remap, by that of a folder above it, or by its name."""
    stem, rest = path, ""
    while stem:
        if stem in wanted.remaps:
            path = wanted.remaps[stem] + rest
            break
        stem, slash, last = stem.rpartition("/")
        rest = f"{slash}{last}{rest}"
    return os.path.join(wanted.iwd, path)


def _members(tar: tarfile.TarFile) -> list[tarfile.TarInfo]:
    found: list[tarfile.TarInfo] = []
    for member in tar:
        if len(found) >= _MOST_MEMBERS:
            raise NotUnpacked(f"more than {_MOST_MEMBERS} output files", errno.E2BIG)
        if member.isdir() or ((member.isreg() or member.islnk()) and not member.issparse()):
            found.append(member)
    return found


def _check_room(members: list[tarfile.TarInfo], folder: str) -> None:
    space = os.statvfs(folder)
    if sum([member.size for member in members]) > space.f_bavail * space.f_frsize:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), folder)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: str) -> None:
    if member.isdir():
        os.makedirs(target, exist_ok=True)
        return
    source = tar.extractfile(member)  # of a hard link the file that it is, if that is in the archive
    if source is None:
        return
    with source:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        fd = os.open(target, flags, 0o600 | (member.mode & 0o777))
        with os.fdopen(fd, "wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            os.fchmod(fd, 0o600 | (member.mode & 0o777))
