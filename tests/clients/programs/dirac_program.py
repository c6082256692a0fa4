"""Pilots through DIRAC's own Condor batch system: submitted by stamp, asked for, fetched, killed.

DIRAC sends this one file of it to the gateway's host and uses it there without the rest; so it is loaded by its path.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

FILE = "lib/python*/site-packages/DIRAC/Resources/Computing/BatchSystems/Condor.py"
WAITS = 400


def load() -> object:
    """DIRAC's class."""
    spec = importlib.util.spec_from_file_location("Condor", next(Path(sys.prefix).glob(FILE)))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Condor()


def until(condor: object, jobs: list[str], wanted: set[str]) -> dict[str, str]:
    """Ask until every job is in one of these states; the states."""
    states: dict[str, str] = {}
    for _ in range(WAITS):
        states = condor.getJobStatus(JobIDList=jobs)["Jobs"]
        if set(states.values()) <= wanted:
            break
        time.sleep(0.1)
    return states


def main() -> None:
    """The life of three pilots, and of one that is killed."""
    folder = Path.cwd() / "out"
    folder.mkdir()
    common = {"OutputDir": str(folder), "ErrorDir": str(folder), "SubmitOptions": "", "NumberOfProcessors": 1}
    Path("pilot").write_text('#!/bin/sh\necho "$DIRAC_PILOT_STAMP $CONDOR_JOBID"\n[ "$DIRAC_PILOT_STAMP" != bad ]\n')
    Path("pilot").chmod(0o755)
    condor = load()
    stamps = ["abc", "def", "bad"]
    told = condor.submitJob(Executable=str(Path("pilot").resolve()), NJobs=3, JobStamps=stamps, **common)
    jobs = told["Jobs"]
    print("jobs:", *[job.partition(".")[2] for job in jobs])
    print("states:", *until(condor, jobs, {"Done", "Aborted", "Failed"}).values())
    files = condor.getJobOutputFiles(JobIDList=jobs[:2], **common)["Jobs"]
    for number, job in enumerate(jobs[:2]):
        print(f"output {number}:", Path(files[job]["Output"]).read_text().strip().replace(job, "its id"))
    Path("pilot").write_text("#!/bin/sh\nsleep 300\n")
    told = condor.submitJob(Executable=str(Path("pilot").resolve()), NJobs=1, JobStamps=["ghi"], **common)
    until(condor, told["Jobs"], {"Running"})
    status = condor.getCEStatus()
    print("gateway:", status["Waiting"], "waiting,", status["Running"], "running")
    print("killed:", condor.killJob(JobIDList=told["Jobs"] + jobs[2:])["Status"])
    print("then:", *until(condor, told["Jobs"], {"Aborted", "Unknown"}).values())


if __name__ == "__main__":
    main()
