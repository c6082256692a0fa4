"""Squares by clusterfutures' CondorExecutor, and a script whose output is waited for by condor_wait."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cfut
from cfut import condor


def main() -> None:
    # It submits the interpreter itself as the executable: that of a virtual environment does not find its packages when it is
    # copied to a node, so it gets a script, and one that finds the folder in which functions and results are exchanged.
    Path("python").write_text(f'#!/bin/sh\ncd {os.getcwd()} && exec {sys.executable} "$@"\n')
    Path("python").chmod(0o755)
    sys.executable = os.path.abspath("python")
    # keep_logs: it takes a job for over as soon as its result is there, and would remove an output that has not come back yet.
    with cfut.CondorExecutor(keep_logs=True) as executor:
        print("squares:", *executor.map(lambda number: number * number, range(3)))
    cluster, _ = condor.submit_script("#!/bin/sh\necho hey\n")
    print("output:", condor.getoutput(cluster)[0].strip())


if __name__ == "__main__":
    main()
