"""Tables of text, for a terminal or for Markdown."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text


class TextTable(NamedTuple):
    """A title, a header for each column, rows, and notes that stand below.

    align: `l` (left) or `r` (right) for each column, the last of them for all columns that follow.
    section_size: rows between two rules; 0 for no rules.
    """

    title: str
    headers: list[str]
    rows: list[list[str]]
    notes: list[str]
    align: str = "l"
    section_size: int = 0

    def to_terminal(self) -> Group:
        """The table as rich prints it; nothing in it is read as markup.

        Title and notes are as wide as the terminal, however narrow the table is.
        """
        return titled(self._grid(), self.title, *self.notes)

    def _grid(self) -> Table:
        out = Table()
        for i, header in enumerate(self.headers):
            out.add_column(Text(header), justify=self._justify(i))
        for i, row in enumerate(self.rows):
            ends_section = self.section_size > 0 and (i + 1) % self.section_size == 0
            out.add_row(*map(Text, row), end_section=ends_section)
        return out

    def to_markdown(self) -> str:
        """The table with its title as a heading; a cell of several lines becomes one line."""
        rules = ["---:" if self._justify(i) == "right" else "---" for i in range(len(self.headers))]
        rows = [self.headers, rules, *self.rows]
        table = ["| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |" for row in rows]
        return "\n".join([f"### {self.title}", "", *table, "", *(f"{n}  " for n in self.notes)]) + "\n"

    def _justify(self, column: int) -> Literal["left", "right"]:
        return "right" if self.align[min(column, len(self.align) - 1)] == "r" else "left"


def titled(table: Table, title: str, *notes: str) -> Group:
    """A table of rich under its title and above its notes, which are as wide as the terminal, however narrow it is."""
    return Group(Text(title, "table.title"), table, *(Text(note, "table.caption") for note in notes))
