"""Squares computed by IPython engines that ipyparallel submits as one cluster of HTCondor."""

from __future__ import annotations

import os
import sys

import ipyparallel
from traitlets.config import Config

TEMPLATE = f"""
universe = vanilla
executable = {os.path.dirname(sys.executable)}/ipengine
transfer_executable = False
getenv = True
output = engine.$(Process).out
error = engine.$(Process).err
arguments = "{{program_args}}"
queue {{n}}
"""


def square(number: int) -> int:
    """What an engine does."""
    return number * number


def main() -> None:
    """Two engines."""
    config = Config()
    config.HTCondorEngineSetLauncher.batch_template = TEMPLATE
    cluster = ipyparallel.Cluster(n=2, engines="htcondor", controller_ip="127.0.0.1", config=config, log_level=10)
    with cluster as client:
        client.wait_for_engines(2, timeout=80)
        print("answers:", sum(client[:].map_sync(square, range(10))))
        print("engines:", len(set(client[:].apply_sync(os.getpid))))


if __name__ == "__main__":
    main()
