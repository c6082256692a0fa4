"""The shortcut: in what it loads, and what a program that starts others by execl() starts with it. In a worker: e2e/test_shortcut.py."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from foremen.native import deploy
from foremen.native.preload import Shortcut
from foremen.pilot import launch_script

# Does what a worker's child does: runs argv[1] by a shell; or another program, its words as they are.
SHELL = r"""
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--version")) return 0;
	if (argc == 2) execl("/bin/sh", "sh", "-c", argv[1], (char *)0);
	if (argc == 4) execl(argv[1], argv[1], argv[2], argv[3], (char *)0);
	if (argc == 1) execl("/usr/bin/printf", "printf", (char *)0);
	return 127;
}
"""
# Says what it is, who leads its group, and the variables that are of interest.
STARTER = """#!/bin/sh
echo "starter $# $(cut -d' ' -f5 /proc/$$/stat) $$ ${LD_PRELOAD-none} ${A-none}"
"""
TELL = 'echo "shell $(cut -d" " -f5 /proc/$$/stat) $$ ${LD_PRELOAD-none}"'


@pytest.fixture(scope="session")
def programs(tmp_path_factory, shortcut_library):
    """A folder with a program that starts others, dynamic and static, and a starter."""
    folder = tmp_path_factory.mktemp("shells")
    (folder / "shell.c").write_text(SHELL)
    for name, flags in (("dynamic", ()), ("static", ("-static",))):
        subprocess.run(["cc", *flags, str(folder / "shell.c"), "-o", str(folder / name)], check=True)
    for name, text in (("starter", STARTER), ("wrapper", f'#!/bin/sh\nexec {folder}/dynamic "$@"\n')):
        (folder / name).write_text(text)
        (folder / name).chmod(0o700)
    return folder


@pytest.fixture
def start(programs, shortcut_library):
    """Run words with it; what was said, as words."""

    def run(*words, program="dynamic", preload=shortcut_library, **variables):
        env = {"PATH": os.environ["PATH"], "AWQ_STARTER2": f"{programs}/starter", "LD_PRELOAD": preload, **variables}
        done = subprocess.run([f"{programs}/{program}", *words], env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.split()

    return run


PLAIN = launch_script.start()


def test_a_plain_pilot(start):
    """The starter runs instead of the shell, without a word, as leader of its group, with the task's environment."""
    status, said = start(launch_script.start(before="exit 1\n"), A="b")
    assert (status, said[:2], said[4:]) == (0, ["starter", "0"], ["none", "b"])
    assert said[2] == said[3]


def test_what_was_preloaded_before_stays(start, shortcut_library):
    """For the pilot it is as if we had not been there."""
    assert start(PLAIN, preload=f"{shortcut_library}:/lib/none.so")[1][4] == "/lib/none.so"
    assert start(PLAIN, preload=f"{shortcut_library} /lib/none.so:/lib/other.so")[1][4] == "/lib/none.so:/lib/other.so"
    assert start(PLAIN, preload=f"{shortcut_library}:")[1][4] == "none"


@pytest.mark.parametrize("command", [TELL, f"AWQ_LAUNCH='{TELL}'\n{PLAIN}".replace("${AWQ_STARTER2:-}", "")])
def test_other_commands(start, command):
    """The shell runs them, as leader of a group of its own: the worker mostly makes it one too late."""
    status, said = start(command)
    assert (status, said[0], said[3]) == (0, "shell", "none")
    assert said[1] == said[2]


@pytest.mark.parametrize("path", ["", "/no/such/starter", "/etc/passwd"])
def test_no_starter(start, path):
    """The shell decides."""
    status, said = start(PLAIN, AWQ_STARTER2=path, AWQ_LAUNCH=TELL)
    assert (status, said[0], said[3]) == (0, "shell", "none")


def test_other_programs(start):
    """Any number of words."""
    assert start("/usr/bin/printf", "%s.%s", "x") == (0, ["x."])
    assert start()[0] == 1  # printf wants words
    assert start("/no/such/program", "a", "b")[0] == 127


@pytest.fixture
def packaged(shortcut_library, monkeypatch):
    """The package has it."""
    content = Path(shortcut_library).read_bytes()
    monkeypatch.setattr(deploy, "packaged", lambda _name: content)


@pytest.mark.usefixtures("packaged")
def test_statically_linked(start, programs):
    """It is not there, which is noticed before."""
    assert start(TELL, program="static")[1][0] == "shell"
    assert Shortcut(str(programs), {}).variables(f"{programs}/static") == {}
    assert Shortcut(str(programs), {}).variables(f"{programs}/dynamic") == {"LD_PRELOAD": f"{programs}/preload"}


@pytest.mark.usefixtures("packaged")
def test_it_is_tried_once_and_comes_again(programs, tmp_path, monkeypatch):
    """Tried for each worker program; laid out again when somebody who cleans temporary folders has removed it."""
    tries = []
    said = deploy.said
    monkeypatch.setattr(
        deploy, "said", lambda command, *words, **more: tries.append(command[0]) or said(command, *words, **more)
    )
    here, expected = Shortcut(str(tmp_path), {}), {"LD_PRELOAD": f"{tmp_path}/preload"}
    dynamic, static = f"{programs}/dynamic", f"{programs}/static"
    found = [here.variables(worker) for worker in (dynamic, static, dynamic, static)]
    assert found == [expected, {}, expected, {}]
    assert tries == [dynamic, static]
    (tmp_path / "preload").unlink()
    assert here.variables(dynamic) == expected and (tmp_path / "preload").exists()
    assert tries == [dynamic, static, dynamic]


@pytest.mark.usefixtures("packaged")
def test_where_it_stands(programs, shortcut_library, tmp_path):
    """Before what the site preloads; not at all in a folder whose name cannot stand in LD_PRELOAD."""
    before = {"LD_PRELOAD": shortcut_library}
    found = Shortcut(str(programs), before).variables(f"{programs}/dynamic")
    assert found == {"LD_PRELOAD": f"{programs}/preload:{shortcut_library}"}
    for name in ("a b", "a:b"):
        (tmp_path / name).mkdir()
        assert Shortcut(str(tmp_path / name), {}).variables(f"{programs}/dynamic") == {}


def test_a_script_before_the_worker(start):
    """It is the script that has it, and nothing after it."""
    assert start(TELL, program="wrapper")[1][3] == "none"
