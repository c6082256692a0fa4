"""Settings become plans, plans become command lines."""

from __future__ import annotations

import os

import pytest

from foremen.errors import LaunchError
from foremen.node.host.fake import FakeSystem
from foremen.node.host.port import Node
from foremen.node.plan import Plan, check_password, foremen_of, plan_foremen, plan_workers, read_plan, share
from foremen.node.state_files import Place
from spool.settings import load


@pytest.fixture
def environ(tmp_path):
    """A node with a stand-in for CCTools and a password."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/work_queue_worker").touch(mode=0o755)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("secret")
    names = {
        "HOME": tmp_path,
        "CCTOOLS": tmp_path,
        "WQ_WORKDIR": tmp_path / "wq",
        "WQ_PASSWORD_FILE": tmp_path / "password",
    }
    return {name: str(value) for name, value in names.items()}


def test_worker_command_line(environ, tmp_path):
    """Cores, memory and disk are always named: foremen dispatch nothing to a worker without --disk."""
    door = FakeSystem(Node(8, 16000, 100000))
    plan = plan_workers(load({**environ, "WQ_CORES": "2", "WQ_FOREMEN": "head"}), "1", door)
    argv = plan.argv(Place(environ["WQ_WORKDIR"], "workers", "node"), 0, "head:9080", "/life")
    assert argv == (
        f"{tmp_path}/bin/work_queue_worker", "--single-shot", "--cores", "2", "--memory", "4000", "--disk", "22500",
        "--idle-timeout", "100", "--connect-timeout", "30", "-P", f"{tmp_path}/password", "-s", "/life", "head", "9080",
    )  # fmt: skip
    assert plan.count == 4


def test_foreman_command_line(environ, tmp_path):
    """Foreman i listens on base + i, connects to the master, and comes back soon when that is away."""
    plan = plan_foremen(load({**environ, "WQ_MASTER": "head:9094", "WQ_DEBUG": "1"}), "1")
    argv = plan.argv(Place("/wq", "foremen", "node"), 1, "", "/life")
    guard, argv = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    assert argv[1:4] == ("--foreman", "--foreman-port", "9081")
    assert guard[guard.index("--port") + 1] == "9081"
    assert guard[guard.index("--password-file") + 1] == environ["WQ_PASSWORD_FILE"]
    assert argv[-2:] == ("head", "9094")
    assert argv[8:12] == ("-i", "1", "-b", "3")
    assert "/wq/state/node/foremen/slot-1.debug" in argv


def test_environment_of_a_worker(environ):
    """The launch scripts find their state folder; sizes of others do not reach the worker."""
    plan = plan_workers(load({**environ, "WQ_SINGLETASK": "1"}), "1", FakeSystem())
    found = dict(plan.environ({"PATH": "/bin", "DISK": "7", "GPUS": "1"}, "/life"))
    ours = {"AWQ_WORKER_STATE": "/life/state", "AWQ_SINGLETASK": "1", "MACHINEFEATURES": "/life/features"}
    assert found == {"PATH": "/bin", **ours}
    again = plan_workers(load(environ), "1", FakeSystem())
    assert "AWQ_SINGLETASK" not in dict(again.environ({"AWQ_SINGLETASK": "1"}, "/life"))


def test_plan_is_read_as_written(environ):
    """The file holds all of it."""
    place = Place(environ["WQ_WORKDIR"], "workers", "node")
    assert read_plan(place) is None
    place.create()
    plan = plan_workers(load(environ), "1", FakeSystem())
    plan.write(place)
    assert read_plan(place) == plan
    assert isinstance(plan, Plan)


@pytest.mark.parametrize(
    ("cores", "workers", "memory", "disk"),
    [(1, 0, 1000, 9000), (8, 0, 8000, 72000), (1, 16, 500, 4500), (16, 0, 8000, 72000)],
)
def test_share(cores, workers, memory, disk):
    """A worker gets its cores' share, never more than all; more workers than cores divide what there is."""
    assert share(Node(8, 8000, 80000), cores, workers) == Node(cores, memory, disk)


def test_foremen_of():
    """A host stands for all its foremen, host:port for one; blanks and commas separate."""
    settings = load({"WQ_FOREMEN": "a, b:7000 a", "WQ_NUM_FOREMEN": "2", "WQ_MASTER_BASEPORT": "80"})
    assert foremen_of(settings) == ("a:80", "a:81", "b:7000")
    with pytest.raises(LaunchError, match="WQ_NUM_FOREMEN"):
        foremen_of(load({"WQ_FOREMEN": "a", "WQ_NUM_FOREMEN": "0"}))
    with pytest.raises(LaunchError, match="needs host:port, has 'a:x'"):
        foremen_of(load({"WQ_FOREMEN": "a:x"}))


def test_without_cctools(environ, tmp_path):
    """One sentence with the remedy."""
    os.unlink(tmp_path / "bin/work_queue_worker")
    with pytest.raises(LaunchError, match="install CCTools"):
        plan_foremen(load(environ), "1")


@pytest.mark.parametrize(
    ("mode", "text", "said"),
    [(0o640, "x", "chmod 600"), (0o604, "x", "chmod 600"), (0o600, "", "empty"), (None, "", "scp")],
)
def test_password_file_is_refused(environ, tmp_path, mode, text, said):
    """Missing, empty, or readable by others: refused with the remedy."""
    if mode is None:
        (tmp_path / "password").unlink()
    else:
        (tmp_path / "password").write_text(text)
        (tmp_path / "password").chmod(mode)
    with pytest.raises(LaunchError, match=said):
        check_password(load(environ))


def test_one_shot_workers_begin_with_other_foremen():
    """A worker that a scheduler starts again and again on one node asks all foremen first in turn; one that respawns stays with its own."""

    def first(**facts):
        plans = [
            Plan(str(start), "workers", 1, "wqw", "pw", "drain", foremen=("a:1", "b:1"), **facts) for start in range(30)
        ]
        return {plan.choices("node", 1)[0][0] for plan in plans}

    assert first(norespawn=True) == {"a:1", "b:1"}
    assert len(first()) == 1
