"""A foreman's self-test: a real task with inputs and outputs, files and folders, through a foreman of its own.

``judge`` starts a foreman and a worker of the same program in a private folder, on loopback, with a password,
sends one task through them and compares what comes back. It takes about half a second.
As a program it writes its verdict into a file, so that the supervisor need not wait for it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from foremen.acceptor.command import guarded
from foremen.node.self_test.foreman_modes import Mode
from foremen.node.self_test.manager import Item, Manager, SelfTestError, Task
from foremen.node.state_files import remove_tree, write_json
from spool.store.private_files import no_core

SECONDS = 20.0  # for each answer: on a busy machine a worker needs its time to come up
_STEP = 0.02
_OWN_SIZE = ("CORES", "MEMORY", "DISK", "GPUS")  # work_queue_worker would take these from the environment


@dataclass(frozen=True)
class Verdict:
    """How a foreman of a program has to be started: ``mode``, "" if nothing is right.

    ``trouble`` says what went wrong, also in the ways that were tried before the one that is right.
    ``certain`` is False when the foreman did not answer: the next try may end differently.
    """

    mode: str
    trouble: str = ""
    release: str = ""
    certain: bool = True


def judge(binary: str, folder: str, seconds: float = SECONDS) -> Verdict:
    """Try the ways to start a foreman, the plain one first; the first in which nothing is lost counts."""
    trouble: list[str] = []
    release = ""
    for mode in Mode:
        trial = _Trial(binary, mode, folder, seconds)
        try:
            try:
                trial.run()
            except CannotRunError:  # for a moment, perhaps
                trial.run()
            return Verdict(mode.value, "; ".join(trouble), trial.release)
        except SelfTestError as error:
            release = trial.release or release
            trouble.append(f"{mode.value}: {error}")
            if not error.lost:
                return Verdict("", "; ".join(trouble), release, certain=False)
    return Verdict("", "; ".join(trouble), release)


class CannotRunError(SelfTestError):
    """Something of this node was in the way: no room, no permission, a file that came and went."""


class _Trial:
    """One task through one foreman that is started in one way."""

    def __init__(self, binary: str, mode: Mode, folder: str, seconds: float) -> None:
        self.binary, self.mode, self.seconds = binary, mode, seconds
        self.folder = folder
        self.release = ""
        self._password = secrets.token_hex(16)

    def run(self) -> None:
        """SelfTestError when something of the task is lost, or nobody answers."""
        manager = Manager(self._password, self.seconds)
        try:
            with temporary_folder(self.folder, self._password) as folder, contextlib.ExitStack() as running:
                self._start(folder, manager.port, running)
                manager.run(_task())
        except OSError as error:
            raise CannotRunError(f"cannot be run: {error}") from None
        finally:
            self.release = manager.release
            manager.close()

    def _start(self, folder: str, port: int, running: contextlib.ExitStack) -> None:
        """A foreman, and as soon as it listens, a worker of it; both end with ``running``."""
        listens, log = f"{folder}/port", f"{folder}/foreman.log"
        options = (*self.mode.options, "--foreman", "--foreman-port", "0", "-Z", listens, *_common(folder))
        foreman = (self.binary, *options, "-s", f"{folder}/f", "127.0.0.1", str(port))
        argv = guarded(foreman, 0, "127.0.0.1", f"{folder}/password", folder)
        running.enter_context(_process(argv, log, lambda: self.mode.prepare(f"{folder}/f", os.getpid())))
        running.enter_context(worker_of(self.binary, folder, self._port(listens, log)))

    def _port(self, path: str, log: str) -> str:
        until = time.monotonic() + self.seconds
        while time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError), open(path, encoding="ascii") as file:
                if (text := file.read().strip()).isdigit():
                    return text
            time.sleep(_STEP)
        with open(log, encoding="utf-8", errors="replace") as file:
            said = (file.read().strip().splitlines() or ["nothing"])[-1]
        raise SelfTestError(f"the foreman does not listen; it said: {said}")


def _task() -> Task:
    """Reads a file, a file that is kept for other tasks, and a folder; writes a file and a folder."""
    words = [f"{secrets.token_hex(8)}\n".encode() for _ in range(4)]
    inputs = (
        Item("file-1-awq-in", "in", {"": words[0]}),
        Item("file-2-awq-kept", "kept", {"": words[1]}, cached=True),
        Item("file-3-awq-folder", "folder", {"/a": words[2], "/b": words[3]}),
    )
    outputs = (
        Item("file-4-awq-out", "out", {"": b"".join(words)}),
        Item("file-5-awq-made", "made", {"/below/a": words[2], "/b": words[3]}),
    )
    command = "cat in kept folder/a folder/b > out && mkdir -p made/below && cp folder/a made/below && cp folder/b made && cat in"
    return Task(command, inputs, outputs, words[0])


def _common(folder: str) -> tuple[str, ...]:
    return ("-P", f"{folder}/password", "--connect-timeout", "10", "--idle-timeout", "30")


def worker_of(binary: str, folder: str, port: str) -> contextlib.AbstractContextManager[None]:
    """A worker of one core that works for who listens at ``port`` of this machine; it ends with the context."""
    size = ("--cores", "1", "--memory", "100", "--disk", "100")
    argv = (binary, "--single-shot", *size, *_common(folder), "-s", f"{folder}/w", "127.0.0.1", port)
    return _process(argv, f"{folder}/worker.log", lambda: None)


@contextlib.contextmanager
def temporary_folder(parent: str, password: str) -> Iterator[str]:
    """A private folder for one test: the password, and folders of a foreman and a worker."""
    folder = tempfile.mkdtemp(prefix="f-test.", dir=parent)
    try:
        with open(f"{folder}/password", "w", encoding="ascii") as file:
            file.write(password)
        for name in ("f", "w"):
            os.mkdir(f"{folder}/{name}", 0o700)
        yield folder
    finally:
        remove_tree(folder)


@contextlib.contextmanager
def _process(argv: tuple[str, ...], log: str, before: Callable[[], None]) -> Iterator[None]:
    """A process with a session of its own, which is killed at the end; ``before`` runs in it before the program does."""

    def begin() -> None:
        no_core(hard=False)
        before()

    environ = {name: value for name, value in os.environ.items() if name not in _OWN_SIZE}
    with open(log, "wb") as said:
        child = subprocess.Popen(
            argv, env=environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", umask=0o077,
            start_new_session=True, preexec_fn=begin,  # noqa: PLW1509 we have one thread
        )  # fmt: skip
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def main(arguments: list[str]) -> int:
    """Judge the program ``BINARY`` in the folder ``FOLDER``; the verdict goes into the file ``RESULT``."""
    binary, folder, result = arguments
    write_json(result, asdict(judge(binary, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
