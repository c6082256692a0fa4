"""The table of what works with what, as text for people and for docs/platforms.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from platforming.cells import Cell

BEGIN, END = "<!-- scripts/platforms: begin -->", "<!-- scripts/platforms: end -->"
_COLUMNS = ("quickstart", "tests")


@dataclass
class Report:
    """What was found: facts of each release (system, CCTools, Python, libc), and the cells."""

    date: str
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def text(self) -> str:
        """Two tables: each release by itself, and head nodes (rows) with workers (columns)."""
        heads = [release for release in self.facts if any(row == release for row, _column in self.cells)]
        alone = [self._alone(release) for release in self.facts]
        parts = [_table(("release", "system", "CCTools", "Python", "libc", *_COLUMNS), alone)]
        if any(column in self.facts for _row, column in self.cells):
            pairs = [(head, *(self._cell(head, node) for node in self.facts)) for head in heads]
            parts.append(_table(("head \\ workers", *self.facts), pairs))
        notes = [
            f"- head {head}, workers {node}: {cell.said}"
            for (head, node), cell in self.cells.items()
            if cell.word == "refused"
        ]
        return "\n\n".join(
            [f"Made by `scripts/platforms` on {self.date}.", *parts, *(["\n".join(notes)] if notes else [])]
        )

    def _alone(self, release: str) -> tuple[str, ...]:
        facts = (*self.facts[release], "", "", "", "")[:4]
        return (release, *facts, *(self._cell(release, column) for column in _COLUMNS))

    def _cell(self, row: str, column: str) -> str:
        cell = self.cells.get((row, column))
        return f"{cell.word} ({cell.seconds:.0f} s)" if cell else "-"

    def write(self, path: Path, text: str) -> None:
        """Put the text between the marks of the page."""
        before, _, rest = path.read_text().partition(BEGIN)
        path.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    texts = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])
