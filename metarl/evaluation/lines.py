"""Tables as text, for any format."""

from __future__ import annotations

from typing import NamedTuple

from rich.markup import escape
from rich.table import Table


class Lines(NamedTuple):
    """A title, columns, rows, and what is to be said below."""

    title: str
    headers: list[str]
    rows: list[list[str]]
    notes: list[str]

    def to_terminal(self) -> Table:
        out = Table(title=self.title)
        for header in self.headers:
            out.add_column(header)
        for row in self.rows:
            out.add_row(*map(escape, row))
        out.caption = "\n".join(self.notes)
        return out

    def to_markdown(self) -> str:
        rows = [self.headers, ["---"] * len(self.headers), *self.rows]
        table = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([f"### {self.title}", "", *table, "", *(f"{n}  " for n in self.notes)]) + "\n"
