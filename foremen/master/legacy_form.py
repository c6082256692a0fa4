"""The older project's task files: a submit description with one job, named ``job*``, dropped into ``queue/``.

It knew three keys (executable, output, environment as ``A=b;C=d``); error, log, arguments and input are read too, in
HTCondor's old and new syntax. ``$(Cluster)`` and ``$(Process)`` are filled in, as AliEn needs it for its CONDOR_ID.
"""

from __future__ import annotations

import os
import re
import socket
import time

from spool.classad import ads
from spool.classad import arguments as syntax
from spool.classad.arguments import ArgumentsError
from spool.errors import DamagedTaskFile

_KEYS = {"executable", "cmd", "output", "error", "log", "environment", "arguments", "input"}
_CLUSTER = re.compile(r"\$\(cluster(?:id)?\)", re.IGNORECASE)
_PROCESS = re.compile(r"\$\(proc(?:ess|id)\)", re.IGNORECASE)


def read(path: str, cluster: int, owner: str) -> tuple[dict[str, str], str]:
    """The job's ad and the path of its executable. DamagedTaskFile names line and reason."""
    values: dict[str, str] = {}
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for at, line in enumerate(file, 1):
            key, equals, value = line.strip().partition("=")
            if equals and key.strip().lower() in _KEYS:
                if "\0" in value:
                    raise DamagedTaskFile(f"{path}:{at}: a NUL byte")
                values[key.strip().lower()] = _PROCESS.sub("0", _CLUSTER.sub(str(cluster), value.strip()))
    executable = values.get("executable", values.get("cmd", ""))
    if not executable:
        raise DamagedTaskFile(f"{path}: no executable")
    if not executable.startswith("/"):
        raise DamagedTaskFile(f"{path}: the executable needs an absolute path, has {executable!r}")
    try:
        return _ad(values, executable, cluster, owner), executable
    except ArgumentsError as error:
        raise DamagedTaskFile(f"{path}: {error}") from None


def _ad(values: dict[str, str], executable: str, cluster: int, owner: str) -> dict[str, str]:
    host, now = socket.gethostname(), int(time.time())
    folder = os.path.dirname(executable)
    ad = {
        "MyType": '"Job"',
        "ClusterId": str(cluster),
        "ProcId": "0",
        "Owner": ads.quote(owner),
        "User": ads.quote(f"{owner}@{host}"),
        "GlobalJobId": ads.quote(f"{host}#{cluster}.0#{now}"),
        "QDate": str(now),
        "EnteredCurrentStatus": str(now),
        "JobStatus": "1",
        "JobUniverse": "5",
        "JobPrio": "0",
        "Cmd": ads.quote(executable),
        "Arguments": ads.quote(syntax.join_v2(syntax.parse_arguments(values.get("arguments", ""))[0])),
        "Environment": ads.quote(syntax.join_environment_v2(_environment(values.get("environment", "")))),
        "Iwd": ads.quote(folder),
        "In": ads.quote(values.get("input", "/dev/null")),
        "Out": ads.quote(values.get("output", "/dev/null")),
        "Err": ads.quote(values.get("error", values.get("output", "/dev/null"))),
        "RequestCpus": "1",
        "NumJobStarts": "0",
        "ExitStatus": "0",
    }
    if "log" in values:
        ad["UserLog"] = ads.quote(os.path.join(folder, values["log"]))
    return ad


def _environment(text: str) -> dict[str, str]:
    """Of the old syntax the members that have a ``=``: one without hung the older master."""
    if syntax.is_v2_quoted(text):
        return syntax.parse_environment(text)[0]
    return syntax.environment([member for member in syntax.members_v1(text) if member.find("=") > 0])
