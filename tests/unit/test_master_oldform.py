"""The older project's task files: a submit description with one job."""

from __future__ import annotations

import tempfile

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foremen.master import legacy_form
from spool.classad import ads
from spool.classad.arguments import arguments_of, environment_of
from spool.errors import DamagedTaskFile


@pytest.fixture
def read(tmp_path):
    """The ad and the executable of a description, as cluster 17 of alice."""

    def reading(text):
        path = tmp_path / "job1"
        path.write_text(text, errors="surrogateescape")
        return legacy_form.read(str(path), 17, "alice")

    return reading


def test_as_alien_writes_it(read):
    """The macros of the cluster number are filled in: the agent finds its name by it."""
    text = "executable = /home/alice/agent.sh\narguments = a b\noutput = /log/out\nerror = /log/err\nlog = /log/log\n"
    text += "environment=CONDOR_ID=$(Cluster).$(Process);X=1;Y=a=b; Z = $(clusterid)/$(procId)\nqueue\n"
    ad, executable = read(text)
    assert executable == "/home/alice/agent.sh"
    assert environment_of(ad) == {"CONDOR_ID": "17.0", "X": "1", "Y": "a=b", "Z ": " 17/0"}
    assert arguments_of(ad) == ["a", "b"]
    assert [ads.string(ad[name]) for name in ("Out", "Err", "UserLog", "Iwd", "Owner")] == [
        "/log/out",
        "/log/err",
        "/log/log",
        "/home/alice",
        "alice",
    ]
    assert (ad["ClusterId"], ad["ProcId"], ad["JobStatus"]) == ("17", "0", "1")
    assert classad2.parseOne(ads.dump(ad))["Cmd"] == executable


def test_members_without_equals(read):
    """One in the environment hung the older master; here it is left out."""
    ad, _ = read("executable=/x\nenvironment=A=1;broken;;=2;B=\n")
    assert environment_of(ad) == {"A": "1", "B": ""}


def test_defaults(read):
    """No output: nowhere; no error: where the output goes; keys in any case, cmd for executable; a log beside it."""
    ad, executable = read("CMD = /a/x\nLog = mylog\n")
    assert (executable, ads.string(ad["Out"]), ads.string(ad["Err"])) == ("/a/x", "/dev/null", "/dev/null")
    assert ads.string(ad["UserLog"]) == "/a/mylog"
    ad, _ = read("executable=/a/x\noutput=o\n")
    assert ads.string(ad["Err"]) == "o"
    assert "UserLog" not in ad


def test_new_syntax(read):
    """Quoted arguments and environment, as HTCondor has them."""
    ad, _ = read("executable=/x\narguments=\"'a b' c\"\nenvironment=\"A='1 2' B=3\"\n")
    assert arguments_of(ad) == ["a b", "c"]
    assert environment_of(ad) == {"A": "1 2", "B": "3"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no executable"),
        ("queue\n", "no executable"),
        ("executable=\n", "no executable"),
        ("executable=agent.sh\n", "the executable needs an absolute path, has 'agent.sh'"),
        ("executable=/x\narguments=a\0b\n", "2: a NUL byte"),
        ("executable=/x\narguments='\"\n", "unescaped double-quote"),
        ('executable=/x\nenvironment="A\n', "double-quote"),
    ],
)
def test_refused(read, tmp_path, text, reason):
    """With the file's name."""
    with pytest.raises(DamagedTaskFile, match=f"^{tmp_path}/job1:.*{reason}"):
        read(text)


@given(st.binary(max_size=200), st.sampled_from([b"", b"executable=/x\n"]))
def test_any_bytes(data, head):
    """Are a job, or are refused; the library reads what comes of it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(head + data)
        file.flush()
        try:
            ad, _ = legacy_form.read(file.name, 1, "alice")
        except DamagedTaskFile:
            return
    assert all("\n" not in expression for expression in ad.values())
    assert ads.load(ads.dump(ad).split("\n")) == ad
