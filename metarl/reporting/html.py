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
from metarl.reporting.plots import plot_comparison, plot_trainings
from metarl.reporting.plots.figures import Target
from metarl.runs.environment import versions
from metarl.runs.folder import Run
from metarl.system.files import atomic_write


class EmbeddedClip(NamedTuple):
    """A video within the file, and what it shows."""

    title: str
    source: Markup


class Section(NamedTuple):
    """One distribution of tasks."""

    title: str
    tables: list[TextTable]
    plots: list[Markup]
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
    own = [run for run in runs if run.config.tasks == comparison.config.tasks]
    tell(f"{comparison.title}: plots")
    plots = [
        _embedded_plot(lambda target: plot_comparison(comparison, target)),
        _embedded_plot(lambda target: plot_trainings(comparison, own, target)),
    ]
    clips = _embedded_clips(comparison, own, tell) if videos and comparison.config.tasks.has_robot else []
    trainings = [(run.name, run.commit or "", run.command) for run in own]
    return Section(comparison.title, comparison_tables.tables(comparison), plots, clips, trainings)


def _embedded_plot(draw: Callable[[Target], None]) -> Markup:
    file = io.BytesIO()
    draw(file)
    return _data_url("image/png", file.getvalue())


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
            source = video.source_of_run(run, None, 1)
            clips = source.clips({}, comparison.split, 1, False, 0)
            video.write_video(clips, source.family, path, len(clips))
            embedded.append(EmbeddedClip(row.entry.learner, _data_url("video/mp4", path.read_bytes())))
    return embedded
