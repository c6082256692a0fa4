"""A client's start-up is counted in milliseconds: what the rooms' front doors import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SUBMIT = (
    "errors", "classad.ads", "settings", "store.layout", "store.cluster_ids", "store.task_file", "job", "classad.arguments",
    "store.published_counts",
)  # fmt: skip
DEAR = {"re", "json", "typing", "enum", "dataclasses", "pathlib", "contextlib", "functools", "urllib", "sqlite3"}


@pytest.mark.parametrize(
    ("modules", "never"),
    [(SUBMIT, DEAR | {"collections"}), (("store.queue_view", "store.sqlite"), DEAR - {"sqlite3", "functools"})],
)
def test_nothing_dear(modules, never):
    """On the path of condor_submit, and of condor_q (sqlite3 itself brings functools and collections)."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules)\n"
    code += "".join(f"import spool.{name}\n" for name in modules)
    code += "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not never & set(done.stdout.split())
