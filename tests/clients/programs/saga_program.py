"""Jobs through RADICAL-SAGA's HTCondor adaptor: a bulk of two, one of which fails, and one that is cancelled.

The adaptor reaches its gateway by ssh only. Here the gateway is this node, so a local shell and cp take the place of ssh and scp.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from radical import saga


def service() -> saga.job.Service:
    """The job service, which takes this node's shell for the gateway's, and looks finished jobs up in the history."""
    made = saga.job.Service("condor://localhost/")
    shell = made._adaptor.shell
    shell.url.scheme = "ssh"
    shell.stage_to_remote = lambda source, target: shell.run_sync(f"cp {source} {target}")
    made._adaptor._adaptor.use_hist = True
    return made


def describe(command: str, output: str, *arguments: str) -> saga.job.Description:
    """A job of one core in this folder."""
    made = saga.job.Description()
    made.executable, made.arguments = command, list(arguments)
    made.output, made.error = output, f"{output}.err"
    made.working_directory = os.getcwd()
    made.total_cpu_count = 1
    return made


def main() -> None:
    """The life of three jobs."""
    gateway = service()
    bulk = saga.job.Container()
    jobs = [
        gateway.create_job(describe("/bin/echo", "good.out", "hello")),
        gateway.create_job(describe("exit", "bad.out", "3")),
    ]
    for job in jobs:
        bulk.add(job)
    bulk.run()
    bulk.wait()
    print("bulk:", *[f"{job.state} {job.exit_code}" for job in jobs])
    print("output:", Path("good.out").read_text().strip())
    slow = gateway.create_job(describe("sleep", "slow.out", "300"))
    slow.run()
    while slow.state == saga.job.PENDING:
        time.sleep(0.1)
    print("slow:", slow.state)
    slow.cancel()
    print("cancelled:", slow.state)
    gateway.close()


if __name__ == "__main__":
    main()
