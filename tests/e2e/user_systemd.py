"""A real ``systemd --user`` to try units under: in namespaces of its own, with a control group of its own, on any machine.

Nothing here needs a machine that was booted by systemd. The network is one of its own too, so that every port is free.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import eventually

# Control groups first: systemd needs one that it may divide. The folders go when all that ran in them has gone.
_OUTER = """set -eu
mount -t cgroup2 none "$1/cgroup"
own=$1/cgroup/awq-test-$$
mkdir "$own"
echo $$ > "$own/cgroup.procs"
unshare --cgroup --net --pid --fork --mount-proc sh -c "$2" sh "$1" || true
echo $$ > "$1/cgroup/cgroup.procs"
find "$own" -depth -type d -exec rmdir {} ';'
"""
# The first process of the namespace is no systemd, or that would take itself for the machine's; it asks for
# /run/systemd/system before it serves a user.
_INNER = """set -eu
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
"$(command -v systemd || echo /lib/systemd/systemd)" --user --log-target=console &
wait
"""


class UserSystemd:
    """The manager, and commands that run beside it. ``home`` is where its units find their defaults."""

    def __init__(self, work: Path) -> None:
        self.work, self.home, self.runtime = work, work / "home", work / "runtime"
        for folder in (self.home, self.runtime, work / "cgroup"):
            folder.mkdir(0o700)
        self.log = work / "systemd.log"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "LANG": "C.UTF-8",
        }
        self.env = env
        for program in ("systemctl", "unshare", "nsenter"):
            if shutil.which(program) is None:
                pytest.fail(f"no {program}: scripts/packages --tests")
        with self.log.open("wb") as log:
            self._outer = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _OUTER, "sh", str(work), _INNER],
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._first = 0
        try:
            eventually(self._up, 30, "systemd --user runs")
        except BaseException:
            self.close()
            raise

    def _up(self) -> bool:
        if self._outer.poll() is not None:
            pytest.fail(f"systemd --user does not run: {self.log.read_text()[-500:]}: run the tests as root")
        self._first = self._first or _child(_child(self._outer.pid))
        if not self._first:
            return False
        said = self.run("systemctl", "--user", "is-system-running", check=False).stdout.strip()
        return said in ("running", "degraded")  # degraded: a unit of the machine's own does not fit in here

    def run(self, *words: str, text: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command beside it."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._first), "--all", "--wd=" + str(self.home), *words],
            env=self.env, input=text, stdin=subprocess.DEVNULL if text is None else None, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, (
                f"{words}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.log.read_text()}"
            )
        return done

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "--user", "show", "--value", "-p", name, unit).stdout.strip()

    def signal(self, pid: str, number: int) -> None:
        """To a process by its number in there."""
        self.run("kill", f"-{number}", pid)

    def processes(self) -> list[str]:
        """Command lines of what runs in there, beside systemd, the first process and who asks."""
        line = 'for file in /proc/[0-9]*/cmdline; do tr "\\0\\n" "  " < "$file"; echo; done'
        return self.run("sh", "-c", line).stdout.splitlines()

    def close(self) -> None:
        """With its first process everything in there ends."""
        if self._first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first, signal.SIGKILL)
        try:
            self._outer.wait(30 if self._first else 0)
        except subprocess.TimeoutExpired:
            self._outer.kill()
            self._outer.wait()


def _child(pid: int) -> int:
    """The first child of a process; 0: none yet."""
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(words[0]) if words and pid else 0


@contextlib.contextmanager
def user_systemd(work: Path) -> Iterator[UserSystemd]:
    """One for a test."""
    made = UserSystemd(work)
    try:
        yield made
    finally:
        made.close()
