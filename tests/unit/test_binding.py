"""On which address engine and foremen listen."""

from __future__ import annotations

import pytest

from foremen.acceptor.binding import engine_address, foremen_address, is_local, reach
from spool.settings import load


@pytest.mark.parametrize(
    ("values", "engine", "foremen"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"WQ_FOREMEN": "head.example.org"}, "127.0.0.1", "0.0.0.0"),
        ({"WQ_FOREMEN": "127.0.0.1:9080, f2:9080"}, "127.0.0.1", "0.0.0.0"),
        ({"WQ_FOREMEN": "localhost 127.0.0.1:19080"}, "127.0.0.1", "127.0.0.1"),
        ({"WQ_MASTER": "10.1.2.3:9094"}, "0.0.0.0", "127.0.0.1"),
        ({"AWQ_BIND": "10.1.2.3"}, "10.1.2.3", "10.1.2.3"),
        ({"AWQ_BIND": "127.0.0.1", "WQ_FOREMEN": "head", "WQ_MASTER": "head:1"}, "127.0.0.1", "127.0.0.1"),
    ],
)
def test_addresses(tmp_path, values, engine, foremen):
    """This host alone, unless the settings call it by a name that others use; AWQ_BIND decides."""
    settings = load({"HOME": str(tmp_path), **values})
    assert (engine_address(settings), foremen_address(settings)) == (engine, foremen)


@pytest.mark.parametrize("name", ["127.0.0.1", "127.1.2.3:9080", "localhost:9080", "::1", "[::1]"])
def test_local(name):
    """Names that only this host can use."""
    assert is_local(name)


@pytest.mark.parametrize("name", ["head", "10.0.0.1:9080", "2001:db8::1", "localhost.example.org", "0.0.0.0"])
def test_not_local(name):
    """Names that other hosts may use."""
    assert not is_local(name)


@pytest.mark.parametrize(
    ("address", "reached"), [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("10.0.0.1", "10.0.0.1")]
)
def test_reach(address, reached):
    """Who listens on all addresses is reached on the loopback."""
    assert reach(address) == reached
