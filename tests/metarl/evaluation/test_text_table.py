"""A table is the same on a terminal and in Markdown, whatever its cells contain."""

from __future__ import annotations

from rich.console import Console

from metarl.evaluation.text_table import TextTable

TABLE = TextTable("of [b]runs[/b]", ["run", "mean", "n"], [["a[1]", "1.0\n[0.5, 1.5]", "3"]], ["a note"], align="lr")


def test_nothing_is_read_as_markup() -> None:
    console = Console(width=80, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(TABLE.to_terminal())
    text = console.export_text()
    for word in ("of [b]runs[/b]", "a[1]", "[0.5, 1.5]", "a note"):
        assert word in text


def test_columns_are_aligned() -> None:
    assert [c.justify for c in TABLE.to_terminal().columns] == ["left", "right", "right"]


def test_a_cell_of_several_lines_is_one_line_of_markdown() -> None:
    lines = TABLE.to_markdown().splitlines()
    assert lines[2:5] == ["| run | mean | n |", "| --- | ---: | ---: |", "| a[1] | 1.0 [0.5, 1.5] | 3 |"]


def test_sections_end_after_so_many_rows() -> None:
    table = TextTable("t", ["a"], [["1"], ["2"], ["3"], ["4"]], [], section_size=2).to_terminal()
    assert [row.end_section for row in table.rows] == [False, True, False, True]
