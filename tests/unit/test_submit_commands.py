"""docs/submit-commands.md: complete, and each row as the command behaves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shims.commands.condor import condor_submit
from shims.jobad import simple_commands
from spool.store.layout import create_spool

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (obeyed|kept|kept, said|unused|refused) \| (.*) \|$", re.MULTILINE)
ROWS = {name: what for name, what, _why in ROW.findall((ROOT / "docs/submit-commands.md").read_text())}
VALUES = {
    "arguments2": '"a"', "container_image": "/x.sif", "docker_image": "x", "env": "A=1", "environment": "A=1", "environment2": '"A=1"',
    "executable": "/bin/echo", "grid_resource": "batch pbs", "getenv": "true", "hold": "true", "initial_dir": "/tmp",
    "initialdir": "/tmp", "job_lease_duration": "99",
    "notification": "never", "requirements": "true", "should_transfer_files": "YES", "transfer_output_remaps": '"a=b"',
    "universe": "vanilla", "when_to_transfer_output": "ON_EXIT", "x509userproxy": "proxy",
}  # fmt: skip
NEEDS = {
    "batch_extra_submit_args": "universe=grid\ngrid_resource=batch pbs", "gpus_maximum_capability": "request_gpus=1",
    "gpus_minimum_capability": "request_gpus=1", "gpus_minimum_memory": "request_gpus=1", "gpus_minimum_runtime": "request_gpus=1",
    "require_gpus": "request_gpus=1", "grid_resource": "universe=grid", "machine_count": "universe=parallel",
    "node_count": "universe=parallel",
}  # fmt: skip
NEEDS.update(dict.fromkeys(("batch_project", "batch_queue", "batch_runtime"), NEEDS["batch_extra_submit_args"]))


@pytest.fixture
def submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Submit a job with one command set; exit status and stderr."""
    create_spool(str(tmp_path / "spool"))
    monkeypatch.setenv("AWQ_WORKDIR", str(tmp_path / "spool"))
    monkeypatch.chdir(tmp_path)
    Path("proxy").write_text("-----BEGIN CERTIFICATE-----\n")

    def run(name: str, value: str, *more: str) -> tuple[int, str]:
        begin = "" if name == "executable" else "executable = /bin/echo\n"
        Path("job.sub").write_text(f"{begin}{NEEDS.get(name, '')}\n{name} = {value}\nqueue\n")
        return condor_submit.main([*more, "job.sub"]), capfd.readouterr().err

    return run


def test_every_command_has_its_row() -> None:
    """Those of the manual, and those that the code knows."""
    manual = [line for line in (ROOT / "tests/golden/submit/manual-commands.txt").read_text().split() if line.islower()]
    manual = [name for name in manual if re.fullmatch(r"[a-z0-9_]+", name)][-188:]
    known = [row[0].lower() for row in (*simple_commands.SIMPLE, *simple_commands.BATCH)]
    known += [name.lower() for name in (*simple_commands.KNOWN_UNUSED, *simple_commands.KEPT_ONLY)]
    assert sorted({*manual, *known} - set(ROWS)) == []


def test_what_is_said_is_what_the_code_says() -> None:
    """The same commands in the page and in the table of the code."""
    assert {name for name, what in ROWS.items() if what == "kept, said"} == set(simple_commands.KEPT_ONLY)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_row(submit, name: str) -> None:
    """Unused ones are warned of, kept ones that would mislead are said, the rest is silent."""
    status, err = submit(
        name, VALUES.get(name, "1"), *(() if ROWS[name] == "kept, said" else ("-dry-run", "/dev/null"))
    )
    if ROWS[name] == "refused":
        assert status == 1 and err
        return
    assert status == 0, err
    assert (f"the line '{name} = " in err and "was unused" in err) == (ROWS[name] == "unused"), err
    assert (f"WARNING: {name} = 1 has no effect here: " in err) == (ROWS[name] == "kept, said"), err


@pytest.mark.parametrize("name", sorted(simple_commands.KEPT_ONLY))
def test_nothing_is_said_of_what_is_switched_off(submit, name: str) -> None:
    """False, zero: a user expects no effect."""
    assert "has no effect" not in submit(name, "0", "-dry-run", "/dev/null")[1]
