"""Who drains: all that look at WQ_DRAIN; and, by files in ``WQ_WORKDIR/drains``, the site, one node, or one foreman.

Every supervisor with this WQ_WORKDIR looks there, on whatever node: nodes that share the folder are drained from any of
them. A file is called ``site``, ``node-HOST`` or ``foreman-HOST:PORT``, and holds the deadline as WQ_DRAIN does.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Callable, Optional

from foremen.errors import LaunchError
from foremen.node.drain.files import deadline_of

_NODE = "node-"
_FOREMAN = "foreman-"
_SITE = "site"


@dataclass(frozen=True)
class Drains:
    """What drains, as the supervisors of one node see it.

    ``why``: what lets everything here leave: "drain" (WQ_DRAIN), "node", "site", "" for nothing; ``until``: the first deadline
    of those, epoch. ``foremen``: (``host:port``, deadline) of single ones.
    """

    why: str = ""
    until: Optional[float] = None
    foremen: tuple[tuple[str, Optional[float]], ...] = ()


def folder_of(workdir: str) -> str:
    """Where the files are."""
    return f"{workdir}/drains"


def site_file(workdir: str) -> str:
    """While it is there, the site drains."""
    return f"{folder_of(workdir)}/{_SITE}"


def node_file(workdir: str, host: str) -> str:
    """While it is there, one node drains."""
    return f"{folder_of(workdir)}/{_NODE}{host}"


def foreman_file(workdir: str, address: str) -> str:
    """While it is there, the foreman at ``host:port`` drains."""
    return f"{folder_of(workdir)}/{_FOREMAN}{address}"


def read_drains(drain: str, workdir: str, host: str) -> Drains:
    """As it is now for the node ``host``; ``drain`` is WQ_DRAIN."""
    names = _names(folder_of(workdir))
    whole = [("drain", drain)] if os.path.lexists(drain) else []
    if f"{_NODE}{host}" in names:
        whole.append(("node", node_file(workdir, host)))
    if _SITE in names:
        whole.append(("site", site_file(workdir)))
    ends = [when for when in (deadline_of(path) for _why, path in whole) if when is not None]
    addresses = [name[len(_FOREMAN) :] for name in names if name.startswith(_FOREMAN) and name[-1].isdigit()]
    foremen = tuple((address, deadline_of(foreman_file(workdir, address))) for address in addresses)
    return Drains(whole[-1][0] if whole else "", min(ends, default=None), foremen)


def refuse_while_site_drains(workdir: str) -> None:
    """LaunchError when the site drains: one node that starts does not end that."""
    if os.path.lexists(site_file(workdir)):
        raise LaunchError(f"the site drains ({site_file(workdir)}): alien_wq_worker.sh undrain --site ends that")


def shunned(drains: Drains, ours: Iterable[str], names: Callable[[str], frozenset[str]]) -> dict[str, Optional[float]]:
    """Those of our foremen's addresses that drain, each with its deadline. ``names``: all that a host is called (``Door``)."""
    found: dict[str, Optional[float]] = {}
    if drains.foremen:
        for address in ours:
            for marked, until in drains.foremen:
                if same_foreman(address, marked, names):
                    found[address] = until
    return found


def same_foreman(one: str, other: str, names: Callable[[str], frozenset[str]]) -> bool:
    """Whether two ``host:port`` are the same foreman, however its host is written."""
    (host, _, port), (host2, _, port2) = one.rpartition(":"), other.rpartition(":")
    return port == port2 and (host == host2 or bool(names(host) & names(host2)))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # nothing was ever drained so
        return []
