"""Nobody gets in: passwords at every link, closed folders, secrets that stay where they belong, pilots that look around."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site, eventually, free_ports, install, site
from spool_rig import as_nobody

from foremen.node.state_files import Place
from spool.store import private_files

pytestmark = pytest.mark.engine

MARKER = "KEEP-OUT-7f3a9c-" + str(time.time_ns())  # in no file but where a test puts it
WAITS = """#!/bin/sh
# {marker}
echo here > "$MARK"
n=0
while [ ! -e "$MARK.go" ] && [ -d "${{MARK%/*}}" ] && [ "$n" -lt 600 ]; do sleep 0.1; n=$((n + 1)); done
"""
LOOKS_AROUND = """#!/bin/sh
ls -l /proc/$$/fd
env | sed 's/^/env /'
"""


@pytest.fixture(scope="module")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def careless(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with a living master, all of whose processes are started by somebody whose umask is 0."""
    old = os.umask(0)
    try:
        with site(prefix, tmp_path) as made:
            made.start_master()
            yield made
    finally:
        os.umask(old)


@contextlib.contextmanager
def foreign(at: Site, name: str, *arguments: str) -> Iterator[Path]:
    """A worker or foreman by hand, as a stranger starts one; yields its log."""
    folder = at.work / name
    folder.mkdir(mode=0o700)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [f"{at.env['CCTOOLS']}/bin/work_queue_worker", "--cores", "4", "--memory", "1000", "--disk", "500", "-s", str(folder),
             "-i", "1", "-b", "2", *arguments],
            env=at.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield folder / "log"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def waiting_pilot(at: Site) -> tuple[str, Path]:
    """A pilot with the marker in its script that runs until its mark is told to go; its cluster and mark."""
    mark = at.work / f"mark.{time.monotonic_ns()}"
    return at.submit(WAITS.format(marker=MARKER), environment=f"MARK={mark}"), mark


def lives_of(work: Path) -> tuple[Path, ...]:
    """The folders of the foremen's and workers' lives on this node."""
    return tuple(life for life in Path(Place(str(work), "workers").work).iterdir() if life.is_dir())


def open_to_others(folder: Path, but: tuple[Path, ...] = ()) -> list[str]:
    """What in the folder others may read, write or use, by its mode; not below ``but``."""
    found = []
    for parent, names, files in os.walk(folder):
        here = Path(parent)
        names[:] = [name for name in names if here / name not in but]
        for path in (here, *(here / name for name in files)):
            with contextlib.suppress(FileNotFoundError):
                mode = path.lstat().st_mode
                if mode & 0o077 and not stat.S_ISLNK(mode):
                    found.append(f"{stat.filemode(mode)} {path}")
    return found


def files_with(text: str, folder: Path) -> set[str]:
    """Files below the folder that hold the text, as far as they can be read."""
    found = set()
    for parent, _names, files in os.walk(folder):
        for name in files:
            path = Path(parent) / name
            with contextlib.suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode) and text.encode() in path.read_bytes():
                    found.add(str(path))
    return found


def command_lines_with(text: str) -> list[str]:
    """Processes whose command line, which every user of the machine can read, holds the text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (folder / "cmdline").read_bytes():
                found.append(str(folder))
    return found


# --- passwords ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["engine, none", "engine, wrong", "foreman, none", "foreman, wrong"])
def test_a_worker_without_the_password_gets_nothing(prefix: Path, tmp_path: Path, link: str) -> None:
    """At the engine and at a foreman: told so, connected to nothing, no file of a pilot in its folder; a good one serves."""
    whom, how = link.split(", ")
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    with site(prefix, tmp_path) as made, contextlib.ExitStack() as stack:
        made.start_master()
        port = made.port
        if whom == "foreman":
            made.env["WQ_NUM_FOREMEN"] = "1"
            made.command("start-foremen")
            port = made.env["WQ_MASTER_BASEPORT"]
        cluster, mark = waiting_pilot(made)
        options = ["-P", str(wrong)] if how == "wrong" else []
        log = stack.enter_context(foreign(made, "stranger", *options, "127.0.0.1", port))
        said = "wrong password" if how == "wrong" else "requires a password"
        eventually(lambda: log.read_text(errors="replace").count(said) >= 2, what=f"the stranger hears: {said}")
        assert made.af("condor_q", cluster, "JobStatus") == "1"
        assert not mark.exists()
        assert not files_with(MARKER, log.parent)
        stack.enter_context(foreign(made, "friend", "-P", made.password, "127.0.0.1", port))
        eventually(mark.exists, what="the pilot runs at a worker that knows the password")
        mark.with_name(f"{mark.name}.go").touch()
        eventually(lambda: made.done(cluster))


def test_who_asks_for_the_status_without_the_password_gets_nothing(prefix: Path, tmp_path: Path) -> None:
    """CCTools' work_queue_status knows no passwords: neither engine nor foreman tells it of its jobs."""
    with site(prefix, tmp_path) as made:
        made.start_master()
        made.start_pool()
        cluster, mark = waiting_pilot(made)
        eventually(mark.exists)
        for port in (made.port, made.env["WQ_MASTER_BASEPORT"]):
            for what in ("--statistics", "--tasks", "--workers"):
                words = ("timeout", "20", "work_queue_status", "--timeout", "5", what, "127.0.0.1", port)
                done = made.command("env", f"PATH={made.env['CCTOOLS']}/bin:{made.env['PATH']}", *words, check=False)
                assert done.returncode != 0
                assert MARKER not in done.stdout
                assert cluster not in done.stdout.split()
                assert "tasks_running" not in done.stdout
        Path(f"{mark}.go").touch()
        eventually(lambda: made.done(cluster))


def test_a_foreman_without_the_password_gets_nothing(prefix: Path, tmp_path: Path) -> None:
    """Nor do the workers that trust it: what they would be sent never leaves the engine."""
    wrong = tmp_path / "wrong"
    wrong.write_text("0" * 64)
    wrong.chmod(0o600)
    with site(prefix, tmp_path) as made, contextlib.ExitStack() as stack:
        made.start_master()
        cluster, mark = waiting_pilot(made)
        port = str(free_ports(1))
        given = ("--foreman", "--foreman-port", port, "-P", str(wrong), "127.0.0.1", made.port)
        foreman = stack.enter_context(foreign(made, "foreman", *given))
        stack.enter_context(foreign(made, "worker", "-P", str(wrong), "127.0.0.1", port))
        eventually(lambda: foreman.read_text(errors="replace").count("wrong password") >= 2)
        status = json.loads(made.command("alien_work_queue", "status", "--json").stdout)
        assert (status["workers"], status["idle"]) == (0, 1)
        assert not mark.exists()
        made.command("condor_rm", cluster)


# --- modes ----------------------------------------------------------------------------------------------------------------


def test_nothing_is_open_to_others(careless: Site) -> None:
    """After every kind of work, with a umask of 0: no mode in the spool or the state folders lets anybody in.

    Below a worker's own folder are pilots' files with modes of their own: that folder is closed.
    """
    careless.start_pool()
    (careless.work / "data").write_text("x")
    ended = careless.submit("#!/bin/sh\necho x > made\n", should_transfer_files="YES", transfer_input_files="data")
    held = careless.submit("#!/bin/sh\n", hold="true")
    (careless.spool / "queue/0000000099-1.submit").write_text("damaged")
    (careless.spool / "queue/job-of-old").write_text(f"executable={careless.work}/agent.startup\noutput=/dev/null\n")
    os.utime(careless.spool / "queue/job-of-old", (1, 1))
    cluster, mark = waiting_pilot(careless)
    eventually(lambda: careless.done(ended) and mark.exists())
    eventually(lambda: list((careless.spool / "rejected").iterdir()))
    work = Path(careless.env["WQ_WORKDIR"])
    lives = lives_of(work)
    assert len(lives) >= 4
    os.umask(0o077)  # the test's own files from now on
    ours = [path for path in open_to_others(careless.spool) if "rejected/0000000099" not in path]  # the test made that
    assert not ours
    assert not open_to_others(work, but=lives)
    for life in lives:
        assert stat.S_IMODE(life.stat().st_mode) == 0o700
    for process in (careless.master.pid if careless.master else 0, careless.engine):
        limits = Path(f"/proc/{process}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
    assert "Permission" in as_nobody(lambda: os.listdir(careless.spool))
    mark.with_name(f"{mark.name}.go").touch()
    careless.command("condor_rm", held)
    eventually(lambda: careless.done(cluster) and careless.done(held))
    eventually(lambda: not list((careless.spool / "payload").iterdir()), what="every copy has gone")
    assert not [path for path in open_to_others(careless.spool) if "rejected/0000000099" not in path]


# --- what a script says ---------------------------------------------------------------------------------------------------


def test_a_script_is_seen_by_nobody(careless: Site) -> None:
    """While a pilot runs its script is in the spool's copy and in the sandboxes only, and when it has ended nowhere.

    Not in a log, a status, the history, the event log, the database, an error or a command line.
    """
    careless.start_pool()
    cluster, mark = waiting_pilot(careless)
    agent = careless.work / "agent.startup"
    eventually(mark.exists)
    agent.unlink()
    work = Path(careless.env["WQ_WORKDIR"])
    lives = [str(life) for life in lives_of(work)]
    found = files_with(MARKER, careless.work)
    assert str(careless.spool / f"payload/{cluster}/executable") in found
    strange = {path for path in found if not path.startswith((f"{careless.spool}/payload/", *lives))}
    assert not strange
    assert not command_lines_with(MARKER)
    for words in (
        ["condor_q", "-l"],
        ["condor_q"],
        ["condor_q", "-nobatch"],
        ["alien_work_queue", "status"],
        ["condor_q", "-json"],
    ):
        assert MARKER not in careless.command(*words).stdout
    copy = (careless.spool / f"payload/{cluster}/executable").open("rb")
    mark.with_name(f"{mark.name}.go").touch()
    eventually(lambda: careless.done(cluster))
    eventually(lambda: not (careless.spool / f"payload/{cluster}").exists())
    with copy:
        assert copy.read().strip(b"\0") == b"", "the copy was not overwritten"
    assert MARKER not in careless.command("condor_history", "-l").stdout
    eventually(lambda: not files_with(MARKER, careless.work), what="the script is nowhere any more")


def test_an_overwritten_copy_is_not_on_the_disk(tmp_path: Path) -> None:
    """On a file system of its own (ext4): the content is not among its blocks after the copy was removed."""
    image, place = tmp_path / "image", tmp_path / "mnt"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(place)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"cannot mount a file as a disk ({done.stderr.strip()}): run the tests as root where there is /dev/loop0"
        )
    try:
        folder = place / "12"
        folder.mkdir()
        for number in range(20):
            with (folder / f"in.{number}").open("wb") as file:
                file.write(f"{MARKER}\n".encode() * 100)
                os.fsync(file.fileno())
        private_files.wipe_tree(str(folder))
    finally:
        subprocess.run(["umount", str(place)], check=True)
    assert MARKER.encode() not in image.read_bytes()


# --- pilots that look around ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debug", ["0", "1"])
def test_a_pilot_sees_nothing_of_ours(prefix: Path, tmp_path: Path, debug: str) -> None:
    """No descriptor but its streams, and no name of spool, password, engine or installation in its environment."""
    with site(prefix, tmp_path) as made:
        made.env.update(WQ_DEBUG=debug, WQ_NUM_FOREMEN="1", WQ_NUM_WORKERS="1", WQ_PASSWORD_FILE=made.password)
        made.start_master()
        made.start_pool()
        cluster = made.submit(LOOKS_AROUND)
        eventually(lambda: made.done(cluster))
        lines = (made.work / f"{cluster}.out").read_text().splitlines()
        descriptors = {line.split()[-3]: line.split()[-1] for line in lines if " -> " in line and line[0] == "l"}
        pilots_own = {number: path for number, path in descriptors.items() if path.endswith("/agent.sh")}
        others = {number: path for number, path in descriptors.items() if number not in pilots_own}
        assert set(others) == {"0", "1", "2"}, others
        assert others["0"] == "/dev/null"
        environ = dict(line[4:].split("=", 1) for line in lines if line.startswith("env ") and "=" in line)
        assert not {
            name for name in environ if name.startswith(("WQ_", "AWQ_WORK")) or name in ("ALIEN_WORKQUEUE", "CCTOOLS")
        }
        told = {name: value for name, value in environ.items() if name not in ("PATH", "HOME")}
        reveals = (str(made.spool), "password", "engine.sock", str(prefix))
        assert not {name: value for name, value in told.items() if any(word in value for word in reveals)}


# --- the doctor -----------------------------------------------------------------------------------------------------------


def test_the_doctor_on_a_living_site(prefix: Path, tmp_path: Path) -> None:
    """Nothing fails on a site that works; what is then spoilt is found, with the remedy, and the exit status tells."""
    with site(prefix, tmp_path) as made:
        before = {check["name"]: check for check in doctor(made, 0)}
        assert before["master"]["state"] == "warn"
        made.start_master()
        made.env["AWQ_PORT"] = made.port
        made.command("start-foremen")
        found = {check["name"]: check for check in doctor(made, 0)}
        assert "they speak with each other" in found["CCTools"]["seen"]
        assert found[f"port {made.port}"]["seen"] == "the engine: ours"
        assert found[f"port {made.env['WQ_MASTER_BASEPORT']}"]["seen"] == "foreman 0: ours"
        assert (found["master"]["state"], found["engine"]["state"], found["PATH"]["state"]) == ("ok", "ok", "ok")
        os.chmod(made.password, 0o644)
        (made.spool / "rejected/x").touch(0o600)
        found = {check["name"]: check for check in doctor(made, 1)}
        assert (found["password"]["state"], found["spool"]["state"], found["rejected"]["state"]) == (
            "fail",
            "fail",
            "warn",
        )
        assert f"chmod 600 {made.password}" in found["password"]["remedy"]
        os.chmod(made.password, 0o600)
        assert made.master is not None
        made.master.send_signal(signal.SIGSTOP)
        try:
            made.env["AWQ_STALE"] = "1"
            eventually(lambda: made.command("alien_work_queue", "status", check=False).returncode == 1)
            assert {check["name"]: check for check in doctor(made, 1)}["master"]["state"] == "fail"
        finally:
            made.master.send_signal(signal.SIGCONT)


def doctor(at: Site, status: int) -> list[dict[str, str]]:
    """What the doctor finds; its exit status must be this."""
    done = at.command("alien_work_queue", "doctor", "--json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found
