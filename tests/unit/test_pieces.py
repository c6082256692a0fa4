"""Long variables in pieces."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foremen.engine.protocol import LONGEST_VARIABLE
from foremen.pilot import launch_script
from foremen.pilot.long_variables import LIST, split

LONG = "".join(chr(33 + number % 90) for number in range(50_000)) + "\n  * \\n 'x' \"$HOME\" `id` \x81\x88 \udcff ü\n"


def put_together(environment: dict[str, str], shell: str = "sh") -> dict[str, str]:
    """What a program sees that the shell starts after the script."""
    pieces = split(environment)
    sizes = [len(f"{name}={value}".encode("utf-8", "surrogateescape")) for name, value in pieces.environment.items()]
    assert max(sizes, default=0) <= LONGEST_VARIABLE
    done = subprocess.run(
        [shell, "-c", f"{pieces.script}exec env -0"],
        env={"PATH": "/usr/bin:/bin", **pieces.environment}, capture_output=True, check=True,
    )  # fmt: skip
    text = done.stdout.decode("utf-8", "surrogateescape")
    return dict(line.split("=", 1) for line in text.split("\0") if line)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_long_variable_arrives_whole(shell: str) -> None:
    """Two long values with all that a shell might touch arrive byte for byte; of the pieces nothing is left."""
    seen = put_together({"LONG": LONG, "SHORT": "x", "ANOTHER": LONG[::-1]}, shell)
    assert (seen["LONG"], seen["ANOTHER"], seen["SHORT"]) == (LONG, LONG[::-1], "x")
    assert not [name for name in seen if name.startswith("AWQ_PIECE")]


def test_the_starter_puts_them_together(tmp_path: Path, starter_program: str) -> None:
    """Its launch script among them; what has no piece that came is empty, as for a shell."""
    facts = {"AWQ_CPUS": "1", "AWQ_MEMORY": "2", "AWQ_DISK": "3", "AWQ_JOB_ID": "4.5", "AWQ_JOB_AD": LONG}
    launch = launch_script.assignments(facts) + launch_script.command(
        ["-0"], launch_script.Redirections("", "out", ""), False, "/usr/bin/env"
    )
    environment = split({"LONG": LONG[::-1], "SHORT": "x", launch_script.TEXT: launch}).environment
    environment[LIST] += " EMPTY 1"
    said = subprocess.run(
        [starter_program], env={"PATH": "/usr/bin:/bin", **environment}, cwd=tmp_path, capture_output=True, check=True
    )
    assert b"\nexit=0\n" in said.stdout and b"started=1" not in said.stdout
    text = (tmp_path / "out").read_text("utf-8", "surrogateescape")
    seen = dict(line.split("=", 1) for line in text.split("\0") if line)
    assert (seen["LONG"], seen["SHORT"], seen["EMPTY"]) == (LONG[::-1], "x", "")
    assert not [name for name in seen if name.startswith("AWQ_")]
    assert (tmp_path / ".job.ad").read_text("utf-8", "surrogateescape") == LONG


def test_too_many_long_ones_are_told() -> None:
    """Their names must fit into one variable."""
    with pytest.raises(ValueError, match=LIST):
        split({f"{'N' * 3000}{number}": "x" * 2000 for number in range(3)})


def test_short_ones_are_left_alone() -> None:
    """Nothing is done to what fits, up to the last byte."""
    environment = {"A": "x" * (LONGEST_VARIABLE - 2), "B%%": "() { :; }"}
    assert split(environment) == (environment, "")


def test_a_name_that_no_shell_can_set_is_told() -> None:
    """A long function exported by bash cannot be put together: the caller hears its name."""
    with pytest.raises(ValueError, match="BASH_FUNC_x%%"):
        split({"BASH_FUNC_x%%": "x" * 5000})


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_text_arrives(text: str) -> None:
    """Whatever the characters are, the pieces make the value again."""
    value = text * (100_000 // len(text.encode()))  # the kernel takes 131,072 bytes in one variable
    assert put_together({"V": value})["V"] == value, shlex.quote(text)
