"""The command: both sessions at the same time, then what differs, and why."""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import quickstart

from conforming import compare
from conforming.known import KNOWN
from conforming.session import STEPS, script

_DEADLINE = 900.0  # seconds for a session
_FIRST = 700000  # cluster numbers here begin above it: numbers that mean nothing else
# There, a pool that was just made begins with 1, which is a count, a status, an exit code as well: the first are used up.
_USED_UP = """
numbered() { printf 'hold = true\\n+Numbering = true\\n%b' "$1" | condor_submit -terse 2> /dev/null | tail -n 1 | cut -d. -f1; }
now=$(numbered 'executable = /bin/true\\nqueue\\n')
if [ "$now" -lt 3000 ]; then
    numbered "$(while [ "$now" -lt 3000 ]; do
        printf '%s' 'executable = /bin/true\\nqueue\\nexecutable = /bin/false\\nqueue\\n'
        now=$((now + 2))
    done)" > /dev/null
fi
condor_rm -constraint Numbering > /dev/null
for _ in {1..100}; do
    [ -n "$(condor_q -constraint Numbering -af ClusterId)" ] || break
    sleep 0.3
done
"""


def main() -> int:
    """Run and compare; the exit status: 0 when every difference is a wanted one, 1 when not, 2 when it could not be run."""
    options = _options()
    if not options.htcondor:
        print(
            "conformance: say how to reach a real HTCondor: --htcondor COMMAND (or HTCONDOR_ORACLE_CMD)",
            file=sys.stderr,
        )
        return 2
    work = Path(tempfile.mkdtemp(prefix="awq-conformance."))
    try:
        with ThreadPoolExecutor(1) as pool:
            real = pool.submit(_real, shlex.split(options.htcondor))
            ours = _ours(quickstart.Site(options.prefix, work))
            theirs = real.result()
        for side, text in (("htcondor", theirs), ("here", ours)):
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / side).write_text(text)
        differences = compare.compare(compare.read(theirs), compare.read(ours), KNOWN)
    except (compare.SessionError, subprocess.SubprocessError, OSError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return _show(differences, options.quiet)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/conformance", add_help=False)
    parser.add_argument("prefix", type=Path)
    parser.add_argument("--htcondor", default=os.environ.get("HTCONDOR_ORACLE_CMD", ""))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--quiet", action="store_true")
    return parser.parse_args()


def _real(command: list[str]) -> str:
    done = subprocess.run(
        [*command, "sh", "bash"], input=_USED_UP + script(), capture_output=True, text=True, errors="backslashreplace",
        timeout=_DEADLINE, check=False,
    )  # fmt: skip
    if done.returncode:
        raise compare.SessionError(f"{shlex.join(command)} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _ours(site: quickstart.Site) -> str:
    with quickstart.running(site):
        (site.work / "spool" / "clusters").write_text(f"{_FIRST:020d}\n")
        done = subprocess.run(
            ["bash"], env=site.env, input=script(), capture_output=True, text=True, errors="backslashreplace",
            timeout=_DEADLINE, check=False,
        )  # fmt: skip
    if done.returncode:
        raise compare.SessionError(f"the session here ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _show(differences: list[compare.Difference], quiet: bool) -> int:
    unknown = [one for one in differences if not one.reason]
    for step, lines in itertools.groupby(differences, key=lambda one: one.step):
        _show_step(step.name, step.line, list(lines), quiet)
    for one in compare.unneeded(differences, KNOWN):
        print(f"not needed this time: {one.step}: {one.line}: {one.reason}")
    steps = len({one.step.name for one in differences})
    strange = len({one.step.name for one in unknown})
    print(
        f"\n{len(STEPS)} steps: {len(STEPS) - steps} alike, {steps - strange} differ as they should, {strange} differ and nobody knows why"
    )
    return 1 if unknown else 0


def _show_step(name: str, line: str, differences: list[compare.Difference], quiet: bool) -> None:
    strange = [one for one in differences if not one.reason]
    if quiet and not strange:
        return
    print(f"\n{'UNKNOWN' if strange else 'wanted '}  {name}\n    $ {line}")
    for one in differences:
        print(f"    {one.line[:220]}" + ("" if one.reason else "      <-- unknown"))
    for reason in dict.fromkeys(one.reason for one in differences if one.reason):
        print(f"    why: {reason}")
