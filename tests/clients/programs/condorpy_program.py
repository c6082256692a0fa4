"""Jobs through condorpy: two of a cluster that end, and one that is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from condorpy import Job, Templates

WAITS = 400


def until(job: Job, *wanted: str) -> str:
    """Ask until the job is in one of these states; its state."""
    status = ""
    for _ in range(WAITS):
        status = job.status
        if status in wanted:
            break
        time.sleep(0.1)
    return status


def main() -> None:
    """The life of two jobs."""
    Path("greet").write_text('#!/bin/sh\necho "hello $1"\n')
    Path("greet").chmod(0o755)
    job = Job("job", Templates.base, executable="greet", arguments="$(process)", working_directory=os.getcwd())
    job.submit(queue=2)
    print("status:", until(job, "Completed"), job.statuses["Completed"])
    print("outputs:", *sorted(path.read_text().strip() for path in Path("job/logs").glob("*.out")))
    slow = Job("slow", Templates.base, executable="/bin/sleep", arguments="300", working_directory=os.getcwd())
    slow.submit()
    print("slow:", until(slow, "Running"))
    slow.remove()
    print("removed:", until(slow, "Removed"))


if __name__ == "__main__":
    main()
