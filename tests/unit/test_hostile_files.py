"""Files that somebody else may have put in our way: links, other people's files, an open spool; and secrets that go away."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from spool_rig import NOBODY, as_nobody

from foremen.engine.errors import EngineError
from foremen.engine.process import check_password
from foremen.errors import LaunchError
from foremen.master import cleanup, intake
from foremen.node.plan import check_password as check_at_node
from shims.api.input_copies import Payload
from spool.errors import SpoolError
from spool.settings import load
from spool.store import cluster_ids, private_files
from spool.store.layout import Spool, create_spool, open_spool
from spool.store.sqlite import open_writer
from spool.store.task_file import Cluster, Submission, write_submission

SECRET = b"-----BEGIN PRIVATE KEY-----\n" * 400


def taken_up(spool: Spool) -> list[str]:
    """What the master makes of the queue: ``ok``, or the reason of a refusal."""
    database = open_writer(spool)
    names = intake.look(spool, intake.Listing(), frozenset(), False)
    found = intake.read(spool, names, database, "me")
    database.close()
    return [one.reason if isinstance(one, intake.Damaged) else "ok" for one in found]


def submission(spool: Spool) -> Path:
    """A good task file in the queue."""
    ad = {"Cmd": '"/bin/true"', "JobStatus": "1"}
    return Path(write_submission(spool, Submission([Cluster(7, ad, [{}], False)])))


def test_a_task_file_of_another_user_is_refused(spool: Spool) -> None:
    """Put there while the folder was open: not run, whatever it says."""
    os.chown(submission(spool), NOBODY, NOBODY)
    assert "belongs to user" in taken_up(spool)[0]


def test_a_link_in_the_queue_is_refused(spool: Spool, tmp_path: Path) -> None:
    """A symbolic link, also to a good task file of our own; and a file that has another name elsewhere."""
    path = submission(spool)
    aside = tmp_path / "aside"
    path.rename(aside)
    path.symlink_to(aside)
    assert "not a file" in taken_up(spool)[0]
    path.unlink()
    os.link(aside, path)
    assert "hard link" in taken_up(spool)[0]
    aside.unlink()
    assert taken_up(spool) == ["ok"]


def test_another_user_cannot_reach_into_the_spool(spool: Spool, tmp_path: Path) -> None:
    """Neither list, read, write nor use it as his own; with folders above that he may pass."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    submission(spool)
    for attempt in (
        lambda: os.listdir(spool.queue),
        lambda: open(f"{spool.queue}/job1", "w"),  # noqa: SIM115
        lambda: os.rename(spool.queue, f"{spool.root}/x"),
        lambda: os.symlink("/etc/passwd", f"{spool.root}/clusters"),
        lambda: os.open(spool.wakeup, os.O_WRONLY | os.O_NONBLOCK),
    ):
        assert as_nobody(attempt).startswith("PermissionError")
    assert "belongs to user 0, not to you" in as_nobody(lambda: open_spool(spool.root))


def test_a_spool_made_by_another_user_is_refused(tmp_path: Path) -> None:
    """AWQ_WORKDIR in /tmp that was there before us: theirs, or a link of theirs to a folder of ours."""
    theirs = tmp_path / "awq"
    theirs.mkdir(0o700)
    os.chown(theirs, NOBODY, NOBODY)
    with pytest.raises(SpoolError, match="belongs to user"):
        create_spool(str(theirs))
    ours = create_spool(str(tmp_path / "ours"))
    link = tmp_path / "link"
    link.symlink_to(ours.root)
    with pytest.raises(SpoolError, match="symbolic link"):
        open_spool(str(link))


@pytest.mark.parametrize("name", ["clusters", "password", "jobs.db", "engine.log", "drain"])
def test_what_was_planted_while_the_spool_was_open_stops_the_master(spool: Spool, tmp_path: Path, name: str) -> None:
    """Another user's file or link, or a second name of a file of ours, among the master's own: named, not used."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    planted = Path(spool.root, name)
    planted.symlink_to(victim)
    os.lchown(planted, NOBODY, NOBODY)
    with pytest.raises(SpoolError, match=f"{name} belongs to user {NOBODY}"):
        create_spool(spool.root)
    planted.unlink()
    os.link(victim, planted)
    with pytest.raises(SpoolError, match="hard link"):
        create_spool(spool.root)
    assert victim.read_text() == "mine"


def test_condor_submit_writes_through_no_link(spool: Spool, tmp_path: Path) -> None:
    """The counter and the wake-up pipe are opened as what they are: a link's target stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    os.symlink(victim, spool.clusters)
    os.symlink(victim, spool.wakeup)
    with pytest.raises(SpoolError, match="cluster number"):
        cluster_ids.take_clusters(spool, 1)
    spool.wake_master()
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("case", ["open", "group", "theirs", "their link", "folder", "empty"])
def test_a_password_file_that_others_may_know_is_refused(tmp_path: Path, case: str) -> None:
    """By the engine and by foremen and workers: readable, another's, a link of another's to a good one, none, empty."""
    path = tmp_path / "password"
    if case == "folder":
        path.mkdir()
    else:
        path.write_text("" if case == "empty" else "secret")
        path.chmod({"open": 0o644, "group": 0o640}.get(case, 0o600))
    if case == "theirs":
        os.chown(path, NOBODY, NOBODY)
    if case == "their link":
        path = tmp_path / "link"
        path.symlink_to("password")
        os.lchown(path, NOBODY, NOBODY)
    with pytest.raises(EngineError):
        check_password(str(path))
    with pytest.raises(LaunchError):
        check_at_node(load({"HOME": "/h"}, {"password_file": str(path)}))


def test_a_link_of_our_own_to_the_password_is_fine(tmp_path: Path) -> None:
    """Sites keep one password file and link to it."""
    (tmp_path / "kept").write_text("secret")
    (tmp_path / "kept").chmod(0o600)
    (tmp_path / "password").symlink_to("kept")
    check_password(str(tmp_path / "password"))


def test_the_copy_is_overwritten_before_it_goes(spool: Spool) -> None:
    """Whoever holds the file open sees zeros, in folders too; of a file with another name, and behind a link, nothing changes."""
    folder = Path(spool.payload(12))
    (folder / "in.0").mkdir(parents=True)
    secrets = [folder / "executable", folder / "in.0" / "key"]
    for path in secrets:
        path.write_bytes(SECRET)
    elsewhere = Path(spool.root, "elsewhere")
    elsewhere.write_bytes(SECRET)
    os.link(elsewhere, folder / "in.1")
    (folder / "in.2").symlink_to(elsewhere)
    held = [os.open(path, os.O_RDONLY) for path in secrets]
    cleanup.remove_payload(spool, 12)
    assert not folder.exists()
    for number in held:
        assert os.read(number, 1 << 20) == bytes(len(SECRET))
        os.close(number)
    assert elsewhere.read_bytes() == SECRET


def test_a_submission_that_came_to_nothing_leaves_no_copy(spool: Spool, tmp_path: Path) -> None:
    """condor_submit overwrites its copy too when it gives up; while it is there it is closed to others."""
    agent = tmp_path / "agent"
    agent.write_bytes(SECRET)
    agent.chmod(0o755)
    payload = Payload(spool, 3)
    payload.take({"Cmd": f'"{agent}"'})
    copy = Path(spool.payload(3), "executable")
    assert stat.S_IMODE(copy.stat().st_mode) & 0o077 == 0
    with copy.open("rb") as held:
        payload.drop()
        assert held.read() == bytes(len(SECRET))
    assert not copy.exists()


def test_no_core_file_of_master_and_engine() -> None:
    """Both limits are 0; foremen and workers get the soft one only, so that a pilot may still ask for one."""
    code = "from spool.store.private_files import no_core; import resource; no_core({hard}); "
    code += "print(resource.getrlimit(resource.RLIMIT_CORE))"
    root = str(Path(private_files.__file__).parents[1])
    for hard, limits in ((True, (0, 0)), (False, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))):
        done = subprocess.run(
            [sys.executable, "-c", code.format(hard=hard)], cwd=root, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == str(limits)
