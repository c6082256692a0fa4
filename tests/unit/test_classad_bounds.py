"""Expressions of strangers: what exceeds a bound never reaches the library, and what is called cheap is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spool.classad import bounds, cost, scope
from spool.store.layout import Spool
from spool.store.sqlite import open_writer

ROOT = Path(__file__).resolve().parents[2]
LONG = "1" + "+1" * 20_000


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("1" + "+1" * 60_000, "AWQ_EXPRESSION_TERMS"), ("a" + ".a" * 60_000, "AWQ_EXPRESSION_TERMS"),
        ("x" + "=?=x" * 60_000, "AWQ_EXPRESSION_TERMS"), ("x" + " is x" * 2001, "AWQ_EXPRESSION_TERMS"),
        ("a" + "[0]" * 2001, "AWQ_EXPRESSION_TERMS"), ("(" * 101 + "1" + ")" * 101, "AWQ_EXPRESSION_DEPTH"),
        ("{" * 101 + "}" * 101, "AWQ_EXPRESSION_DEPTH"), ("{" + "1," * 140_000 + "1}", "AWQ_EXPRESSION_SIZE"),
    ],
)  # fmt: skip
def test_what_exceeds_a_bound_is_refused_with_the_name_of_the_setting(text: str, setting: str) -> None:
    """Before the library sees it."""
    with pytest.raises(bounds.TooLarge, match=setting):
        bounds.check(text)
    parsed = scope.parse(text)
    assert parsed.tree is None
    assert setting in parsed.problem


@pytest.mark.parametrize(
    "text",
    [
        "1" + "+1" * 1999,
        "(" * 100 + "1" + ")" * 100,
        "{" + "1.5, " * 50_000 + "1}",
        '"' + "+(" * 100_000 + '"',
        "x" + "||x" * 1900,
    ],
)
def test_what_is_within_the_bounds_is_taken(text: str) -> None:
    """A long list of numbers, and operators inside of a string, are no chain."""
    bounds.check(text)


def test_limits_are_settings() -> None:
    """A lower limit refuses what the default takes; none can be set so low or high that it does harm."""
    code = "from spool.classad import bounds; print(bounds.fits('1' + '+1' * 300), bounds.limits().terms)"
    for setting, expected in (("100", "False 100"), ("1", "False 50"), ("99999999", "True 10000")):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"AWQ_EXPRESSION_TERMS": setting, "HOME": "/nonexistent"}, cwd=ROOT,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == expected


def cheap(text: str, **attributes: str) -> bool:
    """Whether it is proven to be."""
    folded = {name.lower(): value for name, value in attributes.items()}
    return cost.cheap(scope.parse(text), lambda name: folded.get(name.lower()))


@pytest.mark.parametrize(
    "text",
    [
        "JobStatus == 2 && time() - JobCurrentStartDate > 3600", 'ifThenElse(ExitCode =?= 0, "x", strcat("a", B))',
        'member(ExitCode, {1, 2, 3})', 'regexp("^WIN.*", OpSys)', 'regexp("(a|b)$", OpSys)', 'stringListMember("a", B)', "A + A + A",
    ],
)  # fmt: skip
def test_what_policies_say_is_cheap(text: str) -> None:
    """It is evaluated in the master, as ever."""
    assert cheap(text, JobStatus="2", A="B + C", B='"a,b"', C="5")


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("A16", {"A0": '"a"', **{f"A{n}": f"strcat(A{n - 1}, A{n - 1})" for n in range(1, 17)}}),
        ('regexp("a*[bc]", A)', {"A": '"' + "a" * 5000 + '"'}), ('regexp("(a+)+$", A)', {"A": '"aaa"'}), ('regexp(B, A)', {"A": '"aaa"'}),
        ('regexp("a?a?a?a?aaaa", A)', {"A": '"aaaa"'}), ("A", {"A": "A + A"}), ('eval("A")', {"A": "1"}), ("countMatches(true, {1})", {}),
        ("[a = 1].a", {}), ("'A'", {"A": "1"}), ("strcat(A, A)", {"A": '"' + "a" * 20_000 + '"'}), ("userMap(A, A)", {}),
    ],
)  # fmt: skip
def test_what_may_be_costly_is_not_called_cheap(text: str, attributes: dict[str, str]) -> None:
    """Doubling, patterns that try all ways, contexts, and what the text does not show."""
    assert not cheap(text, **attributes)


_THROUGH_THE_DOORS = """
import resource, sys, time
sys.path[:0] = [{root!r}, {root!r} + "/scripts"]
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from fuzz_expressions import case
from foremen.master.policy_expressions import Scope
from shims.submit.expressions import canonical
from spool.classad import ads
from spool.classad import bounds
from spool.classad.job_record import JobRecord

class Elsewhere:
    def value(self, cluster, question, changing):
        return None

slowest = 0.0
for number in range({first}, {last}):
    text, attributes = case(number)
    began = time.process_time()
    try:
        canonical(text[:3000])
    except bounds.TooLarge:
        pass
    written = time.process_time()
    try:
        Scope(JobRecord(1, 0, 1, ads.dump(attributes)), 5, {{"Cpus": "4"}}, Elsewhere()).evaluate(text)
    except Exception as error:
        assert type(error).__name__ == "Unfinished", (number, error)
    took = time.process_time() - written
    assert took < 1.0, (number, text[:80], took)
    slowest = max(slowest, took)
print("all", slowest)
"""


@pytest.mark.parametrize("first", range(0, 4000, 1000))
def test_families_of_expressions_neither_end_nor_hold_up_the_process_that_reads_them(first: int) -> None:
    """Thousands of chains, nestings, doublings: parsed, judged, and evaluated where that is cheap; less than a second each."""
    code = _THROUGH_THE_DOORS.format(root=str(ROOT), first=first, last=first + 1000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:] or done.returncode
    assert done.stdout.startswith("all")


@pytest.mark.parametrize(
    "words",
    [
        ["condor_submit", "-dry-run", "-", "long.sub"], ["condor_history", "-constraint", LONG], ["condor_history", "-af", LONG],
        ["condor_qedit", "1.0", "Foo", LONG], ["condor_qedit", "-constraint", LONG, "Foo", "1"], ["condor_rm", "-constraint", LONG],
        ["condor_q", "-jobads", "one.ads", "-constraint", LONG], ["condor_q", "-jobads", "one.ads", "-af", LONG],
        ["condor_q", "-jobads", "one.ads", "-format", "%d", LONG], ["condor_status", "-ads", "one.ads", "-constraint", LONG],
    ],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_commands_refuse_what_is_too_large(spool: Spool, tmp_path: Path, words: list[str]) -> None:
    """With the reason and exit status 1, before anything is done."""
    (tmp_path / "long.sub").write_text(f"executable = /bin/true\n+A0 = {LONG}\nqueue\n")
    (tmp_path / "one.ads").write_text('MyType = "Job"\nClusterId = 1\nProcId = 0\nJobStatus = 1\nOwner = "me"\n\n')
    if words[:2] == ["condor_history", "-af"]:
        database = open_writer(spool)
        with database.transaction():
            database.add_cluster(1, "ClusterId = 1\n", False)
            database.add_jobs([(1, 0, 1, 0, "ProcId = 0\n", "")])
            database.finish(1, 0, "ClusterId = 1\nProcId = 0\n")
        database.close()
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from shims.commands.condor.{words[0]} import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *words[1:]], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"AWQ_WORKDIR": spool.root, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "AWQ_EXPRESSION_TERMS" in done.stderr
