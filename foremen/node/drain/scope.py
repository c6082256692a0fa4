"""What a drain is for: all that look at WQ_DRAIN, one node, one foreman, or the site; and whose part in it can be seen from here."""

from __future__ import annotations

import os
from dataclasses import dataclass

from foremen.errors import LaunchError
from foremen.node.drain.active import folder_of, foreman_file, node_file, same_foreman, site_file
from foremen.node.host.port import Door
from foremen.node.plan import Plan, foremen_of, read_plan
from foremen.node.state_files import Place, make_closed, private_folder
from spool.settings import Settings


@dataclass(frozen=True)
class Scope:
    """``path``: the file that says so; ``hosts``: the nodes it concerns, as far as known; ``foreman``: when it is one, ``host:port``."""

    path: str
    hosts: tuple[str, ...]
    what: str
    undo: str = "undrain"
    foreman: str = ""


def whole(settings: Settings) -> Scope:
    """Whoever looks at this WQ_DRAIN."""
    return Scope(settings.drain, (os.uname().nodename,), os.uname().nodename)


def node(settings: Settings, host: str) -> Scope:
    """One node. LaunchError when WQ_WORKDIR does not know it: it would not see it."""
    known = known_hosts(settings)
    if host not in known:
        names = ", ".join(known) or "none"
        raise LaunchError(
            f"nothing was ever started on {host} with WQ_WORKDIR {settings.wq_workdir}; known are: {names}"
        )
    return Scope(node_file(settings.wq_workdir, host), (host,), host, f"undrain --node {host}")


def site(settings: Settings) -> Scope:
    """All nodes that share this WQ_WORKDIR."""
    return Scope(site_file(settings.wq_workdir), known_hosts(settings), "the site", "undrain --site")


def foreman(door: Door, settings: Settings, text: str) -> Scope:
    """One foreman: its number or port, when it is one of this node's, or ``host:port``. LaunchError when nobody knows it."""
    address = _address(settings, text)
    known = _known_foremen(settings)
    match = next((one for one in known if same_foreman(one, address, door.names)), None)
    if match is None:
        raise LaunchError(f"no foreman {text} is known here; known are: {', '.join(known) or 'none'}")
    path = foreman_file(settings.wq_workdir, address)
    return Scope(path, known_hosts(settings), f"foreman {address}", f"undrain --foreman {address}", address)


def known_hosts(settings: Settings) -> tuple[str, ...]:
    """The nodes that have ever used this WQ_WORKDIR."""
    Place(settings.wq_workdir, "workers").exists()  # refuses a folder of others
    try:
        return tuple(sorted(os.listdir(f"{settings.wq_workdir}/state")))
    except OSError:
        return ()


def prepare(settings: Settings, scope: Scope) -> None:
    """Make the folder for the scope's file. LaunchError when WQ_WORKDIR is not ours alone."""
    if scope.path == settings.drain:
        return
    private_folder(settings.wq_workdir)
    make_closed(folder_of(settings.wq_workdir))


def _address(settings: Settings, text: str) -> str:
    host, colon, port = text.rpartition(":")
    own = os.uname().nodename
    if colon:
        return f"{own if host in ('', 'localhost') or host.startswith('127.') else host}:{port}"
    plan = _own_plan(settings)
    if plan is None:
        raise LaunchError(f"no foremen were started on this node: name the foreman as host:port, not {text!r}")
    number = int(text) if text.isdigit() and len(text) < 6 else -1
    ports = range(plan.baseport, plan.baseport + plan.count)
    if number in ports:
        return f"{own}:{number}"
    if 0 <= number < plan.count:
        return f"{own}:{plan.port(number)}"
    raise LaunchError(
        f"no foreman {text} on this node: there are 0 to {plan.count - 1}, ports {ports[0]} to {ports[-1]}"
        if plan.count
        else "there are no foremen on this node"
    )


def _own_plan(settings: Settings) -> Plan | None:
    return read_plan(Place(settings.wq_workdir, "foremen"))


def _known_foremen(settings: Settings) -> tuple[str, ...]:
    """By the settings, and by the plans of all nodes of this WQ_WORKDIR."""
    found = list(foremen_of(settings)) if settings.foremen_host else []
    for host in known_hosts(settings):
        plan = read_plan(Place(settings.wq_workdir, "foremen", host))
        found += [f"{host}:{plan.port(slot)}" for slot in range(plan.count)] if plan else []
        workers = read_plan(Place(settings.wq_workdir, "workers", host))
        found += workers.foremen if workers else ()
    return tuple(dict.fromkeys(found))
