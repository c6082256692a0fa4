"""What a description takes from outside: the output of commands, the files that match a pattern."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_PATIENCE = 60  # seconds for a command
_MOST = 1 << 26  # bytes that it may say


class CommandFailed(Exception):
    """The command cannot be run; the text says why, in HTCondor's words."""


def command_output(line: str) -> str:
    """What a command writes to its stdout, whatever its exit status. No shell: blanks separate words, double quotes hold them together."""
    import subprocess
    from errno import EINVAL

    words = _words(line)
    if not words:
        raise CommandFailed(f"not a valid command, errno={EINVAL} : {os.strerror(EINVAL)}")
    try:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None) or EINVAL
        raise CommandFailed(f"not a valid command, errno={number} : {os.strerror(number)}") from None
    assert process.stdout is not None
    try:
        data = _read(process.stdout.fileno())
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"the command did not end within {_PATIENCE} seconds") from None
    finally:
        process.kill()  # of one that has ended nothing is left to kill
        process.stdout.close()
        process.wait()
    return data.decode("utf-8", "surrogateescape")


def _read(fd: int) -> bytes:
    """All that is written, up to the end. CommandFailed when that is too much or takes too long."""
    import select
    import time

    parts: list[bytes] = []
    left, end = _MOST, time.monotonic() + _PATIENCE
    while True:
        if not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            raise CommandFailed(f"the command did not end within {_PATIENCE} seconds")
        part = os.read(fd, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise CommandFailed(f"the command says more than {_MOST} bytes")


def _words(line: str) -> list[str]:
    words: list[str] = []
    word, inside, begun = "", False, False
    for char in line:
        if char == '"':
            inside, begun = not inside, True
        elif char in " \t\n" and not inside:
            words += [word] if begun or word else []
            word, begun = "", False
        else:
            word += char
    return [*words, word] if begun or word else words


def matching(patterns: Sequence[str], kind: str) -> tuple[list[str], list[str]]:
    """The items that match, each once, and warnings; ``kind`` is files, dirs or any. A folder's name ends with a slash."""
    import glob

    found: dict[str, int] = {}
    warnings: list[str] = []
    for pattern in patterns:
        for path in sorted(glob.glob(pattern.rstrip("/") or "/")):
            folder = os.path.isdir(path)
            if (folder and kind == "files") or (not folder and (kind == "dirs" or pattern.endswith("/"))):
                continue
            item = f"{path}/" if folder else path
            if item in found:
                warnings.append(f"'{item}' matching pattern '{pattern}' is a duplicate of item {found[item]}, skipping")
            else:
                found[item] = len(found)
    return list(found), warnings
