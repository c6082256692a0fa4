"""Who and where we are, as the tables' headlines say it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from spool.settings import Settings


def user_name() -> str:
    """The user's name; the number when the system knows no name."""
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def host_name() -> str:
    """This host's name, which stands for the schedd's."""
    return os.uname().nodename


def address(settings: Settings) -> str:
    """The master's address in the form of a daemon's."""
    return f"<127.0.0.1:{settings.port}?..."


def switched_on(environ: Mapping[str, str], name: str, default: bool) -> bool:
    """A boolean of HTCondor's configuration from the environment: ``_CONDOR_NAME``, whatever its case."""
    wanted = f"_condor_{name}".lower()
    for key, value in environ.items():
        if key.lower() == wanted:
            return value.strip().lower() not in ("false", "f", "no", "n", "0")
    return default
