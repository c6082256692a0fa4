"""``condor_status`` and ``condor_version``."""

from __future__ import annotations

import json
import os
import re

import pytest
from query_rig import fill_queue

from shims.cli import identity
from shims.commands.condor import condor_status, condor_version


@pytest.fixture
def queue(spool, living_master, monkeypatch):
    """A living master that has published counts."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    living_master.publish({1: 4, 2: 3, 5: 2})
    return living_master


def run(capfd, main, *argv: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    status = main(list(argv))
    told = capfd.readouterr()
    return status, told.out, told.err


def test_counts_as_alien_and_jalien_read_them(queue, capfd):
    """One line, running and idle."""
    assert run(capfd, condor_status.main, "-schedd", "-af", "totalRunningJobs", "totalIdleJobs") == (0, "3 4\n", "")
    assert run(capfd, condor_status.main, "-schedd", "-format", "%d\\n", "TotalHeldJobs")[1] == "2\n"


def test_forms(queue, capfd):
    """The ad as JSON and in long form, a constraint, and the table."""
    host = identity.host_name()
    assert json.loads(run(capfd, condor_status.main, "-schedd", "-json", "-attributes", "Name,TotalIdleJobs")[1]) == [
        {"Name": host, "TotalIdleJobs": 4}
    ]
    assert "TotalJobAds = 9\n" in run(capfd, condor_status.main, "-schedd", "-long")[1]
    assert run(capfd, condor_status.main, "-schedd", "-constraint", "TotalIdleJobs > 4", "-af", "Name") == (0, "", "")
    assert run(capfd, condor_status.main, "-schedd", host, "-af", "Name")[1] == f"{host}\n"
    assert run(capfd, condor_status.main, "-schedd")[1].split()[:5] == [
        "Name",
        "Machine",
        "RunningJobs",
        "IdleJobs",
        "HeldJobs",
    ]


@pytest.mark.parametrize("argv", [["-negotiator"], ["-schedd", "-startd"], ["-vm", "-xml"]], ids=" ".join)
def test_other_ads_are_not_offered(queue, capfd, argv):
    """A clear line and exit status 1, never an empty pool."""
    status, out, err = run(capfd, condor_status.main, *argv)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "not offered" in err


@pytest.mark.parametrize(
    "argv", [["-schedd", "-af", "totalRunningJobs", "totalIdleJobs"], [], ["-json"], ["-master", "-af", "Name"]]
)
def test_nobody_can_vouch(queue, capfd, argv):
    """A dead master's counts are no counts, and its pool is not an empty one."""
    queue.die()
    status, out, err = run(capfd, condor_status.main, *argv)
    assert (status, out, err.count("\n")) == (1, "", 1)


@pytest.fixture
def pool(spool, living_master, monkeypatch):
    """Eight cores, one job on three of them."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    ad = {"ClusterId": "7", "ProcId": "0", "JobStatus": "2", "Owner": '"u"', "RequestCpus": "3", "RequestMemory": "300",
          "RequestDisk": "2048", "RemoteHost": '"slot1@wn1"', "JobCurrentStartDate": "1795184000"}  # fmt: skip
    fill_queue(spool, [ad])
    living_master.publish({2: 1}, WORKERS=2, CORES=8, CORES_USED=3, MEMORY=2000, DISK=100, MASTER_PID=os.getpid())
    return living_master


def test_the_pool_as_slots(pool, capfd):
    """One partitionable slot with what is free, one dynamic slot for the job; the sums are those of Work Queue."""
    host = identity.host_name()
    line = ("-af", "Name", "State", "Cpus", "Memory", "Disk", "TotalSlotCpus")
    assert run(capfd, condor_status.main, *line)[1] == (
        f"slot1@{host} Unclaimed 5 1700 100352 8\nslot1_1@wn1 Claimed 3 300 2048 3\n"
    )
    table = run(capfd, condor_status.main)[1]
    assert "     Total     2     0       1         1 " in table
    assert run(capfd, condor_status.main, "-claimed", "-af", "JobId", "RemoteOwner")[1] == f"7.0 u@{host}\n"


@pytest.mark.parametrize(
    ("told_pool", "cores"),
    [
        ({"CORES": 8, "CORES_USED": 2, "MEMORY": 2000, "DISK": 100}, ["8.0", "2000", "102400", "3"]),
        ({"CORES": 0, "CORES_USED": 0, "MEMORY": 0, "DISK": 0}, ["2.0", "0", "0", "3"]),
    ],
    ids=["as the pool says", "the pool says it later"],
)
def test_cores_summed_by_machine_are_those_of_the_pool(spool, living_master, monkeypatch, capfd, told_pool, cores):
    """ARC takes TotalCpus of a machine from the last of its slots, and adds the machines up; what runs counts in any case."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    common = {
        "JobStatus": "2",
        "ClusterId": "7",
        "Owner": '"u"',
        "RequestCpus": "1",
        "JobCurrentStartDate": "1795184000",
    }
    hosts = ("wn1", identity.host_name())
    fill_queue(spool, [{**common, "ProcId": str(n), "RemoteHost": f'"slot1@{host}"'} for n, host in enumerate(hosts)])
    living_master.publish({2: 2}, WORKERS=2, **told_pool)
    told = run(capfd, condor_status.main, "-af", "Machine", "TotalCpus", "TotalMemory", "TotalDisk", "TotalSlots")[1]
    sums = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
    assert sums == {"wn1": ["undefined"] * 4, identity.host_name(): cores}


def test_tardis_interlink_and_arc_queries(pool, capfd):
    """The lines that these clients send, word for word."""
    host = identity.host_name()
    tardis = [
        "-af:t",
        "Machine",
        "Name",
        "State",
        "Activity",
        "TardisDroneUuid",
        "Cpus",
        "-constraint",
        "PartitionableSlot=?=True",
    ]
    assert run(capfd, condor_status.main, *tardis)[1] == f"{host}\tslot1@{host}\tUnclaimed\tIdle\tundefined\t5\n"
    assert run(capfd, condor_status.main, "-af:t", "Machine", "-collector") == (0, f"{host}\n", "")
    drone = ["-af:t", "Machine", "DaemonStartTime", "-constraint", f'Machine == "{host}"', "-master"]
    assert re.fullmatch(rf"{re.escape(host)}\t\d{{10}}\n", run(capfd, condor_status.main, *drone)[1])
    slots = json.loads(run(capfd, condor_status.main, "--json")[1])
    assert [(one["State"], one["Cpus"], one["Memory"], one.get("DynamicSlot")) for one in slots] == [
        ("Unclaimed", 5, 1700, None), ("Claimed", 3, 300, True),
    ]  # fmt: skip
    assert run(capfd, condor_status.main, "-autoformat", "Cpus", "Memory")[1] == "5 1700\n3 300\n"
    arc = ["-format", "Name = %V\\n", "Name", "-format", "SlotType = %V\\n\\n", "SlotType"]
    assert run(capfd, condor_status.main, *arc)[1].startswith(f'Name = "slot1@{host}"\nSlotType = "Partitionable"\n\n')
    assert (
        run(capfd, condor_status.main, "-format", "%s\\n", "Machine", "-constraint", "Memory > 1000")[1] == f"{host}\n"
    )


def test_no_workers(spool, living_master, monkeypatch, capfd):
    """A pool that is known to be empty is shown as empty, exit status 0."""
    monkeypatch.setenv("AWQ_WORKDIR", spool.root)
    fill_queue(spool, [])
    living_master.publish({}, WORKERS=0, CORES=0)
    assert run(capfd, condor_status.main) == (0, "", "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["-frob"], "Error:  Unknown option -frob\nUsage: condor_status "),
        (["-schedd", "-const", "1 +"], "Error: invalid constraint\n\n"),
        (["-schedd", "elsewhere"], "condor_status: unknown host elsewhere\n"),
        (["-schedd", "-af"], "Error: Argument -af requires at least one attribute parameter\n"),
        (["-schedd", "-master"], "condor_status: one kind of ads at a time\n"),
    ],
)
def test_wrong_usage(queue, capfd, argv, message):
    """HTCondor's messages on stderr, exit status 1."""
    status, out, err = run(capfd, condor_status.main, *argv)
    assert (status, out) == (1, "") and err.startswith(message)


def test_version(capfd):
    """The version line as law, Pegasus, pycondor and BLAH read it."""
    status, out, err = run(capfd, condor_version.main)
    first, second = out.splitlines()
    assert (status, err) == (0, "")
    assert re.match(r"^\$CondorVersion: (\d+)\.(\d+)\.(\d+) .+$", first)
    assert re.match(r"\$CondorPlatform: \S+ \$$", second)
    assert first.split()[1] == "23.9.6"
    assert run(capfd, condor_version.main, "-arch")[1] == "X86_64\n"
    assert run(capfd, condor_version.main, "-frob")[0] == 1
    assert run(capfd, condor_version.main, "-help")[2].startswith("Usage: condor_version ")
