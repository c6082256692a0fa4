"""What nobody else may see: files of ours checked, secrets overwritten before they are removed, no core files."""

from __future__ import annotations

import contextlib
import os
import resource
import stat

from spool import crashpoints

_ZEROS = bytes(1 << 20)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def problem_of(path: str) -> str:
    """What is wrong with a file that only we may read and nobody else may replace; "" when nothing is. OSError.

    A symbolic link of somebody else's is refused wherever it leads: it may lead elsewhere a moment later.
    """
    link = os.lstat(path)
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in (os.geteuid(), 0):
        return f"is a symbolic link of user {link.st_uid}"
    info = os.stat(path)
    if not stat.S_ISREG(info.st_mode):
        return "is not a file"
    if info.st_uid != os.geteuid():
        return f"belongs to user {info.st_uid}, not to you ({os.geteuid()})"
    return "can be read or written by others" if info.st_mode & _OTHERS else ""


def wipe_tree(folder: str) -> None:
    """Remove a folder with all it holds; its files are overwritten before. OSError, when something cannot be removed."""
    for entry in list(os.scandir(folder)):
        if entry.is_dir(follow_symlinks=False):
            wipe_tree(entry.path)
            continue
        wipe(entry.path)
    os.rmdir(folder)


def wipe(path: str) -> None:
    """Remove a file, overwritten before if that can be done: removing it is what counts, a failing disk must not keep it. OSError."""
    with contextlib.suppress(OSError):
        overwrite(path)
    crashpoints.point("payload.overwritten")
    os.unlink(path)


def overwrite(path: str) -> None:
    """Zeros in the place of a file's content, on their way to the disk before this returns. OSError.

    As far as the file system lets us: one that never writes in place (btrfs, zfs) or a flash disk keeps the old blocks for
    a while. A file that has another name too is left alone, and so is what a link leads to.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
            return
        left = info.st_size
        while left > 0:
            left -= os.write(fd, _ZEROS[:left])
        # Starts the writing, and unlink waits for pages that are being written: else the zeros would be forgotten with the
        # file, before they ever reached the disk. A flush (fsync) for every job would cost the master ten times as much.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def no_core(hard: bool = True) -> None:
    """No core file of this process: it would hold pilots' scripts. ``hard``: nor of what it starts, whatever that asks for."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0 if hard else most))
