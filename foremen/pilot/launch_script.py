"""The launch script that starts a pilot on a worker, and the report that it makes.

POSIX sh, run by the worker as ``sh -c``. It forks nothing but the pilot: at 500 pilots a second every ``cat`` or
``chmod`` would count. Nothing of the job's ad or environment is in its text, because a command line can be read by
every user of the execute node: both travel as environment variables. The contract with the worker's supervisor
(``closed``, ``leave``, ``over``, ``bounce.PID``) is in docs/protocols.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from foremen.native import starter
from foremen.pilot import transfer_script
from foremen.pilot.transfer_script import Extras

EXECUTABLE = "agent.sh"
WRAPPER = "awq_job_wrapper.sh"
STDIN = "_condor_stdin"
STDOUT = "_condor_stdout"
STDERR = "_condor_stderr"

_LONGEST_NAME = 253  # of a host
_MOST_MEMORY = 10**11  # KiB: more has no node
_LONGEST_SAID = 500  # of what a tool said on its stderr
_TIME = re.compile(r"([0-9]{1,9})m([0-9]{1,9}(?:[.,][0-9]{1,9})?)s\Z")

TEXT = "AWQ_LAUNCH"
"""The variable that the launch script travels in."""
# work_queue_worker makes the shell leader of a process group of its own, and kills that group: but only the parent says so, and
# when the shell was executed before it did, it is too late (EACCES; work_queue_process.c of 8.0.0). Then the kill would miss, the
# worker wait for the pilot's own end, and a removed pilot run on. On a busy node that is every third start.
_START = r"""if ! kill -s 0 -- "-$$" 2> /dev/null && command -v setsid > /dev/null; then exec setsid sh -c 'eval "$AWQ_LAUNCH"'; fi
eval "$AWQ_LAUNCH"
"""
# Its own variables begin with awq_: one that the job's environment has too would reach the pilot changed. ``true >`` and
# not ``: >``: when a redirection of a special builtin fails, dash ends.
# The worker's sockets are inherited: a pilot must not have them, and one that outlives a killed worker would keep the
# connection open, so that Work Queue would not notice for minutes.
# JOBFEATURES (HSF-TN-2016-02) is the temporary folder that the worker makes for every task within its sandbox
# (work_queue_process.c, cctools-temp-t.N): a folder of our own would cost a fork. The time comes from /proc/uptime for the
# same reason. What a number must be is checked: an arithmetic error would end the shell.
_PRELUDE = r"""exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
umask 077
awq_state=${AWQ_WORKER_STATE:-}
awq_over=${awq_state:+$awq_state/over}
awq_ends=${awq_state:+$awq_state/ends}
if [ -n "$awq_state" ]; then
  if [ "${AWQ_SINGLETASK:-0}" = 1 ] && (set -C; true > "$awq_state/closed") 2> /dev/null; then awq_state=; fi
  if [ -n "$awq_state" ] && [ -e "$awq_state/closed" ]; then
    awq_n=0
    true > "$awq_state/bounce.$$"
    while [ -e "$awq_state/closed" ] && ! [ -e "$awq_state/leave" ] && [ "$awq_n" -lt 120 ]; do
      sleep 1
      awq_n=$((awq_n + 1))
    done
    rm -f "$awq_state/bounce.$$"
    if [ -e "$awq_state/closed" ]; then printf 'awq=1\nbounced=1\n'; exit 0; fi
  fi
fi
awq_job=${AWQ_JOB_ID:-}
awq_host=
read -r awq_host < /proc/sys/kernel/hostname || awq_host=unknown
if ! { printf '%s' "$AWQ_JOB_AD" > .job.ad &&
  printf 'MyType = "Machine"\nMachine = "%s"\nName = "slot1@%s"\nCpus = %s\nMemory = %s\nDisk = %s\n' \
    "$awq_host" "$awq_host" "$AWQ_CPUS" "$AWQ_MEMORY" "$AWQ_DISK" > .machine.ad; }; then
  printf 'awq=1\nhost=%s\nfailed=1\n' "$awq_host"
  if [ -n "$awq_ends" ]; then printf '1 0 %s\n' "${AWQ_JOB_ID:-}" >> "$awq_ends"; fi
  exit 0
fi
awq_at=
case ${AWQ_BOOTED:-} in
  '' | 0* | *[!0-9]*) ;;
  *) if read -r awq_up awq_n < /proc/uptime; then awq_at=$((AWQ_BOOTED + ${awq_up%%.*})); fi ;;
esac
awq_end=
if [ -e "${MACHINEFEATURES:-}/shutdowntime" ]; then read -r awq_end < "$MACHINEFEATURES/shutdowntime"; fi
case $awq_end in 0* | *[!0-9]*) awq_end= ;; esac
case ${MACHINEFEATURES:+${TMPDIR:-}} in */cctools-temp-t.*)
  if [ -d "$TMPDIR" ]; then
    export JOBFEATURES="$TMPDIR"
    printf '%s\n' "$AWQ_CPUS" > "$JOBFEATURES/allocated_cpu"
    printf '%s\n' "${AWQ_JOB_ID:-}" > "$JOBFEATURES/job_id"
    if [ -n "$awq_at" ]; then printf '%s\n' "$awq_at" > "$JOBFEATURES/jobstart_secs"; fi
    if [ -n "$awq_at" ] && [ -n "$awq_end" ] && [ "$awq_end" -gt "$awq_at" ]; then
      printf '%s\n' "$((awq_end - awq_at))" > "$JOBFEATURES/wall_limit_secs"
      printf '%s\n' "$(((awq_end - awq_at) * AWQ_CPUS))" > "$JOBFEATURES/cpu_limit_secs"
    fi
  fi ;;
esac
export _CONDOR_SCRATCH_DIR="$PWD" _CONDOR_JOB_IWD="$PWD" _CONDOR_SLOT=slot1
export _CONDOR_JOB_AD="$PWD/.job.ad" _CONDOR_MACHINE_AD="$PWD/.machine.ad"
export TMPDIR="$PWD" TMP="$PWD" TEMP="$PWD" BATCH_SYSTEM="${BATCH_SYSTEM-HTCondor}"
for awq_f in ${AWQ_THREADS:-}; do eval "export $awq_f=\"\${$awq_f-\$AWQ_CPUS}\""; done
unset AWQ_LAUNCH AWQ_STARTER2 AWQ_WORKER_STATE AWQ_SINGLETASK AWQ_JOB_AD AWQ_JOB_ID AWQ_CPUS AWQ_MEMORY AWQ_DISK AWQ_BOOTED AWQ_THREADS
umask 022
"""
# The shell writes a line on its own stderr, which is in the report too, when a child was killed by a signal: this is how an
# exit status of 137 and a SIGKILL are told apart (bash and dash are silent for SIGINT and SIGPIPE: those count as exit
# statuses). It writes one too when it could not open the pilot's streams: then nothing was started, as when the disk of the
# node has no room for the ads. bash quotes the source of the command in that line: "$@" keeps it short.
# ``over``: the deadline of a drain is past, the supervisor has ended the pilot: its job runs again elsewhere, and no start is
# counted as lost. ``ends`` tells the supervisor how pilots end here (foremen/node/black_hole.py).
_EPILOGUE = r"""
awq_rc=$?
printf 'awq=1\nhost=%s\n' "$awq_host"
if [ -n "$awq_over" ] && [ -e "$awq_over" ]; then printf 'bounced=1\n'
else printf 'exit=%s\n' "$awq_rc"
fi
printf 'times='
times
if [ -n "$awq_ends" ] && [ -n "$awq_at" ] && ! [ -e "$awq_over" ] && read -r awq_now awq_n < /proc/uptime; then
  printf '%s %s %s\n' "$awq_rc" "$((${awq_now%%.*} - ${awq_up%%.*}))" "$awq_job" >> "$awq_ends"
fi
"""
_STARTED = r"""printf 'started=1\n'
"""
RESERVED = frozenset(
    [
        "AWQ_BOOTED", "AWQ_CPUS", "AWQ_DISK", "AWQ_IWD", "AWQ_JOB_AD", "AWQ_JOB_ENV", "AWQ_JOB_ID", "AWQ_KEEP_ENV", "AWQ_LAUNCH",
        "AWQ_MEMORY", "AWQ_NEW", "AWQ_PIECES", "AWQ_SINGLETASK", "AWQ_STARTER2", "AWQ_THREADS", "AWQ_URLS", "AWQ_WORKER_STATE",
    ]
)  # fmt: skip
"""Variables by which master, worker and launch script talk to each other: those of a job with such a name are not passed on."""
# A pilot that the script starts is measured by the starter, where there is one.
_MEASURE = r"""awq_starter=${AWQ_STARTER2:-}
if ! [ -x "$awq_starter" ]; then awq_starter=; fi
"""
_MEASURED = r"""if [ -n "$awq_starter" ] && { read -r awq_n < .awq_rss; } 2> /dev/null; then printf 'rss=%s\n' "$awq_n"; fi
if [ -n "$awq_starter" ] && { read -r awq_n < .awq_unstarted; } 2> /dev/null; then printf 'unstarted=%s\n' "$awq_n"; fi
if [ -n "$awq_starter" ] && { read -r awq_n < .awq_signal; } 2> /dev/null; then printf 'signal=%s\n' "$awq_n"; fi
"""


class Redirections(NamedTuple):
    """What the pilot's streams are in its sandbox; empty: /dev/null. ``stderr`` may be the same as ``stdout``."""

    stdin: str
    stdout: str
    stderr: str


class Report(NamedTuple):
    """What the launch script or the starter said: exit status or signal, the node, seconds of CPU, KiB of memory (0: unknown).

    ``bounced``: nothing was started, or it was ended at the deadline of a drain: the job is to run again. Nothing was started
    either when the node does not have the job's folder (``no_folder``), or a URL could not be fetched (``fetch``: what was
    said). ``plain``: the starter's, of a pilot that brings nothing but its streams back. ``missing``: place of the first wanted
    output that is not there; ``linked``: of one that is, or holds, a link to a folder; ``unpacked``: why the outputs were not packed.
    ``unstarted``: the errno with which the program itself cannot be started, because of its ``interpreter`` when that is told.
    """

    host: str = ""
    exit_code: int | None = None
    signal: int | None = None
    user: float = 0.0
    system: float = 0.0
    rss: int = 0
    bounced: bool = False
    no_folder: bool = False
    fetch: str = ""
    plain: bool = False
    missing: int | None = None
    linked: int | None = None
    unpacked: str = ""
    unstarted: int | None = None
    interpreter: str = ""

    @property
    def complete(self) -> bool:
        """Whether the pilot was started and its end was seen."""
        return self.unstarted is None and (self.exit_code is not None or self.signal is not None)


def assignments(facts: Mapping[str, str]) -> str:
    """What the launch script begins with: what it is to know, as variables of its own.

    Not as variables of the task: each of those is a message of Work Queue, from everybody on the way to the next.
    """
    return "".join([f"{name}={shlex.quote(value)}\n" for name, value in facts.items()])


def command(
    arguments: Sequence[str],
    streams: Redirections,
    wrapped: bool,
    executable: str = f"./{EXECUTABLE}",
    extras: Extras = transfer_script.PLAIN,
) -> str:
    """The launch script of one pilot. ``executable`` is what is started: the copy in the sandbox (``./NAME``), or a path on the node."""
    copy = executable[2:] if executable.startswith("./") else ""
    words = [_program(f"./{WRAPPER}", extras)] if wrapped else []
    words.append('"$awq_program"' if extras.itself else _program(executable, extras))
    words += [shlex.quote(word) for word in arguments]
    named, error = {"awq_in": streams.stdin, "awq_out": streams.stdout}, "2>&1"
    if streams.stderr != streams.stdout:
        named["awq_err"], error = streams.stderr, '2> "${awq_err:-/dev/null}"'
    begin, pilot = assignments(named), f"set -- {' '.join(words)}\n"
    opened = f'< "${{awq_in:-/dev/null}}" > "${{awq_out:-/dev/null}}" {error}'
    if extras == transfer_script.PLAIN:  # what the starter reads stands at the beginning
        return f'{begin}{pilot}{_PRELUDE}{_STARTED}( exec "$@" {opened} ){_EPILOGUE}'
    before, after = transfer_script.before(extras, copy), transfer_script.after(extras, copy)
    enter = 'cd "$awq_iwd" && ' if extras.in_place else ""
    run = f'{_STARTED}( {enter}exec ${{awq_starter:+"$awq_starter" --run}} "$@" {opened} )'
    return f"{begin}{_MEASURE}{_PRELUDE}{before}{pilot}{run}{_EPILOGUE}{_MEASURED}{after}"


def start(extras: Extras = transfer_script.PLAIN, before: str = "") -> str:
    """A task's command: run the launch script as the leader of a process group, so that the worker can kill what it starts.

    ``before``: what is to be done first where there is no starter (``Pieces.script``).
    """
    return (starter.FIRST_LINE if extras == transfer_script.PLAIN else "") + before + _START


def _program(path: str, extras: Extras) -> str:
    """The word for a program: one that lies in the sandbox is not where a job starts that runs in its own folder."""
    if extras.in_place and path.startswith("./"):
        return f'"$_CONDOR_SCRATCH_DIR"/{shlex.quote(path[2:])}'
    return shlex.quote(path)


@lru_cache(maxsize=256)  # both the guard and the queue want it
def parse_report(text: str) -> Report:
    """Read a report; what is missing in it is missing in the result (a killed launch script reports nothing).

    It comes from a node that we do not know: any text gives a Report, with numbers that are ones.
    """
    before, mark, after = f"\n{text}".rpartition("\nawq=1\n")
    if not mark:
        return Report()
    values: dict[str, str] = {}
    lines = after.split("\n")
    for at, line in enumerate(lines):
        name, equals, value = line.partition("=")
        if equals and name.isidentifier():
            values.setdefault(name, value)
            if name == "times" and at + 1 < len(lines):
                values.setdefault("children", lines[at + 1])
    code, signal = _code(values.get("exit"), 0, 255), _code(values.get("signal"), 1, 127)
    by_script, said = before.partition("\nstarted=1")[1:]
    if code is not None and said.strip():  # the shell had to say something
        signal = code - 128 if code > 128 else None
        code = None
    if signal is not None:
        code = None
    user, _, system = values.get("children", "").partition(" ")
    host = values.get("host", "")
    return Report(
        host=host if host.isprintable() and len(host) <= _LONGEST_NAME else "",
        exit_code=code,
        signal=signal,
        user=_seconds(user),
        system=_seconds(system),
        rss=_code(values.get("rss"), 1, _MOST_MEMORY) or 0,
        bounced=values.get("bounced") == "1",
        no_folder="folder" in values,
        fetch=_said(values.get("fetch", "")),
        plain=not by_script and (code is not None or signal is not None),
        missing=_code(values.get("missing"), 0, 999),
        linked=_code(values.get("linked"), 0, 999),
        unpacked=_said(values.get("unpacked", "")),
        unstarted=_code(values.get("unstarted"), 1, 999),
        interpreter=_said(values.get("interpreter", "")),
    )


def _said(text: str) -> str:
    return "".join([char if char.isprintable() else " " for char in text[:_LONGEST_SAID]])


def _code(text: str | None, least: int, most: int) -> int | None:
    if not text or len(text) > len(str(most)) or not text.isascii() or not text.isdigit():
        return None
    return int(text) if least <= int(text) <= most else None


def _seconds(text: str) -> float:
    """``1m2.5s``, as the shell's ``times`` writes it; 0 for anything else."""
    found = _TIME.match(text)
    return int(found[1]) * 60 + float(found[2].replace(",", ".")) if found else 0.0
