"""Settings once: file, then environment, then options, merged here into one frozen object.

The file is ``$ALIEN_WORKQUEUE/etc/alien-workqueue.conf``: ``NAME=value`` lines, ``#`` comments. No other module reads
the environment for settings. A key that is not in ``TABLE`` is an error that lists the known ones (in the file; the
environment carries other people's variables too).
"""

from __future__ import annotations

import os

from spool.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# variable, attribute, kind, default, meaning. Kinds: path, text, count (>= 0), port, flag (0 or 1), seconds.
TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    ("AWQ_WORKDIR", "workdir", "path", "~/.alien_wq_spool", "spool folder of master and condor_* commands, mode 0700, on a local disk"),
    ("AWQ_PORT", "port", "port", "9094", "port on which the engine listens for foremen and workers"),
    ("AWQ_BIND", "bind", "text", "", "address on which engine and foremen listen; empty: this host's alone, or all (docs/security.md)"),
    ("AWQ_PROJECT_NAME", "project_name", "text", "alien_jobs", "name under which the catalog knows us"),
    ("AWQ_CATALOG_HOST", "catalog_host", "text", "", "catalog server to announce to; empty: announce nowhere"),
    ("AWQ_CATALOG_PORT", "catalog_port", "port", "9097", "its port"),
    ("AWQ_JOB_WRAPPER", "job_wrapper", "path", "", "script that starts every pilot: wrapper.sh ./agent.sh ..."),
    ("AWQ_KEEP_ENV", "keep_env", "text", "", "more variables that etc/alien_job_wrapper.sh keeps: names or patterns, with blanks"),
    ("AWQ_JOB_LIMIT", "job_limit", "count", "10000", "how many jobs may run at the same time; 0: no limit"),
    ("AWQ_MAX_QUEUED", "max_queued", "count", "1000000", "condor_submit refuses when so many jobs are in the queue"),
    ("AWQ_MAX_LOST", "max_lost", "count", "3", "how often a pilot whose worker vanished is run again before it is held"),
    ("AWQ_STALE", "stale", "seconds", "20", "counts older than this are not believed"),
    ("AWQ_HISTORY", "history", "count", "100000", "how many finished jobs condor_history remembers"),
    ("AWQ_STATISTICS", "statistics", "seconds", "60", "how often a line is written to AWQ_WORKDIR/statistics; 0: never"),
    ("AWQ_DEFAULT_MEMORY", "default_memory", "count", "128", "MB for a job that asks for none"),
    ("AWQ_POLICY_INTERVAL", "policy_interval", "seconds", "60", "how often periodic expressions and leave_in_queue are evaluated"),
    ("AWQ_POLICY_SHARE", "policy_share", "count", "50", "percent of the running jobs that those may end at once, if more than 20"),
    ("AWQ_EXPRESSION_SIZE", "expression_size", "count", "262144", "characters that a ClassAd expression may have"),
    ("AWQ_EXPRESSION_TERMS", "expression_terms", "count", "2000", "operators that it may have; 50 to 10000"),
    ("AWQ_EXPRESSION_DEPTH", "expression_depth", "count", "100", "brackets that may be nested in it; at least 50"),
    ("AWQ_EVALUATION_SECONDS", "evaluation_seconds", "seconds", "2", "CPU time that one evaluation may take, else the job is held"),
    ("AWQ_EVALUATION_MEMORY", "evaluation_memory", "count", "256", "MB that it may take"),
    ("AWQ_SHARED_FILESYSTEM", "shared_filesystem", "flag", "0", "1: the nodes see the users' folders, and IF_NEEDED jobs run there"),
    ("AWQ_FORKSERVER", "forkserver", "flag", "1", "0: condor_* commands never run in the master's fork server, each starts a Python"),
    ("AWQ_COMMANDS", "commands", "count", "100", "condor_* commands that the fork server runs at a time; more start by themselves"),
    ("WQ_MASTER", "master", "text", "127.0.0.1:9094", "host:port of the master, for foremen"),
    ("WQ_FOREMEN", "foremen_host", "text", "127.0.0.1", "host of the foremen, for workers; several separated by blanks or commas"),
    ("WQ_NUM_FOREMEN", "num_foremen", "count", "2", "how many foremen"),
    ("WQ_NUM_WORKERS", "num_workers", "count", "0", "how many workers on this node; 0: one for every core"),
    ("WQ_MASTER_BASEPORT", "baseport", "port", "9080", "first port of the foremen; foreman i listens on base + i"),
    ("WQ_WORKDIR", "wq_workdir", "path", "~/.alien_wq_tmp", "working folder of foremen and workers"),
    ("WQ_DRAIN", "drain", "path", "~/.alien_wq_drain", "while it exists, foremen and workers finish what runs and leave"),
    ("WQ_SINGLETASK", "singletask", "flag", "0", "1: a worker leaves after its first task"),
    ("WQ_IDLETIMEOUT", "idle_timeout", "seconds", "100", "seconds a worker waits for a task before it goes to the next foreman, or leaves"),
    ("WQ_NORESPAWN", "norespawn", "flag", "0", "1: do not start a worker again after it has left"),
    ("WQ_WALLTIME", "walltime", "seconds", "0", "seconds after which this node's workers must have left; pilots see it; 0: no end"),
    ("AWQ_BLACKHOLE_PILOTS", "blackhole_pilots", "count", "30", "so many pilots in a row that fail at once put a node into quarantine"),
    ("AWQ_BLACKHOLE_SECONDS", "blackhole_seconds", "seconds", "30", "a pilot that fails within so many seconds has failed at once"),
    ("WQ_PRELOAD", "preload", "flag", "1", "0: workers have no library of ours preloaded, a shell starts pilots (doctor: shortcut)"),
    ("WQ_DEBUG", "debug", "flag", "0", "1: show what the workers say"),
    ("WQ_CORES", "worker_cores", "count", "1", "cores of one worker"),
    ("WQ_MEMORY", "worker_memory", "count", "0", "MB of memory of one worker; 0: its cores' share of the node"),
    ("WQ_DISK", "worker_disk", "count", "0", "MB of disk of one worker; 0: its cores' share of what is free"),
    ("WQ_PASSWORD_FILE", "password_file", "path", "", "Work Queue password file; empty: AWQ_WORKDIR/password"),
    ("CCTOOLS", "cctools", "path", "/usr", "where CCTools is installed"),
)  # fmt: skip

_TRUE = {"1", "yes", "true", "on"}
_FALSE = {"0", "no", "false", "off", ""}
_DIGITS = 15
_HIGHEST_PORT = 65535


class Settings:
    """Every setting, typed and frozen. Paths are absolute; seconds and counts are whole numbers."""

    __slots__ = tuple(row[1] for row in TABLE)

    workdir: str
    port: int
    bind: str
    project_name: str
    catalog_host: str
    catalog_port: int
    job_wrapper: str
    keep_env: str
    job_limit: int
    max_queued: int
    max_lost: int
    stale: int
    history: int
    statistics: int
    default_memory: int
    policy_interval: int
    policy_share: int
    expression_size: int
    expression_terms: int
    expression_depth: int
    evaluation_seconds: int
    evaluation_memory: int
    shared_filesystem: bool
    forkserver: bool
    commands: int
    master: str
    foremen_host: str
    num_foremen: int
    num_workers: int
    baseport: int
    wq_workdir: str
    drain: str
    singletask: bool
    idle_timeout: int
    norespawn: bool
    walltime: int
    blackhole_pilots: int
    blackhole_seconds: int
    preload: bool
    debug: bool
    worker_cores: int
    worker_memory: int
    worker_disk: int
    password_file: str
    cctools: str

    def __init__(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings are frozen: {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"settings are frozen: {name}")


def load(environ: Mapping[str, str], options: Mapping[str, object] | None = None) -> Settings:
    """Merge file, environment and ``options`` (attribute name to value; None means not given)."""
    found = {row[0]: (row[3], "default") for row in TABLE}
    prefix = environ.get("ALIEN_WORKQUEUE")
    if prefix:
        found.update(_read_file(prefix + "/etc/alien-workqueue.conf"))
    for name in found:
        if environ.get(name):
            found[name] = environ[name], "the environment"
    given = {name: value for name, value in (options or {}).items() if value is not None}
    values: dict[str, object] = {}
    for variable, attribute, kind, _default, _meaning in TABLE:
        if attribute in given:
            place = f"{variable} (the option)"
            values[attribute] = _convert(kind, str(given.pop(attribute)), place, environ)
        else:
            text, place = found[variable]
            values[attribute] = _convert(kind, text, f"{variable} ({place})", environ)
    for name in given:
        raise SettingsError(f"no such setting: {name}; known are: {', '.join(values)}")
    if not values["password_file"]:
        values["password_file"] = f"{values['workdir']}/password"
    return Settings(values)


def _read_file(path: str) -> dict[str, tuple[str, str]]:
    """What the file sets: variable to value and place; nothing when there is no file."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}") from None
    known = {row[0] for row in TABLE}
    found: dict[str, tuple[str, str]] = {}
    for at, raw in enumerate(lines, 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or "\0" in line:
            raise SettingsError(f"{path}:{at}: needs NAME=value, has {line!r}")
        if name not in known:
            raise SettingsError(f"{path}:{at}: unknown setting {name}{_suggestion(name)}")
        found[name] = _value(value.strip(), f"{path}:{at}"), f"{path}:{at}"
    return found


def _suggestion(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, [row[0] for row in TABLE], 1, 0.8)
    return f": did you mean {close[0]}?" if close else " (docs/settings.md has all, alien_work_queue --help too)"


def unknown(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like a misspelt setting: of our names, and close to one of them."""
    ours = [name for name in environ if name.startswith(("AWQ_", "WQ_")) and name not in {row[0] for row in TABLE}]
    found = [(name, _suggestion(name)) for name in sorted(ours)]
    return [f"{name} is no setting{suggestion}" for name, suggestion in found if "did you mean" in suggestion]


def _value(text: str, place: str) -> str:
    """A value as the shell reads one word: quotes around it go, and so does a comment behind it."""
    quote = text[:1]
    if quote and quote in "\"'":
        end = text.find(quote, 1)
        rest = text[end + 1 :].strip()
        if end < 0 or (rest and not rest.startswith("#")):
            raise SettingsError(f"{place}: the quotes do not match: {text}")
        return text[1:end]
    if quote == "#":
        return ""
    return text.partition(" #")[0].rstrip()


def _convert(kind: str, text: str, place: str, environ: Mapping[str, str]) -> object:
    if kind == "path":
        return _absolute(text, place, environ) if text else ""
    if kind == "flag":
        folded = text.strip().lower()
        if folded in _TRUE:
            return True
        if folded in _FALSE:
            return False
        raise SettingsError(f"{place}: needs 0 or 1, has {text!r}")
    if kind in ("count", "seconds", "port"):
        digits = text.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS):
            raise SettingsError(f"{place}: needs a whole number of 0 or more, has {text!r}")
        if kind == "port" and int(digits) > _HIGHEST_PORT:
            raise SettingsError(f"{place}: needs a port (0 to {_HIGHEST_PORT}), has {text!r}")
        return int(digits)
    return text


def _absolute(text: str, place: str, environ: Mapping[str, str]) -> str:
    if text == "~" or text.startswith("~/"):
        text = _home(place, environ) + text[1:]
    elif text.startswith("~"):
        raise SettingsError(f"{place}: ~ stands for your own home only, write the whole path: {text!r}")
    return os.path.abspath(text)


def _home(place: str, environ: Mapping[str, str]) -> str:
    home = environ.get("HOME")
    if home:
        return home
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        raise SettingsError(f"{place}: ~ is not known: HOME is not set, and user {os.getuid()} has no entry") from None
