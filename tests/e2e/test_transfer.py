"""What travels with a job, and what its policy does, by the installed commands on the real Work Queue."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import WAITS, Site, eventually, install, site

pytestmark = pytest.mark.engine

SHOWS = "#!/bin/sh\nfind . -type f ! -name '.*' ! -name '_condor*' ! -path './cctools-temp*' | sort; cat\n"
MAKES = "#!/bin/sh\necho new > new; echo more >> changed; mkdir -p out/deep; echo deep > out/deep/file; echo $@ > said\nexit 0\n"


@pytest.fixture(scope="session")
def prefix() -> Path:
    """The installation."""
    return install()


@pytest.fixture
def pool(prefix: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with two foremen and two workers, whose master looks at policies every second."""
    with site(prefix, tmp_path) as made:
        made.env["AWQ_POLICY_INTERVAL"] = "1"
        made.start_master()
        made.start_pool()
        (tmp_path / "data/sub").mkdir(parents=True)
        (tmp_path / "data/file").write_text("data\n")
        (tmp_path / "data/sub/file").write_text("sub\n")
        (tmp_path / "changed").write_text("as it was\n")
        (tmp_path / "home").mkdir()
        yield made


def test_inputs_arrive(pool: Site) -> None:
    """Files, a folder, a folder's content, a file by URL, stdin; what changes after the submission does not matter."""
    cluster = pool.submit(
        SHOWS, should_transfer_files="YES", input="changed",
        transfer_input_files=f"data, data/, file://{pool.work}/agent.startup, ",
    )  # fmt: skip
    kept = pool.submit(
        SHOWS, should_transfer_files="YES", transfer_input_files="data/sub/file", preserve_relative_paths="true"
    )
    (pool.work / "data/file").write_text("another")
    eventually(lambda: pool.done(cluster))
    assert (pool.work / f"{cluster}.out").read_text().splitlines() == [
        "./agent.sh", "./agent.startup", "./changed", "./data/file", "./data/sub/file", "./file", "./sub/file", "as it was",
    ]  # fmt: skip
    eventually(lambda: pool.done(kept))
    assert (pool.work / f"{kept}.out").read_text() == "./agent.sh\n./data/sub/file\n"


def test_new_files_come_back(pool: Site) -> None:
    """Makeflow's form: no transfer_output_files; $$ in the arguments are numbers."""
    cluster = pool.submit(
        MAKES, "$$([TARGET.Cpus]) $$([TARGET.Memory]) $$([TARGET.Disk/1024])", initialdir=str(pool.work / "home"),
        should_transfer_files="yes", when_to_transfer_output="on_exit", transfer_input_files=f"{pool.work}/changed,",
        request_cpus="1", request_memory="200", request_disk="300 MB",
    )  # fmt: skip
    eventually(lambda: pool.done(cluster))
    home = pool.work / "home"
    assert {path.name for path in home.iterdir()} == {f"{cluster}.out", f"{cluster}.err", "new", "changed", "said"}
    assert (home / "said").read_text() == "1 200 300\n"
    assert (home / "changed").read_text() == "as it was\nmore\n"
    eventually(lambda: not any((pool.spool / "payload").iterdir()), what="nothing is left in the spool")


def test_listed_files_come_back_or_hold_the_job(pool: Site) -> None:
    """A folder and a remap; an output that was not made holds the job with code 12."""
    home = pool.work / "home"
    cluster = pool.submit(
        MAKES, initialdir=str(home), should_transfer_files="YES", transfer_output_files="new, out",
        transfer_output_remaps='"new = renamed"',
    )  # fmt: skip
    eventually(lambda: pool.done(cluster))
    assert (home / "out/deep/file").read_text() == "deep\n"
    assert (home / "renamed").read_text() == "new\n"
    assert not (home / "said").exists()
    cluster = pool.submit(MAKES, should_transfer_files="YES", transfer_output_files="nothing")
    eventually(lambda: pool.af("condor_q", cluster, "JobStatus") == "5")
    assert pool.af("condor_q", cluster, "HoldReasonCode", "HoldReasonSubCode") == "12 2"


def test_without_transfer_it_runs_in_its_folder(pool: Site) -> None:
    """Nextflow's and Snakemake's need: the job's files are where it was submitted."""
    cluster = pool.submit(MAKES, initialdir=str(pool.work / "home"), should_transfer_files="NO")
    eventually(lambda: pool.done(cluster))
    assert (pool.work / "home/out/deep/file").read_text() == "deep\n"


def test_policies(pool: Site) -> None:
    """A running pilot is held, released and removed; a job that is over stays for a while; one is tried again."""
    cluster = pool.submit(
        "#!/bin/sh\nexec sleep 100\n", periodic_hold="JobStatus == 2 && NumHolds =?= undefined",
        periodic_release="HoldReasonCode == 3", periodic_remove="JobStatus == 2 && NumHolds =?= 1",
    )  # fmt: skip
    stays = pool.submit("#!/bin/sh\nexit 4\n", leave_in_queue="JobStatus == 4 && time() - CompletionDate < 4")
    again = pool.submit("#!/bin/sh\nexit 1\n", max_retries="2")
    eventually(lambda: pool.af("condor_q", stays, "JobStatus", "ExitCode") == "4 4")
    eventually(lambda: pool.done(cluster) and pool.done(stays) and pool.done(again))
    assert pool.af("condor_history", cluster, "NumHolds", "NumJobStarts", "JobStatus") == "1 2 3"
    assert pool.af("condor_history", again, "NumJobCompletions", "ExitCode") == "3 1"


def test_streams_are_plain_files(pool: Site) -> None:
    """New ones have mode 0644; a FIFO holds its job, also one that is put there while the pilot runs, and holds nobody up."""
    mark, late, early = pool.work / "mark", pool.work / "late.out", pool.work / "early.out"
    os.mkfifo(early)
    waits = pool.submit(WAITS, environment=f"MARK={mark}", output=str(late))
    eventually(mark.exists, what="the pilot runs")
    os.mkfifo(late)
    refused = pool.submit(MAKES, output=str(early))
    eventually(lambda: pool.af("condor_q", refused, "JobStatus") == "5", what="the job with a FIFO is held")
    (pool.work / "mark.go").touch()
    eventually(lambda: pool.af("condor_q", waits, "JobStatus") == "5", what="the job that got a FIFO is held")
    assert "late.out could not be written: No such device or address" in pool.af("condor_q", waits, "HoldReason")
    cluster = pool.submit(MAKES)
    eventually(lambda: pool.done(cluster))
    assert {stat.S_IMODE((pool.work / f"{cluster}.{name}").stat().st_mode) for name in ("out", "err")} == {0o644}
