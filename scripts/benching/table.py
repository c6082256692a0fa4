"""Rows: what was measured, what it is compared with, what it should be; as a table and as JSON. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Optional

_UNITS = {"ms": (1000.0, "{:.1f} ms"), "us": (1e6, "{:.0f} us"), "s": (1.0, "{:.2f} s"), "/s": (1.0, "{:.0f}/s")}
_UNITS.update({"%": (100.0, "{:.1f} %"), "B": (1.0, "{:.0f} B"), "kB": (1e-3, "{:.0f} kB"), "x": (1.0, "{:.2f}")})


@dataclasses.dataclass(frozen=True)
class Aim:
    """At most (or at least) ``limit``: of the ratio, or of the value itself in its base unit (seconds, bytes, a second)."""

    limit: float
    most: bool = True
    of_ratio: bool = True

    def met(self, value: float, ratio: Optional[float]) -> Optional[bool]:
        """Whether it is; None when there was nothing to compare with."""
        found = ratio if self.of_ratio else value
        if found is None:
            return None
        return found <= self.limit if self.most else found >= self.limit

    def text(self, unit: str) -> str:
        """``<= 1.2 x``, ``>= 50/s``."""
        return f"{'<=' if self.most else '>='} {f'{self.limit:g} x' if self.of_ratio else shown(self.limit, unit)}"


@dataclasses.dataclass(frozen=True)
class Row:
    """One line. ``value`` and ``reference`` are medians in the base unit; ``samples`` what they are the medians of.

    ``unit``: ms, us, s (of seconds), /s, % (of a share), B, kB (of bytes), x. ``notes``: text to stand below the table.
    """

    group: str
    name: str
    value: float
    unit: str
    against: str = ""
    reference: Optional[float] = None
    aim: Optional[Aim] = None
    samples: tuple[float, ...] = ()
    reference_samples: tuple[float, ...] = ()
    notes: str = ""

    @property
    def ratio(self) -> Optional[float]:
        """Value to reference."""
        return self.value / self.reference if self.reference else None

    @property
    def met(self) -> Optional[bool]:
        """Whether the aim is met; None without an aim, or without what it compares with."""
        return self.aim.met(self.value, self.ratio) if self.aim else None

    def cells(self) -> tuple[str, ...]:
        """The line of the table."""
        against = self.against
        if self.reference is not None:
            against = f"{against} {shown(self.reference, self.unit)}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        aim = self.aim.text(self.unit) if self.aim else ""
        return (
            self.name,
            shown(self.value, self.unit),
            against,
            ratio,
            aim,
            {True: "yes", False: "NO", None: ""}[self.met],
        )

    def facts(self) -> dict[str, Any]:
        """For the JSON document; times in seconds, sizes in bytes."""
        return {
            **dataclasses.asdict(self),
            "aim": self.aim.text(self.unit) if self.aim else None,
            "ratio": self.ratio,
            "met": self.met,
        }


def alone(group: str, name: str, unit: str, samples: Sequence[float], aim: Optional[Aim] = None) -> Row:
    """A row that is compared with nothing but its aim."""
    return Row(group, name, statistics.median(samples), unit, aim=aim, samples=tuple(samples))


def compared(row: Row, against: str, samples: Sequence[float], aim: Optional[Aim] = None) -> Row:
    """The row beside what was measured in turn with it; with no samples it stays alone, its aim undecided."""
    if not samples:
        return dataclasses.replace(row, against=f"{against}: not there", aim=aim)
    reference = statistics.median(samples)
    return dataclasses.replace(row, against=against, reference=reference, reference_samples=tuple(samples), aim=aim)


def shown(value: float, unit: str) -> str:
    """The value for people."""
    factor, form = _UNITS[unit]
    return form.format(value * factor)


def text(rows: Sequence[Row], heading: str) -> str:
    """The whole table in Markdown, what stands below it, and how many aims are met."""
    lines = [heading, "", "| what | measured | against | ratio | aim | met |", "|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    lines += [f"\n{row.name}:\n\n{row.notes}" for row in rows if row.notes]
    decided = [row.met for row in rows if row.met is not None]
    lines += ["", f"{sum(decided)} of {len(decided)} aims met"]
    return "\n".join(lines) + "\n"


def document(rows: Sequence[Row], circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for comparison over time: ``circumstances`` are the machine, the date, the versions, the options."""
    return {**circumstances, "rows": [row.facts() for row in rows]}
