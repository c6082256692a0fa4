"""Debian 13, whose CCTools and Python are newer than those of most sites: a newcomer's first command works there.

The root is made once, below ~/.cache (AWQ_TEST_ROOTS names another folder). Where none can be made (no root, no debootstrap,
no mirror) the test says so and passes, unless AWQ_TEST_ROOTS asks for it.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import pytest
from platforming import cells
from platforming.roots import RootError, make, session

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.internet]
SOURCE = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """Where roots are kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AWQ_TEST_ROOTS") or cache / "alien-workqueue/roots")


def test_quickstart_on_debian_13():
    """Installed and run as a newcomer does: 40 pilots come home from behind foremen."""
    try:
        root = make(folder(), "trixie", SOURCE / "scripts/packages")
    except RootError as error:
        if "AWQ_TEST_ROOTS" in os.environ:
            pytest.fail(f"no root of Debian 13: {error}")
        warnings.warn(f"quickstart was not tried on Debian 13: {error}", stacklevel=1)
        return
    with session(root) as made:
        made.copy(SOURCE, cells.PROJECT)
        found = cells.quickstart(made)
    sys.stdout.write(found.said)
    assert found.word == "works"
