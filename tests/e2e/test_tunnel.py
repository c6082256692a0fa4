"""Work Queue's links are clear; through the tunnels of docs/operations.md nobody on the way reads what pilots are made of."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Site, eventually, free_ports, install, site

pytestmark = pytest.mark.engine

# The words of docs/operations.md.
SERVER = """\
foreground = yes
pid =
[work-queue]
accept = {accept}
connect = {connect}
ciphers = PSK
PSKsecrets = {secrets}
"""
CLIENT = SERVER.replace("[work-queue]\n", "[work-queue]\nclient = yes\n")


class Wire:
    """A cable between two ports of loopback that remembers what passed it."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.passed = bytearray()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passed += data
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nobody can connect any more."""
        self._server.close()


@contextlib.contextmanager
def stunnel(work: Path, text: str, port: int, **values: object) -> Iterator[None]:
    """One that runs in the foreground and listens on ``port``."""
    program = shutil.which("stunnel4", path=f"{os.environ['PATH']}:/usr/sbin") or shutil.which("stunnel")
    if not program:
        pytest.fail("no stunnel: scripts/packages --tests (Debian: stunnel4)")
    config = work / f"stunnel-{port}.conf"
    config.write_text(text.format(accept=f"127.0.0.1:{port}", **values))
    with (
        (work / "stunnel.log").open("ab") as log,
        subprocess.Popen([program, str(config)], stderr=log, stdout=log) as running,
    ):
        try:
            eventually(lambda: listens(port) or running.poll() is not None, 20, "stunnel listens")
            assert running.poll() is None, (work / "stunnel.log").read_text()
            yield
        finally:
            running.terminate()


@contextlib.contextmanager
def tunnel(work: Path, port: int, at: int, inner: int) -> Iterator[Wire]:
    """From port ``at`` to ``port``, all on loopback, with a wire between the halves of the tunnel: the far one is at ``inner``."""
    psk = work / "psk"
    if not psk.exists():
        psk.write_text(f"awq:{secrets.token_hex(32)}\n")
        psk.chmod(0o600)
    with stunnel(work, SERVER, inner, connect=f"127.0.0.1:{port}", secrets=psk):
        wire = Wire(inner)
        with stunnel(work, CLIENT, at, connect=f"127.0.0.1:{wire.port}", secrets=psk):
            yield wire
        wire.close()


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def prefix() -> Path:
    """The installation."""
    return install()


def run_one(at: Site, secret: str) -> None:
    """A pilot with a secret in it runs through the pool."""
    cluster = at.submit(f"#!/bin/sh\n# {secret}\necho it ran\n")
    eventually(lambda: at.done(cluster), what="the pilot ends")
    assert (at.work / f"{cluster}.out").read_text() == "it ran\n"


def test_without_a_tunnel_the_links_are_clear(prefix: Path, tmp_path: Path) -> None:
    """What the documentation warns of: the pilot's script passes between engine and foreman as it is."""
    secret = secrets.token_hex(20)
    with site(prefix, tmp_path) as at:
        at.env["WQ_NUM_FOREMEN"] = "1"
        at.start_master()
        wire = Wire(int(at.port))
        at.env["WQ_MASTER"] = f"127.0.0.1:{wire.port}"
        at.start_pool()
        run_one(at, secret)
        assert secret.encode() in wire.passed
        wire.close()


def test_both_links_through_stunnel(prefix: Path, tmp_path: Path) -> None:
    """Foreman to engine and worker to foreman: pilots run, and nothing of them can be read on the way."""
    secret = secrets.token_hex(20)
    with contextlib.ExitStack() as stack:
        at = stack.enter_context(site(prefix, tmp_path))
        at.env.update(WQ_NUM_FOREMEN="1", AWQ_BIND="127.0.0.1")
        at.start_master()
        foreman = free_ports(5)
        to_engine, to_foreman = foreman + 1, foreman + 2
        at.env["WQ_MASTER_BASEPORT"] = str(foreman)
        wires = [
            stack.enter_context(tunnel(tmp_path, int(at.port), to_engine, foreman + 3)),
            stack.enter_context(tunnel(tmp_path, foreman, to_foreman, foreman + 4)),
        ]
        at.env["WQ_MASTER"] = f"127.0.0.1:{to_engine}"
        at.command("start-foremen")
        at.env["WQ_FOREMEN"] = f"127.0.0.1:{to_foreman}"
        at.command("start-workers")
        run_one(at, secret)
        for wire in wires:
            assert len(wire.passed) > 1000
            assert secret.encode() not in wire.passed
            assert b"work_queue" not in wire.passed
        at.command("stop-workers")
        at.command("stop-foremen")
        at.env["WQ_MASTER"] = f"127.0.0.1:{(at.spool / 'engine.port').read_text().strip()}"
        assert at.stop_master(signal.SIGUSR1) == 0
