"""The starter: a small static program that starts plain pilots on the nodes of its architecture (``starter.c``).

It is built with the installation, travels in the worker file, and a supervisor lays it into its folder (``foremen.native.deploy``) and
names it to its workers in ``AWQ_STARTER2``. Where it is missing, or does not run, the shell does its work: it makes a
start cheaper, it is needed nowhere. The number in the variable's name is that of what both sides understand by it: a launch script
of another release is left to the shell.
"""

from __future__ import annotations

from foremen.native import deploy

NAME = "starter"
VARIABLE = "AWQ_STARTER2"
STAMP = "awq-starter:"
THREADS = (
    "CUBACORES", "GOMAXPROCS", "JULIA_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS", "PYTHON_CPU_COUNT", "ROOT_MAX_THREADS", "TF_LOOP_PARALLEL_ITERATIONS", "TF_NUM_THREADS",
)  # fmt: skip
"""Variables that HTCondor's starter sets to the cores of a job (23.9.6) unless the job does; a worker passes none of its own on.

The launch script finds them in ``AWQ_THREADS``."""
FIRST_LINE = """if [ -x "${AWQ_STARTER2:-}" ]; then exec "$AWQ_STARTER2"; fi
"""
"""Of a plain pilot's command: on a node whose supervisor has one, the starter does what the script says, sooner (foremen/native/starter.c).
The shortcut knows it and leaves the shell out (foremen/native/preload.c)."""


def lay_out(folder: str) -> str:
    """Put the starter for this node into ``folder``; its path, empty when there is none that runs here."""
    return deploy.lay_out(NAME, folder, says)


def says(path: str) -> bytes:
    """The stamp that a starter carries. OSError, SubprocessError, ValueError when it says none."""
    return deploy.said([path, "--stamp"], STAMP)
