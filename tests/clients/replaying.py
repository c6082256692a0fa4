"""What a client does with HTCondor's commands, step by step: for clients that cannot be installed here.

The commands are the client's word for word; how it reads the answers is told by regular expressions of the same meaning, or by a
few lines of Python. The facts are from the clients' sources; no code of theirs is here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Callable, Union
from xml.etree import ElementTree

from clients import DEADLINE, Client
from sites import eventually

Reader = Callable[[str], str]
"""What the client takes from an answer, as one line of words."""

SCRIPTS = {
    "work.sh": '#!/bin/sh\necho "work $*"\nexit 0\n',
    "bad.sh": "#!/bin/sh\necho sorry >&2\nexit 3\n",
    "slow.sh": "#!/bin/sh\nexec sleep 300\n",
}


@dataclass(frozen=True)
class Step:
    """One command of the client, and what the client takes from its answer."""

    line: str
    """For bash, with @name@ for what earlier steps have found; @here@ is the client's folder."""
    finds: Union[str, Reader] = ""
    """The regular expression that the client searches for (^ and $ are those of lines); its named groups are kept. Or a reader."""
    gives: str = ""
    """What the reader, or the groups joined by blanks, must give; empty: anything."""
    status: int = 0
    waits: bool = False
    """The client asks again until it finds this."""


@dataclass(frozen=True)
class Replay:
    """A client's way through the life of some jobs."""

    name: str
    steps: Sequence[Step]
    files: Mapping[str, str] = field(default_factory=dict)
    """Made before the first step, with @here@; ``SCRIPTS`` are there as well."""
    env: Mapping[str, str] = field(default_factory=dict)


def play(client: Client, replay: Replay) -> None:
    """Go through the steps; the test fails at the first one whose answer is not what the client needs."""
    found = {"here": str(client.work), "user": client.env.get("USER", "root"), "host": os.uname().nodename}
    client.env.update({"USER": found["user"], **replay.env})
    for name, text in {**SCRIPTS, **replay.files}.items():
        path = client.work / name
        path.write_text(_filled(text, found))
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    for step in replay.steps:
        _take(client, step, found)


def _take(client: Client, step: Step, found: dict[str, str]) -> None:
    line = _filled(step.line, found)
    last: list[str] = []

    def once() -> bool:
        done = subprocess.run(
            ["bash", "-c", line], env=client.env, cwd=client.work, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=DEADLINE, check=False,
        )  # fmt: skip
        got = _read(step, done.stdout, found) if done.returncode == step.status else None
        last[:] = [f"$ {line}\n[{done.returncode}] {got!r}\n{done.stdout[:1000]}{done.stderr[:1000]}"]
        return got is not None and (not step.gives or got == _filled(step.gives, found))

    if not step.waits:
        if not once():
            client.fail(f"not what it needs: {step.finds} {step.gives}\n{last[0]}")
        return
    try:
        eventually(once, DEADLINE)
    except AssertionError:
        client.fail(f"never what it waits for: {step.finds} {step.gives}\n{last[0]}")


def _read(step: Step, text: str, found: dict[str, str]) -> str | None:
    """What the client takes from ``text``; None when it does not understand it."""
    if callable(step.finds):
        return step.finds(text)
    match = re.search(_filled(step.finds, found), text, re.MULTILINE)
    if match is None:
        return None
    found.update({name: value or "" for name, value in match.groupdict().items()})
    return " ".join([group or "" for group in match.groups()])


def _filled(text: str, found: Mapping[str, str]) -> str:
    for name, value in found.items():
        text = text.replace(f"@{name}@", value)
    return text


def nothing(text: str) -> str:
    """Whether the answer is empty."""
    return "nothing" if not text.strip() else "something"


def xml_ads(*attributes: str) -> Reader:
    """The attributes of all ads in one or more XML documents in a row, which are joined by cutting out what is between them."""

    def read(text: str) -> str:
        text = re.sub(r"</classads>\s*<\?xml.*?<classads>", "", text, flags=re.DOTALL)
        root = ElementTree.fromstring(text[text.index("<?xml") :])
        values = []
        for ad in root.iter("c"):
            facts = {one.get("n"): one[0].text or one[0].get("v") for one in ad.findall("a")}
            values.append(",".join([str(facts.get(name)) for name in attributes]))
        return " ".join(sorted(values))

    return read


def json_ads(*attributes: str) -> Reader:
    """The attributes of all ads; no text at all is no ads."""

    def read(text: str) -> str:
        ads = json.loads(text) if text.strip() else []
        return " ".join(sorted([",".join([str(ad.get(name)) for name in attributes]) for ad in ads]))

    return read
