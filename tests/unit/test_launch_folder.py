"""WQ_WORKDIR, records, logs."""

from __future__ import annotations

import os

import pytest

from foremen.errors import LaunchError
from foremen.node.host.port import Identity
from foremen.node.log_rotation import cut, last_words
from foremen.node.state_files import Place, Record, lock, read_record, remove_tree, touch


def test_folder_is_made_private(tmp_path):
    """0700 down to the state folder; nodes that share a home have folders of their own."""
    place = Place(f"{tmp_path}/home/wq", "workers", "node1")
    assert not place.exists()
    place.create()
    for folder in (place.workdir, place.state, place.work):
        assert os.stat(folder).st_mode & 0o777 == 0o700
    assert Place(place.workdir, "workers", "node2").state != place.state
    assert Place(place.workdir, "workers", "node2").work != place.work


def test_sandboxes_have_room_for_a_socket():
    """With a usual WQ_WORKDIR and a long node name, multiprocessing's socket in a sandbox stays within a UNIX socket's 107."""
    place = Place("/home/alicesgm/.alien_wq_tmp", "workers", "wn-2024-17-033.farm.some-institute.example.org")
    sandbox = f"{place.work}/w17.a1b2/worker-10042-1234567/t.12"
    assert len(f"{sandbox}/pymp-abcdefgh/listener-abcdefgh") <= 107


def test_folder_that_others_can_write_is_refused(tmp_path):
    """Group or world may not write; reading is closed."""
    root = tmp_path / "wq"
    root.mkdir()
    root.chmod(0o775)
    with pytest.raises(LaunchError, match="written by others: chmod 700"):
        Place(str(root), "workers").create()
    root.chmod(0o755)
    Place(str(root), "workers").create()
    assert root.stat().st_mode & 0o777 == 0o700


def test_link_is_refused(tmp_path):
    """A link may be turned by whoever made it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "wq").symlink_to(tmp_path / "real")
    with pytest.raises(LaunchError, match="not a folder"):
        Place(f"{tmp_path}/wq", "workers").create()


def test_folder_of_another_user_is_refused(tmp_path):
    """Also when it is closed to all others."""
    foreign = "/"
    if os.geteuid() == 0:
        foreign = f"{tmp_path}/wq"
        os.mkdir(foreign, 0o700)
        os.chown(foreign, 1, 1)
    with pytest.raises(LaunchError, match="belongs to user"):
        Place(foreign, "workers").create()


def test_records(tmp_path):
    """Read as written; a damaged one is an error, because its process could not be found."""
    place = Place(str(tmp_path / "wq"), "workers", "node")
    assert place.records() == {}
    place.create()
    Record(Identity(7, 8, "boot"), "/life", "head:1", 3.0, 2).write(place.record(12))
    found = place.records()[12]
    assert (found.who, found.life, found.foreman, found.since, found.restarts) == (
        Identity(7, 8, "boot"), "/life", "head:1", 3.0, 2,
    )  # fmt: skip
    with open(place.record(3), "w") as file:
        file.write('{"pid": 1}')
    with pytest.raises(LaunchError, match=r"slot-3.json is damaged"):
        place.records()
    assert read_record(place.record(99)) is None


def test_lock(tmp_path):
    """One holder at a time."""
    held = lock(f"{tmp_path}/lock", 0.0)
    assert held is not None
    assert lock(f"{tmp_path}/lock", 0.0) is None
    os.close(held)
    assert lock(f"{tmp_path}/lock", 0.0) is not None


def test_touch(tmp_path):
    """True only for who made it."""
    assert touch(f"{tmp_path}/closed")
    assert not touch(f"{tmp_path}/closed")
    assert not touch(f"{tmp_path}/gone/closed")


def test_remove_tree_of_closed_folders(tmp_path):
    """What a pilot has left unwritable is removed as well."""
    (tmp_path / "life/a/b").mkdir(parents=True)
    (tmp_path / "life/a/b/file").touch()
    (tmp_path / "life/a/b").chmod(0o500)
    (tmp_path / "life/a").chmod(0o000)
    assert remove_tree(f"{tmp_path}/life")
    assert remove_tree(f"{tmp_path}/life")


def test_long_logs_are_cut(tmp_path):
    """Beyond 1 MB only the last 64 KB stay, aside; the writer appends at the new end."""
    log = tmp_path / "slot-0.log"
    with open(log, "ab") as writer:
        writer.write(b"x" * 2**20 + b"last\n")
        writer.flush()
        assert cut(str(log))
        writer.write(b"new\n")
        writer.flush()
    assert log.read_bytes() == b"new\n"
    old = (tmp_path / "slot-0.log.old").read_bytes()
    assert (len(old), old[-5:]) == (2**16, b"last\n")
    assert not cut(str(log))


def test_last_words(tmp_path):
    """The last line, without what a terminal would obey."""
    (tmp_path / "log").write_bytes(b"one\n\x1b[31mtwo \xff\n\n")
    assert last_words(f"{tmp_path}/log") == "[31mtwo \ufffd"
    assert last_words(f"{tmp_path}/none") == ""
