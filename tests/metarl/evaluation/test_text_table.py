"""A table is the same on a terminal and in Markdown, whatever its cells contain."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from metarl.benchmarks import simulation
from metarl.evaluation.text_table import TextTable

TABLE = TextTable("of [b]runs[/b]", ["run", "mean", "n"], [["a[1]", "1.0\n[0.5, 1.5]", "3"]], ["a note"], align="lr")


def grid_of(table: TextTable) -> Table:
    return next(part for part in table.to_terminal().renderables if isinstance(part, Table))


def test_nothing_is_read_as_markup() -> None:
    console = Console(width=80, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(TABLE.to_terminal())
    text = console.export_text()
    for word in ("of [b]runs[/b]", "a[1]", "[0.5, 1.5]", "a note"):
        assert word in text


def test_columns_are_aligned() -> None:
    assert [c.justify for c in grid_of(TABLE).columns] == ["left", "right", "right"]


def test_a_cell_of_several_lines_is_one_line_of_markdown() -> None:
    lines = TABLE.to_markdown().splitlines()
    assert lines[2:5] == ["| run | mean | n |", "| --- | ---: | ---: |", "| a[1] | 1.0 [0.5, 1.5] | 3 |"]


def test_sections_end_after_so_many_rows() -> None:
    table = grid_of(TextTable("t", ["a"], [["1"], ["2"], ["3"], ["4"]], [], section_size=2))
    assert [row.end_section for row in table.rows] == [False, True, False, True]


def test_title_and_notes_are_as_wide_as_the_terminal() -> None:
    """However narrow the table is."""
    title, note = "return by episodes of adaptation, on unseen tasks", "interquartile mean over 4 tasks, one repeat"
    out = io.StringIO()
    Console(file=out, width=80).print(TextTable(title, ["a"], [["1"]], [note]).to_terminal())
    assert out.getvalue().splitlines()[0].strip() == title
    assert out.getvalue().splitlines()[-1].strip() == note


def test_a_title_is_as_wide_as_the_terminal_however_narrow_the_table_is() -> None:
    rows = [{"robot": "ant", "physics": "fast", "worlds": 8, "steps_per_second": {"ours": 2.0, "bare": 4.0}}]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(simulation.table(rows, 2, 5))
    assert console.export_text().startswith("thousand control steps/s, 2 threads, median of 5\n")
