"""A comparison as one self-contained HTML file: tables, plots and videos."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from metarl.evaluation.comparison import Comparison
from metarl.evaluation.text_table import TextTable
from metarl.reporting import comparison_tables
from metarl.reporting.plots import figures_of, plot_trainings
from metarl.reporting.plots.figures import DPI, Target
from metarl.runs.environment import versions
from metarl.runs.folder import Run
from metarl.system.files import atomic_write

CAPTIONS = {
    "curves": "Return by adaptation episodes: interquartile mean over tasks and seeds, with 95 % intervals. "
    "Gray and black: baselines, the same in every panel.",
    "scores": "What each learner reaches: interquartile mean over tasks and seeds, with 95 % intervals.",
    "profiles": "Which fraction of trainings and tasks reaches more than that.",
    "training": "Return on training tasks against environment steps. Dashed: before adaptation. Pale: the others.",
}
PARAMETER = "Return of every task against one of its numbers, the mean over seeds. Dashes: baselines on the same tasks."


CSS_DPI = 145  # pixels of a browser for an inch of a figure: its letters are then as large as the text; chosen


class EmbeddedPlot(NamedTuple):
    """A picture within the file, and what it shows."""

    caption: str
    source: Markup
    width: int  # in the pixels of a browser, so that all have letters of one size


class FootnotedTable(NamedTuple):
    """A table, and the numbers of its footnotes."""

    table: TextTable
    footnotes: list[int]


class EmbeddedClip(NamedTuple):
    """A video within the file, and what it shows."""

    title: str
    source: Markup


class Section(NamedTuple):
    """One distribution of tasks."""

    title: str
    tables: list[FootnotedTable]
    footnotes: list[str]
    plots: list[EmbeddedPlot]
    clips: list[EmbeddedClip]
    trainings: list[tuple[str, str, str]]  # name, commit and command of each run


def write(
    path: Path,
    comparisons: Sequence[Comparison],
    runs: Sequence[Run],
    command: str,
    videos: bool,
    tell: Callable[[str], None],
) -> None:
    """Write the report; `command` is what makes it again, `tell` is called with each step of the work.

    Raises UserError where videos are requested and no renderer is found, OSError where the file cannot be written.
    """
    sections = [_section(comparison, runs, videos, tell) for comparison in comparisons]
    template = Environment(loader=PackageLoader("metarl"), autoescape=select_autoescape()).get_template("report.html")
    atomic_write(path, template.render(sections=sections, command=command, versions=versions()))


def _section(comparison: Comparison, runs: Sequence[Run], videos: bool, tell: Callable[[str], None]) -> Section:
    own = [run for run in runs if run.config.tasks.data_key() == comparison.config.tasks.data_key()]
    tell(f"{comparison.title}: plots")
    figures = figures_of(comparison)
    if any(run.last_record() for run in own):
        figures["training"] = lambda target: plot_trainings(comparison, own, target)
    plots = [_embedded_plot(CAPTIONS.get(name, PARAMETER), draw) for name, draw in figures.items()]
    clips = _embedded_clips(comparison, own, tell) if videos and comparison.config.tasks.has_robot else []
    trainings = [(run.name, run.commit or "", run.command) for run in own]
    tables, footnotes = with_footnotes(comparison_tables.tables(comparison))
    return Section(comparison.title, tables, footnotes, plots, clips, trainings)


def with_footnotes(tables: Sequence[TextTable]) -> tuple[list[FootnotedTable], list[str]]:
    """The notes of all tables, each once; and the tables with the numbers of theirs, counted from 1."""
    notes = list(dict.fromkeys(note for table in tables for note in table.notes))
    return [FootnotedTable(table, [notes.index(note) + 1 for note in table.notes]) for table in tables], notes


def _embedded_plot(caption: str, draw: Callable[[Target], None]) -> EmbeddedPlot:
    file = io.BytesIO()
    draw(file)
    content = file.getvalue()
    pixels = int.from_bytes(content[16:20], "big")  # of a PNG
    return EmbeddedPlot(caption, _data_url("image/png", content), round(pixels / DPI * CSS_DPI))


def _data_url(media_type: str, content: bytes) -> Markup:
    return Markup(f"data:{media_type};base64,{base64.b64encode(content).decode()}")


def _embedded_clips(comparison: Comparison, runs: Sequence[Run], tell: Callable[[str], None]) -> list[EmbeddedClip]:
    """One task before and after adaptation, by the first training of every learner."""
    from metarl.reporting import video  # needs OpenGL, which reports without videos do not

    embedded = []
    with TemporaryDirectory() as folder:
        for row in comparison.rows:
            first = row.entry.evaluations[0]
            run = next((r for r in runs if r.name == first.run), None)
            if run is None or first.chosen:
                continue
            tell(f"{comparison.title}: video of {row.entry.learner}")
            path = Path(folder) / "clip.mp4"
            source = video.source_of_run(run)
            clips = source.clips({}, comparison.split, 1, False, 0)
            video.write_video(clips, source.family, path, len(clips))
            embedded.append(EmbeddedClip(row.entry.learner, _data_url("video/mp4", path.read_bytes())))
    return embedded
