"""``condor_submit`` against what a real HTCondor said to the same descriptions and command lines (tests/golden/submit)."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_FOUND = runpy.run_path(str(ROOT / "tests/golden/submit/cases.py"))
CASES = _FOUND["CASES"]
FOLDER = _FOUND["FOLDER"]
PREPARE = _FOUND["PREPARE"]

sys.path.insert(0, str(ROOT / "tests/golden"))
from case import load  # noqa: E402

RECORDED = load("submit")

HOST = ("QDate", "EnteredCurrentStatus", "ExecutableSize", "ImageSize", "DiskUsage", "TransferInputSizeMB", "CondorVersion",
        "CondorPlatform", "FileSystemDomain", "ScheddInterval")  # fmt: skip
"""Attributes that tell about the machine, the release and the moment."""
OURS = ("Owner", "User", "GlobalJobId", "TotalSubmitProcs", "AwqInputs")
"""Attributes that HTCondor's schedd adds after its condor_submit has printed the ad."""
DEPRECATION = ("Warning: Use of multiple queue statements", "This functionality will be removed", "how multiple queue statements",
               "https://htcondor.readthedocs.io")  # fmt: skip
"""A warning about a release to come, which we do not print: clients take noise on stderr for an error."""


def wanted(line: str) -> bool:
    """Whether a line is of the description, not of the machine, the release or the moment."""
    name = line.partition("=")[0].strip()
    return name not in HOST and name not in OURS and not line.strip().startswith(DEPRECATION)


def comparable(lines: list[str], folder: str) -> list[str]:
    """Without what belongs to the machine; cluster numbers of real submissions counted from the first."""
    text = "\n".join([line for line in lines if wanted(line)]).replace(folder, FOLDER)
    if any(line.startswith((DEPRECATION[0], "WARNING: Empty value", "WARNING: 'm/")) for line in lines):
        text = text.strip("\n")  # these two come with an empty line before them
    machine = os.uname().machine.upper()
    return _renumbered(text.replace(f'TARGET.Arch == "{machine}"', 'TARGET.Arch == "X86_64"')).split("\n")


def _renumbered(text: str) -> str:
    """Cluster numbers as #1, #2 ... in the order in which they are met."""
    seen: dict[str, str] = {}

    def new(found: re.Match[str]) -> str:
        return found[1] + seen.setdefault(found[2], f"#{len(seen) + 1}")

    return re.sub(r"(^\*\* Proc |^ClusterId ?= ?| to cluster |^(?=\d+\.\d+ - )|(?<=\d) - )(\d+)", new, text, flags=re.M)


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with a ``condor_submit`` that starts ours."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "condor_submit"
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport site\nsite.main()\n"
    start += "from shims.commands.condor.condor_submit import main\n"
    command.write_text(f"#!{sys.executable}\n{start}raise SystemExit(main(sys.argv[1:]))\n")
    command.chmod(0o755)
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_same_as_htcondor(case, launcher, tmp_path, monkeypatch):
    """Standard output, standard error and exit status are HTCondor's, but for what belongs to the machine."""
    from spool.store.layout import create_spool

    create_spool(str(tmp_path / "spool"))
    work = tmp_path / "work"
    work.mkdir()
    for name, content in case.files.items():
        (work / name).write_bytes(content.replace(FOLDER, str(work)).encode("utf-8", "surrogateescape"))
    environment = {
        "PATH": f"{launcher}:/usr/bin:/bin",
        "AWQ_WORKDIR": str(tmp_path / "spool"),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
    }
    script = f"cd {work} && {{ {PREPARE}\n}} && {case.command}"
    done = subprocess.run(
        ["bash", "-c", script],
        input=(case.stdin or "").encode(),
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )
    expected = RECORDED[case.name]
    if case.differs:
        assert done.returncode == 0, done.stderr
        return
    ours = [done.stdout.decode().split("\n"), done.stderr.decode().split("\n")]
    theirs = [expected["stdout"], expected["stderr"]]
    for mine, real in zip(ours, theirs):
        assert comparable(mine, str(work)) == comparable(real, FOLDER), "record anew with: scripts/record-golden submit"
    assert done.returncode == expected["status"]
    if done.returncode:
        assert not list((tmp_path / "spool/queue").iterdir())
        assert not list((tmp_path / "spool/payload").iterdir())
