"""On which address engine and foremen listen: on this host alone, unless the settings say that others come from elsewhere."""

from __future__ import annotations

import ipaddress

from spool.settings import Settings

LOCAL = "127.0.0.1"
ALL = "0.0.0.0"  # noqa: S104 only where the settings ask for it
_HERE = ("localhost", "localhost.localdomain", "ip6-localhost")


def engine_address(settings: Settings) -> str:
    """AWQ_BIND; without it this host alone, unless WQ_MASTER calls the master by a name that other hosts use."""
    return settings.bind or (LOCAL if is_local(settings.master) else ALL)


def foremen_address(settings: Settings) -> str:
    """AWQ_BIND; without it this host alone, unless WQ_FOREMEN calls a foreman by a name that other hosts use."""
    names = settings.foremen_host.replace(",", " ").split()
    return settings.bind or (LOCAL if all(is_local(name) for name in names) else ALL)


def reach(address: str) -> str:
    """The address at which this host reaches who listens on ``address``."""
    return LOCAL if address in ("", ALL, "::") else address


def is_local(name: str) -> bool:
    """Whether ``host`` or ``host:port`` is this host and can be nothing else. No resolver is asked."""
    host = name if name.count(":") > 1 else name.partition(":")[0]
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in _HERE


def is_address(text: str) -> bool:
    """Whether it is a numeric address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
