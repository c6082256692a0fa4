"""The drawing behind scripts/plot: lines of the statistics log (foremen/master/statistics.py) become a PNG or SVG."""

from __future__ import annotations

import argparse
import glob
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from spool import settings
from spool.errors import AwqError

NEEDED = ("time", "seconds", "waiting", "running", "held", "starts", "ends", "cores", "cores_used")
RATES = ("starts", "ends")
LABELS = {"cores_used": "cores in use", "starts": "started", "ends": "ended"}
STYLES = {"cores": ":", "cores_used": "--", "held": "--"}
UNITS = {"m": 60, "h": 3600, "d": 86400}
GAP = 3  # intervals without a line: nobody knows what was, and nothing is drawn
SIZE = (11.0, 8.0)  # inches
MOST = 2000  # points of a curve: more are not seen
FORMATS = (".png", ".svg")


class Sample(NamedTuple):
    """One line: when (epoch), over how many seconds, jobs by state, what happened per second, cores."""

    at: float
    seconds: float
    waiting: float
    running: float
    held: float
    starts: float
    ends: float
    cores: float
    cores_used: float


class PlotError(AwqError):
    """What is said, with its remedy."""


def main(arguments: Sequence[str]) -> int:
    """Draw; the exit status."""
    parser = argparse.ArgumentParser(prog="plot", description="Draw the statistics log of a master.")
    parser.add_argument("logs", metavar="LOG", nargs="*", type=Path, help="default: those of AWQ_WORKDIR")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="FILE.png or FILE.svg")
    parser.add_argument("--since", metavar="WHEN", help="30m, 6h, 2d, or a time like 2026-10-01T12:00")
    options = parser.parse_args(arguments)
    try:
        if options.output.suffix not in FORMATS:
            raise PlotError(f"{options.output}: the name must end with {' or '.join(FORMATS)}")
        since = begin(options.since, time.time()) if options.since else 0.0
        samples = chosen(read(options.logs or own_logs()), since)
        draw(samples).savefig(options.output)
    except AwqError as error:
        print(f"plot: {error}", file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"plot: cannot write {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    hours = (samples[-1].at - samples[0].at) / 3600
    print(f"{options.output}: {len(samples)} lines, {hours:.1f} hours")
    return 0


def own_logs() -> list[Path]:
    """The log of AWQ_WORKDIR, with what was put aside of it."""
    path = f"{settings.load(os.environ).workdir}/statistics"
    found = [Path(name) for name in (*sorted(glob.glob(f"{glob.escape(path)}.*")), path) if os.path.exists(name)]
    if not found:
        raise PlotError(f"no {path}: start alien_work_queue and wait a minute, set AWQ_WORKDIR, or name a LOG")
    return found


def begin(text: str, now: float) -> float:
    """``6h`` or ``2026-10-01T12:00`` as an epoch."""
    if text[-1:] in UNITS and text[:-1].isdecimal():
        return now - int(text[:-1]) * UNITS[text[-1]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise PlotError(f"--since needs 30m, 6h, 2d or a time like 2026-10-01T12:00, has {text!r}") from None


def read(paths: Iterable[Path]) -> list[Sample]:
    """All samples in the order of time. Damaged lines are left out and said; PlotError when no line is whole."""
    samples: list[Sample] = []
    damaged: list[str] = []
    for path in paths:
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise PlotError(f"cannot read {path}: {error.strerror}") from None
        for number, line in enumerate(text.splitlines(), 1):
            found = sample(line)
            if found is None:
                damaged.append(f"{path}:{number}: {line[:60]!r}")
            else:
                samples.append(found)
    if not samples:
        what = (
            f"no whole line; the first is {damaged[0]}"
            if damaged
            else "no lines yet (AWQ_STATISTICS says how often one comes)"
        )
        raise PlotError(f"nothing to draw: {', '.join(map(str, paths))}: {what}")
    if damaged:
        print(f"plot: {len(damaged)} damaged lines are left out, the first is {damaged[0]}", file=sys.stderr)
    return sorted(samples)


def sample(line: str) -> Sample | None:
    """A line's facts; None when it is not whole."""
    words = dict(word.partition("=")[::2] for word in line.split(" "))
    try:
        values = [float(words[name]) for name in NEEDED]
    except (KeyError, ValueError):
        return None
    if not all(0 <= value < 1e15 for value in values) or values[1] <= 0:
        return None
    return Sample(*values)


def chosen(samples: list[Sample], since: float) -> list[Sample]:
    """Those since then; PlotError when there are too few to draw."""
    found = [one for one in samples if one.at >= since]
    if not found:
        when = datetime.fromtimestamp(samples[-1].at).isoformat(" ", "seconds")
        raise PlotError(f"nothing to draw: the last line is of {when}; ask for an earlier --since")
    if len(found) == 1:
        raise PlotError(f"nothing to draw: there is one line only, of {found[0].seconds:.0f} s; wait for the next")
    return found


def draw(samples: Sequence[Sample]) -> Figure:
    """Three panels over one time: what runs, what waits, what happens per second."""
    rcParams["svg.fonttype"] = "none"  # text stays text
    samples = list(with_gaps(thinned(samples)))
    figure = Figure(figsize=SIZE, layout="constrained")
    running, waiting, rates = figure.subplots(3, 1, sharex=True)
    curves(running, samples, "running", ("running", "cores", "cores_used"))
    curves(waiting, samples, "waiting", ("waiting", "held"))
    curves(rates, samples, "jobs per second", ("starts", "ends"))
    locator = AutoDateLocator()
    rates.xaxis.set_major_locator(locator)
    rates.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    figure.suptitle(f"alien-workqueue, {clock(samples[0].at)} to {clock(samples[-1].at)}")
    return figure


def curves(axes: Axes, samples: Sequence[Sample], title: str, names: Sequence[str]) -> None:
    """One panel."""
    times = [datetime.fromtimestamp(one.at) for one in samples]
    for name in names:
        values = [getattr(one, name) for one in samples]
        if name in RATES:
            values = [value / one.seconds for value, one in zip(values, samples)]
        axes.plot(times, values, STYLES.get(name, "-"), label=LABELS.get(name, name), linewidth=1.2)
    axes.set_ylabel(title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=len(names), fontsize="small", frameon=False)


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """At most ``MOST``: neighbours become one, with the mean of what is and the sum of what happened."""
    together = -(-len(samples) // MOST)
    if together == 1:
        return list(samples)
    groups = [samples[at : at + together] for at in range(0, len(samples), together)]
    return [merged(group) for group in groups]


def merged(group: Sequence[Sample]) -> Sample:
    """Several lines as one."""
    values = {name: sum(getattr(one, name) for one in group) for name in Sample._fields}
    means = {name: value if name in ("seconds", *RATES) else value / len(group) for name, value in values.items()}
    return Sample(**{**means, "at": group[-1].at})


def with_gaps(samples: Sequence[Sample]) -> Iterator[Sample]:
    """With a hole where no line came for a while: there was no master."""
    before = None
    for one in samples:
        if before is not None and one.at - before.at > GAP * max(one.seconds, before.seconds):
            nothing = dict.fromkeys(Sample._fields, float("nan"))
            yield Sample(**{**nothing, "at": before.at + before.seconds})
        yield one
        before = one


def clock(at: float) -> str:
    """For the title, local time."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
