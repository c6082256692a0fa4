"""COBalD/TARDIS: its daemon and its HTCondor site adapter."""

from __future__ import annotations

from typing import Callable

from clients import Client
from sites import Site, eventually

DRONE = """#!/bin/sh
echo "$TardisDroneCores" > "$DRONES/$TardisDroneUuid"
n=0
while [ ! -e "$DRONES/leave.$TardisDroneUuid" ] && [ -d "$DRONES" ] && [ "$n" -lt 1200 ]; do sleep 0.1; n=$((n + 1)); done
"""

# As in TARDIS's documentation of the adapter; a $$ is a $ for HTCondor.
DESCRIPTION = """executable = {work}/drone.sh
transfer_input_files = {work}/setup.sh
output = {work}/logs/$$(cluster).$$(process).out
error = {work}/logs/$$(cluster).$$(process).err
log = {work}/logs/$$(cluster).$$(process).log
accounting_group = tardis
environment = ${{Environment}};DRONES={work}/drones
request_cpus = ${{Cores}}
request_memory = ${{Memory}}
request_disk = ${{Disk}}
"""

TARDIS = """BatchSystem:
  adapter: FakeBatchSystem
  allocation: 1.0
  utilisation: 1.0
  machine_status: Available
Sites:
  - {{name: Grid, adapter: HTCondor, quota: 4, drone_heartbeat_interval: 1}}
Grid:
  bulk_delay: 0.2
  MachineTypes: [small]
  MachineTypeConfiguration: {{small: {{jdl: "{work}/drone.jdl"}}}}
  MachineMetaData: {{small: {{Cores: 1, Memory: 0.1, Disk: 0.1}}}}
"""


BATCH = """BatchSystem:
  adapter: HTCondor
  max_age: 1
  options: {pool: localhost}
  ratios:
    cpu_ratio: Real(TotalSlotCpus-Cpus)/TotalSlotCpus
    memory_ratio: Real(TotalSlotMemory-Memory)/TotalSlotMemory
"""


def prepare(tardis: Client) -> None:
    """The drone, its description, and the configurations in the client's folder."""
    for folder in ("drones", "logs"):
        (tardis.work / folder).mkdir()
    (tardis.work / "setup.sh").write_text("# transferred\n")
    (tardis.work / "drone.sh").write_text(DRONE)
    set_demand(tardis, 2)
    tardis.copy("cobald_pipeline.py")
    for name, text in (("drone.jdl", DESCRIPTION), ("tardis.yml", TARDIS)):
        (tardis.work / name).write_text(text.format(work=tardis.work))


def set_demand(tardis: Client, cores: int) -> None:
    """How many cores COBalD shall keep."""
    (tardis.work / "demand.new").write_text(str(cores))
    (tardis.work / "demand.new").rename(tardis.work / "demand")


def leave(tardis: Client, name: str) -> None:
    """Let a drone end by itself."""
    (tardis.work / f"drones/leave.{name}").touch()


def drones(tardis: Client) -> set[str]:
    """The drones that have started."""
    return {path.name for path in (tardis.work / "drones").iterdir() if not path.name.startswith("leave.")}


def test_cobald_keeps_as_many_drones_as_it_wants(at: Site, client: Callable[[str], Client]) -> None:
    """The daemon submits two drones, sees by condor_q that they run, replaces one that has left, and gives both up.

    A drone that is no longer wanted is to be suspended: Work Queue cannot, TARDIS hears so, and waits until it leaves by itself.
    """
    tardis = client("tardis")
    prepare(tardis)
    tardis.start("python", "-m", "cobald.daemon", "cobald_pipeline.py")
    tardis.until(lambda: len(drones(tardis)) == 2, "two drones have started")
    tardis.until(lambda: tardis.said().count("in AvailableState") >= 2, "TARDIS sees that they run")
    leave(tardis, min(drones(tardis)))
    tardis.until(lambda: len(drones(tardis)) == 3, "another drone has started")
    assert [(tardis.work / "drones" / name).read_text() for name in drones(tardis)] == ["1\n"] * 3
    jobs = at.command("condor_q", "-af", "ClusterId", "ProcId", "AcctGroup").stdout.splitlines()
    assert [line.split()[2] for line in jobs] == ["tardis"] * 2
    set_demand(tardis, 0)
    tardis.until(lambda: tardis.said().count("Calling stop_resource failed") >= 2, "both drones were to be suspended")
    for name in drones(tardis):
        leave(tardis, name)
    tardis.until(lambda: tardis.said().count("in DownState") >= 3, "TARDIS sees that all drones have gone")
    assert tardis.running()


def test_tardis_removes_drones_by_its_adapter(at: Site, client: Callable[[str], Client]) -> None:
    """Three drones in one condor_submit -verbose on stdin, asked for and removed in bulk; one that has gone is not found."""
    tardis = client("tardis")
    prepare(tardis)
    facts = tardis.program()
    assert facts == {
        "submitted": "3",
        "clusters": "1",
        "known": "Booting or Running",
        "removed": "3",
        "then": "Deleted",
        "removed again": "not possible",
        "suspended": "not possible",
    }
    assert len(list((tardis.work / "logs").glob("*.log"))) == 3


def test_tardis_looks_at_the_pool_by_its_adapter(at: Site, client: Callable[[str], Client]) -> None:
    """condor_status: the collector, when it started, and a node's state and ratios by ClassAd expressions, while a job runs."""
    tardis = client("tardis")
    (tardis.work / "batch.yml").write_text(BATCH)
    at.submit("#!/bin/sh\nsleep 60\n", request_cpus="1", request_memory="500")
    free = ("condor_status", "-constraint", "PartitionableSlot", "-af", "Cpus", "Memory")
    eventually(lambda: at.command(*free).stdout == "3 3500\n", what="the pool tells that a core is in use")
    facts = tardis.program("tardis_batch")
    assert facts["state"] == "Available"
    assert (facts["allocation"], facts["utilisation"]) == ("0.25", "0.125")
    assert facts["nobody"] == "NotAvailable"
    assert facts["drained"] == "asked"
