"""The worker side as one file, on a node that has nothing but a Python and work_queue_worker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import ROOT, Site, eventually, install, site

from foremen.native import deploy, gate, preload, starter

pytestmark = pytest.mark.engine
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def pythons() -> dict[str, str]:
    """Every pythonX.Y on PATH that starts, and the one that runs the tests: version to program."""
    found: dict[str, str] = {}
    for folder in os.environ["PATH"].split(":"):
        for path in sorted(Path(folder).glob("python[23].*")) if folder else ():
            if not re.fullmatch(r"python[23]\.\d+", path.name):
                continue
            said = subprocess.run([str(path), "-I", "-c", VERSION], capture_output=True, text=True, check=False)
            if said.returncode == 0:
                found.setdefault(said.stdout.strip(), str(path))
    found.setdefault(f"{sys.version_info[0]}.{sys.version_info[1]}", sys.executable)
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")]))


PYTHONS = pythons()
NEW = [version for version in PYTHONS if [int(part) for part in version.split(".")] >= [3, 9]]
OLD = [version for version in PYTHONS if version not in NEW]


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Iterator[Site]:
    """A master and two foremen, and an empty folder ``node`` with the worker file that the installation made."""
    with site(install(), tmp_path_factory.mktemp("site")) as made:
        made.start_master()
        made.command("start-foremen")
        (made.work / "node").mkdir()
        said = made.command("alien_work_queue", "worker-file", str(made.work / "node/alien_wq_worker.pyz")).stdout
        assert "runs with Python 3.9 or newer" in said
        shutil.copyfile(made.password, made.work / "node.password")
        (made.work / "node.password").chmod(0o600)
        yield made


def on_node(of: Site, version: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the worker file from its folder, with an environment that knows nothing of our installation."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(of.work / "node"), "CCTOOLS": of.env["CCTOOLS"]}
    environment.update(WQ_FOREMEN="127.0.0.1", WQ_MASTER_BASEPORT=of.env["WQ_MASTER_BASEPORT"], WQ_NUM_WORKERS="2")
    environment.update(WQ_WORKDIR=str(of.work / "node.wq"), WQ_DRAIN=str(of.work / "node.drain"))
    environment["WQ_PASSWORD_FILE"] = str(of.work / "node.password")
    command = [PYTHONS[version], "-I", "alien_wq_worker.pyz", *words]
    return subprocess.run(
        command, cwd=of.work / "node", env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def said(of: Site, version: str, *words: str) -> str:
    """What a command that must succeed says on stdout."""
    done = on_node(of, version, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("version", NEW)
def test_pilots_run_on_such_a_node(here, version):
    """Two workers start, pilots run there and end, a drain with a deadline and stop work, and nothing is left behind."""
    try:
        assert "2 workers run" in said(here, version, "start-workers")
        clusters = [here.submit(f"#!/bin/sh\necho pilot {number}; exit {number}\n") for number in range(4)]
        eventually(lambda: all(here.done(cluster) for cluster in clusters), 60, here.log())
        assert [here.af("condor_history", cluster, "ExitCode") for cluster in clusters] == ["0", "1", "2", "3"]
        assert (here.work / f"{clusters[3]}.out").read_text() == "pilot 3\n"
        assert int(here.af("condor_history", clusters[3], "MemoryUsage")) > 0  # the starter travels in the file
        assert said(here, version, "count-workers") == "2\n"
        starts = here.work / f"starts-{version}"
        long = here.submit(f"#!/bin/sh\necho started >> {starts}\nexec sleep 600\n")
        eventually(starts.exists, 60, "the long pilot runs")
        assert "drained" in said(here, version, "drain", "--deadline", "0", "--wait")
        assert said(here, version, "undrain")
        assert "2 workers run" in said(here, version, "start-workers")
        eventually(lambda: starts.read_text().count("started") == 2, 60, "the long pilot runs again")
        here.command("condor_rm", long)
        assert "2 workers stopped" in said(here, version, "stop-workers")
    finally:
        on_node(here, version, "stop-workers")
    assert [path.name for path in (here.work / "node").iterdir()] == ["alien_wq_worker.pyz"]


def test_an_old_python_says_so(here):
    """One line, not a traceback; every older Python that there is."""
    for version in OLD:
        done = on_node(here, version, "start-workers")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"needs Python 3.9 or newer, this is {version}" in done.stderr


@pytest.mark.parametrize("kind", ["oneshot", "slurm", "pbs", "lsf", "sge"])
def test_rendered_scripts_run_pilots(here, kind):
    """Each script, run by a shell as its scheduler does: a pilot runs, the worker leaves, nothing of it stays running."""
    words = [
        "--worker",
        str(here.work / "node/alien_wq_worker.pyz"),
        "--python",
        sys.executable,
        "--foremen",
        "127.0.0.1",
    ]
    sizes = [
        "--cores",
        "1",
        "--memory",
        "500",
        "--disk",
        "500",
        "--idle-timeout",
        "3",
        "--password-file",
        here.password,
    ]
    script = here.work / f"job.{kind}"
    here.command("alien_work_queue", "render", kind, *words, *sizes, "--output", str(script))
    cluster = here.submit(f"#!/bin/sh\necho by {kind}\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(here.work), "TMPDIR": str(here.work)}
    deadline = time.monotonic() + 180
    # A foreman that has just lost its last worker may be given the pilot: then the worker of this script leaves idle from
    # the other one, and the scheduler starts the next, as it does on a site.
    while not here.done(cluster) and time.monotonic() < deadline:
        done = subprocess.run(
            [str(script)], env=environment, capture_output=True, text=True, timeout=120, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert (done.returncode, "1 workers run" in done.stdout) == (0, True), done.stdout + done.stderr
    assert here.done(cluster), here.log()
    assert (here.work / f"{cluster}.out").read_text() == f"by {kind}\n"


def test_which_pythons_were_tried(record_property, capsys):
    """The report of the tests names them: on a machine with one Python only that one is proven."""
    record_property("pythons", " ".join(PYTHONS))
    with capsys.disabled():
        print(f"\nworker file: tried with Python {', '.join(NEW)}; refused by {', '.join(OLD) or 'none'}")
    assert NEW


def test_same_bytes(here, tmp_path):
    """scripts/zipapp makes what the installation makes, and again the same; the file starts by itself."""
    venv = Path(sys.executable).parent.parent
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWQ_VENV": str(venv)}
    files = [tmp_path / "one.pyz", tmp_path / "two.pyz"]
    for file in files:
        subprocess.run([str(ROOT / "scripts/zipapp"), str(file)], env=environment, check=True, capture_output=True)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() == (here.work / "node/alien_wq_worker.pyz").read_bytes()
    done = subprocess.run(
        [str(files[0]), "count-workers"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_nothing_too_much(here):
    """No jinja2, engine, master or shims travel to the nodes; click's licence does."""
    names = zipfile.ZipFile(here.work / "node/alien_wq_worker.pyz").namelist()
    tops = {"/".join(name.split("/")[:2]) if name.startswith("foremen") else name.split("/")[0] for name in names}
    rooms = ("__init__.py", "acceptor", "errors.py", "native", "node", "operator", "progress.py")
    assert tops == {"__main__.py", "click", "spool", *[f"foremen/{room}" for room in rooms]}
    programs = {f"foremen/native/{deploy.file_name(name)}" for name in (preload.NAME, starter.NAME, gate.NAME)}
    assert programs < set(names)
    operator = {"foremen/operator/__init__.py", "foremen/operator/alien_wq_worker.py"}
    assert {name for name in names if name.startswith("foremen/operator")} == operator
    assert "click/LICENSE.txt" in names
    assert "foremen/node/host/fake.py" not in names
