"""``condor_config_val``: the configuration that clients ask for, as far as it has a meaning here.

``_CONDOR_NAME`` in the environment overrides a value, as with HTCondor.
"""

from __future__ import annotations

import os

from shims.cli import identity, stdio
from shims.cli.options import MissingValue, Option, UnknownOption, parse
from shims.cli.stdio import Answer
from spool.settings import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shims.cli.options import Parsed

_LOCATIONS = ("master", "schedd", "startd", "collector", "negotiator", "name", "address")
_TABLE = (
    Option("help", 1),
    Option("version", 3),
    *[Option(name, 3) for name in ("master", "schedd", "startd", "collector", "negotiator")],
    Option("name", 1, values=1),
    Option("pool", 1, values=1),
    Option("address", 1, values=1),
    Option("verbose", 1),
    Option("dump", 1),
    Option("debug", 3, modifiers=True),
    Option("default", 3),
    Option("expanded", 1),
    Option("raw", 3),
    Option("evaluate", 2),
    Option("config", 2),
    Option("macro", 3, modifiers=True),
    Option("mixedcase", 2),
    Option("local-name", 2, values=1),
    Option("subsystem", 3, values=1),
    Option("root-config", 2, values=1),
    Option("used", 4),
    Option("unused", 6),
    Option("summary", 3, modifiers=True),
    Option("writeconfig", 2, values=1, modifiers=True),
    *[Option(name, 3, values=1) for name in ("set", "rset", "unset", "runset")],
)  # fmt: skip
_NOT_OFFERED = ("set", "rset", "unset", "runset", "writeconfig")


def main(argv: list[str]) -> int:
    """Run the command; its exit status."""
    return stdio.run(_condor_config_val, "condor_config_val", argv)


def _condor_config_val(argv: Sequence[str]) -> int:
    parsed = _parse(argv)
    known = values(os.environ)
    names = parsed.operands
    out: list[str] = []
    if parsed.has("config"):
        stdio.write(2, "Configuration source:\n")
        out.append(f"\t{_settings_file(os.environ)}\n")
    if parsed.has("dump") or parsed.has("summary"):
        return stdio.show("".join(out) + _dump(known, names))
    if not names and not parsed.has("config"):
        raise _usage("")
    if parsed.has("macro"):
        return stdio.show("".join([f"{name}\n" for name in names]))
    failed = False
    remote = any(parsed.has(name) for name in _LOCATIONS)
    for name in names:
        value = known.get(name.upper())
        if value is not None:
            out.append(_shown(name.upper(), value, parsed.has("verbose")))
        elif remote:
            out.append("Not defined\n")  # a daemon's answer: on stdout, and no failure
        else:
            failed = True
            out.append("\n" if parsed.has("verbose") else "")
            stdio.write(2, f"Not defined: {name.upper()}\n")
    status = stdio.show("".join(out))
    return 1 if failed else status


def values(environ: Mapping[str, str]) -> dict[str, str]:
    """Every value, by upper-case name."""
    settings = load(environ)
    host = identity.host_name()
    prefix = environ.get("ALIEN_WORKQUEUE", "")
    known = {
        **dict.fromkeys(
            ("CONDOR_HOST", "FILESYSTEM_DOMAIN", "FULL_HOSTNAME", "HOSTNAME", "SCHEDD_HOST", "UID_DOMAIN"), host
        ),
        "ARCH": os.uname().machine.upper(),
        "COLLECTOR_HOST": f"{host}:{settings.port}",
        "CONDOR_VERSION": stdio.VERSION,
        "DAGMAN_COPY_TO_SPOOL": "false",
        "ENABLE_HISTORY_ROTATION": "true",
        "HISTORY": f"{settings.workdir}/history",
        "LOG": settings.workdir,
        "MAX_HISTORY_LOG": "20971520",
        "MAX_HISTORY_ROTATIONS": "2",
        "MAX_JOBS_RUNNING": str(settings.job_limit),
        "MAX_JOBS_SUBMITTED": str(settings.max_queued),
        "OPSYS": "LINUX",
        "SPOOL": settings.workdir,
    }
    if prefix:
        known.update(BIN=f"{prefix}/bin", ETC=f"{prefix}/etc", RELEASE_DIR=prefix, SBIN=f"{prefix}/bin")
    for name, value in environ.items():
        if name[:8].lower() == "_condor_":
            known[name[8:].upper()] = value
    return known


def _parse(argv: Sequence[str]) -> Parsed:
    try:
        parsed = parse(argv, _TABLE)
    except UnknownOption as error:
        raise _usage(f"{error.word} is not a valid argument\n") from None
    except MissingValue as error:
        raise Answer(1, err=f"-{error.name} requires an argument\n") from None
    if parsed.has("help"):
        raise _usage("")
    if parsed.has("version"):
        raise Answer(0, out=f"{stdio.VERSION_LINE}\n{stdio.PLATFORM_LINE}\n")
    for name in _NOT_OFFERED:
        if parsed.has(name):
            file = _settings_file(os.environ)
            raise Answer(1, err=f"condor_config_val: -{name} is not offered here; the settings are in {file}\n")
    return parsed


def _shown(name: str, value: str, verbose: bool) -> str:
    if not verbose:
        return f"{value}\n"
    return f"{name} = {value}\n # at: <Default>\n # raw: {name} = {value}\n\n"


def _dump(known: Mapping[str, str], patterns: Sequence[str]) -> str:
    """All values, or those whose names match one of the patterns."""
    lines = [f"# Configuration from machine: {identity.host_name()}\n"]
    for pattern in patterns or [""]:
        if pattern:
            lines.append(f"\n# Parameters with names that match {pattern}:\n")
        lines += [f"{name} = {known[name]}\n" for name in sorted(known) if _matches(pattern, name)]
    lines.append(f"# Contributing configuration file(s):\n#\t{_settings_file(os.environ)}\n")
    return "".join(lines)


def _matches(pattern: str, name: str) -> bool:
    import re

    try:
        return re.search(pattern, name, re.IGNORECASE) is not None
    except re.error as error:
        raise Answer(1, err=f"condor_config_val: {pattern!r} is no regular expression: {error}\n") from None


def _settings_file(environ: Mapping[str, str]) -> str:
    prefix = environ.get("ALIEN_WORKQUEUE")
    return f"{prefix}/etc/alien-workqueue.conf" if prefix else "the environment"


def _usage(before: str) -> Answer:
    from shims.cli.help.others import CONDOR_CONFIG_VAL

    return Answer(1, err=before + CONDOR_CONFIG_VAL)
