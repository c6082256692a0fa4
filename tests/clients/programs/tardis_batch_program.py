"""What TARDIS's HTCondor batch-system adapter sees of a node: its state, and how much of it is in use."""

from __future__ import annotations

import asyncio
import os

from tardis.adapters.batchsystems.htcondor import HTCondorAdapter
from tardis.configuration.configuration import Configuration


async def main() -> None:
    """Ask for this node, for one that is not there, and drain it."""
    Configuration("batch.yml")
    adapter = HTCondorAdapter()
    node = os.uname().nodename.partition(".")[0]
    print("state:", (await adapter.get_machine_status(node)).name)
    print("allocation:", await adapter.get_allocation(node))
    print("utilisation:", await adapter.get_utilisation(node))
    print("nobody:", (await adapter.get_machine_status("nobody")).name)
    await adapter.drain_machine(node)  # refused with exit status 1, which TARDIS takes as: not possible
    print("drained:", "asked")


if __name__ == "__main__":
    asyncio.run(main())
