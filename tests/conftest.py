"""What tests of several rooms share: a spool, a living master, a disk that can be full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from spool_rig import LivingMaster

from foremen.native import build, deploy
from spool.store.layout import Spool, create_spool

# How fast something is on a busy machine is the bench's business; a test that promises a time says so itself.
# The same examples each time: a suite that is green is green again. scripts/fuzz looks for new ones.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.load_profile("house")


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A new spool."""
    return create_spool(str(tmp_path / "spool"))


@pytest.fixture
def living_master(spool: Spool) -> Iterator[LivingMaster]:
    """A master that holds the lock of ``spool`` and has published that there is no job."""
    master = LivingMaster(spool)
    master.publish()
    yield master
    master.die()


def _built(program: build.Program, folder: Path) -> str:
    said = build.build(program, str(folder))
    assert said.startswith("built"), f"{said}; remedy: scripts/packages"
    return f"{folder}/{deploy.file_name(program.name)}"


@pytest.fixture(scope="session")
def starter_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The starter, built."""
    return _built(build.the_starter(), tmp_path_factory.mktemp("starter"))


@pytest.fixture(scope="session")
def shortcut_library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shortcut, built."""
    return _built(build.the_shortcut(), tmp_path_factory.mktemp("shortcut"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "small"
    folder.mkdir(0o755)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"cannot mount a small disk ({done.stderr.strip()}): run the tests as root, or with: unshare -rm")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
