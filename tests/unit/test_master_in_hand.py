"""What killed the master is found: the job that it had in hand is held, and the next master goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing import ROOT
from crashing import Site as Crashing
from mastering import Site

from foremen.master.in_hand import InHand
from spool.job import HELD
from spool.store.layout import Spool


class Unbounded(Crashing):
    """A site whose masters parse whatever there is: the ClassAd library overflows the stack."""

    master_code = (
        "import sys; from spool.classad import bounds; bounds.check = lambda text: None;"
        "from foremen.operator.alien_work_queue import main; sys.exit(main())"
    )
    fatal = (-signal.SIGSEGV,)


@pytest.fixture
def unbounded(spool: Spool, tmp_path: Path) -> Iterator[Unbounded]:
    """Stopped at the end."""
    site = Unbounded(spool, tmp_path, ())
    yield site
    site.close()


def test_a_job_that_kills_the_master_by_a_real_signal_is_held_by_the_next_one(unbounded: Unbounded) -> None:
    """SIGSEGV within the library, once; the signal is in the reason, the stack in the log; other jobs go through."""
    site = unbounded
    site.agent.write_text("#!/bin/sh\n")
    cluster = int(
        subprocess.run(
            [sys.executable, "-c", SUBMIT, site.spool.root],
            env=site._env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    site.wait(lambda: site.jobs().get(f"{cluster}.0") == HELD)
    assert site.deaths == 1
    assert "died (Segmentation fault) at the policy of this job" in site.ad(cluster)["HoldReason"]
    assert "Segmentation fault" in site.log
    assert "policy.py" in site.log
    site.submit()
    site.wait(site.history)
    assert site.deaths == 1


SUBMIT = """
import sys
from spool.store import cluster_ids as numbers; from spool.store import task_file as taskfile
from spool.store.layout import Spool
from spool.store.task_file import Cluster, Submission
spool = Spool(sys.argv[1])
number = numbers.take_clusters(spool, 1)
ad = {"ClusterId": str(number), "Cmd": '"/bin/true"', "JobStatus": "1", "QDate": "1", "Iwd": '"/tmp"', "TransferExecutable": "false",
      "RequestMemory": "1", "Requirements": "TARGET.Memory > 10000000"}
ad["PeriodicHold"] = "1" + "+1" * 400_000
taskfile.write_submission(spool, Submission([Cluster(number, ad, [{"ProcId": "0"}], False)]))
print(number)
"""


def test_who_was_in_hand_is_known_after_a_death(spool: Spool) -> None:
    """At once after a fatal signal; at the second death otherwise; never when another job was, or none."""
    InHand(spool).job((12, 3), "the policy of")
    assert InHand(spool).suspect is None
    InHand(spool).job((12, 3), "the policy of")
    InHand(spool).job((12, 3), "the policy of")
    again = InHand(spool)
    assert again.suspect is not None
    assert (again.suspect.key, again.suspect.doing) == ((12, 3), "the policy of")
    again.settled()
    again.job((12, 4), "giving out")
    Path(spool.crash).write_text("Fatal Python error: Segmentation fault\n\nCurrent thread\n")
    suspect = InHand(spool).suspect
    assert suspect is not None
    assert (suspect.key, suspect.how) == ((12, 4), "Segmentation fault")


def test_a_master_that_ends_in_order_leaves_no_suspect(spool: Spool) -> None:
    """Nor does one that had put everything down."""
    one = InHand(spool)
    one.job((1, 0), "the policy of")
    one.close()
    Path(spool.crash).write_text("Fatal Python error: Segmentation fault\n")
    assert InHand(spool).suspect is None


def test_a_task_file_that_kills_the_master_is_set_aside(spool: Spool, tmp_path: Path) -> None:
    """With the reason, and the next one is taken up."""
    first = InHand(spool)
    name = "0000000900-1.submit"
    Path(spool.queue, name).write_text("awq-task 1 submit\n")
    first.task_file(name)
    Path(spool.crash).write_text("Fatal Python error: Segmentation fault\n")
    site = Site(spool, tmp_path)
    try:
        assert sorted(os.listdir(spool.rejected)) == [name, f"{name}.reason"]
        assert "Segmentation fault" in Path(spool.rejected, f"{name}.reason").read_text()
        assert Path(spool.crash).read_text() == ""
    finally:
        site.engine.stop()
