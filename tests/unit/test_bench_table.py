"""The bench's own arithmetic: aims, ratios, the table, the tree of calls, the end of what it started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benching import family, profiles, sampler, table
from benching.table import Aim, Row


@pytest.mark.parametrize(
    ("aim", "value", "reference", "met"),
    [
        (Aim(1.2), 1.2, 1.0, True),
        (Aim(1.2), 1.3, 1.0, False),
        (Aim(0.9, most=False), 90.0, 100.0, True),
        (Aim(0.9, most=False), 89.0, 100.0, False),
        (Aim(0.3, of_ratio=False), 0.29, 1.0, True),
        (Aim(0.3, of_ratio=False), 0.31, 100.0, False),
        (Aim(50, most=False, of_ratio=False), 49.0, None, False),
        (Aim(1.2), 1.0, None, None),
    ],
)
def test_an_aim_is_met_or_not(aim: Aim, value: float, reference: float | None, met: bool | None) -> None:
    """Of the ratio or of the value, at most or at least; undecided without what it is compared with."""
    assert Row("g", "n", value, "s", reference=reference, aim=aim).met is met


def test_a_row_is_the_median_of_its_samples() -> None:
    """Beside the median of what was measured in turn with it."""
    row = table.compared(table.alone("g", "n", "ms", [0.03, 0.01, 0.02]), "theirs", [0.1, 0.3, 0.2], Aim(0.5))
    assert (row.value, row.reference, row.ratio) == (0.02, 0.2, pytest.approx(0.1))
    assert row.cells() == ("n", "20.0 ms", "theirs 200.0 ms", "0.10", "<= 0.5 x", "yes")


def test_what_was_not_there_is_no_reference() -> None:
    """Without the real HTCondor its rows stay, with an aim that nobody can decide."""
    row = table.compared(table.alone("g", "n", "/s", [5.0]), "HTCondor's", [], Aim(1.0))
    assert row.cells() == ("n", "5/s", "HTCondor's: not there", "", "<= 1 x", "")


def test_the_document_has_every_sample() -> None:
    """Raw figures and circumstances, for comparison over time."""
    rows = [table.compared(table.alone("g", "n", "s", [1.0, 2.0, 4.0]), "r", [1.0], Aim(1.0))]
    read = json.loads(json.dumps(table.document(rows, {"date": "D"})))
    assert read["date"] == "D"
    assert read["rows"][0]["samples"] == [1.0, 2.0, 4.0]
    assert (read["rows"][0]["ratio"], read["rows"][0]["met"], read["rows"][0]["aim"]) == (2.0, False, "<= 1 x")


def test_the_table_counts_the_aims() -> None:
    """Rows without a decided aim do not count."""
    rows = [Row("g", "a", 1.0, "s", aim=Aim(2.0, of_ratio=False)), Row("g", "b", 1.0, "s", notes="more")]
    text = table.text(rows, "today")
    assert text.startswith("today\n\n| what |")
    assert text.endswith("\nb:\n\nmore\n\n1 of 1 aims met\n")


def test_the_tree_of_calls_adds_up() -> None:
    """From the root on, the dearest first, without what is below two in a hundred."""
    stacks = profiles.read("0.000300 x;m.run;m.a\n0.000100 x;m.run;m.b;m.c\n0.000001 x;m.run;m.d\n5.0 x;y\n")
    inside = profiles.below(stacks, "m.run")
    lines = [" ".join(line.split()) for line in profiles.tree(inside, 2)]
    assert lines == ["200 us 100% m.run", "150 us 75% m.a", "50 us 25% m.b", "50 us 25% m.c"]


def test_the_sampler_sees_who_is_busy(tmp_path: Path) -> None:
    """A function that computes is nearly all of what a program's CPU went to, that of the library's calls included."""
    program = "import time\ndef busy():\n  while time.process_time() < 0.4: sorted(range(100000))\ndef main():\n  busy()\n  return 3\n"
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, str(Path(sampler.__file__)), str(tmp_path / "out"), "program", "main"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    stacks = profiles.below(profiles.read((tmp_path / "out").read_text()), "program.main")
    inside = sum(seconds for seconds, stack in stacks if "program.busy" in stack)
    assert inside > 0.9 * sum(seconds for seconds, _ in stacks) > 0.2


_FAMILY = """
import os, subprocess, sys
sys.path.insert(0, {path!r})
from benching import family
family.adopt()
spared = subprocess.Popen(["sleep", "600"])
# A daemon: its parent has gone, its session is its own; and what it has started.
words = ["sh", "-c", "setsid sh -c 'sleep 600 & sleep 600 & echo $$ $!; wait' & exit 0"]
out = subprocess.Popen(words, stdout=subprocess.PIPE, text=True).stdout.readline()
family.kill_all(frozenset([spared.pid]))
left = [pid for pid in out.split() if os.path.exists("/proc/" + pid)]
print(left, spared.poll(), family.children() == {{spared.pid}})
spared.kill()
"""


def test_daemons_are_ended_too() -> None:
    """Nothing of a family is left when it is told to end, but for the one that is spared."""
    program = _FAMILY.format(path=str(Path(family.__file__).parents[1]))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[] None True\n", done.stderr
