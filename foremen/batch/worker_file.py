"""The worker side as one file: what an execute node needs besides Python and ``work_queue_worker``.

A zip file with a first line for the kernel (PEP 441): ``foremen.node`` with what it imports of ours, and click, from the
installation that makes it. The same sources give the same bytes: names are sorted, times fixed, nothing is compressed
(another zlib would compress otherwise), so it can be compared, signed and cached.
"""

from __future__ import annotations

import ast
import io
import os
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import click

import foremen
import spool
from foremen.native import deploy, gate, preload, starter
from spool.errors import AwqError

NAME = "alien_wq_worker.pyz"
_BEGIN = (
    "foremen.operator.alien_wq_worker",
    "foremen.node.supervisor",
    "foremen.acceptor.foreman",
)  # what is started on a node; the rest is what they import
_FIRST_LINE = b"#!/usr/bin/env python3\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_CLICK = (8, 2)  # the first that does not run on Python 3.9
# In a form that every Python reads, so that an old one says what is wrong.
_MAIN = """\
import sys

if sys.version_info < (3, 9):
    sys.exit("alien_wq_worker.pyz: needs Python 3.9 or newer, this is %d.%d: python3.X FILE ..." % sys.version_info[:2])
from foremen.operator.alien_wq_worker import main

sys.exit(main())
"""


def write(output: str) -> int:
    """Make the file at ``output``, executable; its size in bytes. AwqError when it cannot be made."""
    content = packed()
    path = Path(output)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.chmod(0o755)
        aside.replace(path)
    except OSError as error:
        raise AwqError(f"cannot write {output}: {error.strerror}") from None
    return len(content)


def packed() -> bytes:
    """The file's content."""
    version = metadata.version("click")
    if tuple(int(word) for word in version.split(".")[:2]) >= _CLICK:
        raise AwqError(f"click {version} does not run on Python 3.9, as workers may have to: pip install 'click<8.2'")
    folder = io.BytesIO()
    folder.write(_FIRST_LINE)
    with zipfile.ZipFile(folder, "a", zipfile.ZIP_STORED) as file:
        for name, content in sorted(_contents().items()):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, wherever it is made
            file.writestr(entry, content)
    return folder.getvalue()


def _contents() -> dict[str, bytes]:
    """Name in the zip file to content."""
    found = _ours({"foremen": _root(foremen.__file__), "spool": _root(spool.__file__)})
    home = _root(click.__file__)
    found.update({f"click/{path.name}": path.read_bytes() for path in (home / "click").glob("*.py")})
    for licence in metadata.files("click") or ():
        if licence.name.startswith("LICENSE"):
            found["click/LICENSE.txt"] = licence.read_binary()
    for name in (starter.NAME, preload.NAME, gate.NAME):
        program = _root(foremen.__file__) / "foremen/native" / deploy.file_name(name)
        if program.is_file():  # for nodes of this architecture
            found[f"foremen/native/{program.name}"] = program.read_bytes()
    found["__main__.py"] = _MAIN.encode()
    return found


def _ours(roots: dict[str, Path]) -> dict[str, bytes]:
    """Our modules that a node needs, by following the imports: nobody has to keep a list."""
    found: dict[str, bytes] = {}
    todo = list(_BEGIN)
    while todo:
        module = todo.pop()
        root = roots.get(module.partition(".")[0])
        name = module.replace(".", "/")
        for file in (f"{name}.py", f"{name}/__init__.py") if root else ():
            if root and file not in found and (root / file).is_file():
                found[file] = (root / file).read_bytes()
                todo.extend(_imported(found[file]))
                todo.append(module.rpartition(".")[0])
    return found


def _imported(source: bytes) -> list[str]:
    """Every name that a source may import as a module; relative imports are not this house's habit."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.extend((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
    return names


def _root(module: str | None) -> Path:
    assert module is not None  # for the type checker: a package has a file
    return Path(module).resolve().parent.parent


def main(arguments: list[str]) -> int:
    """``scripts/zipapp [OUTPUT]``."""
    output = arguments[0] if arguments else NAME
    try:
        size = write(output)
    except AwqError as error:
        sys.stderr.write(f"zipapp: {error}\n")
        return error.exit_status
    sys.stdout.write(f"{output}: {size // 1024} KiB, runs with Python 3.9 or newer\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
