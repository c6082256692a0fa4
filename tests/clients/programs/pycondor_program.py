"""A pycondor Job with several named arguments, submitted by pycondor."""

from __future__ import annotations

import os
from pathlib import Path

import pycondor
from pycondor.utils import get_condor_version


def main() -> None:
    """Three jobs in one description, with macros set anew between its queue statements."""
    Path("greet").write_text('#!/bin/sh\necho "hello $1"\n')
    Path("greet").chmod(0o755)
    job = pycondor.Job(
        "greetings", os.path.abspath("greet"), error="error", output="output", log="log", submit="submit",
        request_memory="100 MB", request_cpus=1, getenv=True,
    )  # fmt: skip
    for name in ("ada", "grace", "emmy"):
        job.add_arg(name, name=name)
    job.build_submit(fancyname=False, submit_options="-maxjobs 10")
    print("version:", get_condor_version() >= (8, 3, 0))


if __name__ == "__main__":
    main()
