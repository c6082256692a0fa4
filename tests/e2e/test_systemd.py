"""The units of an installation under a real systemd: start, restart after kill -9, stop in order; as docs/operations.md says."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import eventually, install
from user_systemd import UserSystemd, user_systemd

pytestmark = pytest.mark.engine

MASTER, FOREMEN, WORKERS = "alien-work-queue", "alien-wq-foremen", "alien-wq-workers"
UNITS = (MASTER, FOREMEN, WORKERS)
PILOT = """#!/bin/sh
echo started >> "$MARK"
n=0
while [ ! -e "$MARK.go" ] && [ "$n" -lt 1200 ]; do sleep 0.1; n=$((n + 1)); done
exit 7
"""


class Head:
    """A node whose user has linked and enabled the units, with the default settings."""

    def __init__(self, systemd: UserSystemd, prefix: Path) -> None:
        self.systemd, self.prefix = systemd, prefix

    def set_up(self) -> None:
        """What the operations guide says."""
        units = sorted(str(path) for path in (self.prefix / "etc/systemd/user").glob("*.service"))
        self.systemd.run("systemctl", "--user", "link", *units)
        self.systemd.run("systemctl", "--user", "enable", "--now", MASTER, FOREMEN)
        eventually((self.systemd.home / ".alien_wq_spool/engine.port").exists, 30, "the engine listens")
        folder = self.systemd.home / ".config/systemd/user"
        words = ["--cores", "2", "--memory", "2000", "--disk", "200", "--foremen", "127.0.0.1"]
        worker = f"{self.prefix}/bin/alien_wq_worker.sh"
        self.shell(
            f"alien_work_queue render systemd {' '.join(words)} --worker {worker} --output {folder}/{WORKERS}.service"
        )
        self.systemd.run("systemctl", "--user", "daemon-reload")
        self.systemd.run("systemctl", "--user", "enable", "--now", WORKERS)

    def shell(self, line: str, text: str | None = None, check: bool = True) -> str:
        """A line in the user's shell."""
        return self.systemd.run(
            "bash", "-c", f". {self.prefix}/etc/env.sh && {line}", text=text, check=check
        ).stdout.strip()

    def submit(self) -> tuple[str, Path]:
        """A pilot that runs until its mark is told to go; cluster and mark."""
        home = self.systemd.home
        (home / "agent").write_text(PILOT)
        (home / "agent").chmod(0o700)
        mark = home / f"mark{len(list(home.glob('mark*')))}"
        text = f"executable = agent\nenvironment = MARK={mark}\nqueue\n"
        return self.shell("condor_submit", text=text).split()[-1].rstrip("."), mark

    def pid(self, unit: str) -> str:
        """Its main process."""
        return self.systemd.show(unit, "MainPID")

    def restarted(self, unit: str, before: str) -> bool:
        """Whether it runs again, as another process."""
        return self.systemd.show(unit, "ActiveState") == "active" and self.pid(unit) not in ("0", before)


@pytest.fixture
def head(tmp_path: Path) -> Iterator[Head]:
    """A head node and execute node in one."""
    prefix = install()
    with user_systemd(tmp_path) as systemd:
        made = Head(systemd, prefix)
        made.set_up()
        yield made


def test_units_start_survive_kill_9_and_stop_in_order(head: Head) -> None:
    """A pilot lives on when master, foremen's and workers' first processes are killed, ends once, and what is stopped is gone."""
    cluster, mark = head.submit()
    eventually(mark.exists, 60, f"the pilot runs: {head.systemd.log}")
    before = {unit: head.pid(unit) for unit in UNITS}
    for pid in before.values():
        head.systemd.signal(pid, signal.SIGKILL)
    for unit in UNITS:
        eventually(lambda unit=unit: head.restarted(unit, before[unit]), 60, f"{unit} is started again")
    eventually(lambda: head.shell("condor_q -af JobStatus", check=False) == "2", 60, "the new master knows the pilot")
    Path(f"{mark}.go").touch()
    eventually(
        lambda: head.shell(f"condor_history {cluster} -af ExitCode NumJobStarts") == "7 1", 60, "the pilot ended"
    )
    assert mark.read_text() == "started\n"
    assert head.shell("count-foremen; count-workers").split() == ["2", "1"]
    for unit in reversed(UNITS):
        head.systemd.run("systemctl", "--user", "stop", unit)
        assert [head.systemd.show(unit, name) for name in ("ActiveState", "Result")] == ["inactive", "success"]
    assert not [line for line in head.systemd.processes() if str(head.prefix) in line or "work_queue_worker" in line]


def test_a_stopped_master_leaves_the_pilot_and_the_next_one_finds_it(head: Head) -> None:
    """systemctl restart is an upgrade: nothing that runs is touched; stop --stop-pilots is not answered by a restart."""
    cluster, mark = head.submit()
    eventually(mark.exists, 60, "the pilot runs")
    before = head.pid(MASTER)
    head.systemd.run("systemctl", "--user", "restart", MASTER)
    eventually(lambda: head.restarted(MASTER, before), 30, "another master")
    Path(f"{mark}.go").touch()
    eventually(
        lambda: head.shell(f"condor_history {cluster} -af ExitCode NumJobStarts") == "7 1", 60, "the pilot ended"
    )
    assert mark.read_text() == "started\n"
    head.shell("alien_work_queue stop --stop-pilots")
    eventually(lambda: head.systemd.show(MASTER, "ActiveState") == "inactive", 30, "it has ended and stays so")
    assert head.systemd.show(MASTER, "Result") == "success"
