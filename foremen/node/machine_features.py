"""``$MACHINEFEATURES``: what pilots may know of this node, and when it goes away.

The files are those of HSF-TN-2016-02 (machine/job features), and ``log_cores`` of its forerunner, which JAliEn's pilot
reads. One folder for all workers of the node: a deadline is written once, and every pilot that looks sees it. Each worker
has a link to it; while its foreman drains alone, with a deadline, the link leads to a folder of its own.
``$JOBFEATURES`` is made in each sandbox by the launch script (``foremen/pilot/launch_script.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from foremen.node.drain.files import read_time
from foremen.node.state_files import make_closed, remove, write_text


class Features:
    """The folder of one node. ``outer``: the MACHINEFEATURES that we were given ourselves, "" for none."""

    def __init__(self, folder: str, outer: str = "") -> None:
        self.folder = folder
        self._outer = outer if outer.startswith("/") and outer != folder else ""  # it may be a URL: not for us
        self._written: dict[str, str] = {}
        self._total, self._cores, self._until = 0, 0, 0.0
        self._own: dict[str, float] = {}

    def begin(self, life: str) -> None:
        """A worker's life begins: its link. OSError if it cannot be made."""
        os.symlink(self.folder, link_of(life))

    def publish_own(self, deadlines: Mapping[str, Optional[float]]) -> None:
        """What differs for single workers: folder of the life to deadline (epoch), None: nothing differs. OSError if it cannot."""
        for life, deadline in deadlines.items():
            if deadline is None or deadline >= self._until > 0:
                if self._own.pop(life, None) is not None:
                    _lead(link_of(life), self.folder)
            elif self._own.get(life) != deadline:
                own = Features(f"{life}/own-features", self._outer)
                own.publish(self._total, self._cores, deadline)
                _lead(link_of(life), own.folder)
                self._own[life] = deadline
        self._own = {life: deadline for life, deadline in self._own.items() if life in deadlines}

    def publish(self, total: int, cores: int, deadline: Optional[float]) -> None:
        """``total``: processors for pilots; ``cores``: logical ones of the node; ``deadline``: epoch. OSError if it cannot."""
        self._total, self._cores, self._until = total, cores, deadline or 0.0
        outer = read_time(f"{self._outer}/shutdowntime") if self._outer else None
        ends = [when for when in (deadline, outer) if when is not None]
        facts = {"total_cpu": str(total), "log_cores": str(cores)}
        facts["shutdowntime"] = f"{min(ends):.0f}" if ends else ""
        facts["hs06"] = self._benchmark()
        for name, text in facts.items():
            self._write(name, text)

    def _benchmark(self) -> str:
        """Power of the node, if the site has told us."""
        try:
            with open(f"{self._outer}/hs06", encoding="ascii") as file:
                return file.read(40).strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _write(self, name: str, text: str) -> None:
        if self._written.get(name) == text:
            return
        make_closed(self.folder)
        path = f"{self.folder}/{name}"
        if text:
            write_text(path, f"{text}\n")
        else:
            remove(path)
        self._written[name] = text


def link_of(life: str) -> str:
    """$MACHINEFEATURES of the pilots of one worker."""
    return f"{life}/features"


def _lead(link: str, folder: str) -> None:
    """Let the link lead elsewhere, at once."""
    aside = f"{link}.new"
    remove(aside)
    os.symlink(folder, aside)
    os.rename(aside, link)
