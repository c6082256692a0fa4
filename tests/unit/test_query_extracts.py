"""Large tables, whose rows are made once for jobs that look the same, are those of small ones."""

from __future__ import annotations

import random

from shims.format.job_tables import table
from spool.classad.job_record import JobRecord

NOW = 1_700_000_000
USUAL = "((ResidentSetSize + 1023) / 1024)"
CLUSTER = {
    "Owner": ['"alice"', '"bob"'],
    "Cmd": ['"/x/agent.sh"', '"/bin/" + "true"', "undefined"],
    "QDate": [str(NOW - 5000), str(NOW - 90000), "EnteredCurrentStatus - 60"],
    "JobPrio": ["0", "-12345", "ClusterId * 1000"],
    "ImageSize": ["1", "2500000"],
}
OWN = {
    "Args": ['"one"', '"two \\"words\\""', "ProcId", '""'],
    "Cmd": ['"/y/another.sh"'],
    "MemoryUsage": [USUAL, "7", "ClusterId + ProcId"],
    "ResidentSetSize": ["2000", "3000000"],
    "LastRemoteWallClockTime": ["61.0", "3600"],
    "HoldReason": ['"because"'],
}


def some_jobs(clusters: int, most: int) -> list[JobRecord]:
    """Jobs of all kinds, the same ones every time."""
    chance = random.Random(7)
    records = []
    for cluster in range(1, clusters + 1):
        common = "".join([f"{name} = {chance.choice(choices)}\n" for name, choices in CLUSTER.items()])
        for proc in range(chance.randint(1, most)):
            picked = [name for name in OWN if chance.random() < 0.4]
            own = f"ProcId = {proc}\n" + "".join([f"{name} = {chance.choice(OWN[name])}\n" for name in picked])
            text = f"ClusterId = {cluster}\n{common}{own}"
            records.append(JobRecord(cluster, proc, chance.choice((1, 2, 5)), text))
    return records


def test_every_job_has_the_row_that_it_has_in_a_small_table() -> None:
    """Jobs with the same texts, with others in the middle of their cluster, with expressions that look at their ids."""
    records = some_jobs(400, 6)
    assert len(records) > 1000
    for kind in ("nobatch", "run", "hold", "idle"):
        # The widths come from all rows, so that each small table has the two that are the widest in the large one.
        widest = [record for record in records if "JobPrio = -12345" in record.text][:1]
        large = table(kind, records, NOW, None)[1:]
        for at in range(0, len(records), 150):
            part = records[at : at + 150] + widest
            assert table(kind, part, NOW, None)[1:-1] == large[at : at + 150]


def test_equal_rows_of_one_cluster_differ_in_their_ids_only() -> None:
    """A cluster of equal jobs, of which one in the middle is held."""
    text = 'ClusterId = 3\nOwner = "alice"\nQDate = 1\nCmd = "/x/agent.sh"\nJobPrio = 0\n'
    records = [JobRecord(3, proc, 5 if proc == 250 else 1, f"{text}ProcId = {proc}\n") for proc in range(500)]
    lines = table("nobatch", records, NOW, None)[1:]
    assert len({line[9:] for line in lines}) == 2
    assert lines[250].split()[:7:6] == ["3.250", "0"] and " H " in lines[250]
    assert [line.split()[0] for line in lines] == [f"3.{proc}" for proc in range(500)]
