"""The library that reads the queue."""

from __future__ import annotations

import pytest
from spool_rig import LivingMaster

from shims.api.query import QueueSource
from spool.errors import NotVouched
from spool.job import IDLE
from spool.settings import load
from spool.store.layout import Spool


def test_a_slow_query_is_no_clock_that_was_set_back(spool: Spool, living_master: LivingMaster) -> None:
    """Counts that were published while the jobs were read are believed; those of a time that has not come are not."""
    living_master.publish()
    settings = load({"HOME": "/", "AWQ_WORKDIR": spool.root})
    published = spool_time(spool)
    ticks = iter([100.0, 107.0])
    source = QueueSource(spool, settings, "me", published - 7, lambda: next(ticks))
    assert source.by_status().get(IDLE, 0) == 0
    with pytest.raises(NotVouched, match="set back"):
        QueueSource(spool, settings, "me", published - 7, lambda: 100.0).by_status()


def spool_time(spool: Spool) -> float:
    """When the master published last."""
    from spool.store.published_counts import published

    return published(spool).timestamp
