"""An installation with a probe among its commands, and its fork server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import engine_rig as rig

from spool.classad import ads
from spool.store.layout import Spool

ROOT = Path(__file__).resolve().parents[2]
SERVED, ALONE = "served", "alone"

PROBE = """
import json, os, resource, signal, subprocess, sys, time

def facts():
    shown = lambda stream: stream and [stream.encoding, stream.errors, stream.line_buffering, stream.closed]
    mask = os.umask(0)
    os.umask(mask)
    fds = {int(fd): os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")}
    return {
        "words": [os.fsencode(word).hex() for word in sys.argv[1:]],
        "environment": {key.hex(): value.hex() for key, value in os.environb.items()},
        "folder": os.readlink("/proc/self/cwd"), "mask": mask, "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "limits": [resource.getrlimit(number) for number in range(16)], "ids": [os.getresuid(), os.getresgid(), sorted(os.getgroups())],
        "streams": [shown(sys.stdin), shown(sys.stdout), shown(sys.stderr)], "time": time.tzname, "hour": time.localtime(0).tm_hour,
        "files": {fd: name for fd, name in fds.items() if fd > 2 and not name.startswith("socket:")},
        "signals": [str(signal.getsignal(number)) for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM, signal.SIGINT)],
    }

def main(argv):
    what = os.environ.get("PROBE", "")
    if what == "raise":
        print("before")
        raise ValueError("no such thing")
    if what == "sleep":
        with open(os.environ["SIGN"], "w") as sign:
            print(os.getpid(), file=sign)
        time.sleep(600)
    if what == "children":
        return subprocess.run(["sh", "-c", "exit 7"]).returncode
    if what == "exit":
        sys.exit(5)
    if what == "count":
        with open(os.environ["SIGN"], "a") as sign:
            print("ran", file=sign)
        return 0
    if what == "copy":
        sys.stdout.write(sys.stdin.read().upper())
        sys.stderr.write("caf\\udce9\\n")
        return 3
    with open(os.environ["SIGN"], "w") as sign:
        json.dump({**facts(), "way": sys.argv[0]}, sign)
    return 0
"""

SCRIPT = """#!{python} -IS
import sys
sys.path[:0] = [{probe!r}, {root!r}]
from {module} import main
from shims.cli.entry_point import run
run(main)
"""

SERVER = """
import sys
sys.path[:0] = [{probe!r}, {root!r}]
from shims.forkserver import server as forkserver
import condor_probe
sys.modules["shims.commands.condor.condor_probe"] = condor_probe
forkserver.COMMANDS += ("condor_probe",)
sys.exit(forkserver.main(sys.argv[1:]))
"""


class Site:
    """An installation with a probe among its commands, and its fork server."""

    def __init__(self, folder: Path, spool: Spool, launcher: bytes) -> None:
        self.prefix, self.spool, self.sign = folder / "prefix", spool, folder / "sign"
        (self.prefix / "bin").mkdir(parents=True)
        (self.prefix / "lib/commands").mkdir(parents=True)
        (self.prefix / "lib/installed").write_text("first")
        (folder / "condor_probe.py").write_text(PROBE)
        self.place = {"probe": str(folder), "root": str(ROOT)}
        for name, module in (
            ("condor_probe", "condor_probe"),
            ("condor_submit", "shims.commands.condor.condor_submit"),
        ):
            for path, content in (
                (self.prefix / "lib/commands" / name, SCRIPT.format(python=sys.executable, module=module, **self.place).encode()),
                (self.prefix / "bin" / name, launcher),
            ):  # fmt: skip
                path.write_bytes(content)
                path.chmod(0o755)
        self.log = (folder / "log").open("wb+")
        self.server: Optional[subprocess.Popen[bytes]] = None

    def start(self, **options: Any) -> None:
        """Start a server, and wait until it listens."""
        before = self._socket()
        self.server = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-I", "-c", SERVER.format(**self.place), self.spool.root, str(self.prefix)],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, start_new_session=True, cwd="/", **options,
        )  # fmt: skip
        rig.until(lambda: self._socket() not in (0, before), f"the server's socket; it says {self.said()}")

    def _socket(self) -> int:
        return os.stat(self.spool.commands_socket).st_ino if os.path.exists(self.spool.commands_socket) else 0

    def said(self) -> str:
        """What the server wrote."""
        self.log.seek(0)
        return self.log.read().decode()

    def state_with(self, name: str, value: str) -> dict[str, str]:
        """What the server says of its clients, when this is so."""
        path = Path(self.spool.commands_state)
        read = lambda: ads.load(path.read_text().split("\n")) if path.exists() else {}  # noqa: E731
        rig.until(lambda: name in read() and value == read()[name], f"{name} = {value}")
        return read()

    def environment(self, **more: str) -> dict[str, str]:
        """What a command is started with."""
        return {"PATH": "/usr/bin:/bin", "AWQ_WORKDIR": self.spool.root, "SIGN": str(self.sign), "HOME": "/", **more}

    def popen(
        self, name: str = "condor_probe", *words: str, env: Optional[Mapping[Any, Any]] = None, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command by its launcher."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [str(self.prefix / "bin" / name), *words], env=env or self.environment(), **{**streams, **options}
        )

    def run(self, probe: str, text: bytes = b"", **env: str) -> tuple[int, bytes, bytes]:
        """Status, stdout and stderr of the probe."""
        with self.popen(env=self.environment(PROBE=probe, **env), stdin=subprocess.PIPE) as command:
            out, err = command.communicate(text, 60)
        return command.returncode, out, err

    def facts(self, *words: str, **options: Any) -> dict[str, Any]:
        """What the probe found, with the way it was run in ``way``."""
        self.sign.unlink(missing_ok=True)
        with self.popen("condor_probe", *words, **options) as command:
            out, err = command.communicate(timeout=60)
        assert command.returncode == 0, (out, err)
        found: dict[str, Any] = json.loads(self.sign.read_text())
        found["way"] = SERVED if found["way"] == str(self.prefix / "bin/condor_probe") else ALONE
        return found

    def way(self, *words: str, **options: Any) -> str:
        """Who runs the probe."""
        return str(self.facts(*words, **options)["way"])

    def stop_server(self) -> None:
        """End the server as its master does."""
        if self.server is not None and self.server.stdin is not None:
            self.server.stdin.close()
            self.server.wait(30)
            self.server = None

    def stop(self) -> None:
        """End everything."""
        self.stop_server()
        self.log.close()


def alike(
    site: Site, *words: str, expected: str = SERVED, env: Optional[Mapping[Any, Any]] = None, **options: Any
) -> None:
    """The probe finds the same, served and by itself; ``expected`` is who ran it when nothing was in its way."""
    base = dict(env or site.environment())
    here = site.facts(*words, env={**base, **{_as(base, "AWQ_FORKSERVER"): _as(base, "0")}}, **options)
    there = site.facts(*words, env={**base, **{_as(base, "AWQ_FORKSERVER"): _as(base, "1")}}, **options)
    assert (here.pop("way"), there.pop("way")) == (ALONE, expected)
    for found in (here, there):
        found["environment"].pop(b"AWQ_FORKSERVER".hex())
        if not any(
            os.fsencode(name) == b"LC_CTYPE" for name in base
        ):  # Python sets it for programs that it starts (PEP 538)
            found["environment"].pop(b"LC_CTYPE".hex(), None)
    assert there == here, [(name, there.get(name), here.get(name)) for name in here if there.get(name) != here[name]]


def _as(base: Mapping[Any, Any], text: str) -> Any:
    return text.encode() if any(isinstance(name, bytes) for name in base) else text
