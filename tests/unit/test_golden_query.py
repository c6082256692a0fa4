"""``condor_q`` and ``condor_history`` against what a real HTCondor said of the same job ads (tests/golden/query)."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import sys
import time
from pathlib import Path

import pytest
from query_rig import fill_queue, publish_counts

from shims.api.query import QueueSource
from shims.cli.stdio import Answer
from shims.commands.condor import condor_history
from shims.commands.condor.condor_q import ask, reply
from spool.errors import AwqError
from spool.settings import load as load_settings
from spool.store.layout import create_spool

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))
_FOUND = runpy.run_path(str(ROOT / "tests/golden/query/cases.py"))
from case import load  # noqa: E402

RECORDED = load("query")
CASES = _FOUND["CASES"]
ADS, NOW = _FOUND["ADS"], _FOUND["NOW"]
USER = "u1"


@pytest.fixture(scope="module", autouse=True)
def _utc():
    """Dates are those of the recording."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """For each set of ads a spool that holds them, asked at the time of the recording."""
    found, masters = {}, []
    for name, jobs in ADS.items():
        root = str(tmp_path_factory.mktemp(name) / "spool")
        spool = create_spool(root)
        fill_queue(spool, jobs)
        masters.append(publish_counts(spool, jobs, NOW))
        found[name] = QueueSource(spool, load_settings({"AWQ_WORKDIR": root, "HOME": "/"}), USER, NOW)
    yield found
    for master in masters:
        master.die()


def _comparable(text: str) -> str:
    """Without the source's name and time (without jobs it is not that of the ads), and without the totals of users."""
    text = re.sub(r"^-- .* @ .*", "-- SOURCE @ TIME", text, flags=re.M)
    text = re.sub(r"^Total for (?!query).*\n", "", text, flags=re.M)
    text = re.sub(r"^(Total for query: .*?) +$", r"\1", text, flags=re.M)
    return re.sub(r"( suspended)\n+\Z", r"\1\n", text)


def _ours(line: str, source: QueueSource) -> tuple[int, str, str]:
    try:
        return 0, reply(ask(shlex.split(line), USER), source), ""
    except Answer as answer:
        return answer.status, answer.out, answer.err
    except AwqError as error:
        return error.exit_status, "", str(error)


QUEUE = [case for case in CASES if case.command.startswith("condor_q")]
FINISHED = [case for case in CASES if case.command.startswith("condor_history")]


@pytest.mark.parametrize("case", QUEUE, ids=[f"{case.name} {case.command[16:]}" for case in QUEUE])
def test_queue_as_htcondor(case, sources):
    """Text, errors and exit status of condor_q are those of 23.9.6."""
    _, _, name, line = [*case.command.split(" ", 3), ""][:4]
    status, out, err = _ours(line, sources[name])
    recorded = RECORDED[case.name]
    assert _comparable(out) == _comparable("\n".join(recorded["stdout"]))
    assert (status, err) == (recorded["status"], "\n".join(recorded["stderr"]))


@pytest.mark.parametrize("case", FINISHED, ids=[f"{case.name} {case.command[14:]}" for case in FINISHED])
def test_history_as_htcondor(case, tmp_path, monkeypatch, capfd):
    """Text, errors and exit status of condor_history are those of 23.9.6, for a file in HTCondor's form."""
    monkeypatch.chdir(tmp_path)
    for name, content in case.files.items():
        Path(name).write_text(content)
    status = condor_history.main(shlex.split(case.command)[1:])
    told = capfd.readouterr()
    recorded = RECORDED[case.name]
    assert told.out == "\n".join(recorded["stdout"])
    assert (status, told.err) == (recorded["status"], "\n".join(recorded["stderr"]))
