"""CCTools on both sides, tried out: an engine of our own on a free port of this machine, and a worker that connects to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time

from foremen.engine.client import EngineClient, connect, start_engine
from foremen.engine.protocol import Pool
from foremen.operator.doctor import tools
from foremen.operator.doctor.facts import Cctools
from spool.errors import AwqError
from spool.settings import Settings
from spool.store.layout import create_spool

_PATIENCE = 15.0  # s
_STEP = 0.1


def look_at_cctools(settings: Settings, head: bool) -> Cctools:
    """What is installed; on a head node also whether a worker and the engine's library understand each other."""
    program = f"{settings.cctools}/bin/work_queue_worker"
    worker = _version(program)
    tls = "--ssl" in _said(program, "--help")
    if not worker or not head:
        return Cctools(settings.cctools, worker, tls=tls)
    folder = tempfile.mkdtemp(prefix="awq-doctor.")
    try:
        library, trouble = _meet(program, folder, settings)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Cctools(settings.cctools, worker, library, trouble, tls)


def _version(program: str) -> str:
    """The version that it prints: ``work_queue_worker version 9.9.9 (released ...)``."""
    said = _said(program, "--version")
    words = said.partition("version ")[2].split()
    return words[0] if words else "of unknown version" if said else ""


def _said(*command: str) -> str:
    """What it prints; "" when it cannot be run, or says nothing in time."""
    done = tools.answer(*command, seconds=_PATIENCE)
    return done.stdout + done.stderr if done else ""


def _meet(program: str, folder: str, settings: Settings) -> tuple[str, str]:
    """The library's version, and why a worker did not reach it ("" when it did)."""
    spool = create_spool(f"{folder}/spool")
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    values.update(workdir=spool.root, port=0, bind="127.0.0.1", catalog_host="", password_file=f"{spool.root}/password")
    try:
        start_engine(spool, Settings(values))
        client = connect(spool)
    except AwqError as error:
        return "", str(error)
    command = [
        program,
        "--single-shot",
        "-P",
        f"{spool.root}/password",
        "-s",
        folder,
        "--cores",
        "1",
        "--memory",
        "100",
        "--disk",
        "100",
    ]
    worker = subprocess.Popen(
        [*command, "-t", "10", "127.0.0.1", str(client.hello.port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=_environ(),
    )  # fmt: skip
    try:
        met = _await_worker(client)
    finally:
        worker.kill()
        worker.wait()
        client.stop()
        client.flush()
        client.close()
    return client.hello.cctools, "" if met else "a worker cannot connect to it"


def _environ() -> dict[str, str]:
    """Without the names that work_queue_worker takes for its own size."""
    return {name: value for name, value in os.environ.items() if name not in ("CORES", "MEMORY", "DISK", "GPUS")}


def _await_worker(client: EngineClient) -> bool:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        client.flush()
        if any(isinstance(event, Pool) and event.workers for event in client.receive()):
            return True
        time.sleep(_STEP)
    return False
