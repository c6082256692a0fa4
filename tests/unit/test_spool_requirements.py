"""Which Requirements rule every worker out: only what is false whatever is not known may be."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spool.classad.job_record import JobRecord
from spool.classad.matchmaking import Judge, Totals, Unmet, conjuncts

FACTS = {"Arch": '"X86_64"', "OpSys": '"LINUX"', "HasFileTransfer": "true"}
ADDED = (
    '(TARGET.Arch == "X86_64") && (TARGET.OpSys == "LINUX") && (TARGET.Disk >= RequestDisk) && (TARGET.Memory >= RequestMemory)'
    " && (TARGET.Cpus >= RequestCpus) && (TARGET.GPUs >= RequestGPUs) && TARGET.HasJobDeferral"
    " && (countMatches(MY.RequireGPUs,TARGET.AvailableGPUs) >= RequestGPUs)"
    " && ((TARGET.FileSystemDomain == MY.FileSystemDomain) || (TARGET.HasFileTransfer))"
    ' && (TARGET.HasFileTransfer && stringListIMember("https",TARGET.HasFileTransferPluginMethods))'
    ' && versioncmp(split(TARGET.CondorVersion)[1],"8.9.7") >= 0'
)


POOL = Totals(8, 8000)


def unmet(requirements: str, totals: Totals = POOL, **attributes: str) -> Unmet | None:
    ad = {"Requirements": requirements, "JobUniverse": "5", "RequestMemory": "100", **attributes}
    text = "".join(f"{name} = {value}\n" for name, value in ad.items())
    return Judge(FACTS).unmet(JobRecord(1, 0, 1, text), totals)


@pytest.mark.parametrize(
    "text",
    [
        'OpSys == "WINDOWS"',
        '(TARGET.OpSys == "WINDOWS")',
        'TARGET.OpSys != "linux"',
        'Foo == 1 && Arch == "arm"',
        'Arch == "arm" || TARGET.OpSys =?= "x"',
        'regexp("WIN", OpSys)',
        'Arch == "arm" ? true : false',
        "MY.Want =?= true",
        "Indirect",
        "!TARGET.HasFileTransfer",
        "false",
        "FALSE && TARGET.Foo",
    ],
)
def test_what_is_false_whatever_the_rest_may_be(text: str) -> None:
    """Conditions on what all workers share, on the job itself, or both; beside the conditions that condor_submit adds too."""
    for whole in (text, f"({text}) && {ADDED}"):
        found = unmet(whole, Want="false", Indirect="Want")
        assert found is not None
        assert not found.attribute
        assert found.condition in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "true",
        ADDED,
        'OpSys == "linux" && Arch == "x86_64"',
        'TARGET.Machine == "node1"',
        'OpSysAndVer == "AlmaLinux9"',
        'TARGET.Foo =?= "x"',
        "Foo =!= undefined",
        "!isUndefined(TARGET.Foo)",
        "Foo == 1 || false",
        "(Foo ?: 3) == 4",
        "Cpus == 1",
        "Memory < 4000",
        "TARGET.Memory >= 100 * RequestMemory",
        "time() < 5",
        "random(3) > 5",
        "Later",
        'MY.Arch == "arm"',
        'eval("Arch") == "arm"',
        'Arch == "arm" // said somebody',
        "no expression && (",
        "\udcff == 1",
        "Arch",
        '"text"',
    ],
)
def test_what_could_be_true_of_some_worker(text: str) -> None:
    """Whatever speaks of what is not known, of the time, or cannot be read: such a job is given out."""
    assert unmet(text, Later="CurrentTime < 5", FileSystemDomain='"here"') is None


@pytest.mark.parametrize(
    ("text", "attribute", "least"),
    [
        ("Memory > 9000", "memory", 9001),
        ("(TARGET.Memory >= 8001)", "memory", 8001),
        ("TARGET.Cpus >= 9", "cores", 9),
        (f"(cpus > 8) && {ADDED}", "cores", 9),
    ],
)
def test_more_than_all_workers_together_have(text: str, attribute: str, least: int) -> None:
    """No worker has more than all together; that may change, and of a pool without workers nothing is known."""
    found = unmet(text)
    assert found is not None
    assert (found.attribute, found.least) == (attribute, least)
    enough = POOL._replace(**{attribute: least})
    assert unmet(text, enough) is None
    assert unmet(text, Totals(0, 0)) is None
    forever = unmet(f'{text} && OpSys == "WINDOWS"')
    assert forever is not None
    assert not forever.attribute


def test_what_htcondor_does_not_match_is_not_judged() -> None:
    """Jobs of the grid, scheduler and local universes meet no machine there either; an ad without universe is vanilla."""
    assert [bool(unmet("false", JobUniverse=universe)) for universe in ("9", "7", "12", "5", "11")] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert Judge(FACTS).unmet(JobRecord(1, 0, 1, "requirements = false\n"), Totals(1, 1)) is not None


def test_the_job_counts_and_not_only_the_text() -> None:
    """One text, two jobs, two verdicts."""
    judge = Judge(FACTS)
    records = [JobRecord(1, 0, 1, f"A = {value}\nRequirements = MY.A > 1\n") for value in ("1", "2", "1", "2")]
    assert [judge.unmet(record, Totals(1, 1)) is None for record in records] == [False, True, False, True]


def test_no_library_for_what_condor_submit_adds() -> None:
    """The usual job is judged by the text of its Requirements: classad2 is not imported."""
    code = f"""if True:
        import sys
        from spool.classad.matchmaking import Judge, Totals
        from spool.classad.job_record import JobRecord
        record = JobRecord(1, 0, 1, "Requirements = " + {ADDED!r} + chr(10))
        assert Judge({FACTS!r}).unmet(record, Totals(1, 1)) is None
        print("classad2" in sys.modules)"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_conditions() -> None:
    """Cut at && outside of brackets and strings, however deep the parentheses around; not where something binds less."""
    assert conjuncts('((a) && (b && "x && (y" == c)) && !(d && e)') == ["a", "b", '"x && (y" == c', "!(d && e)"]
    assert conjuncts("a && b || c") == ["a && b || c"]
    assert conjuncts("a && (b ? c : d) && e") == ["a", "b ? c : d", "e"]
    assert conjuncts("(a) && (b)") == ["a", "b"]
    assert len(conjuncts("(" * 5000 + "a && b" + ")" * 5000)) == 1


@given(st.text(st.sampled_from("()&|?:\"\\'= <>!.[]{}aTARGETOpSysMemory019,\n") | st.characters(), max_size=60))
def test_any_text_gives_a_verdict(text: str) -> None:
    """Nothing that stands in an ad makes the master stumble."""
    found = unmet(text.replace("\n", " ").replace("\0", ""))
    assert found is None or found.condition
