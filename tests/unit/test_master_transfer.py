"""What travels with a job, on the fake engine: the job's folder, inputs, outputs; and what an archive may not do."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mastering import Site

from foremen.master import file_transfer, unpack
from foremen.master.file_transfer import Outputs
from foremen.master.unpack import NotUnpacked
from spool import settings
from spool.classad import ads
from spool.job import HELD

MAKES = b"""#!/bin/sh
echo new > new
echo hidden > .hidden
mkdir -p folder/deep && echo top > folder/top && echo deep > folder/deep/file
echo more >> changed
ln -s new link; ln -s nowhere dangling; mkfifo fifo
chmod 755 new
exit ${1:-0}
"""


class Home:
    """A job's folder and its inputs in the spool."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.iwd = site.work / "iwd"
        self.iwd.mkdir()

    def submit(self, script: bytes = MAKES, **attributes: str) -> int:
        """A job that lives there, with two inputs."""
        facts = {"Iwd": ads.quote(str(self.iwd)), "ShouldTransferFiles": '"YES"', **attributes}
        number = self.site.submit(script, AwqInputs='"in.0=changed,in.1=same"', **facts)
        for name in ("in.0", "in.1"):
            Path(self.site.spool.payload(number), name).write_text("as it was\n")
        return number

    def run(self, script: bytes = MAKES, **attributes: str) -> dict[str, str]:
        """The ad of such a job in the history."""
        number = self.submit(script, **attributes)
        self.site.turn_until(lambda: self.site.history(number))
        return self.site.history(number)[0]

    def files(self) -> dict[str, str]:
        """What has come back, by path; folders with a slash."""
        found = {}
        for path in sorted(self.iwd.rglob("*")):
            name = str(path.relative_to(self.iwd))
            if not name.endswith((".out", ".err")):
                found[f"{name}/" if path.is_dir() else name] = "" if path.is_dir() else path.read_text()
        return found


@pytest.fixture
def home(make: Callable[..., Site]) -> Home:
    """Of a site with plain settings."""
    return Home(make())


def test_new_and_changed_files_come_back(home: Home) -> None:
    """Of the sandbox's top level: hidden ones too, links as what they lead to, with their modes; no folders, no FIFOs."""
    assert home.run()["ExitCode"] == "0"
    assert home.files() == {"new": "new\n", ".hidden": "hidden\n", "link": "new\n", "changed": "as it was\nmore\n"}
    assert os.access(home.iwd / "new", os.X_OK)
    assert not os.listdir(f"{home.site.spool.root}/payload")


@pytest.mark.parametrize(
    "attributes",
    [
        {"TransferOutput": '""'},
        {"ShouldTransferFiles": '"IF_NEEDED"'},
        {"JobUniverse": "9"},
    ],
)
def test_where_nothing_comes_back(home: Home, attributes: dict[str, str]) -> None:
    """An empty list, the plain vanilla pilot, and the grid universe: the engine is not even asked for an archive."""
    home.run(**attributes)
    assert home.files() == {}


def test_if_needed_with_inputs_brings_back(home: Home) -> None:
    """A description that speaks of transfer."""
    home.run(ShouldTransferFiles='"IF_NEEDED"', TransferInput='"changed,same"')
    assert "new" in home.files()


@pytest.mark.parametrize(
    ("wanted", "more", "back"),
    [
        ("new,folder", {}, {"new", "folder/", "folder/deep/", "folder/deep/file", "folder/top"}),
        ("folder/", {}, {"deep/", "deep/file", "top"}),
        ("folder/deep/file, new", {}, {"file", "new"}),
        ("folder/deep/file", {"PreserveRelativePaths": "true"}, {"folder/", "folder/deep/", "folder/deep/file"}),
        ("new,folder", {"TransferOutputRemaps": '"new=other; folder = there"'},
         {"other", "there/", "there/deep/", "there/deep/file", "there/top"}),
        ("link", {}, {"link"}),
        ("./new", {}, {"new"}), (".//new", {}, {"new"}), ("folder/../new", {}, {"new"}), ("folder//top", {}, {"top"}),
        ("./folder/", {}, {"deep/", "deep/file", "top"}), ("folder/.", {}, {"deep/", "deep/file", "top"}),
        ("./folder/deep/", {"PreserveRelativePaths": "true"}, {"folder/", "folder/deep/", "folder/deep/file"}),
        ("./new", {"TransferOutputRemaps": '"./new=out/x=1.txt"'}, {"out/", "out/x=1.txt"}),
        ("new", {"TransferOutputRemaps": '"new=not/there/new"'}, {"not/", "not/there/", "not/there/new"}),
    ],
)  # fmt: skip
def test_listed_outputs(home: Home, wanted: str, more: dict[str, str], back: set[str]) -> None:
    """Files and folders by name, a folder's content with a slash behind it, remaps, relative paths kept or not."""
    assert home.run(TransferOutput=ads.quote(wanted), **more)["ExitCode"] == "0"
    assert set(home.files()) == back


def test_the_whole_sandbox(home: Home) -> None:
    """``.`` brings what the job made and got, and nothing of ours."""
    script = MAKES.replace(b"ln -s new link; ln -s nowhere dangling; mkfifo fifo\n", b"")
    assert home.run(script, TransferOutput='"."')["ExitCode"] == "0"
    assert set(home.files()) == {
        ".hidden", "changed", "folder/", "folder/deep/", "folder/deep/file", "folder/top", "new", "same",
    }  # fmt: skip


@pytest.mark.parametrize("wanted", ["aside", "aside/", "folder"])
def test_a_link_to_a_folder_holds_the_job(home: Home, wanted: str) -> None:
    """HTCondor does not follow it, wherever it is."""
    script = MAKES.replace(b"mkfifo fifo", b"ln -s folder aside; ln -s deep folder/link")
    number = home.submit(script, TransferOutput=ads.quote(wanted))
    home.site.turn_until(lambda: home.site.status(number) == HELD)
    ad = home.site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ("12", "21")
    assert "Transfer of symlinks to directories is not supported" in ad["HoldReason"]


def test_modes_come_home(home: Home) -> None:
    """Of files and folders, also of those that nobody may write or that others may not read; and a second time."""
    script = b"#!/bin/sh\necho x > ro; chmod 444 ro; mkdir -m 750 f; echo x > f/p; chmod 640 f/p; echo x > prog; chmod 751 prog\n"
    for _time in range(2):
        home.run(script, TransferOutput='"ro,f,prog"')
        modes = {name: stat.S_IMODE((home.iwd / name).stat().st_mode) for name in ("ro", "f", "f/p", "prog")}
        assert modes == {"ro": 0o444, "f": 0o750, "f/p": 0o640, "prog": 0o751}


@pytest.mark.parametrize("kind", ["null", "device", "fifo", "socket"])
def test_what_is_no_regular_file_is_not_changed(tmp_path: Path, kind: str) -> None:
    """/dev/null swallows an output; any other device, a FIFO, a socket refuses it. Modes and contents stay."""
    place = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(place, 0o622)
    elif kind == "socket":
        os.mknod(place, stat.S_IFSOCK | 0o622)
    else:
        os.mknod(place, stat.S_IFCHR | 0o622, os.makedev(1, 3 if kind == "null" else 5))  # null, zero
    mode = place.stat().st_mode
    made = archive(tmp_path / "a.tar", ("./good", {}))
    wanted = outputs(tmp_path, "good", remaps={"good": str(place)})
    if kind == "null":
        unpack.unpack(made, wanted)
    else:
        with pytest.raises(NotUnpacked, match=f"writing to file {place}"):
            unpack.unpack(made, wanted)
    assert place.stat().st_mode == mode


def test_an_output_that_is_wanted_and_not_in_the_archive(tmp_path: Path) -> None:
    """An error, never silence."""
    made = archive(tmp_path / "a.tar", ("./good", {}))
    with pytest.raises(NotUnpacked, match=r"reading from file other: \(errno 2\)"):
        unpack.unpack(made, outputs(tmp_path, "good", "other"))


def test_links_count_as_what_they_name(tmp_path: Path) -> None:
    """A thousand hard links of one file are a thousand files; one that names nothing is damage."""
    link = {"type": tarfile.LNKTYPE, "linkname": "./big", "size": 0}
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        big = tarfile.TarInfo("./big")
        big.size = 1 << 20
        tar.addfile(big, io.BytesIO(bytes(big.size)))
        for number in range(3):
            each = tarfile.TarInfo(f"./link{number}")
            each.type, each.linkname = tarfile.LNKTYPE, "./big"
            tar.addfile(each)
    with tarfile.open(path) as tar:
        members = unpack._members(tar)
        assert sum(unpack._content(each, members).size for each in members.values()) == 4 << 20 < free
    made = archive(tmp_path / "b.tar", ("./link", {**link, "linkname": "./none"}))
    with pytest.raises(NotUnpacked, match="damaged"):
        unpack.unpack(made, outputs(tmp_path))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_huge_header_is_not_read(tmp_path: Path, kind: bytes) -> None:
    """Of 300 MB, of which there is a hole on the disk: refused at once, in no memory."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, 300 << 20
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 512 + info.size + 1024)
    with pytest.raises(NotUnpacked, match="a header of 314572800 bytes"):
        unpack.unpack(str(path), outputs(tmp_path))


def test_a_missing_output_holds_the_job(home: Home) -> None:
    """Code 12, subcode 2, HTCondor's words; what is there has come back."""
    number = home.submit(TransferOutput='"new,nothing"')
    home.site.turn_until(lambda: home.site.status(number) == HELD)
    ad = home.site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ("12", "2")
    assert "Details: reading from file nothing: (errno 2) No such file or directory" in ad["HoldReason"]
    assert set(home.files()) == {"new"}
    assert sorted(os.listdir(home.site.spool.payload(number))) == ["executable", "in.0", "in.1"]


def test_outputs_that_cannot_be_written_hold_the_job(home: Home) -> None:
    """A remap into an absolute folder that is not there: code 12 and the path, as HTCondor says it."""
    number = home.submit(TransferOutputRemaps='"new=/no/such/new"')
    home.site.turn_until(lambda: home.site.status(number) == HELD)
    ad = home.site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ("12", "2")
    assert "writing to file /no/such/new: (errno 2) No such file" in ad["HoldReason"]


def test_on_success(home: Home) -> None:
    """ON_SUCCESS brings files back when the exit status is that of success, and never holds the job else; without such a
    status it means ON_EXIT, as in HTCondor."""
    wanted = {"WhenToTransferOutput": '"ON_SUCCESS"', "JobSuccessExitCode": "0"}
    home.run(**wanted, Args='"1"')
    home.run(**wanted, Args='"1"', TransferOutput='"new,nothing"')
    assert home.files() == {}
    home.run(**wanted)
    assert "new" in home.files()
    home.run(WhenToTransferOutput='"ON_SUCCESS"', Args='"1"', TransferOutputRemaps='"new=other"')
    assert "other" in home.files()


def test_a_missing_input_holds_the_job(home: Home) -> None:
    """Code 13, subcode 2, HTCondor's words; one that has come to be since the submission is taken."""
    (home.iwd / "late").write_text("late")
    number = home.submit(TransferInput='"same,late,never"')
    home.site.turn_until(lambda: home.site.status(number) == HELD)
    ad = home.site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ("13", "2")
    assert f"Details: reading from file {home.iwd}/never: (errno 2)" in ad["HoldReason"]
    home.run(b"#!/bin/sh\ncat late same > both\n", TransferInput='"same,late"')
    assert home.files()["both"] == "lateas it was\n"


def test_a_url_that_cannot_be_fetched_holds_the_job(home: Home) -> None:
    """By curl on the execute node: fetched, or held with code 13 and what curl says; unknown protocols are held at once."""
    (home.site.work / "far").write_text("from afar")
    home.run(b"#!/bin/sh\ncp far near\n", TransferInput=ads.quote(f"file://{home.site.work}/far"))
    assert home.files()["near"] == "from afar"
    for url, words in (("http://127.0.0.1:1/x", "curl"), ("gsiftp://h/x", "gsiftp://h/x")):
        number = home.submit(TransferInput=ads.quote(url))
        home.site.turn_until(lambda number=number: home.site.status(number) == HELD)
        ad = home.site.ad(number)
        assert ad["HoldReasonCode"] == "13"
        assert words in ad["HoldReason"]


HERE = b"#!/bin/sh\npwd; cat > copy; echo $0 $_CONDOR_JOB_IWD >&2; [ -e $_CONDOR_SCRATCH_DIR/.job.ad ] && echo made > made\n"


def test_without_transfer_it_runs_in_its_own_folder(home: Home) -> None:
    """should_transfer_files = NO: files, streams and stdin are those of Iwd; the executable is the original when it is there."""
    (home.iwd / "in").write_text("input")
    original = home.site.work / "original"
    original.write_bytes(HERE)
    original.chmod(0o755)
    ad = home.run(HERE, ShouldTransferFiles='"NO"', In='"in"', Cmd=ads.quote(str(original)))
    assert ad["ExitCode"] == "0"
    assert home.files() == {"in": "input", "copy": "input", "made": "made\n"}
    number = ad["ClusterId"]
    assert (home.iwd / f"{number}.out").read_text() == f"{home.iwd}\n"
    assert (home.iwd / f"{number}.err").read_text() == f"{original} {home.iwd}\n"
    ad = home.run(HERE, ShouldTransferFiles='"NO"')
    assert (home.iwd / f"{ad['ClusterId']}.err").read_text().endswith(f"/agent.sh {home.iwd}\n")


def test_if_needed_on_a_shared_file_system(make: Callable[..., Site]) -> None:
    """AWQ_SHARED_FILESYSTEM=1: in Iwd, by the copy; with YES in a sandbox as ever; nothing of the grid universe."""
    home = Home(make(shared_filesystem=1))
    ad = home.run(HERE, ShouldTransferFiles='"IF_NEEDED"')
    assert home.files() == {"copy": "", "made": "made\n"}
    assert (home.iwd / f"{ad['ClusterId']}.err").read_text().endswith(f"/agent.sh {home.iwd}\n")
    ad = home.run(HERE, ShouldTransferFiles='"IF_NEEDED"', JobUniverse="9")
    assert (home.iwd / f"{ad['ClusterId']}.out").read_text() != f"{home.iwd}\n"


def test_a_folder_that_the_node_does_not_have_holds_the_job(home: Home) -> None:
    """Code 14 and HTCondor's words."""
    number = home.submit(ShouldTransferFiles='"NO"', Iwd='"/no/such/folder"', Out='"/dev/null"', Err='"/dev/null"')
    home.site.turn_until(lambda: home.site.status(number) == HELD)
    ad = home.site.ad(number)
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == ("14", "2")
    assert "Cannot access initial working directory /no/such/folder" in ad["HoldReason"]


def archive(path: Path, *members: tuple[str, dict[str, object]]) -> str:
    """A tar archive with a few bytes in every member."""
    with tarfile.open(path, "w") as tar:
        for name, facts in members:
            info = tarfile.TarInfo(name)
            info.size = 5
            for key, value in facts.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(b"hello") if info.isreg() else None)
    return str(path)


def outputs(iwd: Path, *names: str, **facts: object) -> Outputs:
    """What a job wants back."""
    return Outputs(names, None, False, {}, str(iwd))._replace(**facts)


def test_what_leads_out_of_the_sandbox_is_passed_over(tmp_path: Path) -> None:
    """Parents, absolute paths, links, devices; the job's folder gets what is left."""
    iwd = tmp_path / "iwd"
    iwd.mkdir()
    made = archive(
        tmp_path / "a.tar",
        ("../up", {}), ("x/../../up", {}), ("..", {}), ("/abs", {}), ("./good", {}), ("folder/in", {}),
        ("soft", {"type": tarfile.SYMTYPE, "linkname": "/etc", "size": 0}),
        ("device", {"type": tarfile.CHRTYPE, "size": 0}),
        ("hard", {"type": tarfile.LNKTYPE, "linkname": "./good", "size": 0}),
    )  # fmt: skip
    unpack.unpack(made, outputs(iwd))
    assert sorted(os.listdir(iwd)) == ["abs", "good", "hard"]
    assert (iwd / "hard").read_text() == "hello"
    assert sorted(os.listdir(tmp_path)) == ["a.tar", "iwd"]
    unpack.unpack(made, outputs(iwd))


def test_a_link_out_of_the_archive_is_never_made(tmp_path: Path) -> None:
    """A symbolic link and then a file through it: the link is not made, the file is in a folder of its own."""
    iwd = tmp_path / "iwd"
    iwd.mkdir()
    link = ("folder", {"type": tarfile.SYMTYPE, "linkname": str(tmp_path), "size": 0})
    made = archive(tmp_path / "a.tar", link, ("folder/in", {}))
    unpack.unpack(made, outputs(iwd, "folder"))
    assert (iwd / "folder/in").read_text() == "hello"
    assert not (tmp_path / "in").exists()


def test_more_than_the_disk_holds_is_refused_at_once(tmp_path: Path) -> None:
    """Code ENOSPC, and not a byte is written; a damaged archive is EIO; nothing at all is fine."""
    iwd = tmp_path / "iwd"
    iwd.mkdir()
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("huge")
    info.size = 1 << 43
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, 512 + info.size + 1024)
    with pytest.raises(NotUnpacked) as caught:
        unpack.unpack(str(path), outputs(iwd))
    assert caught.value.error == errno.ENOSPC
    path.write_bytes(b"no archive" * 100)
    with pytest.raises(NotUnpacked, match="damaged"):
        unpack.unpack(str(path), outputs(iwd))
    path.write_bytes(b"")
    unpack.unpack(str(path), outputs(iwd))
    assert not os.listdir(iwd)


@given(data=st.data())
@hypothesis.settings(max_examples=150, deadline=None)
def test_any_archive_is_unpacked_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A good one with bytes of it changed, or cut: nothing appears outside the job's folder, and no other error."""
    folder = tmp_path_factory.mktemp("any")
    iwd = folder / "iwd"
    iwd.mkdir()
    link = ("s", {"type": tarfile.SYMTYPE, "linkname": "..", "size": 0})
    path = Path(archive(folder / "a.tar", ("./good", {}), link, ("x/y", {})))
    content = bytearray(path.read_bytes()[:4096])
    for place, byte in data.draw(st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), max_size=8)):
        content[place] = byte
    path.write_bytes(content[: data.draw(st.integers(0, 4096))])
    with contextlib.suppress(NotUnpacked):
        unpack.unpack(str(path), outputs(iwd, *data.draw(st.sampled_from([(), ("good", "x", "s/"), ("x/",)]))))
    assert sorted(os.listdir(folder)) == ["a.tar", "iwd"]
    assert not [found for found in iwd.rglob("*") if found.is_symlink()]


def test_remaps() -> None:
    """``a = b ; c = d``, with a backslash before what would end a name; what has no two sides is none."""
    assert file_transfer.remaps("a = b ; c/d=/x/y") == {"a": "b", "c/d": "/x/y"}
    assert file_transfer.remaps(r"a\=b = c\;d;e") == {"a=b": "c;d"}
    assert file_transfer.remaps("") == file_transfer.remaps("a;=b;c=;;") == {}
    assert file_transfer.remaps("a.txt=out/x=1.txt;b==;./c/=d") == {"a.txt": "out/x=1.txt", "b": "=", "c": "d"}


def test_in_place_is_asked_for(tmp_path: Path) -> None:
    """NO always; IF_NEEDED by the setting; an ad of the older form, which says nothing, never."""
    shared = settings.load({"HOME": str(tmp_path)}, {"shared_filesystem": 1})
    plain = settings.load({"HOME": str(tmp_path)})
    for should, there, here in (
        ("NO", True, True),
        ("IF_NEEDED", True, False),
        ("YES", False, False),
        ("", False, False),
    ):
        ad = {"ShouldTransferFiles": ads.quote(should)}
        assert (file_transfer.in_place(ad, shared), file_transfer.in_place(ad, plain)) == (there, here)


@pytest.mark.parametrize(
    ("attributes", "end"),
    [
        ({}, ("false", "0", None)), ({"NoopJobExitCode": "7"}, ("false", "7", None)), ({"NoopJobExitSignal": "9"}, ("true", None, "9")),
    ],
)  # fmt: skip
def test_a_noop_job_is_not_run(home: Home, attributes: dict[str, str], end: tuple[str, str | None, str | None]) -> None:
    """It ends as it says; the program is never started, and the log has no execute event."""
    ad = home.run(b'#!/bin/sh\ntouch "$OUT"\n', IsNoopJob="true", **attributes)
    assert (ad["ExitBySignal"], ad.get("ExitCode"), ad.get("ExitSignal")) == end
    assert not list(home.site.work.glob("*.starts"))
    assert [
        line[:3] for line in (home.site.work / "log").read_text().splitlines() if line[:4] in ("000 ", "001 ", "005 ")
    ][-1] == "005"
    assert "001 (" not in (home.site.work / "log").read_text()
