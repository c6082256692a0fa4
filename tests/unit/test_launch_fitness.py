"""The foremen's self-test: what it says of foremen that lose something, and what the supervisor makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_launch_supervisor import Bench

from foremen.node.self_test.foreman_modes import Mode, let_in
from foremen.node.self_test.run import judge
from foremen.node.self_test.verdicts import FAILED, PENDING, Fitness
from foremen.node.state_files import write_json

LOSING = str(Path(__file__).parent.parent / "losing_foreman.py")


@pytest.mark.parametrize(
    ("loses", "said"),
    [
        ("inputs", "the foreman lost the task's inputs"),
        ("file", "the foreman lost the task's output file"),
        ("folder", "the foreman lost the task's output folder"),
        ("content", "the foreman lost the task's output file"),
        ("connection", "the foreman closed the connection"),
    ],
)
def test_a_foreman_that_loses_something(monkeypatch, tmp_path, loses, said):
    """No way to start it is right, and the verdict names what was lost in each."""
    monkeypatch.setenv("LOSES", loses)
    verdict = judge(LOSING, str(tmp_path))
    assert (verdict.mode, verdict.certain) == ("", True)
    assert verdict.trouble == f"plain: {said}; linked: {said}"
    assert os.listdir(tmp_path) == []


def test_a_foreman_that_is_right(monkeypatch, tmp_path):
    """It is started as it is."""
    monkeypatch.setenv("LOSES", "")
    verdict = judge(LOSING, str(tmp_path))
    assert (verdict.mode, verdict.trouble, verdict.release) == ("plain", "", "0.0.7")


def test_a_foreman_that_needs_the_link(monkeypatch, tmp_path):
    """It loses its inputs without, and nothing with the link."""
    monkeypatch.setenv("LOSES", "inputs")
    monkeypatch.setenv("LINKED", "1")
    verdict = judge(LOSING, str(tmp_path))
    assert (verdict.mode, verdict.trouble) == ("linked", "plain: the foreman lost the task's inputs")


def test_a_foreman_that_says_nothing(monkeypatch, tmp_path):
    """Not certain: it may be the machine. Other ways are not tried."""
    monkeypatch.setenv("LOSES", "all")
    verdict = judge(LOSING, str(tmp_path), seconds=3)
    assert (verdict.mode, verdict.certain) == ("", False)
    assert verdict.trouble.startswith("plain: no answer within")


@pytest.mark.parametrize(("program", "said"), [("/nowhere/wqw", "cannot be run"), ("/bin/echo", "does not listen")])
def test_no_foreman_at_all(tmp_path, program, said):
    """A program that is not there, or is another one."""
    verdict = judge(program, str(tmp_path), seconds=0.5)
    assert (verdict.mode, verdict.certain) == ("", False)
    assert said in verdict.trouble


class Foremen(Bench):
    """Two foremen under a supervisor that tests them; the test writes the verdicts."""

    def __init__(self, folder, **changes):
        super().__init__(folder, "foremen", foremen=(), **changes)
        self.supervisor.fitness = Fitness(self.door, self.place)

    def tests(self):
        return [it for it in self.door.processes.values() if self.place.verdict in it.command.argv]

    def judged(self, mode="plain", **facts):
        write_json(self.place.verdict, {"mode": mode, **facts})
        self.door.end(self.tests()[-1].who)

    def notes(self):
        return [row["note"] for row in self.rows()]


@pytest.fixture
def tested(tmp_path):
    """Two foremen whose test runs."""
    made = Foremen(tmp_path, binary=f"{tmp_path}/wqw")
    (tmp_path / "wqw").write_text("release 1")
    made.step()
    return made


def test_no_foreman_before_its_test(tested):
    """Both wait for one test, which is looked at often; then both run."""
    assert (tested.living(), tested.notes(), len(tested.tests())) == ({}, [PENDING] * 2, 1)
    assert tested.supervisor.pause < 0.5
    tested.step(0.1)
    assert len(tested.tests()) == 1
    tested.judged()
    tested.step(0.1)
    assert len(tested.living()) == 2
    assert tested.notes() == ["", ""]
    assert not any("--single-shot" in tested.door.processes[it.who.pid].command.argv for it in tested.living().values())


def test_the_link_is_made_before_the_foreman_is(tested):
    """Where the test says so: the workspace has it, and the foreman ends with its connection."""
    tested.judged("linked", trouble="plain: the foreman lost the task's inputs")
    tested.step(0.1)
    for record in tested.living().values():
        argv = tested.door.processes[record.who.pid].command.argv
        argv = argv[argv.index("--") + 1 :]
        assert argv[1:3] == ("--single-shot", "--foreman")
        assert os.readlink(f"{record.life}/worker-{os.getuid()}-{record.who.pid}/cache") == "."
    assert [row["connected"] for row in tested.rows()] == [False, False]


def test_a_foreman_that_fails_is_not_started(tested):
    """The note says what failed; a minute later it is tried again."""
    tested.judged("", trouble="plain: lost", release="9")
    tested.step(0.1)
    tested.step(5)
    assert tested.living() == {}
    assert tested.notes() == [f"{FAILED} ({tested.supervisor.plan.binary}): plain: lost"] * 2
    assert len(tested.tests()) == 1
    tested.step(61)
    assert len(tested.tests()) == 2
    tested.judged()
    tested.step(0.1)
    assert len(tested.living()) == 2


def test_a_test_without_a_verdict(tested):
    """It was killed: no foreman; it is repeated soon."""
    tested.door.end(tested.tests()[-1].who, -9)
    tested.step(0.1)
    assert tested.living() == {}
    assert "ended without a verdict" in tested.notes()[0]
    tested.step(6)
    assert len(tested.tests()) == 2


def test_a_test_that_hangs(tested):
    """It is killed, and no foreman is started."""
    tested.step(200)
    assert not tested.door.alive(tested.tests()[0].who)
    assert tested.living() == {}


def test_another_program_is_another_test(tested, tmp_path):
    """A foreman that dies is started again as it was; after an upgrade of CCTools, and after a minute, it is tested first."""
    tested.judged()
    tested.step(0.1)
    tested.door.end(tested.living()[0].who)
    tested.step(1)
    tested.step(2)
    assert (len(tested.tests()), len(tested.living())) == (1, 2)
    (tmp_path / "wqw").write_text("another release")
    tested.door.end(tested.living()[0].who)
    tested.step(1)
    tested.step(5)
    assert (len(tested.tests()), len(tested.living())) == (2, 1)
    tested.judged()
    tested.step(0.1)
    assert len(tested.living()) == 2
    tested.door.end(tested.living()[1].who)
    tested.step(90)
    tested.step(0.1)
    assert len(tested.tests()) == 3


def test_who_was_let_in(tmp_path):
    """A plain foreman makes its cache when it is let in; a linked one has it, and makes ``tmp``."""
    assert not let_in(str(tmp_path))
    (tmp_path / "cache").mkdir()
    assert let_in(str(tmp_path))
    Mode.LINKED.prepare(str(tmp_path), 12)
    linked = tmp_path / f"worker-{os.getuid()}-12"
    assert not let_in(str(linked))
    (linked / "cache/tmp").mkdir()
    assert let_in(str(linked))
    assert (linked / "tmp").is_dir()
