"""Drones deployed, asked for, removed and suspended through TARDIS's own HTCondor site adapter."""

from __future__ import annotations

import asyncio

from tardis.adapters.sites.htcondor import HTCondorAdapter
from tardis.configuration.configuration import Configuration
from tardis.exceptions.tardisexceptions import TardisResourceStatusUpdateFailed
from tardis.interfaces.siteadapter import ResourceStatus
from tardis.utilities.attributedict import AttributeDict

WAITS = 300


async def possible(action, drone: AttributeDict) -> str:
    """Whether an action on a drone is told as done."""
    try:
        await action(drone)
    except TardisResourceStatusUpdateFailed:
        return "not possible"
    return "done"


async def main() -> None:
    """The life of three drones."""
    Configuration("tardis.yml")
    adapter = HTCondorAdapter(machine_type="small", site_name="Grid")
    drones = [
        AttributeDict(drone_uuid=f"grid-{number}", obs_machine_meta_data_translation_mapping=AttributeDict(
            Cores=1, Memory=1024, Disk=1024 * 1024
        ))
        for number in range(3)
    ]  # fmt: skip
    answers = await asyncio.gather(*[adapter.deploy_resource(drone) for drone in drones])
    for drone, answer in zip(drones, answers):
        drone.update(answer)
    print("submitted:", len({drone.remote_resource_uuid for drone in drones}))
    print("clusters:", len({drone.remote_resource_uuid.partition(".")[0] for drone in drones}))
    answers = await asyncio.gather(*[adapter.resource_status(drone) for drone in drones])
    states = {answer.resource_status for answer in answers}
    print("known:", "Booting or Running" if states <= {ResourceStatus.Booting, ResourceStatus.Running} else states)
    print(
        "removed:", (await asyncio.gather(*[possible(adapter.terminate_resource, one) for one in drones])).count("done")
    )
    for _ in range(WAITS):
        answers = await asyncio.gather(*[adapter.resource_status(drone) for drone in drones])
        if {answer.resource_status for answer in answers} == {ResourceStatus.Deleted}:
            break
    print("then:", *{answer.resource_status.name for answer in answers})
    print("removed again:", *{await possible(adapter.terminate_resource, drone) for drone in drones})
    print("suspended:", *{await possible(adapter.stop_resource, drone) for drone in drones})


if __name__ == "__main__":
    asyncio.run(main())
