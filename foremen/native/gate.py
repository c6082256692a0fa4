"""The gate: a library that closes a foreman's own port, so that only the acceptor's connections reach it (``gate.c``).

The engine has the same C file in its extension; a foreman gets it by ``LD_PRELOAD``, proven to load before it starts.
"""

from __future__ import annotations

import os

from foremen.errors import LaunchError
from foremen.native import deploy

NAME = "gate"
STAMP = "awq-gate:"
_ASK = "AWQ_GATE_STAMP"
PRELOAD = "LD_PRELOAD"
SEPARATORS = set(" :")  # of names in LD_PRELOAD


def lay_out(program: str, folder: str) -> str:
    """The library in ``folder``, proven to load into ``program``. LaunchError when it does not: there is no foreman without."""

    def says(path: str) -> bytes:
        return deploy.said([program, "--version"], STAMP, **{PRELOAD: path, _ASK: "1"})

    if not os.access(program, os.X_OK):
        raise LaunchError(f"{program} cannot be run")
    path = "" if SEPARATORS & set(folder) else deploy.lay_out(NAME, folder, says)
    if not path:
        raise LaunchError(
            f"cannot protect a foreman's port: {deploy.file_name(NAME)} does not load into {program} from {folder}."
            " It needs a dynamically linked work_queue_worker, a compiler at installation (apt-get install gcc libc6-dev,"
            " then scripts/install), and a WQ_WORKDIR without blanks and colons from which programs may be run"
        )
    return path
