"""The engine's process: arguments, lock, password, socket, log; then the loop (``python -m foremen.engine SPOOL``)."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import socket
import sys
from typing import Optional

from foremen.engine.errors import EngineError
from foremen.engine.service import Backend, Service, log
from foremen.engine.workqueue.binding import QueueOptions, WorkQueue
from spool.errors import AwqError
from spool.store import sockets
from spool.store.layout import Spool, open_spool
from spool.store.private_files import no_core, problem_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LOG = 16 * 2**20  # bytes
MAX_PASSWORD = 1000  # bytes: the library copies it into a buffer of fixed size


class Lock:
    """One engine a spool: a lock on ``engine.lock``, which names its process. EngineError when it is taken."""

    def __init__(self, spool: Spool) -> None:
        path = f"{spool.root}/engine.lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise EngineError(f"cannot open {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise EngineError(f"an engine runs already for {spool.root}: process {holder}") from None
        remove_files(spool)  # of an engine that was killed; before our name is written: client.spawn() looks for both
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next engine start. Once is enough."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def remove_files(spool: Spool) -> None:
    """Take the socket and the port away. Only for who holds the lock."""
    for path in (spool.engine_socket, spool.engine_port):
        if os.path.lexists(path):
            os.unlink(path)


def cut_log(path: str, most: int = MAX_LOG) -> None:
    """Empty our log when it has grown beyond ``most`` bytes; the last part is kept as ``PATH.1``. Only if it is ours."""
    try:
        here = os.fstat(sys.stderr.fileno())
        if here.st_size <= most or not os.path.samestat(here, os.stat(path)):
            return
        with open(path, "rb") as log_file, open(f"{path}.1", "wb", opener=private) as old:
            log_file.seek(-most, os.SEEK_END)
            shutil.copyfileobj(log_file, old)
        os.ftruncate(sys.stderr.fileno(), 0)  # everybody appends
    except OSError as error:
        log(f"cannot cut {path}: {error.strerror}")


def private(path: str, flags: int) -> int:
    """An opener for files that only their owner may read."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def check_password(path: str) -> None:
    """EngineError unless the password file is there, ours, private and of a length that the library takes."""
    try:
        problem, size = problem_of(path), os.stat(path).st_size
    except OSError as error:
        raise EngineError(
            f"cannot read the password file {path} ({error.strerror}): make it, or set WQ_PASSWORD_FILE"
        ) from None
    if problem:
        raise EngineError(f"the password file {path} {problem}; it must be yours and only yours: chmod 600 {path}")
    if not 1 <= size <= MAX_PASSWORD:
        raise EngineError(f"the password file {path} needs 1 to {MAX_PASSWORD} bytes, has {size}")


def listen(spool: Spool) -> socket.socket:
    """The engine's socket. The caller holds the lock, so an old one is dead."""
    folder, name = os.path.split(spool.engine_socket)
    try:
        return sockets.listen(folder, name, backlog=16)
    except OSError as error:
        raise EngineError(f"cannot make the socket {spool.engine_socket}: {error.strerror}") from None


def publish_port(spool: Spool, port: int) -> None:
    """Write the Work Queue port where foremen and the operator look for it."""
    aside = f"{spool.engine_port}.new"
    try:
        with open(aside, "w", encoding="ascii", opener=private) as file:
            file.write(f"{port}\n")
        os.replace(aside, spool.engine_port)
    except OSError as error:
        raise EngineError(f"cannot write {spool.engine_port}: {error.strerror}") from None


def serve(spool: Spool, backend: Backend, linger: float, where: str = "") -> None:
    """Run the loop on the spool's socket until it ends; takes its files away. The caller holds the lock."""
    root = os.stat(spool.root)

    def housekeeping() -> None:
        cut_log(spool.engine_log)
        if _is_removed(spool, root):
            log(f"{spool.root} has been removed: this engine ends, and with it its pilots")
            service.stop()

    try:
        publish_port(spool, backend.port)
        service = Service(backend, listen(spool), linger, housekeeping)
    except EngineError:
        backend.close()
        raise
    service.catch_signals()
    log(f"engine {os.getpid()} of {spool.root}: Work Queue {backend.version} on port {backend.port}{where}")
    try:
        service.run()
    finally:
        if not _is_removed(spool, root):  # another engine may live at this path
            remove_files(spool)
    log(f"engine {os.getpid()} has ended")


def _is_removed(spool: Spool, root: os.stat_result) -> bool:
    """Whether the spool's folder is no longer the one that it was; one that cannot be reached for a while is not removed."""
    try:
        return not os.path.samestat(os.stat(spool.root), root)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def parser(name: str) -> argparse.ArgumentParser:
    """The arguments that the engine and its fake share."""
    made = argparse.ArgumentParser(prog=f"python -m {name}", description=__doc__.partition("\n")[0])
    made.add_argument("spool", help="the spool folder (AWQ_WORKDIR)")
    made.add_argument("--port", type=int, default=9094, help="Work Queue port; 0: any")
    made.add_argument("--bind", default="", help="numeric address to listen on; empty: all")
    made.add_argument("--password-file", default="", help="empty: SPOOL/password")
    made.add_argument("--project-name", default="alien_jobs", help="name in the catalog")
    made.add_argument("--catalog-host", default="", help="catalog server; empty: announce nowhere")
    made.add_argument("--catalog-port", type=int, default=9097)
    made.add_argument("--linger", type=float, default=600.0, help="seconds to stay with nothing to do and no master")
    return made


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command. One line and status 1 when it cannot start."""
    options = parser("foremen.engine").parse_args(arguments)
    try:
        no_core()
        spool = open_spool(os.path.abspath(options.spool))
        lock = Lock(spool)
        password = options.password_file or f"{spool.root}/password"
        check_password(password)
        queue = WorkQueue(
            QueueOptions(
                options.port,
                password,
                f"{spool.tmp}/engine",
                f"{spool.root}/refused.json",
                options.bind,
                options.project_name,
                options.catalog_host,
                options.catalog_port,
            )
        )
        serve(spool, queue, options.linger, f" of {options.bind or 'all interfaces'}")
        lock.release()
    except AwqError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_status
    return 0
