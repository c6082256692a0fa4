"""Numbers doubled by Dask workers that dask-jobqueue's HTCondorCluster submits, scaled up and down by the cluster object."""

from __future__ import annotations

import os
import sys
import time

from dask.distributed import Client
from dask_jobqueue import HTCondorCluster


def double(number: int) -> int:
    return 2 * number


def main() -> None:
    options = {
        "cores": 1, "memory": "300 MB", "disk": "100 MB", "log_directory": "logs", "python": sys.executable,
        "death_timeout": 60, "scheduler_options": {"host": "127.0.0.1", "dashboard_address": None},
        "worker_extra_args": ["--no-dashboard"], "job_extra_directives": {"+WantedBy": '"dask"', "getenv": "PATH"},
    }  # fmt: skip
    with HTCondorCluster(**options) as cluster, Client(cluster) as client:
        cluster.scale(jobs=2)
        client.wait_for_workers(2, timeout=80)
        print("answers:", sum(client.gather(client.map(double, range(100)), errors="raise")))
        print("workers:", len({worker.name for worker in cluster.scheduler.workers.values()}))
        print("jobs:", *sorted(worker.job_id for worker in cluster.workers.values()))
        cluster.scale(jobs=1)
        end = time.monotonic() + 40
        while len(cluster.scheduler.workers) > 1 and time.monotonic() < end:
            time.sleep(0.1)
        print("after scaling down:", len(cluster.scheduler.workers))
    print("logs:", sum(name.endswith(".log") for name in os.listdir("logs")))


if __name__ == "__main__":
    main()
