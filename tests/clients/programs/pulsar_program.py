"""Jobs through Pulsar's HTCondor manager, as Galaxy gives them: one ends well, one fails, one is killed."""

from __future__ import annotations

import time
from pathlib import Path

from pulsar.core import PulsarApp

WAITS = 400


def until(manager: object, job: str, *wanted: str) -> str:
    """Ask until the job is in one of these states; its state."""
    state = ""
    for _ in range(WAITS):
        state = manager.get_status(job)
        if state in wanted:
            break
        time.sleep(0.1)
    return state


def main() -> None:
    """The life of three jobs."""
    here = Path.cwd()
    resources = {"submit_request_cpus": "1", "submit_request_memory": "100"}
    app = PulsarApp(
        staging_directory=str(here / "staging"), persistence_directory=str(here / "state"), tool_dependency_dir="none",
        conda_auto_init=False, managers={"_default_": {"type": "queued_condor", **resources}},
    )  # fmt: skip
    manager = app.managers["_default_"]._proxied_manager  # without the staging of files between Galaxy and Pulsar
    commands = ["echo hello from $PWD; echo moan >&2", "(exit 3)", "sleep 300"]
    good, bad, slow = [manager.setup_job(str(number), "tool", "1.0") for number in range(3)]
    for job, command in zip((good, bad, slow), commands):
        manager.launch(job, command)
    print("good:", until(manager, good, "complete"), manager.return_code(good))
    print("bad:", until(manager, bad, "complete"), manager.return_code(bad))
    stdout = Path(manager._job_stdout_path(good)).read_text().strip()
    print("stdout:", stdout.replace(manager.job_directory(good).working_directory(), "its folder"))
    print("stderr:", Path(manager._job_stderr_path(good)).read_text().strip())
    print("slow:", until(manager, slow, "running"))
    manager.kill(slow)
    print("killed:", until(manager, slow, "complete"))
    app.shutdown()


if __name__ == "__main__":
    main()
