"""Building the extension against what is installed, and saying what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foremen.engine.workqueue import build
from foremen.engine.workqueue.outcomes import TABLE

ROOT = Path(build.__file__).resolve().parents[2]
pytestmark = pytest.mark.engine


def _build(output: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "foremen.engine.workqueue.build", "--output", str(output)],
        env={**os.environ, **environment}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def _prefix(folder: Path) -> Path:
    """A CCTools prefix of our own, made of links to the installed one."""
    (folder / "include").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "include/cctools").symlink_to("/usr/include/cctools")
    for archive in Path("/usr/lib").glob("lib*.a"):
        (folder / "lib" / archive.name).symlink_to(archive)
    return folder


def test_builds_once(tmp_path: Path) -> None:
    """The second run finds the extension of the same CCTools and leaves it alone; another CCTools builds anew."""
    first = _build(tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    made = next(tmp_path.glob("_workqueue*.so"))
    stamp = made.stat().st_mtime_ns
    assert "up to date" in _build(tmp_path).stdout
    assert made.stat().st_mtime_ns == stamp
    assert "built" in _build(tmp_path, CCTOOLS=str(_prefix(tmp_path / "other"))).stdout
    assert made.stat().st_mtime_ns != stamp


def _refused(done: subprocess.CompletedProcess[str], *told: str) -> None:
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    for text in told:
        assert text in done.stderr


def test_no_cctools(tmp_path: Path) -> None:
    """No headers, no library: one line with the package and the variable."""
    _refused(_build(tmp_path, CCTOOLS=str(tmp_path)), "work_queue.h", "coop-computing-tools-dev", "CCTOOLS")
    half = tmp_path / "half"
    (half / "include").mkdir(parents=True)
    (half / "include/cctools").symlink_to("/usr/include/cctools")
    _refused(_build(tmp_path, CCTOOLS=str(half)), "libwork_queue.a", "coop-computing-tools-dev")


def test_a_library_that_does_not_fit(tmp_path: Path) -> None:
    """A library without what we need: one line that names it."""
    other = _prefix(tmp_path / "other")
    (other / "lib/libwork_queue.a").unlink()
    subprocess.run(["ar", "rc", str(other / "lib/libwork_queue.a")], check=True)
    _refused(_build(tmp_path, CCTOOLS=str(other)), "does not fit", "work_queue_")


def test_no_compiler(tmp_path: Path) -> None:
    """No compiler: one line with its package."""
    _refused(_build(tmp_path, CC="/no/such/cc"), "compiler", "apt-get install gcc")


def test_unwritable(tmp_path: Path) -> None:
    """A folder that cannot be written: one line that names the file."""
    _refused(_build(tmp_path / "missing"), "cannot write", "_workqueue")


def test_every_result_code_of_the_header_is_mapped() -> None:
    """The installed header has no result code that our table does not know."""
    names = build.Cctools(os.environ.get("CCTOOLS") or "/usr").results()
    assert len(names) >= 13
    assert [name for name in names if name.replace("WORK_QUEUE_RESULT_", "") not in TABLE] == []
