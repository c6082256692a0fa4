"""COBalD's configuration: as many of TARDIS's drones as the file ``demand`` says, adjusted once a second."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path

import trio
from cobald.composite.factory import FactoryPool
from cobald.daemon import service
from cobald.interfaces import Controller
from tardis.adapters.batchsystems.fakebatchsystem import FakeBatchSystemAdapter
from tardis.agents.batchsystemagent import BatchSystemAgent
from tardis.agents.siteagent import SiteAgent
from tardis.configuration.configuration import Configuration
from tardis.resources.poolfactory import create_drone


@service(flavour=trio)
class FromFile(Controller):
    """The demand is what a file says."""

    async def run(self) -> None:
        """Follow the file."""
        while True:
            self.target.demand = float(Path("demand").read_text())
            await trio.sleep(0.5)


Configuration("tardis.yml")
adapter = import_module("tardis.adapters.sites.htcondor").HTCondorAdapter(machine_type="small", site_name="Grid")
drone = partial(
    create_drone,
    site_agent=SiteAgent(adapter),
    batch_system_agent=BatchSystemAgent(FakeBatchSystemAdapter()),
    plugins=[],
)
pipeline = FromFile(FactoryPool(factory=drone, interval=1))
