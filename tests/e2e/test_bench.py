"""``scripts/bench`` measures, says what it has measured, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from sites import ROOT, eventually, install

pytestmark = pytest.mark.engine


def bench(tmp_path: Path, *words: str) -> subprocess.Popen[str]:
    """The script on the tests' installation, in a folder of its own."""
    env = {**os.environ, "AWQ_BENCH": str(install()), "TMPDIR": str(tmp_path), "HTCONDOR_ORACLE_CMD": ""}
    return subprocess.Popen(
        ["env", "--default-signal=INT", str(ROOT / "scripts/bench"), "--quick", *words],  # a background job ignores it
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def left(tmp_path: Path) -> list[str]:
    """Processes and folders of a run in ``tmp_path``."""
    found = [path.name for path in tmp_path.glob("awq-bench-*")]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if os.fsencode(f"{tmp_path}/awq-bench-") in words:
            found.append(words.decode(errors="replace"))
    return found


def test_every_row_is_there_with_its_samples(tmp_path: Path) -> None:
    """A little of three groups: the table, and the file with every sample, the machine and the versions."""
    process = bench(tmp_path, "--only", "start,running,spread", "--json", str(tmp_path / "out.json"))
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    found = json.loads((tmp_path / "out.json").read_text())
    assert {row["group"] for row in found["rows"]} == {"start", "running", "spread"}
    assert all(row["samples"] and row["name"] in out for row in found["rows"])
    assert found["machine"]["cores"] and found["versions"]["CCTools"] and found["options"]["quick"]
    assert left(tmp_path) == []


def test_an_interrupt_ends_everything(tmp_path: Path) -> None:
    """Ctrl-C while pilots run: status 130, no process and no folder is left."""
    process = bench(tmp_path, "--only", "full")
    eventually(lambda: list(tmp_path.glob("awq-bench-*/work/marks")), 120, "pilots")
    assert len(left(tmp_path)) > 3
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert left(tmp_path) == []


def test_a_group_that_is_none_is_refused(tmp_path: Path) -> None:
    """Before anything is measured, with the list of those that there are."""
    process = bench(tmp_path, "--only", "start,nonsense")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "no group nonsense: there are start, " in err
