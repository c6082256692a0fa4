"""NorduGrid ARC's back end for HTCondor: A-REX's own scripts submit-condor-job, scan-condor-job and cancel-condor-job (Debian's)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from clients import Client
from environments import debian
from sites import Site, eventually

# A-REX's settings, as its arcconfig-parser (not in the package of the scripts) would hand them out.
SETTINGS = """export CONFIG_controldir={work}/control
export CONFIG_condor_config={work}/condor_config
export CONFIG_shared_filesystem=no
export CONFIG_scratchdir=/tmp
"""
# What A-REX writes for a job before it calls the scripts.
GRAMI = """joboption_gridid={name}
joboption_directory={session}
joboption_controldir={work}/control
joboption_arg_0=./work.sh
joboption_arg_1={argument}
joboption_arg_code=0
joboption_stdin=/dev/null
joboption_stdout={session}/out.txt
joboption_stderr={session}/err.txt
joboption_queue=grid
joboption_jobname={name}
joboption_count=1
joboption_memory=100
joboption_walltime=600
joboption_cputime=600
joboption_priority=50
"""
WORK = '#!/bin/sh\necho "work $1"; cat seed.txt > made.txt\n[ "$1" != slow ] || sleep 300\n[ "$1" != bad ]\n'


class Arex:
    """What A-REX does around its scripts: it writes control files and reads what the scripts leave."""

    def __init__(self, client: Client) -> None:
        self.client, self.work = client, client.work
        self.control = self.work / "control"
        (self.control / "processing").mkdir(parents=True)
        (self.work / "condor_config").touch()
        (self.work / "settings").write_text(SETTINGS.format(work=self.work))
        self.scripts = self._location() / "share/arc"

    def _location(self) -> Path:
        location = self.work / "arc"
        (location / "lib/arc").mkdir(parents=True)
        (location / "share").symlink_to(debian("nordugrid-arc-arex") / "usr/share")
        for name, text in (("arcconfig-parser", f"#!/bin/sh\ncat {self.work}/settings\n"), ("gm-kick", "#!/bin/sh\n")):
            (location / "lib/arc" / name).write_text(text)
            (location / "lib/arc" / name).chmod(0o755)
        self.client.env.update(ARC_LOCATION=str(location), ARC_CONFIG=str(self.work / "settings"))
        return location

    def submit(self, name: str) -> str:
        """Submit a job whose work gets its own name as the argument; its cluster."""
        session = self.work / name
        session.mkdir()
        (session / "work.sh").write_text(WORK)
        (session / "work.sh").chmod(0o755)
        (session / "seed.txt").write_text("seed\n")
        grami = self.control / f"job.{name}.grami"
        grami.write_text(GRAMI.format(name=name, argument=name, session=session, work=self.work))
        (self.control / f"job.{name}.output").write_text("/out.txt\n/made.txt\n")
        (self.control / f"job.{name}.errors").touch()
        self.script("submit", str(grami))
        cluster = grami.read_text().partition("joboption_jobid=")[2].partition(".")[0]
        (self.control / f"job.{name}.local").write_text(f"localid={cluster}\nsessiondir={session}\n")
        (self.control / f"processing/job.{name}.status").write_text("INLRMS\n")
        return cluster

    def script(self, verb: str, *words: str) -> None:
        """Run one of the scripts to its end."""
        self.client.run("bash", f"{self.scripts}/{verb}-condor-job", "--config", str(self.work / "settings"), *words)

    def facts(self, cluster: str) -> dict[str, str]:
        """What the information provider tells of the pool and of a job."""
        program = self.client.copy("arc_facts.pl")
        job = f"{cluster}.{os.uname().nodename}"
        said = self.client.run(
            "perl", f"-I{self.scripts}", program, f"{self.work}/condor_config", str(self.control), job
        )
        return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)

    def ended(self, *names: str) -> list[str]:
        """Scan until these jobs are told as done (scan-condor-job sleeps a minute at its end: it is ended); what it tells of them."""
        files = [self.control / f"job.{name}.lrms_done" for name in names]
        self.client.start(
            "bash", f"{self.scripts}/scan-condor-job", "--config", str(self.work / "settings"), str(self.control)
        )
        self.client.until(
            lambda: all(file.exists() and file.stat().st_size for file in files), "the scan has seen the ends"
        )
        return [file.read_text().strip() for file in files]


@pytest.fixture
def arex(client: Callable[[str], Client]) -> Arex:
    """A-REX with its control folder."""
    return Arex(client("arc"))


def test_arc_submits_scans_and_cancels(at: Site, arex: Arex) -> None:
    """Jobs by condor_submit, seen to be over by condor_q's rows, their ends read from history and event log; condor_rm by cluster."""
    good, bad, slow = [arex.submit(name) for name in ("good", "bad", "slow")]
    eventually(lambda: at.done(good) and at.done(bad), what="two jobs are over")
    eventually(lambda: at.af("condor_q", slow, "JobStatus") == "2", what="one runs")
    assert arex.ended("good", "bad") == ["0", "1 Job failed with exit code 1"]
    assert not (arex.control / "job.slow.lrms_done").exists()
    assert (arex.work / "good/out.txt").read_text() == "work good\n"
    assert (arex.work / "good/made.txt").read_text() == "seed\n"
    facts = (arex.work / "good.diag").read_text()
    assert "nodename=slot1@" in facts
    assert "LRMSExitcode=0\nexitcode=0\n" in facts
    expected = {
        "lrms_version": "23.9.6", "totalcpus": "4", "usedcpus": "1", "runningjobs": "1", "queuedjobs": "0",
        "job": f"R 10 slot1@{os.uname().nodename}",
    }  # fmt: skip
    eventually(
        lambda: at.command("condor_status", "-af", "TotalCpus").stdout.startswith("4.0"), what="all workers have joined"
    )
    assert arex.facts(slow) == expected
    arex.script("cancel", str(arex.control / "job.slow.grami"))
    eventually(lambda: at.af("condor_history", slow, "JobStatus") == "3", what="the removed one is over")
