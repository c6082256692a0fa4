"""Squares computed by workers that Parsl's CondorProvider submits: two blocks, watched, then cancelled by Parsl itself."""

from __future__ import annotations

import os

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import CondorProvider


@parsl.python_app
def square(number: int) -> tuple[int, str]:
    import os
    import time

    time.sleep(0.2)
    return number * number, os.environ["JOBNAME"] + os.environ["GREETING"]


def main() -> None:
    provider = CondorProvider(
        init_blocks=2,
        max_blocks=2,
        cores_per_slot=1,
        mem_per_slot=0.25,
        environment={"GREETING": "hello"},
        worker_init=f"export PATH={os.environ['VIRTUAL_ENV']}/bin:$PATH",
        walltime="00:05:00",
    )
    executor = HighThroughputExecutor(
        label="htex", address="127.0.0.1", max_workers_per_node=1, cores_per_worker=1, provider=provider
    )
    with parsl.load(Config(executors=[executor], run_dir="runinfo", usage_tracking=0, strategy="none")):
        answers = [future.result(timeout=80) for future in [square(number) for number in range(20)]]
        assert [answer for answer, _ in answers] == [number * number for number in range(20)], answers
        blocks = list(provider.resources)
        provider.status(blocks)
        states = [provider.resources[block]["status"].state.name for block in blocks]
        print("answers:", len(answers))
        print("blocks:", len({name for _, name in answers}))
        print("states:", *states)
        print("cancelled:", *provider.cancel(blocks))


if __name__ == "__main__":
    main()
