"""What every group of rows is given."""

from __future__ import annotations

from typing import NamedTuple

from benching.condor import Condor
from benching.rig import Rig
from benching.scale import Scale


class Bench(NamedTuple):
    """The rig, the sizes, the real HTCondor (falsy when there is none)."""

    rig: Rig
    scale: Scale
    condor: Condor
