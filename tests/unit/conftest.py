"""What the unit tests of the master share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mastering import Site

from spool.store.layout import create_spool


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a site; its engine is stopped at the end."""
    sites: list[Site] = []

    def make_site(**options: object) -> Site:
        sites.append(Site(create_spool(str(tmp_path / "spool")), tmp_path, **options))  # type: ignore[arg-type]
        return sites[-1]

    yield make_site
    for site in sites:
        site.engine.stop()
