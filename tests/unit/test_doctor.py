"""The doctor: each check against made-up facts, its eyes against a spool of the test's own, its report."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from spool_rig import NOBODY, LivingMaster

from foremen.operator.doctor import checks, report
from foremen.operator.doctor.checks import FAIL, OK, WARN, Finding
from foremen.operator.doctor.collect import _disk, _kind, _master, _ports, _spool, own_name
from foremen.operator.doctor.facts import Cctools, Commands, Disk, Facts, Folder, Limits, Master, Node, Password, Port
from spool.settings import load
from spool.store.layout import Spool
from spool.store.sockets import listen

PREFIX = "/opt/awq"
OURS = {name: f"{PREFIX}/bin/{name}" for name in ("condor_submit", "condor_q")}
WELL = Facts(
    head=True, spool=Folder("/spool"), launch=Folder("/wq"), disk=Disk(), cctools=Cctools(),
    ports=(Port("the engine", 9094, "ours", "AWQ_PORT"),), password=Password("/spool/password"), limits=Limits(),
    commands=Commands(PREFIX, OURS), node=Node(), master=Master(),
)  # fmt: skip

SICK = [
    ("spool", WARN, {"spool": Folder("/spool", there=False)}),
    ("spool", FAIL, {"spool": Folder("/spool", trouble="belongs to user 5")}),
    ("spool", FAIL, {"spool": Folder("/spool", open_to_others=("/spool/jobs.db",))}),
    ("spool", FAIL, {"spool": Folder("/spool", foreign=("/spool/queue/x",))}),
    ("work folder", FAIL, {"launch": Folder("/wq", open_to_others=("/wq/state",))}),
    ("file system", FAIL, {"disk": Disk(kind="nfs4")}),
    ("file system", FAIL, {"disk": Disk(kind="fuse.sshfs")}),
    ("file system", WARN, {"disk": Disk(kind="tmpfs")}),
    ("free space", FAIL, {"disk": Disk(free=1 << 20)}),
    ("free space", WARN, {"disk": Disk(free=512 << 20)}),
    ("free inodes", FAIL, {"disk": Disk(inodes_free=10)}),
    ("free inodes", WARN, {"disk": Disk(inodes_free=10_000)}),
    ("clock", FAIL, {"disk": Disk(skew=-3600.0)}),
    ("clock", WARN, {"node": Node(synchronized=False)}),
    ("CCTools", FAIL, {"cctools": Cctools(worker="")}),
    ("CCTools", FAIL, {"cctools": Cctools(library="")}),
    ("CCTools", FAIL, {"cctools": Cctools(handshake="a worker cannot connect to it")}),
    ("CCTools", WARN, {"cctools": Cctools(worker="7.14.5")}),
    ("port 9094", FAIL, {"ports": (Port("the engine", 9094, "taken", "AWQ_PORT"),)}),
    ("port 9094", WARN, {"ports": (Port("the engine", 9094, "ours", "AWQ_PORT", ("0.0.0.0",)),)}),
    ("password", WARN, {"password": Password("/p", there=False)}),
    ("password", FAIL, {"password": Password("/p", trouble="can be read or written by others")}),
    ("open files", WARN, {"limits": Limits(files=(1024, 4096))}),
    ("open files", WARN, {"limits": Limits(files=(1024, 1 << 20), job_limit=0)}),
    ("processes", WARN, {"limits": Limits(processes=(50, 50))}),
    ("PATH", WARN, {"commands": Commands("", {})}),
    ("PATH", FAIL, {"commands": Commands(PREFIX, {**OURS, "condor_q": "/usr/bin/condor_q"})}),
    ("PATH", FAIL, {"commands": Commands(PREFIX, {**OURS, "condor_q": ""})}),
    ("PATH", WARN, {"commands": Commands(PREFIX, OURS, ("/cvmfs/alice.cern.ch", "/opt"))}),
    ("Python", FAIL, {"node": Node(python=(3, 8))}),
    ("own name", FAIL, {"node": Node(own_name="wn1 is not found")}),
    ("CVMFS", WARN, {"node": Node(cvmfs="it does not answer")}),
    ("user namespaces", WARN, {"node": Node(namespaces="user.max_user_namespaces is 0")}),
    ("starter", WARN, {"node": Node(starter=False)}),
    ("shortcut", WARN, {"node": Node(shortcut=False)}),
    ("logout", WARN, {"node": Node(kill_user_processes=True, linger=False)}),
    ("master", WARN, {"master": Master(begun=False)}),
    ("master", FAIL, {"master": Master(trouble="the master is not running")}),
    ("engine", FAIL, {"master": Master(engine_lives=False)}),
    ("fork server", WARN, {"master": Master(served=False)}),
    ("fork server", WARN, {"master": Master(left_alone="niceness (5)")}),
    ("rejected", WARN, {"master": Master(rejected=3)}),
]


def test_a_node_that_is_well() -> None:
    """Every check is ok and has no remedy; exit status 0; JSON has them all."""
    found = checks.examine(WELL)
    assert {finding.state for finding in found} == {OK}
    assert not [finding for finding in found if finding.remedy]
    assert report.exit_status(found) == 0
    assert len(json.loads(report.as_json(found))) == len(found) >= 15


@pytest.mark.parametrize(("name", "state", "change"), SICK, ids=lambda value: value if isinstance(value, str) else "")
def test_one_thing_wrong(name: str, state: str, change: dict[str, object]) -> None:
    """It is named with one sentence of remedy, nothing else is, and the exit status is 1 for a failure only."""
    found = checks.examine(replace(WELL, **change))  # type: ignore[arg-type]
    wrong = [finding for finding in found if finding.state != OK]
    assert [(finding.name, finding.state) for finding in wrong] == [(name, state)]
    assert wrong[0].seen
    assert wrong[0].remedy
    assert "\n" not in wrong[0].remedy
    assert report.exit_status(found) == (state == FAIL)
    assert wrong[0].remedy in report.text(found)


def test_an_execute_node_is_asked_less() -> None:
    """No spool, ports or master there; a password is needed, and processes for the pilots."""
    bare = replace(WELL, head=False, spool=Folder("/x", there=False), master=Master(trouble="none"), ports=())
    assert {finding.state for finding in checks.examine(bare)} == {OK}
    poor = replace(bare, password=Password("/p", there=False), limits=Limits(processes=(120, 200)))
    wrong = {finding.name: finding.state for finding in checks.examine(poor) if finding.state != OK}
    assert wrong == {"password": FAIL, "processes": WARN}


def test_no_terminal_obeys_a_file_name() -> None:
    """Control characters of names are shown as question marks."""
    shown = report.text([Finding("spool", FAIL, "\x1b]0;x\x07", "remove \x9b1m")])
    assert shown.replace("\n", "").isprintable()


def test_a_closed_spool_is_seen_so(spool: Spool) -> None:
    """What create_spool makes has nothing open; what is open or another's is named; links are not followed."""
    assert _spool(spool.root) == Folder(spool.root)
    Path(spool.root, "drain").touch(0o644)  # as touch(1) makes it
    Path(spool.root, "left").touch(0o644)
    os.symlink("/etc/passwd", f"{spool.root}/queue/link")
    foreign = Path(spool.queue, "job1")
    foreign.touch(0o600)
    os.chown(foreign, NOBODY, NOBODY)
    seen = _spool(spool.root)
    assert seen.open_to_others == (f"{spool.root}/left",)
    assert seen.foreign == (str(foreign),)
    assert not _spool(f"{spool.root}/none").there


def test_an_open_spool_is_seen_before_it_is_closed(spool: Spool) -> None:
    """Opening a spool closes it: the doctor looks first, and still says what others could read."""
    os.chmod(spool.root, 0o755)
    assert _spool(spool.root).open_to_others == (spool.root,)


def test_the_disk_is_the_spools(small_disk: Path) -> None:
    """Type, room and clock are those of the file system that the spool is on, or would be."""
    seen = _disk(str(small_disk / "not" / "yet"))
    assert seen.kind == "tmpfs"
    assert seen.size == 64 << 10
    assert seen.skew is not None
    assert abs(seen.skew) < 1.0
    assert _kind("/proc/self") == "proc"


def test_the_own_name_is_looked_up() -> None:
    """As getent does."""
    assert own_name("localhost") == ""
    assert own_name("no-such-name.invalid") == "no-such-name.invalid is not found"


def test_whether_links_are_encrypted_is_told() -> None:
    """They are not, whatever CCTools could do."""
    for tls, why in ((False, "this CCTools cannot"), (True, "this release does not use it")):
        (found,) = checks.encryption(replace(WELL, cctools=Cctools(tls=tls)))
        assert found.seen.startswith("none between engine, foremen and workers")
        assert why in found.seen


def test_ports_are_free_taken_or_ours(spool: Spool) -> None:
    """A port that another process listens on is taken; without an engine none is ours."""
    import socket

    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load({"HOME": spool.root}, {"workdir": spool.root, "port": port, "num_foremen": 0})
        assert [found.state for found in _ports(settings)] == ["taken"]
        Path(spool.root, "engine.lock").write_text(f"{os.getpid()}\n")
        assert [found.state for found in _ports(settings)] == ["ours"]
    assert [found.state for found in _ports(settings)] == ["free"]


def test_the_master_is_believed_while_it_publishes(spool: Spool) -> None:
    """None began; one lives with an engine; it is dead: said in the words of the commands. Refused task files are counted."""
    settings = load({"HOME": spool.root}, {"workdir": spool.root})
    assert not _master(spool, settings).begun
    living = LivingMaster(spool)
    living.publish(ENGINE_PID=os.getpid())
    Path(spool.rejected, "x.submit").touch()
    Path(spool.rejected, "x.submit.reason").touch()
    assert _master(spool, settings) == Master(True, "", os.getpid(), True, 1, served=False)
    with listen(*os.path.split(spool.commands_socket), 1):
        assert _master(spool, settings).served
    assert _master(spool, load({"HOME": spool.root, "AWQ_FORKSERVER": "0"}, {"workdir": spool.root})).served is None
    living.die()
    assert "not running" in _master(spool, settings).trouble
