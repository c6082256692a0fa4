"""What the tests' own helpers promise."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig


def test_kill_tree_leaves_no_child_of_one_that_forks() -> None:
    """A child that was born during the look would keep what the dead one held: a worker's connection, here a pipe."""
    held, holds = os.pipe()
    script = "n=0; while [ $n -lt 400 ]; do sleep 600 & n=$((n+1)); done; wait"
    forks = subprocess.Popen(["sh", "-c", script], pass_fds=[holds], start_new_session=True)
    os.close(holds)
    rig.until(lambda: Path(f"/proc/{forks.pid}/task/{forks.pid}/children").read_text().strip(), "a child")
    rig.kill_tree(forks)
    assert select.select([held], [], [], rig.DEADLINE)[0], "somebody lives who holds the pipe"
    os.close(held)
