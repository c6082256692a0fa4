"""What a site tells Snakemake's cluster-generic executor to ask for a job with; prints running, success or failed."""

from __future__ import annotations

import subprocess
import sys


def ask(*command: str) -> list[str]:
    """What a command prints, in words."""
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.split()


def main() -> None:
    """Say how the cluster that is named by the only argument is."""
    told = ask("condor_q", sys.argv[1], "-af", "JobStatus", "ExitCode")
    told = told or ask("condor_history", sys.argv[1], "-limit", "1", "-af", "JobStatus", "ExitCode")
    print("running" if not told or told[0] in "12" else "success" if told == ["4", "0"] else "failed")


if __name__ == "__main__":
    main()
