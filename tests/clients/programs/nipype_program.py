"""A workflow of three nodes through nipype's Condor plugin: each node is a batch script that condor_qsub submits."""

from __future__ import annotations

import os

from nipype import Function, Node, Workflow


def square(number: int) -> int:
    return number * number


def add(one: int, two: int) -> int:
    return one + two


def main() -> None:
    flow = Workflow("squares", base_dir=os.getcwd())
    total = Node(Function(["one", "two"], ["out"], add), "total")
    for number, field in ((3, "one"), (4, "two")):
        part = Node(Function(["number"], ["out"], square), f"part{number}")
        part.inputs.number = number
        flow.connect(part, "out", total, field)
    # It looks for a job in condor_q's table at the beginning of a line, where no release has it, and so believes that the job is
    # over at once: it waits for the result then, this long.
    flow.config["execution"].update(poll_sleep_duration=0.2, job_finished_timeout=20)
    done = flow.run("Condor")
    print("total:", *[node.result.outputs.out for node in done.nodes() if node.name == "total"])


if __name__ == "__main__":
    main()
