"""Nobody without the password gets in: the attacks that CCTools' own handshake falls for, on the engine and on foremen."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import intruders
import pytest
from sites import Site, eventually, free_ports, install, site

from foremen.node.host import procfs

pytestmark = pytest.mark.engine
PARTS = ("engine", "foreman")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Master, two foremen, two workers."""
    with site(install(), tmp_path_factory.mktemp("site")) as made:
        made.start_master()
        made.start_pool()
        yield made


def ports(of: Site) -> dict[str, int]:
    """Where each kind of manager listens."""
    base = int(of.env["WQ_MASTER_BASEPORT"])
    return {"engine": int(of.port), "foreman": base, "other foreman": base + 1}


@pytest.fixture(scope="module")
def stock(at: Site) -> Iterator[int]:
    """The port of a foreman of CCTools without an acceptor."""
    port = free_ports(1)
    scratch = at.work / "stock"
    scratch.mkdir()
    command = [
        f"{at.env['CCTOOLS']}/bin/work_queue_worker",
        "--foreman",
        "--foreman-port",
        str(port),
        "-P",
        at.password,
    ]
    with (scratch / "log").open("wb") as log:
        foreman = subprocess.Popen([*command, "-s", str(scratch), "127.0.0.1", at.port], stdout=log, stderr=log)
    try:
        eventually(lambda: _listens(port), what="the foreman listens")
        yield port
    finally:
        foreman.kill()
        foreman.wait()


def _listens(port: int) -> bool:
    try:
        intruders.Caller(port).close()
    except OSError:
        return False
    return True


def test_attacks_are_real(stock: int) -> None:
    """The stock handshake falls for each of them: what the other tests try is what an attacker does."""
    assert intruders.answers_strangers(stock)
    assert intruders.reflects(stock)


@pytest.mark.parametrize("part", PARTS)
def test_password_lets_in(at: Site, part: str) -> None:
    """Whoever has the password is let in and is shown that the manager has it too; another one is not."""
    port, password = ports(at)[part], Path(at.password).read_bytes()
    assert intruders.knows(port, password)
    assert not intruders.knows(port, password + b"x")


@pytest.mark.parametrize("part", PARTS)
def test_no_answer_before_proof(at: Site, part: str) -> None:
    """A stranger's challenge is not answered: nobody gets material to guess the password with."""
    assert not intruders.answers_strangers(ports(at)[part])


@pytest.mark.parametrize("part", PARTS)
def test_reflection(at: Site, part: str) -> None:
    """Who sends the manager's challenge back gets no answer, and is not let in."""
    assert not intruders.reflects(ports(at)[part])


@pytest.mark.parametrize("first", PARTS)
@pytest.mark.parametrize("second", ["engine", "foreman", "other foreman"])
def test_reflection_with_two_sessions(at: Site, first: str, second: str) -> None:
    """No session answers what another one wants to know, be it of the same manager or of another."""
    assert not intruders.reflects_twice(ports(at)[first], ports(at)[second])


def test_listens_for_this_host(at: Site) -> None:
    """While all is on one host, nothing can be reached from another one."""
    for port in ports(at).values():
        assert {address for address, _uid in procfs.listeners(port)} == {"127.0.0.1"}


def test_pilots_run_meanwhile(at: Site) -> None:
    """The site behind the acceptors does its work."""
    cluster = at.submit("#!/bin/sh\necho through\n")
    eventually(lambda: at.done(cluster), what="the pilot has run")
    assert (at.work / f"{cluster}.out").read_text() == "through\n"
