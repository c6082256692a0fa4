"""Task files: what is written is read, what is not whole is refused, what cannot be made durable is not there."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spool_rig import NOBODY, as_nobody, fill

from spool.errors import DamagedTaskFile, SpoolError
from spool.store import task_file
from spool.store.layout import create_spool
from spool.store.task_file import ACTIONS, Act, Cluster, Submission

# What comes from a system of bytes: text, and bytes that are none as surrogates.
one_line = st.one_of(
    st.text(st.characters(exclude_characters="\n\0", exclude_categories=("Cs",))),
    st.binary(max_size=40).map(lambda data: data.translate(None, b"\n\0").decode("utf-8", "surrogateescape")),
    st.sampled_from(["", "1", "proc 0", "end 1", "\r", "\x85", " = ", '"a = b"', "\u2028"]),
)
ads = st.dictionaries(st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.]{0,12}\Z"), one_line, max_size=5)
clusters = st.builds(
    Cluster,
    st.integers(1, 10**10 - 1),
    ads,
    st.lists(ads, min_size=1, max_size=4),
    st.booleans(),
)
submissions = st.lists(clusters, min_size=1, max_size=4).map(Submission)
numbers = st.integers(0, 10**10 - 1)
acts = st.builds(
    Act,
    st.sampled_from(ACTIONS),
    st.lists(st.tuples(numbers, numbers), max_size=4),
    st.lists(numbers, max_size=4),
    st.booleans(),
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
)
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def plain(submission):
    return [
        (one.number, list(one.ad.items()), [list(ad.items()) for ad in one.procs], one.payload)
        for one in submission.clusters
    ]


def as_bytes(thing):
    """Bytes are what is kept: two texts of the same bytes are the same."""
    if isinstance(thing, str):
        return thing.encode("utf-8", "surrogateescape")
    return [as_bytes(part) for part in thing] if isinstance(thing, (list, tuple)) else thing


@quick
@given(submission=submissions)
def test_submissions_round_trip(spool, submission):
    """Any expressions, in any order, of any number of clusters and jobs; the name tells the number of jobs."""
    path = task_file.write_submission(spool, submission)
    found = task_file.read(path)
    assert as_bytes(plain(found)) == as_bytes(plain(submission))
    assert task_file.jobs_in_name(os.path.basename(path)) == submission.jobs == found.jobs
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert not os.listdir(spool.tmp)
    os.unlink(path)


@quick
@given(act=acts)
def test_acts_round_trip(spool, act):
    """Every action, with any reason; it counts as no job."""
    path = task_file.write_act(spool, act)
    found = task_file.read(path)
    for name in Act.__slots__:
        assert getattr(found, name) == getattr(act, name)
    assert task_file.jobs_in_name(os.path.basename(path)) == 0
    os.unlink(path)


SUBMISSION = Submission(
    [
        Cluster(12, {"Cmd": '"/bin/é"', "A": "end 2", "B": "\udcff"}, [{"ProcId": "0"}, {}], True),
        *[Cluster(13 + extra, {}, [{"C": "proc 0"}], False) for extra in range(10)],
    ]
)


def test_a_nul_byte_is_refused(spool, tmp_path):
    """With its line; neither is one written. No path and no argument can have it, so no job with one can be started."""
    path = tmp_path / "x.submit"
    path.write_bytes(b'awq-task 1 submit\ncluster 12\nIn = "\0"\nproc 0\nend 1\n')
    with pytest.raises(DamagedTaskFile, match=r"x\.submit:3: a NUL byte"):
        task_file.read(str(path))
    with pytest.raises(SpoolError, match="cannot be in a job ad"):
        task_file.write_submission(spool, Submission([Cluster(12, {"In": '"\0"'}, [{}], False)]))


@pytest.mark.parametrize("task", [SUBMISSION, Act("remove", [(n, 0) for n in range(12)], [5], True, "why\nnot")])
def test_truncated_anywhere(spool, task):
    """Cut behind any byte but the last it is refused, with its place; nothing is half read."""
    write = task_file.write_submission if isinstance(task, Submission) else task_file.write_act
    path = write(spool, task)
    whole = Path(path).read_bytes()
    for length in range(len(whole)):
        Path(path).write_bytes(whole[:length])
        with pytest.raises(DamagedTaskFile, match=r"^/.*:\d+: "):
            task_file.read(path)
    for more in (b"\n", b"x", b"end 2\n", b"\0"):
        Path(path).write_bytes(whole + more)
        with pytest.raises(DamagedTaskFile):
            task_file.read(path)


HEAD = "awq-task 1 submit\ncluster 12\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", ":1: not a task file"),
        ("executable = /bin/true\nqueue\n", ":1: not a task file"),
        ("awq-task 2 submit\n", ":1: not a task file"),
        ("awq-task 1 submit\nA = 1\n", ":2: an attribute before any cluster"),
        ("awq-task 1 submit\nproc 0\n", ":2: not understood: 'proc 0'"),
        ("awq-task 1 submit\nend 0\n", ":2: not understood"),
        ("awq-task 1 submit\ncluster x\n", ":2: not understood: 'cluster x'"),
        ("awq-task 1 submit\ncluster ²\n", ":2: not understood"),
        (f"awq-task 1 submit\ncluster {'9' * 5000}\n", ":2: not understood"),
        ("awq-task 1 submit\ncluster 12 payload more\n", ":2: not understood"),
        (HEAD + "end 0\n", ":3: a cluster without jobs"),
        (HEAD + "proc 0\ncluster 13\nend 1\n", ":5: a cluster without jobs"),
        (HEAD + "proc 1\nend 1\n", ":3: not understood: 'proc 1'"),
        (HEAD + "proc 0\nproc 0\nend 2\n", ":4: not understood"),
        (HEAD + "proc 0\nend 2\n", ":4: ends with 2 jobs, has 1"),
        (HEAD + "proc 0\nA=1\nend 1\n", ":4: not understood: 'A=1'"),
        (HEAD + "proc 0\n\nend 1\n", ":4: not understood"),
        (HEAD + "proc 0\r\nend 1\n", ":3: not understood"),
        (HEAD + "proc 0\nend 1\nA = 1\n", ":4: the 'end' line is not the end"),
        ("awq-task 1 act\naction burn\nend 1\n", ":2: not understood: 'action burn'"),
        ("awq-task 1 act\njob 1.0\nend 1\n", ":3: not complete"),
        ("awq-task 1 act\naction hold\nend 2\n", ":3: not complete"),
        ("awq-task 1 act\naction hold\njob 1\nend 2\n", ":3: not understood: 'job 1'"),
        (f"awq-task 1 act\naction hold\njob {'9' * 5000}.0\nend 2\n", ":3: not understood"),
        ("awq-task 1 act\naction hold\ncluster -1\nend 2\n", ":3: not understood"),
        ("awq-task 1 act\naction hold\nreason why\nend 2\n", ":3: not understood"),
    ],
)
def test_damage_has_a_place(tmp_path, text, place):
    """File, line and reason."""
    path = tmp_path / "damaged.submit"
    path.write_text(text, encoding="utf-8", newline="\n")
    with pytest.raises(DamagedTaskFile) as caught:
        task_file.read(str(path))
    assert str(caught.value).startswith(f"{path}{place}")


@given(st.binary(max_size=200), st.sampled_from([b"", b"awq-task 1 submit\n", b"awq-task 1 act\n", HEAD.encode()]))
def test_any_bytes_are_read_or_refused(data, head):
    """Never another exception."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(head + data)
        file.flush()
        try:
            task_file.read(file.name)
        except DamagedTaskFile:
            return


@pytest.mark.parametrize(
    ("name", "expression"), [("A", "1\n2"), ("A B", "1"), ("", "1"), ("é", "1"), ("A\n", "1"), ("A", "1\nend 1")]
)
def test_what_could_not_be_read_is_not_written(spool, name, expression):
    """Neither a line break in an expression nor a name that is none gets into the queue."""
    for cluster in (Cluster(1, {name: expression}, [{}], False), Cluster(1, {}, [{name: expression}], False)):
        with pytest.raises(SpoolError, match=r"cannot be in a job ad: .*nothing was submitted"):
            task_file.write_submission(spool, Submission([cluster]))
    with pytest.raises(SpoolError, match="nothing was submitted"):
        task_file.write_submission(spool, Submission([Cluster(1, {"A": "\ud800"}, [{}], False)]))
    assert not os.listdir(spool.queue) + os.listdir(spool.tmp)


def test_full_disk(small_disk):
    """A sentence; no file visible, none left aside; and it works again when there is room."""
    spool = create_spool(str(small_disk / "spool"))
    big = Submission([Cluster(1, {"A": '"' + "x" * 30000 + '"'}, [{}], False)])
    fill(small_disk, leave=8192)
    with pytest.raises(SpoolError, match="No space left on device; nothing was submitted"):
        task_file.write_submission(spool, big)
    assert not os.listdir(spool.queue) + os.listdir(spool.tmp)
    os.unlink(small_disk / "filler")
    assert task_file.read(task_file.write_submission(spool, big)).jobs == 1


def test_spool_that_cannot_be_written(tmp_path):
    """A sentence, and no file left, whichever of the folders refuses."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        spool = create_spool(str(root / "spool"))
        for path in (root, *root.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        for folder in (spool.tmp, spool.queue):
            os.chmod(folder, 0o500)
            told = as_nobody(lambda: task_file.write_act(spool, Act("hold", everything=True)))
            os.chmod(folder, 0o700)
            assert told.startswith("SpoolError: cannot write the task file")
            assert told.endswith("Permission denied; nothing was submitted")
            assert not os.listdir(spool.queue) + os.listdir(spool.tmp)
    finally:
        shutil.rmtree(root)


def test_name_that_cannot_be_made_durable():
    """The file was visible for a moment: it is taken back before the error says that nothing was submitted."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        spool = create_spool(str(root / "spool"))
        for path in (root, *root.rglob("*")):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        os.chmod(spool.queue, 0o300)  # renaming into it works, opening it to fsync it does not
        told = as_nobody(lambda: task_file.write_submission(spool, SUBMISSION))
        assert told.startswith("SpoolError: cannot make the task file")
        assert told.endswith("durable: Permission denied; nothing was submitted")
        os.chmod(spool.queue, 0o700)
        assert not os.listdir(spool.queue) + os.listdir(spool.tmp)
    finally:
        shutil.rmtree(root)


def test_files_are_made_anew(tmp_path):
    """write_durably takes no file that is there, follows no link, and leaves nothing after an error."""
    path = str(tmp_path / "file")
    task_file.write_durably(path, b"one")
    with pytest.raises(FileExistsError):
        task_file.write_durably(path, b"two")
    os.symlink(tmp_path / "elsewhere", tmp_path / "link")
    with pytest.raises(OSError) as caught:
        task_file.write_durably(str(tmp_path / "link"), b"two")
    assert caught.value.errno in (errno.EEXIST, errno.ELOOP)
    assert Path(path).read_bytes() == b"one"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("0000000012-40.submit", 40),
        ("0000000012-x.submit", 1),
        ("0000000012.submit", 1),
        (f"1-{'9' * 200}.submit", 1),
        ("1-².submit", 1),
        ("01763000000000000000-99.act", 0),
        ("job123", 1),
        ("job.claimed.7.123", 1),
        ("something", 0),
        ("", 0),
    ],
)
def test_jobs_in_name(name, jobs):
    """Counting needs no reading; what is damaged counts as one, for there is something."""
    assert task_file.jobs_in_name(name) == jobs
