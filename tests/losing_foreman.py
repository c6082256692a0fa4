#!/usr/bin/env python3
"""A foreman that loses what the test wants it to lose, in the place of ``work_queue_worker``.

The environment says how it behaves:

    LOSES      words: inputs, file, folder (it answers as CCTools 7.14.5 does), all (it says nothing), content, connection
    LINKED     1: it loses nothing when its workspace was made with the link, as CCTools 7.14.5

    PROTOCOL   the protocol of Work Queue that it speaks (11 when it is not set)

As a worker it only introduces itself. What it does not lose it does as the real one: it runs the task's command itself.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Be a foreman, or a worker that waits for its end."""
    if "--foreman" not in arguments:
        Foreman(arguments[arguments.index("-s") + 1], read(arguments), (arguments[-2], int(arguments[-1]))).serve()
        return
    options = dict(zip(arguments, arguments[1:]))
    with socket.create_server(("127.0.0.1", int(options["--foreman-port"]))) as server:
        if "-Z" in options:
            Path(options["-Z"]).write_text(str(server.getsockname()[1]))
        Foreman(options["-s"], read(arguments), (arguments[-2], int(arguments[-1]))).serve()
        time.sleep(600)  # as one that waits for its manager


def read(arguments: list[str]) -> bytes:
    """The password."""
    return Path(arguments[arguments.index("-P") + 1]).read_bytes()


class Foreman:
    """One connection to a manager."""

    def __init__(self, folder: str, password: bytes, manager: tuple[str, int]) -> None:
        self.loses = set(os.environ.get("LOSES", "").split())
        linked = Path(folder, f"worker-{os.getuid()}-{os.getpid()}", "cache").is_symlink()
        if linked and os.environ.get("LINKED") == "1":
            self.loses = set()
        self.password = password
        self.link = socket.create_connection(manager)
        self.heard = self.link.makefile("rb")
        self.kept: dict[bytes, dict[str, bytes]] = {}
        self.sandbox = Path(tempfile.mkdtemp(dir=folder))
        self.outputs: dict[bytes, Path] = {}

    def serve(self) -> None:
        """Until the manager goes away."""
        if "all" in self.loses:
            time.sleep(600)
        self.authenticate()
        protocol = os.environ.get("PROTOCOL", "11")
        self.link.sendall(f"workqueue {protocol} here foreman x86_64 0.0.7\ninfo worker-id x\nalive\n".encode())
        while line := self.heard.readline():
            words = line.split()
            handler = getattr(self, f"on_{words[0].decode()}", None)
            if handler is not None:
                handler(*words[1:])

    def authenticate(self) -> None:
        """Both sides prove that they know the password."""
        self.link.sendall(b"auth password sha1\nkey\n")
        self.heard.readline()
        proof = hashlib.sha1(self.password + b" " + self.heard.readline().strip()).hexdigest()
        self.link.sendall(proof.encode() + b"\n")
        self.heard.readline()
        self.link.sendall(b"ok\n")
        self.heard.readline()

    def on_put(self, name: bytes, length: bytes, _mode: bytes) -> None:
        """A file."""
        self.kept[name] = {"": self.heard.read(int(length))}

    def on_dir(self, name: bytes) -> None:
        """A folder of files."""
        tree: dict[str, bytes] = {}
        while (words := self.heard.readline().split())[0] != b"end":
            tree[f"/{words[1].decode()}"] = self.heard.read(int(words[2]))
        self.kept[name] = tree

    def on_task(self, _number: bytes) -> None:
        """Run it at once; its result is there when the manager asks."""
        command = self.heard.read(int(self.heard.readline().split()[1]))
        while (words := self.heard.readline().split())[0] != b"end":
            if words[0] == b"infile":
                for path, content in self.kept[words[1]].items():
                    target = Path(f"{self.sandbox}/{words[2].decode()}{path}")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
            elif words[0] == b"outfile":
                self.outputs[words[1]] = self.sandbox / words[2].decode()
        self.said = subprocess.run(["sh", "-c", command], cwd=self.sandbox, capture_output=True, check=True).stdout
        self.link.sendall(b"available_results\n")

    def on_send_results(self, _count: bytes) -> None:
        """The result and stdout; code 1: an input was not there."""
        if "connection" in self.loses:
            sys.exit(1)
        if "inputs" in self.loses:
            self.link.sendall(b"result 1 -1 0 0 1\nend\n")
        else:
            self.link.sendall(b"result 0 0 %d 1 1\n%bend\n" % (len(self.said), self.said))

    def on_get(self, name: bytes, _recursive: bytes) -> None:
        """An output, or that it is missing."""
        path = self.outputs[name]
        if ("folder" if path.is_dir() else "file") in self.loses:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not path.exists():
            self.link.sendall(b"missing %b 2\n" % name)
        for each in [path] if path.is_file() else sorted(path.rglob("*")):
            if each.is_file():
                content = each.read_bytes()[: 3 if "content" in self.loses else None]
                below = str(each)[len(str(path)) :].encode()
                self.link.sendall(b"file %b%b %d\n%b" % (name, below, len(content), content))
        self.link.sendall(b"end\n")


if __name__ == "__main__":
    main(sys.argv[1:])
