"""The small C programs that nodes get: built once, laid out where they run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest

from foremen.errors import LaunchError
from foremen.native import build, deploy, gate, starter
from foremen.native.preload import Shortcut

PROGRAMS = {"starter": build.the_starter, "preload": build.the_shortcut, "gate": build.the_gate}


@pytest.fixture(params=list(PROGRAMS))
def wanted(request):
    """Each of them, as it is built here."""
    return PROGRAMS[request.param]()


# --- building


def test_built_once(tmp_path, wanted):
    """The second time it is there; what is there in its place is replaced."""
    assert build.build(wanted, str(tmp_path)).startswith("built ")
    assert build.build(wanted, str(tmp_path)).startswith("up to date")
    (tmp_path / deploy.file_name(wanted.name)).write_bytes(b"\x7fELF of another machine")
    assert build.build(wanted, str(tmp_path)).startswith("built ")
    assert os.listdir(tmp_path) == [deploy.file_name(wanted.name)]


@pytest.mark.parametrize(("compiler", "why"), [
    ("", "no compiler"), ("/no/such/compiler", "No such file"), ("false", "false says: nothing"),
    ("cc -Werror -Wno-such-thing -DAWQ_STAMP", "error"),
])  # fmt: skip
def test_not_built(tmp_path, wanted, compiler, why):
    """It says why, and what to do; nothing is left there."""
    said = build.build(wanted._replace(compiler=compiler), str(tmp_path))
    assert said.startswith(f"no {wanted.name}") and why in said and "apt-get install" in said
    assert os.listdir(tmp_path) == []


def test_no_compiler(tmp_path, monkeypatch):
    """A node without one builds none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.the_starter().compiler == build.the_shortcut().compiler == ""


def test_musl_is_there():
    """What scripts/packages installs for it."""
    assert shutil.which("musl-gcc"), "remedy: scripts/packages"


# --- laying out


def lay_out_starter(folder):
    """Its path."""
    return starter.lay_out(str(folder))


def lay_out_shortcut(folder):
    """The same."""
    worker = f"{os.environ.get('CCTOOLS', '/usr')}/bin/work_queue_worker"
    return Shortcut(str(folder), {}).variables(worker).get("LD_PRELOAD", "")


@pytest.fixture(params=["starter", "preload"])
def lay_out(request):
    """What lays each of them out into a folder."""
    found = {"starter": lay_out_starter, "preload": lay_out_shortcut}[request.param]
    found.program = request.getfixturevalue("starter_program" if request.param == "starter" else "shortcut_library")
    found.name = request.param
    return found


@pytest.fixture
def packaged(monkeypatch):
    """Say what the package has: a path, or None."""

    def has(path):
        def get_data(package, _name):
            assert package == "foremen.native"
            if path is None:
                raise FileNotFoundError(path)
            with open(path, "rb") as file:
                return file.read()

        monkeypatch.setattr(deploy.pkgutil, "get_data", get_data)

    return has


def test_laid_out(tmp_path, lay_out, packaged):
    """Private, executable, and left alone when it is there: pilots may be starting with it."""
    packaged(lay_out.program)
    path = lay_out(tmp_path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    before = os.stat(path).st_ino
    assert lay_out(tmp_path) == path and os.stat(path).st_ino == before
    (tmp_path / lay_out.name).write_bytes(b"older")
    assert lay_out(tmp_path) == path
    assert os.listdir(tmp_path) == [lay_out.name]


def test_none_in_the_package(tmp_path, lay_out, packaged):
    """Then it is done without."""
    packaged(None)
    assert lay_out(tmp_path) == ""


@pytest.mark.parametrize("content", [
    b"", b"\x7fELF of another machine", b"#!/bin/sh\n", b"#!/bin/sh\necho something else\n", b"#!/bin/sh\nexit 1\n",
])  # fmt: skip
def test_strange(tmp_path, lay_out, packaged, content):
    """One that says nothing, or something else, is not used."""
    strange = tmp_path / "strange"
    strange.write_bytes(content)
    packaged(strange)
    assert lay_out(tmp_path) == ""


def test_no_place(tmp_path, lay_out, packaged, small_disk):
    """No room, a file system that runs nothing, no folder."""
    packaged(lay_out.program)
    subprocess.run(["mount", "-o", "remount,noexec,size=1m", str(small_disk)], check=True)
    assert lay_out(small_disk) == ""
    (small_disk / lay_out.name).unlink()
    subprocess.run(["mount", "-o", "remount,exec,size=8k", str(small_disk)], check=True)
    assert lay_out(small_disk) == ""
    assert lay_out(tmp_path / "gone") == ""


def test_no_foreman_without_its_gate(tmp_path, packaged):
    """Where the gate is missing, or cannot stand in LD_PRELOAD, a foreman is refused with the remedy: it would let anybody in."""
    worker = f"{os.environ.get('CCTOOLS', '/usr')}/bin/work_queue_worker"
    packaged(None)
    with pytest.raises(LaunchError, match="apt-get install gcc"):
        gate.lay_out(worker, str(tmp_path))
    folder = tmp_path / "a b"
    folder.mkdir()
    assert build.build(build.the_gate(), str(tmp_path)).startswith("built ")
    packaged(str(tmp_path / deploy.file_name(gate.NAME)))
    with pytest.raises(LaunchError, match="blanks"):
        gate.lay_out(worker, str(folder))
    assert gate.lay_out(worker, str(tmp_path)) == f"{tmp_path}/gate"
