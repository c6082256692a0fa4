"""A file system with a quota for tests: FUSE passes everything on to a folder, until the quota is used up: then EDQUOT.

``python tests/e2e/quota_disk.py FOLDER MOUNTPOINT QUOTA``: QUOTA is a file, outside, that holds the number of bytes that may be in use
(as ``setquota`` would say) and is read anew at every request. Bytes that a file has already can be written again; a new name needs
room as well; fsync tells of a quota that is used up, as that of NFS does. Kernels with quotas of their own are not to be had
everywhere: ext4's want CONFIG_QFMT_V2, tmpfs' CONFIG_TMPFS_QUOTA.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mfusepy import FUSE, FuseOSError, Operations

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the file system runs this file as a program

from sites import eventually

_BLOCK = 4096


class Quota(Operations):
    """Requests of the kernel, answered from a folder."""

    use_ns = True
    _STAT = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_blocks")

    def __init__(self, folder: str, quota: str) -> None:
        self._folder, self._quota = folder, quota

    def _at(self, path: str) -> str:
        """Where it is in the folder."""
        assert path.startswith("/"), path
        return self._folder + path

    def _room(self, more: int) -> None:
        """EDQUOT when ``more`` bytes would be too many."""
        used = more
        for parent, _folders, files in os.walk(self._folder):
            for name in files:
                used += -(-os.lstat(f"{parent}/{name}").st_size // _BLOCK) * _BLOCK
        if used > int(Path(self._quota).read_text()):
            raise FuseOSError(errno.EDQUOT)

    def getattr(self, path: str, fh: int | None = None) -> dict[str, object]:
        found = os.lstat(self._at(path))
        times = {name: getattr(found, f"{name}_ns") for name in ("st_atime", "st_mtime", "st_ctime")}
        return {**{name: getattr(found, name) for name in self._STAT}, **times}

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self._at(path))]

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._at(path))
        names = (
            "f_bavail",
            "f_bfree",
            "f_blocks",
            "f_bsize",
            "f_favail",
            "f_ffree",
            "f_files",
            "f_frsize",
            "f_namemax",
        )
        return {name: getattr(found, name) for name in names}

    def create(self, path: str, mode: int, fi: object = None) -> int:
        self._room(1)
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags & (os.O_ACCMODE | os.O_TRUNC) | os.O_CLOEXEC)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        size = os.fstat(fh).st_size
        blocks = -(-max(size, offset + len(data)) // _BLOCK) - -(-size // _BLOCK)
        if blocks:
            self._room(blocks * _BLOCK)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        if length > os.lstat(self._at(path)).st_size:
            self._room(length - os.lstat(self._at(path)).st_size)
        os.truncate(self._at(path), length)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        self._room(0)
        os.fsync(fh)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    def mkdir(self, path: str, mode: int) -> None:
        self._room(1)
        os.mkdir(self._at(path), mode)

    def mknod(self, path: str, mode: int, dev: int) -> None:
        self._room(1)
        os.mknod(self._at(path), mode, dev)

    def rename(self, old: str, new: str) -> None:
        os.rename(self._at(old), self._at(new))

    def link(self, target: str, source: str) -> None:
        self._room(1)
        os.link(self._at(source), self._at(target))

    def symlink(self, target: str, source: str) -> None:
        self._room(1)
        os.symlink(source, self._at(target))

    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))

    def unlink(self, path: str) -> None:
        os.unlink(self._at(path))

    def rmdir(self, path: str) -> None:
        os.rmdir(self._at(path))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._at(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        os.lchown(self._at(path), ctypes.c_int(uid).value, ctypes.c_int(gid).value)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times, follow_symlinks=False)


@contextmanager
def quota_disk(folder: Path, at: Path, quota: Path) -> Iterator[Path]:
    """Mounted at ``at`` with the quota that is in the file ``quota``."""
    folder.mkdir(mode=0o700)
    at.mkdir(mode=0o700)
    device = os.stat(at).st_dev
    words = [sys.executable, __file__, str(folder), str(at), str(quota)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        try:
            eventually(lambda: os.stat(at).st_dev != device or server.poll() is not None, 20, "it is mounted")
            if server.poll() is not None:
                assert server.stderr
                pytest.fail(
                    f"no FUSE ({server.stderr.read().strip()[-300:]}): run the tests as root, with /dev/fuse and libfuse"
                )
            yield at
        finally:
            subprocess.run(["umount", "--lazy", str(at)], check=False)
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    FUSE(
        Quota(sys.argv[1], sys.argv[3]),
        sys.argv[2],
        foreground=True,
        nothreads=True,
        use_ino=False,
        attr_timeout=0,
        entry_timeout=0,
    )
