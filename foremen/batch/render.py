"""What starts workers through somebody else's scheduler: one text a kind, made from what the head node knows."""

from __future__ import annotations

import base64
import dataclasses
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import foremen
from foremen.batch import quoting
from foremen.errors import LaunchError
from foremen.node.plan import check_password
from spool.errors import AwqError
from spool.settings import Settings

_MARGIN = 120  # s before the end of a batch job at which its workers have left
_LEAST_WALLTIME = 300
_HERE = ("127.0.0.1", "localhost", "localhost.localdomain")


@dataclass(frozen=True)
class Kind:
    """A scheduler: what it is, how to hand in what is rendered, and how long (s) pilots get after its SIGTERM."""

    title: str
    start: str
    grace: int = 0


# The grace must fit into what each scheduler grants between its first signal and SIGKILL, with what ending takes (5 s):
# Slurm KillWait 30 s; Torque and OpenPBS kill_delay 10 s; LSF JOB_TERMINATE_INTERVAL 10 s; Grid Engine's notify 60 s;
# HTCondor's job_max_vacate_time, Kubernetes' terminationGracePeriodSeconds and systemd's TimeoutStopSec as rendered.
KINDS: dict[str, Kind] = {
    "systemd": Kind("systemd, a unit of the user", "systemctl --user enable --now NAME", 30),
    "slurm": Kind("Slurm", "sbatch FILE", 10),
    "pbs": Kind("Torque, OpenPBS, PBS Pro", "qsub FILE"),
    "lsf": Kind("LSF", "bsub < FILE"),
    "sge": Kind("Grid Engine (SGE, Son of, Univa)", "qsub FILE", 30),
    "htcondor": Kind("HTCondor", "condor_submit FILE", 20),
    "kubernetes": Kind("Kubernetes: a Job; a Deployment with --walltime 0", "kubectl apply -f FILE", 20),
    "oneshot": Kind("Mesos and its like: one pilot, then the end", "sh FILE"),
}


# Where the ordinary defaults do not fit.
_DEFAULTS: dict[str, dict[str, object]] = {
    "systemd": {"walltime": 0},
    "oneshot": {"cores": 1, "memory": 2000, "walltime": 0},
}


@dataclass(frozen=True)
class Wish:
    """One rendering. ``memory`` and ``disk`` (0: what is free) are MB of one job, ``walltime`` seconds (0: no end).

    ``worker``, ``password_file`` and ``cctools`` are paths as the nodes see them; ``python`` may be empty.
    """

    kind: str
    worker: str
    foremen: str
    num_foremen: int
    base_port: int
    password_file: str
    cctools: str
    idle_timeout: int
    cores: int = 8
    memory: int = 16000
    disk: int = 0
    walltime: int = 86400
    count: int = 1
    name: str = "alien-wq"
    python: str = ""
    queue: str = ""
    account: str = ""
    parallel_environment: str = "smp"
    namespace: str = "default"
    image: str = ""
    secret: str = ""
    extra: tuple[str, ...] = ()


def render(wish: Wish) -> str:
    """The text for ``wish.kind``. AwqError when the wish is not possible, with the reason."""
    _check(wish)
    kind = KINDS[wish.kind]
    facts = dataclasses.asdict(wish)
    words = [*([wish.python] if wish.python else []), wish.worker]
    in_shell = wish.kind not in ("systemd", "htcondor")
    facts["start"] = [shlex.quote(word) for word in words] if in_shell else words
    if wish.kind == "htcondor" and wish.python and _one_file(wish):
        facts["start"] = [wish.python, os.path.basename(wish.worker)]
    facts["one_file"] = _one_file(wish)
    facts["password_name"] = os.path.basename(wish.password_file)
    facts["grace"] = kind.grace
    facts["lifetime"] = wish.walltime - _MARGIN if wish.walltime else 0
    facts["minutes"] = -(-wish.walltime // 60)
    facts["memory_per_core"] = -(-wish.memory // wish.cores)
    return quoting.environment(_folder()).get_template(f"batch-{wish.kind}.j2").render(facts)


def wish_of(kind: str, settings: Settings, options: dict[str, object], host: Callable[[], str]) -> Wish:
    """The wish that settings and options (a field of ``Wish`` to its value; None: not given) make together.

    Foremen on 127.0.0.1 are on this host, whose name ``host`` tells.
    """
    given = {name: value for name, value in options.items() if value is not None}
    with_secret = bool(given.pop("with_secret", False))
    facts: dict[str, object] = {
        "foremen": host() if settings.foremen_host in _HERE else settings.foremen_host,
        "num_foremen": settings.num_foremen,
        "base_port": settings.baseport,
        "password_file": settings.password_file,
        "cctools": settings.cctools,
        "idle_timeout": settings.idle_timeout,
        **_DEFAULTS.get(kind, {}),
        **given,
    }
    if facts["foremen"] in _HERE and "foremen" not in given:
        raise LaunchError("where are the foremen? Nodes do not find this host by the name that it has: --foremen HOST")
    if "worker" not in facts:
        raise LaunchError(
            "which program starts workers on the nodes? --worker PATH (alien_work_queue worker-file makes one)"
        )
    if with_secret:
        facts["secret"] = _secret(settings)
    return Wish(kind=kind, **facts)  # type: ignore[arg-type]


def _check(wish: Wish) -> None:
    if wish.kind not in KINDS:
        raise LaunchError(f"no kind {wish.kind!r}; known are: {', '.join(KINDS)}")
    for name, value in dataclasses.asdict(wish).items():
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(text, str) and not (text.isprintable() and _encodable(text)):
                raise LaunchError(f"--{name.replace('_', '-')}: {text!r} holds what no file of a batch system can")
    for name in ("cores", "memory", "count"):
        if getattr(wish, name) < 1:
            raise LaunchError(f"--{name} needs 1 or more")
    if wish.kind in ("slurm", "pbs", "lsf", "sge") and wish.walltime < _LEAST_WALLTIME:
        raise LaunchError(f"--walltime needs {_LEAST_WALLTIME} s or more: workers leave {_MARGIN} s before the end")
    if wish.walltime and wish.walltime <= _MARGIN:
        raise LaunchError(f"--walltime needs more than {_MARGIN} s: workers leave so long before the end; 0: no end")
    for name in ("worker", "password_file", "cctools"):
        if not os.path.isabs(getattr(wish, name)):
            raise LaunchError(f"--{name.replace('_', '-')} needs a whole path, as the nodes see it")
    if wish.kind == "kubernetes" and not wish.image:
        raise LaunchError(
            "kubernetes needs --image: one with Python 3.9 or newer, work_queue_worker and the worker file"
        )


def _encodable(text: str) -> bool:
    return text.encode("utf-8", "replace") == text.encode("utf-8", "surrogateescape")


def _one_file(wish: Wish) -> bool:
    return wish.worker.endswith(".pyz")


def _secret(settings: Settings) -> str:
    try:
        return base64.b64encode(Path(check_password(settings)).read_bytes()).decode()
    except OSError as error:
        raise AwqError(f"cannot read {settings.password_file}: {error.strerror}") from None


def _folder() -> Path:
    return Path(foremen.__file__).resolve().parent / "templates"


def write(path: str, text: str, private: bool) -> None:
    """The rendered text as a file, executable when a shell is to run it. AwqError when it cannot be written."""
    mode = 0o600 if private else 0o755 if text.startswith("#!") else 0o644
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(aside, "x", encoding="utf-8", opener=lambda name, how: os.open(name, how, 0o600)) as file:
            file.write(text)
        aside.chmod(mode)
        aside.replace(target)
    except OSError as error:
        raise AwqError(f"cannot write {path}: {error.strerror}") from None


def start_line(kind: str, output: str, environ: Mapping[str, str]) -> str:
    """What starts a rendered file: the site's own command, never the one of the same name in this installation."""
    words = KINDS[kind].start.replace("FILE", shlex.quote(output))
    name, blank, rest = words.partition(" ")
    ours = f"{environ.get('ALIEN_WORKQUEUE', '')}/bin"
    places = [
        place
        for place in environ.get("PATH", "").split(":")
        if place and os.path.realpath(place) != os.path.realpath(ours)
    ]
    if shutil.which(name, path=f"{ours}:/dev/null") is None:
        return words
    found = shutil.which(name, path=":".join(places)) if places else None
    if found is None:
        return f"{words}  (the site's {name}: it is not on PATH here, and this installation's own would queue the workers as pilots)"
    return f"{found}{blank}{rest}"


def table() -> str:
    """The kinds, for ``render --list``."""
    rows = [("KIND", "FOR", "THEN"), *((name, kind.title, kind.start) for name, kind in KINDS.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
