"""What a site tells Snakemake's cluster-generic executor to submit a job with; prints the cluster."""

from __future__ import annotations

import subprocess
import sys

from snakemake.utils import read_job_properties


def main() -> None:
    """Submit the script that is named by the only argument."""
    script = sys.argv[1]
    facts = read_job_properties(script)
    description = f"""executable = /bin/sh
arguments = {script}
transfer_executable = False
should_transfer_files = NO
output = $(Cluster).out
error = $(Cluster).err
log = log
getenv = True
request_cpus = {facts["threads"]}
request_memory = {facts["resources"]["mem_mb"]}
queue
"""
    command = ["condor_submit", "-terse", "-batch-name", facts["rule"], "-"]
    said = subprocess.run(command, input=description, text=True, capture_output=True, check=True).stdout
    print(said.split(" - ")[0].split(".")[0])


if __name__ == "__main__":
    main()
