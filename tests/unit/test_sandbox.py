"""The pieces of sh around a pilot that needs more than the plain launch script, in the shells that workers have."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from foremen.pilot import launch_script
from foremen.pilot.launch_script import Redirections, Report, parse_report
from foremen.pilot.transfer_script import ARCHIVE, Extras

BOTH = Redirections("", "_condor_stdout", "_condor_stderr")
NASTY = [
    "-n",
    "a b",
    "*",
    "$(id)",
    "`x`",
    "'",
    '"',
    "\\",
    "ü",
    "new\nline",
    "#",
    ";",
    "..x",
    ".hidden",
    "[a]",
    "=",
    "~",
]


class Node:
    """A sandbox on a node with one shell; ``run`` gives the report."""

    def __init__(self, folder: Path, shell: str, starter: str) -> None:
        self.folder, self.shell, self.starter = folder, shell, starter

    def run(
        self, extras: Extras, script: str, streams: Redirections = BOTH, wrapped: bool = False, **environment: str
    ) -> Report:
        """Run a pilot with this script."""
        (self.folder / "agent.sh").write_text(f"#!/bin/sh\n{script}\n")
        (self.folder / "agent.sh").chmod(0o755)
        facts = {
            "AWQ_JOB_AD": "A = 1\n",
            "AWQ_CPUS": "1",
            "AWQ_MEMORY": "1",
            "AWQ_DISK": "1",
            "PATH": os.environ["PATH"],
            "AWQ_STARTER2": self.starter,
        }
        done = subprocess.run(
            [self.shell, "-c", launch_script.command([], streams, wrapped, extras=extras)], cwd=self.folder,
            env={**facts, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=True, timeout=60,
        )  # fmt: skip
        return parse_report(done.stdout.decode())

    def packed(self) -> list[str]:
        """Names in the archive; none when it is empty."""
        if not (self.folder / ARCHIVE).stat().st_size:
            return []
        with tarfile.open(self.folder / ARCHIVE) as tar:
            return sorted(tar.getnames())


@pytest.fixture(params=("dash", "bash", "dash with the starter", "bash with the starter"))
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    """One with each shell that /bin/sh can be, with and without a starter."""
    shell, _, starter = request.param.partition(" with the ")
    path = shutil.which(shell)
    if path is None:
        pytest.fail(f"{shell} is missing: install it (apt-get install {shell})")
    folder = tmp_path / "sand box"
    folder.mkdir()
    return Node(folder, path, request.getfixturevalue("starter_program") if starter else "")


def test_memory(node: Node) -> None:
    """Told where there is a starter to measure it; what the pilot leaves in its place counts for a number or for nothing."""
    rss = node.run(Extras(outputs=()), "exit 3").rss
    assert 100 < rss < 100000 if node.starter else rss == 0
    assert node.packed() == []
    (node.folder / ".awq_rss").write_text("1\nexit=0\n")
    report = node.run(Extras(outputs=()), "kill -KILL $$")
    assert (report.signal, report.exit_code) == (9, None)


def test_what_is_new_is_packed(node: Node) -> None:
    """Whatever its name; not what was there, not what is ours; the archive is empty when there is nothing."""
    for name in NASTY:
        (node.folder / f"old{name}").write_text("old")
    assert node.run(Extras(outputs=()), "mkdir folder").exit_code == 0
    assert node.packed() == []
    os.unlink(node.folder / ARCHIVE)
    script = "\n".join([f"echo x > ./'new'{quoted(name)}" for name in NASTY])
    assert node.run(Extras(outputs=()), script + "\necho out; echo err >&2").unpacked == ""
    assert node.packed() == sorted(f"./new{name}" for name in NASTY)


def quoted(name: str) -> str:
    """A word for sh."""
    return "'" + name.replace("'", "'\\''") + "'"


def test_what_was_changed_is_packed(node: Node) -> None:
    """An input that the pilot wrote to, or replaced."""
    for name in ("same", "changed", "replaced"):
        (node.folder / name).write_text("old")
        os.utime(node.folder / name, (1, 1))
    node.run(Extras(outputs=()), "echo x >> changed; echo y > z; mv z replaced")
    assert node.packed() == ["./changed", "./replaced"]


@pytest.mark.parametrize("turn", range(5))
def test_a_change_at_once_is_seen(node: Node, turn: int) -> None:
    """The clock of a file system ticks every few milliseconds: an input that has just come, and the first thing that a pilot does."""
    (node.folder / "same").write_text("old")
    (node.folder / "changed").write_text("old")
    node.run(Extras(outputs=()), "echo x >> changed")
    assert node.packed() == ["./changed"], turn


def test_what_is_named_is_packed_or_missed(node: Node) -> None:
    """Folders with all in them; the place of the first that is missing is reported, and the others are packed."""
    names = (*[f"new{name}" for name in NASTY], "folder", "nothing", "neither")
    script = "mkdir -p folder/deep; echo x > folder/deep/file\n"
    report = node.run(Extras(outputs=names), script + "\n".join([f"echo x > ./'new'{quoted(name)}" for name in NASTY]))
    assert (report.exit_code, report.missing) == (0, len(NASTY) + 1)
    assert node.packed() == sorted(
        [*[f"./new{name}" for name in NASTY], "./folder", "./folder/deep", "./folder/deep/file"]
    )


@pytest.mark.parametrize(("code", "packed"), [(0, []), (3, ["./new"])])
def test_only_on_success(node: Node, code: int, packed: list[str]) -> None:
    """The exit status decides; without success nothing is missed."""
    report = node.run(Extras(outputs=("new", "nothing"), success=3), f"echo x > new; exit {code}")
    assert (report.exit_code, report.missing) == (code, 1 if packed else None)
    assert node.packed() == packed


def test_a_tar_that_fails_is_told(node: Node, tmp_path: Path) -> None:
    """What it says; the exit status of the pilot stays what it was. The job's own PATH and TAR_OPTIONS do not count."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/tar"
    fake.write_text("#!/bin/sh\necho no room >&2\nexit 2\n")
    fake.chmod(0o755)
    report = node.run(Extras(outputs=()), "echo x > new; exit 7", PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert (report.exit_code, report.unpacked) == (7, "no room")
    os.unlink(node.folder / "new")
    node.run(Extras(outputs=()), "echo x > new", PATH="/nowhere", TAR_OPTIONS="--nonsense")
    assert node.packed() == ["./new"]


def test_in_its_own_folder(node: Node, tmp_path: Path) -> None:
    """Started there, by the wrapper and by its copy in the sandbox; what the shell needs stays in the sandbox."""
    home = tmp_path / "h o'me"
    home.mkdir()
    wrapper = node.folder / "awq_job_wrapper.sh"
    wrapper.write_text('#!/bin/sh\necho wrapped\nexec "$@"\n')
    wrapper.chmod(0o755)
    streams = Redirections("", f"{home}/out", f"{home}/out")
    report = node.run(
        Extras(in_place=True), 'pwd; echo "$_CONDOR_JOB_IWD"; kill -9 $$', streams, True, AWQ_IWD=str(home)
    )
    assert (report.exit_code, report.signal) == (None, 9)
    assert (home / "out").read_text() == f"wrapped\n{home}\n{home}\n"
    assert os.listdir(home) == ["out"]


def test_the_original_is_started_where_it_is(node: Node, tmp_path: Path) -> None:
    """The executable itself when the node has it, its copy otherwise."""
    original = tmp_path / "the original"
    original.write_text("#!/bin/sh\nexit 5\n")
    assert node.run(Extras(True, str(original)), "exit 6", AWQ_IWD=str(tmp_path)).exit_code == 6
    original.chmod(0o755)
    assert node.run(Extras(True, str(original)), "exit 6", AWQ_IWD=str(tmp_path)).exit_code == 5


def test_a_node_without_the_folder(node: Node) -> None:
    """Nothing is started, and the report says so."""
    report = node.run(Extras(in_place=True), "echo x > started", AWQ_IWD="/no/such")
    assert (report.complete, report.no_folder) == (False, True)
    assert not (node.folder / "started").exists()


def test_fetching(node: Node, tmp_path: Path) -> None:
    """By curl; what cannot be fetched is told, and nothing is started."""
    (tmp_path / "far").write_text("far")
    good, bad = f'url = "file://{tmp_path}/far"\noutput = "near"\n', f'url = "file://{tmp_path}/no"\noutput = "x"\n'
    assert node.run(Extras(fetches=True), 'exec test "$(cat near)${AWQ_URLS-}" = far', AWQ_URLS=good).exit_code == 0
    report = node.run(Extras(fetches=True), "echo x > started", AWQ_URLS=good + bad)
    assert not report.complete
    assert "curl" in report.fetch
    assert not (node.folder / "started").exists()
