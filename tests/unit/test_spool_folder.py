"""The spool folder is ours and private, or it is refused with the remedy."""

from __future__ import annotations

import os
import select
import stat
from pathlib import Path

import pytest
from spool_rig import NOBODY

from spool.errors import SpoolError
from spool.store.layout import Spool, create_spool, open_spool

PARTS = ("tmp", "queue", "payload", "rejected", "stat")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def needs_root():
    if os.geteuid() != 0:
        pytest.fail("needs root, to give files to another user: run the tests as root, or with: unshare -r")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_made_private_whatever_the_umask(tmp_path, umask):
    """0700 down to every part; folders above that had to be made are not for others to write either."""
    before = os.umask(umask)
    try:
        spool = create_spool(str(tmp_path / "a" / "spool"))
    finally:
        os.umask(before)
    for path in (spool.root, *(f"{spool.root}/{part}" for part in PARTS)):
        assert mode(path) & 0o077 == 0
    assert mode(tmp_path / "a") & 0o022 == 0


def test_again_is_the_same(spool):
    """Making it twice changes nothing, and a part that is missing comes back."""
    Path(spool.queue, "file").touch()
    os.rmdir(spool.rejected)
    again = create_spool(spool.root)
    assert (again.root, open_spool(spool.root).root) == (spool.root, spool.root)
    assert os.path.exists(f"{spool.queue}/file")
    assert mode(again.rejected) == 0o700


@pytest.mark.parametrize("make", [open_spool, create_spool])
class TestRefused:
    """What both ways of getting a spool refuse."""

    def test_foreign_owner(self, spool, make):
        """Another user's folder, also one that is closed."""
        needs_root()
        os.chown(spool.root, NOBODY, NOBODY)
        with pytest.raises(SpoolError, match=rf"belongs to user {NOBODY}, not to you \(0\): set AWQ_WORKDIR"):
            make(spool.root)

    @pytest.mark.parametrize("bits", [0o770, 0o707, 0o777, 0o1777])
    def test_others_can_write(self, spool, make, bits):
        """Group or others: refused with the chmod that helps."""
        os.chmod(spool.root, bits)
        with pytest.raises(SpoolError, match=f"written by others: chmod 700 {spool.root}, or set AWQ_WORKDIR"):
            make(spool.root)
        os.chmod(spool.root, 0o700)
        make(spool.root)

    def test_link(self, tmp_path, spool, make):
        """Whoever owns a link can turn it; one that leads nowhere is no better."""
        os.symlink(spool.root, tmp_path / "link")
        os.symlink(tmp_path / "nowhere", tmp_path / "dangling")
        for name in ("link", "dangling"):
            with pytest.raises(SpoolError, match="is a symbolic link: set AWQ_WORKDIR to the real folder"):
                make(str(tmp_path / name))

    def test_file(self, tmp_path, make):
        """A file is no folder, nor is what would be below one."""
        (tmp_path / "file").touch()
        with pytest.raises(SpoolError, match="is not a folder: set AWQ_WORKDIR"):
            make(str(tmp_path / "file"))
        with pytest.raises(SpoolError, match="AWQ_WORKDIR"):
            make(str(tmp_path / "file" / "spool"))

    @pytest.mark.parametrize("bits", [0o777, 0o775])
    def test_others_can_replace_it(self, tmp_path, make, bits):
        """A folder above that others can write: they could move ours away and put theirs. Sticky (as /tmp) they cannot."""
        root = tmp_path / "open" / "mine" / "spool"
        create_spool(str(root))
        (tmp_path / "open").chmod(bits)
        with pytest.raises(SpoolError, match=f"others can write {tmp_path}/open and so replace it: chmod go-w"):
            make(str(root))
        (tmp_path / "open").chmod(bits | stat.S_ISVTX)
        make(str(root))

    def test_others_can_replace_it_behind_a_link(self, tmp_path, make):
        """A link above may be somebody's way of ordering disks; what it leads to is what counts."""
        create_spool(str(tmp_path / "disk" / "spool"))
        os.symlink(tmp_path / "disk", tmp_path / "link")
        make(str(tmp_path / "link" / "spool"))
        (tmp_path / "disk").chmod(0o777)
        with pytest.raises(SpoolError, match=f"others can write {tmp_path}/disk"):
            make(str(tmp_path / "link" / "spool"))

    def test_readable_by_others_is_closed(self, spool, make):
        """0755 becomes 0700, and so do its parts, which others may have been able to write."""
        os.chmod(spool.root, 0o755)
        os.chmod(spool.queue, 0o777)
        os.chmod(f"{spool.root}/stat", 0o755)
        make(spool.root)
        assert [mode(path) for path in (spool.root, spool.queue, f"{spool.root}/stat")] == [0o700] * 3


def test_missing_is_told_apart(tmp_path):
    """Who only opens is told to start the master."""
    with pytest.raises(SpoolError, match=r"no spool folder .*No such file.*start alien_work_queue, or set AWQ_WORKDIR"):
        open_spool(str(tmp_path / "none"))


def test_parts_from_before(spool):
    """The master closes an open queue/ of an older installation, and refuses parts that are links or somebody else's."""
    os.chmod(spool.queue, 0o777)
    create_spool(spool.root)
    assert mode(spool.queue) == 0o700
    os.rmdir(spool.queue)
    os.symlink(spool.tmp, spool.queue)
    with pytest.raises(SpoolError, match=r"queue is a symbolic link"):
        create_spool(spool.root)
    os.unlink(spool.queue)
    Path(spool.queue).touch()
    with pytest.raises(SpoolError, match=r"queue is not a folder"):
        create_spool(spool.root)


def test_foreign_part(spool):
    """A queue/ of another user inside ours."""
    needs_root()
    os.chown(spool.queue, NOBODY, NOBODY)
    with pytest.raises(SpoolError, match=rf"queue belongs to user {NOBODY}"):
        create_spool(spool.root)


def test_waking_the_master(spool):
    """A byte in the FIFO for a master that listens; no trouble when none does, or when it is full, or no FIFO."""
    spool.wake_master()
    os.mkfifo(spool.wakeup, 0o600)
    spool.wake_master()
    listening = os.open(spool.wakeup, os.O_RDWR | os.O_NONBLOCK)
    try:
        spool.wake_master()
        assert select.select([listening], [], [], 0)[0]
        while select.select([], [listening], [], 0)[1]:
            os.write(listening, bytes(4096))
        spool.wake_master()
    finally:
        os.close(listening)
    os.unlink(spool.wakeup)
    os.mkdir(spool.wakeup)
    spool.wake_master()


def test_every_path_is_inside(spool):
    """One class owns every path."""
    names = [name for name, value in vars(Spool).items() if isinstance(value, property)]
    paths = [getattr(spool, name) for name in names] + [spool.payload(12)]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith(f"{spool.root}/") for path in paths)
