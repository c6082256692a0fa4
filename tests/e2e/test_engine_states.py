"""What the library sees of its tasks: one of each state where it looks for one (wait_index.c), one of each kind where it offers
them (offers.c), all where it counts."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig

pytestmark = pytest.mark.engine

_BEGIN = """
import contextlib, subprocess, sys, time
from foremen.engine.protocol import TaskSpec
from foremen.engine.workqueue.binding import QueueOptions, WorkQueue

folder, port = sys.argv[1], int(sys.argv[2])
queue = WorkQueue(QueueOptions(
    0, folder + "/password", folder + "/aliases", bind="127.0.0.1", project_name="states",
    catalog_host="127.0.0.1" if port else "", catalog_port=port,
))

def submit(first, count, cores=1000):
    for number in range(first, first + count):
        queue.submit(TaskSpec(f"{number}.0#1", "true", cores=cores))

def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        queue.turn()

def with_few_and_many(cost):
    submit(1, 100)
    queue.turn()
    few = min(cost() for _ in range(20))
    submit(101, 20_000)
    print(few, min(cost() for _ in range(20)))

@contextlib.contextmanager
def worker():
    command = ["work_queue_worker", "-P", folder + "/password", "-s", folder, "--cores", "2", "--memory", "1000", "--disk", "1000"]
    process = subprocess.Popen([*command, "127.0.0.1", str(queue.port)], stdout=sys.stderr)
    try:
        until(lambda: queue.pool()[0].cores)
        yield
    finally:
        process.terminate()
        process.wait()
"""


def _run(folder: Path, lines: str, port: int = 0) -> str:
    """What ``lines`` print, in a process of its own: a queue a process is all that the library has."""
    (folder / "password").write_text("secret\n")
    command = [sys.executable, "-c", _BEGIN + textwrap.dedent(lines), str(folder), str(port)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, check=True).stdout


def test_a_pass_costs_the_same_with_many_tasks(tmp_path: Path) -> None:
    """A listening pass looked at every task, twice: 2 ms with 20,000."""
    few, many = _run(
        tmp_path,
        """
        def listening():
            queue.turn(offer=False)
            return queue.listening_cost

        with_few_and_many(listening)
        """,
    ).split()
    assert float(many) < 100 * float(few), (few, many)


def test_an_offer_of_many_tasks_costs_little(tmp_path: Path) -> None:
    """Each of 20,000 that wait was held against each worker: 150 ms with one worker."""
    few, many = _run(
        tmp_path,
        """
        def offering():
            begin = time.thread_time()
            assert not queue._lib.awq_wait(queue._queue, 1)
            return time.thread_time() - begin

        with worker():
            with_few_and_many(offering)
        """,
    ).split()
    assert float(many) < 100 * float(few), (few, many)


def test_a_task_behind_many_kinds_that_have_no_room(tmp_path: Path) -> None:
    text = """
        for number in range(100):
            submit(2 * number, 2, cores=1000 + number)
        submit(1000, 3, cores=1)
        with worker():
            until(lambda: len(queue._tasks) == 200)
        print("1000.0#1" in queue._tasks)
        """
    assert _run(tmp_path, text) == "False\n"


def test_a_task_that_is_over_is_forgotten(tmp_path: Path) -> None:
    """The library kept the state of each for ever: a gigabyte after fifteen million pilots."""
    text = """
        submit(1, 3)
        queue.cancel("2.0#1")
        print([queue._lib.work_queue_task_state(queue._queue, number) for number in (1, 2, 3)])
        """
    assert _run(tmp_path, text) == "[1, 0, 1]\n"


def test_who_counts_sees_all_tasks(tmp_path: Path) -> None:
    """The catalog is told of the queue in the middle of the library's wait."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    history = tmp_path / "history"
    history.mkdir()
    catalog = subprocess.Popen(
        ["catalog_server", "--port", str(port), "--interface", "127.0.0.1", "--history", str(history)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        rig.until(lambda: _answers(port), "a catalog")
        text = """
            submit(1, 137)
            status = ["work_queue_status", "-C", f"127.0.0.1:{port}", "-Q"]
            deadline, said = time.monotonic() + 30, ""
            while "states" not in said and time.monotonic() < deadline:
                queue.turn()
                said = subprocess.run(status, stdout=subprocess.PIPE, text=True).stdout
            print(said)
            """
        row = next(line.split() for line in _run(tmp_path, text, port).splitlines() if line.startswith("states"))
    finally:
        catalog.terminate()
        catalog.wait(30)
    assert row[3] == "137"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
