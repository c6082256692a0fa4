"""What travels with a job: whether it runs in a sandbox or in its own folder, its inputs, and what comes back of it.

From HTCondor's manual ("Submitting jobs without a shared file system") and recorded from 23.9.6. docs/adr/0010 has the rules
and where they differ.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional, Union

from foremen.pilot import transfer_script
from spool import job
from spool.classad import ads
from spool.settings import Settings
from spool.store.layout import Spool

_FETCHED = ("http://", "https://", "ftp://", "file://")  # by curl on the execute node


class Problem(NamedTuple):
    """An input that cannot be sent: what HTCondor tells about it, and its errno."""

    detail: str
    error: int


class Inputs(NamedTuple):
    """What a sandbox gets: name there to path here, and ``curl``'s instructions for what is fetched there."""

    files: dict[str, str]
    urls: str


class Outputs(NamedTuple):
    """What comes back beside the streams. ``names`` empty: files that are new or changed in the sandbox's top level.

    ``success``: the exit status without which nothing does.
    """

    names: tuple[str, ...]
    success: Optional[int]
    preserve: bool
    remaps: dict[str, str]
    iwd: str


def in_place(ad: Mapping[str, str], settings: Settings) -> bool:
    """Whether the job runs in its own folder (Iwd), which the execute node sees, and nothing is transferred."""
    if ads.number(ad.get("JobUniverse"), job.VANILLA) == job.GRID:
        return False
    should = ads.string(ad.get("ShouldTransferFiles"))
    return should == "NO" or (should == "IF_NEEDED" and settings.shared_filesystem)


def outputs(ad: Mapping[str, str], place: bool) -> Optional[Outputs]:
    """What comes back of a job, which runs in its own folder (``place``) or not; None: its streams only."""
    should = ads.string(ad.get("ShouldTransferFiles"))
    if not should or place:
        return None
    names = listed(ad.get("TransferOutput"))
    if not names:
        # Only where the description speaks of transfer: a plain pilot is to cost no more than it must.
        asked = should == "YES" or "TransferInput" in ad
        if "TransferOutput" in ad or not asked or ads.number(ad.get("JobUniverse")) == job.GRID:
            return None
    return Outputs(
        names,
        _success(ad),
        ad.get("PreserveRelativePaths", "").lower() == "true",
        remaps(ads.string(ad.get("TransferOutputRemaps"))),
        ads.string(ad.get("Iwd"), "/"),
    )


def _success(ad: Mapping[str, str]) -> Optional[int]:
    """ON_SUCCESS counts only for a job that says what success is (success_exit_code), as in HTCondor 23.9.6."""
    code = ad.get("JobSuccessExitCode")
    if code is None or ads.string(ad.get("WhenToTransferOutput")) != "ON_SUCCESS":
        return None
    return ads.number(code)


def listed(text: Optional[str]) -> tuple[str, ...]:
    """The names of a list in an ad."""
    return tuple([name.strip() for name in ads.string(text).split(",") if name.strip()])


def remaps(text: str) -> dict[str, str]:
    """``a = b ; c = d``: name in the sandbox to name at home. The first ``=`` of a pair ends its name.

    A backslash keeps the character behind it. A pair without a name or without a target counts for nothing.
    """
    found: dict[str, str] = {}
    for name, target in _pairs(text):
        if name and target:
            found[clean(name)] = target
    return found


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    parts = [""]  # the name, and behind the first "=" the target
    characters = iter(text)
    for char in characters:
        if char == ";":
            yield _pair(parts)
            parts = [""]
        elif char == "=" and len(parts) == 1:
            parts.append("")
        else:
            parts[-1] += next(characters, char) if char == "\\" else char
    yield _pair(parts)


def _pair(parts: Sequence[str]) -> tuple[str, str]:
    return parts[0].strip(), parts[1].strip() if len(parts) > 1 else ""


def clean(name: str) -> str:
    """The shortest form of a name in the sandbox: ``./a``, ``d/../a``, ``.//a`` and ``a/`` are ``a``; the sandbox itself is ``.``."""
    return posixpath.normpath(name.lstrip("/") or ".")


def archive(attempt: tuple[int, int, int], spool: Spool) -> str:
    """Where Work Queue leaves what comes back of an attempt: (cluster, proc, number)."""
    cluster, proc, number = attempt
    return f"{spool.payload(cluster)}/out.{proc}.{number}"


def inputs(ad: Mapping[str, str], folder: str) -> Union[Inputs, Problem]:
    """The inputs: the copies made at the submission (``AwqInputs``), what has come to be since, and what is fetched by URL."""
    files, copied = _copies(ad, folder)
    urls: list[str] = []
    preserve = ad.get("PreserveRelativePaths", "").lower() == "true"
    for name in listed(ad.get("TransferInput")):
        if "://" in name:
            if not name.startswith(_FETCHED):
                return Problem(f"no way to fetch {name}: only {', '.join(_FETCHED)} are known here", 0)
            if os.path.basename(name) not in copied:
                urls.append(_curl(name))
            continue
        path = name if name.startswith("/") else f"{ads.string(ad.get('Iwd'), '/')}/{name}"
        if name.endswith("/"):
            if "." not in copied:
                if not os.path.isdir(path):
                    return _missing(path)
                files.update(_content(path))
            continue
        target = target_of(name, preserve)
        if target not in copied:
            if not os.path.exists(path):
                return _missing(path)
            files[target] = path
    return Inputs(files, "".join(urls))


def target_of(name: str, preserve: bool) -> str:
    """The name in the sandbox of an input: its last part, or all of a relative path when those are preserved."""
    return name if preserve and not name.startswith("/") else os.path.basename(name)


def extras(ad: Mapping[str, str], place: bool, fetches: bool) -> transfer_script.Extras:
    """What the launch script does beside starting the pilot."""
    back = outputs(ad, place)
    by_name = (
        ads.string(ad.get("ShouldTransferFiles")) == "NO" and ad.get("TransferExecutable", "true").lower() != "false"
    )
    return transfer_script.Extras(
        in_place=place,
        itself=ads.string(ad.get("Cmd")) if place and by_name else "",
        fetches=fetches,
        outputs=None if back is None else back.names,
        success=None if back is None else back.success,
    )


def _copies(ad: Mapping[str, str], folder: str) -> tuple[dict[str, str], set[str]]:
    """The job's copies: name in the sandbox to path, and the names; ``.`` there is a folder whose content is wanted.

    ``AwqInputs`` is ``in.0=data.txt,in.1=conf,in.2=.`` (shims/api/input_copies.py).
    """
    files: dict[str, str] = {}
    names: set[str] = set()
    for pair in ads.string(ad.get("AwqInputs")).split(","):
        copy, equals, name = pair.partition("=")
        if not is_copy(copy):
            continue  # no task file of ours has that: nothing from elsewhere may be handed out in its name
        if equals and name == ".":
            files.update(_content(f"{folder}/{copy}"))
            names.add(name)
        elif equals and name:
            files[name] = f"{folder}/{copy}"
            names.add(name)
    return files, names


def is_copy(name: str) -> bool:
    """Whether it is the name of a copied input: ``in.0``, ``in.1`` ..., and no path that leads elsewhere."""
    return name[:3] == "in." and job.is_number(name[3:])


def _content(folder: str) -> dict[str, str]:
    try:
        return {name: f"{folder.rstrip('/')}/{name}" for name in sorted(os.listdir(folder))}
    except OSError:
        return {}  # gone since a moment ago: what is missing the engine says


def _missing(path: str) -> Problem:
    return Problem(f"reading from file {path}: (errno 2) No such file or directory", 2)


def _curl(url: str) -> str:
    """Lines of curl's configuration file; the quoting is its own."""
    name = os.path.basename(url.partition("?")[0].rstrip("/")) or "index.html"
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "") for text in (url, name)]
    return f'url = "{quoted[0]}"\noutput = "{quoted[1]}"\n'
