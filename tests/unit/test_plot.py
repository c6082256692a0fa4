"""scripts/plot: what it draws of a statistics log, and what it says of logs that it cannot draw."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import plot
import pytest

from foremen.engine.protocol import Pool
from foremen.master.statistics import NEW, line
from spool.job import COMPLETED, HELD, IDLE, RUNNING

pytestmark = pytest.mark.slow
PLOT = Path(plot.__file__)
BEGIN = 1760000000


def log_text(count: int, first: int = BEGIN) -> str:
    """Lines as the master writes them: one more job runs in each."""
    pool = Pool(4, 64, 32, 1, 1, 0, 0, 0.0)
    happened = {NEW: 30, RUNNING: 60, COMPLETED: 120}
    texts = [line(first + 60 * at, 60, {IDLE: 10000 - at, RUNNING: at, HELD: 3}, happened, pool) for at in range(count)]
    return "".join(texts)


def run(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """The command."""
    base = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "PYTHONPATH": str(PLOT.parent.parent), "TZ": "UTC"}
    return subprocess.run(
        [sys.executable, str(PLOT), *map(str, words)], env={**base, **env}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of five hours."""
    path = tmp_path / "statistics"
    path.write_text(log_text(300))
    return path


def test_an_svg_has_the_curves_and_their_names(log: Path, tmp_path: Path) -> None:
    """Seven curves in three panels, each named in text, over the whole time."""
    target = tmp_path / "out.svg"
    done = run(log, "-o", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{target}: 300 lines, 5.0 hours\n", "")
    root = ElementTree.parse(target).getroot()
    words = ["".join(one.itertext()).strip() for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"running", "cores", "cores in use", "waiting", "held", "started", "ended", "jobs per second"} <= set(words)
    assert "alien-workqueue, 2025-10-09 08:53 to 2025-10-09 13:52" in words


def test_a_png_is_a_picture_of_its_size(log: Path, tmp_path: Path) -> None:
    """1100 x 800 pixels, with more than one colour in them."""
    target = tmp_path / "out.png"
    assert run(log, "-o", target).returncode == 0
    content = target.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1100, 800)
    assert len(content) > 10000


def test_curves_are_the_logs_numbers(log: Path) -> None:
    """Counts as they are, rates per second."""
    running, waiting, rates = plot.draw(plot.read([log])).axes
    assert list(running.lines[0].get_ydata()) == list(range(300))
    assert list(waiting.lines[0].get_ydata())[-1] == 9701
    assert {label: curve.get_ydata()[0] for label, curve in zip(("starts", "ends"), rates.lines)} == {
        "starts": 1.0,
        "ends": 2.0,
    }


def test_a_time_without_a_master_is_a_gap(tmp_path: Path) -> None:
    """Nothing is drawn where no line came."""
    path = tmp_path / "statistics"
    path.write_text(log_text(10) + log_text(10, BEGIN + 36000))
    values = list(plot.draw(plot.read([path])).axes[0].lines[0].get_ydata())
    assert [at for at, value in enumerate(values) if math.isnan(value)] == [10]


def test_a_long_log_is_thinned_without_losing_what_happened(tmp_path: Path) -> None:
    """Fewer points, the same sum of ends."""
    path = tmp_path / "statistics"
    path.write_text(log_text(9999))
    samples = plot.read([path])
    thin = plot.thinned(samples)
    assert len(thin) <= plot.MOST
    assert sum(one.ends for one in thin) == sum(one.ends for one in samples) == 120 * 9999
    assert {one.ends / one.seconds for one in thin} == {2.0}


def test_the_masters_own_logs_are_found_the_ones_put_aside_too(tmp_path: Path) -> None:
    """Without LOG it is AWQ_WORKDIR's, in the order of time."""
    (tmp_path / "statistics").write_text(log_text(10, BEGIN + 600))
    (tmp_path / "statistics.20251009T000000").write_text(log_text(10))
    done = run("-o", tmp_path / "out.svg", AWQ_WORKDIR=str(tmp_path))
    assert done.stdout.endswith(": 20 lines, 0.3 hours\n")


def test_since_takes_a_time_or_a_duration(log: Path, tmp_path: Path) -> None:
    """Only later lines are drawn; the clock for durations is now."""
    done = run(log, "--since", "2025-10-09T12:53", "-o", tmp_path / "out.svg")
    assert ": 60 lines," in done.stdout
    assert plot.begin("6h", 100000.0) == 100000.0 - 6 * 3600


def test_damaged_lines_are_left_out_and_said(log: Path, tmp_path: Path) -> None:
    """A torn line costs a remark with its place, not the picture."""
    log.write_bytes(log.read_bytes()[:-20] + b"\n\xff\0 nonsense\n")
    done = run(log, "-o", tmp_path / "out.svg")
    assert done.returncode == 0
    assert done.stderr.startswith(f"plot: 2 damaged lines are left out, the first is {log}:300: 'time=")
    assert ": 299 lines," in done.stdout


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        (None, (), "cannot read {log}: No such file or directory"),
        ("", (), "nothing to draw: {log}: no lines yet (AWQ_STATISTICS says how often one comes)"),
        ("garbage\n", (), "nothing to draw: {log}: no whole line; the first is {log}:1: 'garbage'"),
        (log_text(1), (), "nothing to draw: there is one line only, of 60 s; wait for the next"),
        (log_text(9), ("--since", "1h"), "nothing to draw: the last line is of 2025-10-09 09:01:20; ask for an earlier --since"),
        (log_text(9), ("--since", "soon"), "--since needs 30m, 6h, 2d or a time like 2026-10-01T12:00, has 'soon'"),
        (log_text(9), ("-o", "/x/y.jpg"), "/x/y.jpg: the name must end with .png or .svg"),
        (log_text(9), ("-o", "/dev/null/y.svg"), "cannot write /dev/null/y.svg: Not a directory"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_one_clear_line(
    content: str | None, words: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    """The remedy is in it, the exit status is not 0, and there is no picture."""
    path = tmp_path / "log"
    if content is not None:
        path.write_text(content)
    done = run(path, "-o", tmp_path / "out.svg", *words)
    assert done.returncode != 0
    assert done.stderr == f"plot: {told.format(log=path)}\n"
    assert not (tmp_path / "out.svg").exists()


def test_no_log_at_all_names_where_it_was_looked_for(tmp_path: Path) -> None:
    """A new spool has none yet."""
    done = run("-o", tmp_path / "out.svg", AWQ_WORKDIR=str(tmp_path))
    assert done.stderr.startswith(f"plot: no {tmp_path}/statistics: start alien_work_queue and wait a minute")
