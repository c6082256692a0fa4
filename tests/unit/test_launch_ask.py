"""Asking a manager for its account: the password exchange, and every way in which there is no answer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from foremen.node.probe.status_protocol import SILENT, ask, ask_all

PASSWORD = b"secret\n"
IDENT = b"auth password sha1"


@contextlib.contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Somebody who listens on loopback and talks to each caller in turn."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    link = listening.accept()[0]
                    with link, contextlib.suppress(OSError):
                        talk(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def proof(password: bytes, key: bytes) -> bytes:
    """As link_auth.c makes it."""
    return hashlib.sha1(password + b" " + key).hexdigest().encode()


def manager(answer: bytes, password: bytes = PASSWORD) -> Callable[[socket.socket], None]:
    """CCTools' side of the exchange, and its answer."""

    def talk(link: socket.socket) -> None:
        heard = link.makefile("rb")
        link.sendall(IDENT + b"\nkey\n")
        assert heard.readline() == IDENT + b"\n"
        theirs = heard.readline().rstrip(b"\n")
        link.sendall(proof(password, theirs) + b"\n")
        right = heard.readline().rstrip(b"\n") == proof(password, b"key")
        link.sendall(b"ok\n" if right else b"failure\n")
        if heard.readline() == b"ok\n" and right:
            assert heard.readline() == b"queue_status\n"
            link.sendall(answer)

    return talk


def test_answer():
    """The objects that it sends."""
    with server(manager(json.dumps([{"workers": 3}]).encode())) as address:
        assert ask(address, PASSWORD, "queue_status").rows == ({"workers": 3},)


def test_answer_of_cctools():
    """Release 8.0.0 escapes what JSON does not, and the command of a task may hold any byte."""
    said = rb"""[{"command":"printf \'a\\\\n\' \"b\" """ + b"\xff\t" + rb"""\\'"}]"""
    with server(manager(said)) as address:
        (row,) = ask(address, PASSWORD, "queue_status").rows
    assert row["command"] == "printf 'a\\\\n' \"b\" \ufffd\t\\'"


def test_other_password():
    """Neither side is told more than that."""
    with server(manager(b"[]", b"another")) as address:
        found = ask(address, PASSWORD, "queue_status")
    assert (found.trouble, found.rows, found.refused) == ("has another password", (), False)


@pytest.mark.parametrize("said", [b"", b"[{", b"no json"])
def test_answer_that_breaks_off(said):
    """It is no answer."""
    with server(manager(said)) as address:
        assert ask(address, PASSWORD, "queue_status").trouble == SILENT


def test_who_has_no_password():
    """Work Queue without one waits for the first line of a worker."""
    with server(lambda link: link.sendall(b"name host\n")) as address:
        assert ask(address, PASSWORD, "queue_status").trouble == "is asked with a password and has none"


def test_nobody_and_silence(tmp_path):
    """All are asked at once: one that hangs costs its time once, and each has its own answer."""
    (tmp_path / "password").write_bytes(PASSWORD + b"\0more")
    with socket.create_server(("127.0.0.1", 0)) as hangs, server(manager(b'[{"workers": 1}]')) as well:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            nobody = f"127.0.0.1:{gone.getsockname()[1]}"
        silent = f"127.0.0.1:{hangs.getsockname()[1]}"
        found = ask_all([silent, nobody, well, "no.such.host.invalid:1"], str(tmp_path / "password"), seconds=0.3)
    assert (found[silent].trouble, found[nobody].refused, found[well].rows) == (SILENT, True, ({"workers": 1},))
    assert found["no.such.host.invalid:1"].trouble.startswith("cannot be reached")


def test_password_that_cannot_be_read(tmp_path):
    """Nobody is asked, and it is said why."""
    found = ask_all(["127.0.0.1:1"], str(tmp_path / "none"))
    assert found["127.0.0.1:1"].trouble.startswith("not asked: cannot read ")
