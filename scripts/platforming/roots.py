"""Roots of other Debian releases: made once by debootstrap, and entered without leaving anything in them.

A root is cached. Who works in it works in a ``Session``: an overlay above the root, with its own mounts, devices and
process ids. When the session ends, its processes and files are gone; the network is the machine's own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BASE_PACKAGES = "git,ca-certificates,python3,procps,iproute2"
_SCRIPTS = Path("/usr/share/debootstrap/scripts")
_NOT_PASSED = ("AWQ_", "WQ_", "PIP_FIND_LINKS", "VIRTUAL_ENV", "PYTHON", "CCTOOLS", "ALIEN_", "PYTEST_", "TMPDIR")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
# Devices of its own: a test that changes a mode of /dev/null must not change the machine's.
_ENTER = r"""
set -e
root=$1 upper=$2 work=$3 base=$4 cache=$5
mount -t overlay overlay -o "lowerdir=$base,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for each in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${each%:*}" c 1 "${each#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
for each in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${each%:*}" "$root/dev/${each#*:}"; done
mkdir -p "$root/root/.cache/pip"
mount --bind "$cache" "$root/root/.cache/pip"
echo ready
exec sleep infinity
"""


class RootError(Exception):
    """A root cannot be made or entered on this machine; the text says why and what to do."""


def problem() -> str:
    """Why no roots can be made here; "" when nothing is known to be missing."""
    if os.geteuid() != 0:
        return "only root can make roots of other releases"
    missing = [name for name in ("debootstrap", "unshare", "nsenter", "chroot") if not shutil.which(name)]
    if missing:
        return f"{missing[0]} is missing: apt-get install debootstrap util-linux"
    return "" if mirror() else "no Debian mirror is named in /etc/apt"


def mirror() -> str:
    """The Debian mirror that this machine uses."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    for file in files:
        if file.is_file():
            found = re.search(
                r"^(?:URIs:|deb\s)\s*.*?(\S+://\S*/debian/?)(?:\s|$)", file.read_text(errors="replace"), re.MULTILINE
            )
            if found:
                return found[1]
    return ""


@dataclass(frozen=True)
class Root:
    """The cached root of a release: folders that are laid above each other, the upper ones first."""

    suite: str
    layers: tuple[Path, ...]
    cache: Path  # of pip, for all roots


def make(folder: Path, suite: str, packages: Path) -> Root:
    """The root of a release with what ``packages`` (scripts/packages) installs, from the cache or new.

    RootError when it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / suite
    layer = folder / f"{suite}.{hashlib.sha256(packages.read_bytes()).hexdigest()[:12]}"
    with open(folder / f".{suite}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        why = problem()
        if why:
            raise RootError(why)
        if not base.exists():
            _bootstrap(suite, base)
        if not layer.exists():
            for old in folder.glob(f"{suite}.*"):
                shutil.rmtree(old)
            _install(Root(suite, (base,), folder / "pip"), packages, layer)
    return Root(suite, (layer, base), folder / "pip")


def _install(root: Root, packages: Path, layer: Path) -> None:
    """The packages in a layer of their own."""
    with session(root) as made:
        made.write("root/packages", packages.read_text())
        done = made.run("bash packages")
        if done.returncode:
            raise RootError(f"{root.suite}: {(done.stdout.strip().splitlines() or ['it failed'])[-1]}")
        made.keep(layer)


def _bootstrap(suite: str, target: Path) -> None:
    aside = target.with_name(f".{suite}.new")
    shutil.rmtree(aside, ignore_errors=True)
    script = _SCRIPTS / (suite if (_SCRIPTS / suite).exists() else "sid")
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={BASE_PACKAGES}",
        suite,
        str(aside),
        mirror(),
        str(script),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        shutil.rmtree(aside, ignore_errors=True)
        raise RootError(f"debootstrap {suite}: {(done.stdout.strip().splitlines() or ['it failed'])[-1]}")
    (aside / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")  # packages start no services
    (aside / "usr/sbin/policy-rc.d").chmod(0o755)
    (aside / "etc/apt/apt.conf.d/99platforms").write_text('Acquire::Check-Valid-Until "false";\n')
    aside.rename(target)


class Session:
    """A running copy of a root. Close it to end everything in it."""

    def __init__(self, root: Root) -> None:
        self.suite = root.suite
        self._kept: Path | None = None
        # Beside the layers: an overlay's folders must be on one file system for keep() to be a rename.
        self._folder = Path(tempfile.mkdtemp(prefix=f".{root.suite}.", dir=root.layers[0].parent))
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir()
        root.cache.mkdir(parents=True, exist_ok=True)
        target = self._folder / "root"
        overlay = [str(self._folder / "upper"), str(self._folder / "work"), ":".join(map(str, root.layers))]
        enter = ["sh", "-c", _ENTER, "sh", str(target), *overlay, str(root.cache)]
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", *enter],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self._holder.stdout is not None  # for the type checker
        if self._holder.stdout.readline() != "ready\n":
            said = self._holder.communicate()[1].strip()
            self.close()
            raise RootError(f"{self.suite} cannot be entered: {said}")
        self._inside, self._target = self._child(), target
        self.path = Path(f"/proc/{self._inside}/root{target}")  # where this process finds its files
        self._settle()

    def _child(self) -> str:
        pid = self._holder.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]

    def _settle(self) -> None:
        """Names, certificates and pip's settings of this machine."""
        host = os.uname().nodename
        self.write("etc/hosts", f"127.0.0.1 localhost {host}\n")
        for path in ("etc/resolv.conf", _CERTIFICATES, "etc/pip.conf", "root/.config/pip/pip.conf"):
            source = Path("/") / path
            if source.is_file():
                self.write(path, source.read_text())
        for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE"):
            if Path(os.environ.get(name, "")).is_file():
                self.write(os.environ[name].lstrip("/"), Path(os.environ[name]).read_text())

    def write(self, path: str, text: str) -> None:
        """A file in it."""
        self.write_bytes(path, text.encode("utf-8", "surrogateescape"))

    def write_bytes(self, path: str, content: bytes) -> None:
        """A file in it."""
        command = f'mkdir -p "$(dirname "/{path}")"; rm -f "/{path}"; cat > "/{path}"'
        subprocess.run(self._command(command), input=content, check=True, env=self._environ())

    def copy(self, source: Path, target: str) -> None:
        """A folder of sources: what git knows, or would add, with what is not committed."""
        listed = subprocess.run(
            ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        names = b"\0".join(name for name in listed.split(b"\0") if name and os.path.lexists(source / os.fsdecode(name)))
        packed = subprocess.run(
            ["tar", "-C", str(source), "--null", "-T", "-", "-c"], input=names, capture_output=True, check=True
        )
        into = self._command(f"rm -rf {target} && mkdir -p {target} && tar -C {target} --no-same-owner -x")
        subprocess.run(into, input=packed.stdout, check=True, env=self._environ())

    def run(self, line: str, seconds: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as root in it; stdout and stderr together. A time-out is exit status 124."""
        child = self.popen(line)
        try:
            said = child.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            said = f"{child.communicate()[0]}\nnot ended within {seconds:.0f} s"
            return subprocess.CompletedProcess(line, 124, said, "")
        return subprocess.CompletedProcess(line, child.returncode, said, "")

    def popen(self, line: str) -> subprocess.Popen[str]:
        """Start a line of shell in it."""
        return subprocess.Popen(
            self._command(line), env=self._environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip

    def _command(self, line: str) -> list[str]:
        enter = ["nsenter", "--target", self._inside, "--mount", "--pid", "chroot", str(self._target)]
        return [*enter, "bash", "-c", f"cd /root; {line}"]

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED)}
        return {**kept, "HOME": "/root", "LANG": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "SSL_CERT_FILE": f"/{_CERTIFICATES}", "DEBIAN_FRONTEND": "noninteractive"}  # fmt: skip

    def keep(self, layer: Path) -> None:
        """What was written in it becomes ``layer`` when it is closed."""
        self._kept = layer

    def close(self) -> None:
        """End its processes, and remove what was written in it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._holder.pid, signal.SIGKILL)
        self._holder.wait()
        for stream in (self._holder.stdout, self._holder.stderr):
            if stream is not None:
                stream.close()
        if self._kept is not None:
            (self._folder / "upper").rename(self._kept)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def session(root: Root) -> Iterator[Session]:
    """A session that is closed at the end."""
    made = Session(root)
    try:
        yield made
    finally:
        made.close()
