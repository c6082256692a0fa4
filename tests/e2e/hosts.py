"""Hosts made of network namespaces: each has a network, a host name, a HOME and a state of its own; a switch joins them.

Everything is in namespaces (the switch too), so nothing of the machine's own network is touched. ``cut`` takes a host's
cable out at the switch: its link stays up, packets vanish, connections hang without a RST. ``unplug`` takes the link down.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site

_NET = "10.91.7"


def ip(*words: str, check: bool = True) -> None:
    """ip(8); the test fails with what it says, or with what is missing."""
    if shutil.which("ip", path=f"{os.environ['PATH']}:/sbin:/usr/sbin") is None:
        pytest.fail("no ip command: scripts/packages (Debian: iproute2)")
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode:
        pytest.fail(f"ip {' '.join(words)}: {done.stderr.strip()}: run the tests as root")


class Host:
    """One host: its address, and how a command runs there."""

    def __init__(self, net: Network, name: str, number: int) -> None:
        self.name, self.address, self._net = name, f"{_NET}.{number}", net
        self.space = f"{net.prefix}{name}"
        self.port = f"p{number}"  # at the switch
        ip("netns", "add", self.space)
        ip("-n", self.space, "link", "set", "lo", "up")
        ip("-n", net.switch, "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        ip("-n", self.space, "link", "set", "eth0", "up")
        ip("-n", net.switch, "link", "set", self.port, "up")
        self.join()

    @property
    def enter(self) -> tuple[str, ...]:
        """What a command line begins with to run here, under this host's name, which it can look up as every host can."""
        names = f"mount --bind {self._net.names} /etc/hosts"  # ip netns exec has made the mounts its own
        begin = f'hostname {self.name} && {names} && exec "$@"'
        return ("ip", "netns", "exec", self.space, "unshare", "--uts", "sh", "-c", begin, "sh")

    def cut(self) -> None:
        """Packets from and to this host vanish."""
        ip("-n", self._net.switch, "link", "set", self.port, "nomaster")

    def join(self) -> None:
        """Undo ``cut``."""
        ip("-n", self._net.switch, "link", "set", self.port, "master", "br0")

    def unplug(self) -> None:
        """The link goes down."""
        ip("-n", self._net.switch, "link", "set", self.port, "down")

    def plug(self) -> None:
        """Undo ``unplug``."""
        ip("-n", self._net.switch, "link", "set", self.port, "up")

    def processes(self) -> list[int]:
        """What runs here."""
        done = subprocess.run(["ip", "netns", "pids", self.space], capture_output=True, text=True, check=False)
        return [int(word) for word in done.stdout.split()]


class Network:
    """The switch and its hosts; ``close`` ends all that runs in them and takes them away."""

    def __init__(self, work: Path) -> None:
        self.prefix = f"awq{os.getpid()}"
        self.names = work / "hosts"
        self.names.write_text("127.0.0.1 localhost\n")
        self.switch = f"{self.prefix}switch"
        self.hosts: dict[str, Host] = {}
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")

    def add(self, name: str) -> Host:
        """One more host."""
        self.hosts[name] = Host(self, name, len(self.hosts) + 1)
        with self.names.open("a") as file:
            file.write(f"{self.hosts[name].address} {name}\n")
        return self.hosts[name]

    def close(self) -> None:
        """Only processes that are in our namespaces are ended."""
        for host in self.hosts.values():
            for pid in host.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for space in [*(host.space for host in self.hosts.values()), self.switch]:
            ip("netns", "del", space, check=False)


@contextlib.contextmanager
def network(work: Path, *names: str) -> Iterator[Network]:
    """Hosts of these names; put away at the end, also after Ctrl-C."""
    made = Network(work)
    try:
        for name in names:
            made.add(name)
        yield made
    finally:
        made.close()


class Node(Site):
    """A site's part on one host: commands run there, with folders of their own."""

    def __init__(self, host: Host, prefix: Path, work: Path, **settings: str) -> None:
        work.mkdir()
        super().__init__(prefix, work)
        self.host = host
        self.enter = host.enter
        self.env.update({"AWQ_BIND": "0.0.0.0", **settings})

    def status(self) -> list[dict[str, object]]:
        """``alien_wq_worker.sh status``."""
        rows: list[dict[str, object]] = json.loads(self.command("alien_wq_worker.sh", "status", "--json").stdout)
        return rows

    def states(self) -> list[str]:
        """The states of its foremen or workers."""
        return [str(row["state"]) for row in self.status()]

    def foremen(self) -> list[str]:
        """Where its workers work that have been let in."""
        return [str(row["foreman"]) for row in self.status() if row["state"] not in ("connecting", "waiting")]
