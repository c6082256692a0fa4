"""Every module here runs in a network of its test process's own (``own_network``); ``internet`` marks who needs the host's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from own_network import OwnNetwork
from sites import install


@pytest.fixture(scope="session")
def own_network() -> OwnNetwork:
    """The network of this process."""
    return OwnNetwork()


@pytest.fixture(scope="module", autouse=True)
def _within(own_network: OwnNetwork) -> Iterator[None]:
    """Be in it for a module. The installation is made before: pip needs the host's network."""
    install()
    with own_network.entered():
        yield


@pytest.fixture(autouse=True)
def _without(request: pytest.FixtureRequest, own_network: OwnNetwork, _within: None) -> Iterator[None]:
    """Be outside for a test that installs something."""
    if not request.node.get_closest_marker("internet"):
        yield
        return
    with own_network.left():
        yield
