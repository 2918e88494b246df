"""Everything that was found as one HTML file, which needs nothing beside it: tables, plots and videos."""

from __future__ import annotations

import base64
import io
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from envs.locomotion.family import Locomotion
from metarl.evaluation.comparison import Comparison
from metarl.evaluation.lines import Lines
from metarl.reporting import comparison_tables as standing_tables
from metarl.reporting.plots import plot_comparison, plot_trainings
from metarl.runs.folder import PACKAGES, Run


class EmbeddedClip(NamedTuple):
    """A video and what it shows."""

    title: str
    source: Markup


class Section(NamedTuple):
    """One distribution of tasks."""

    title: str
    tables: list[Lines]
    pictures: list[Markup]
    clips: list[EmbeddedClip]
    trainings: list[tuple[str, str, str]]  # of each run its name, its commit, and what trained it


def write(
    path: Path,
    found: Sequence[Comparison],
    runs: Sequence[Run],
    command: str,
    videos: bool,
    tell: Callable[[str], None],
) -> None:
    """Write the report; `command` is what makes it again. Raises UserError where videos are asked for and no renderer
    is found."""
    sections = [_section(comparison, runs, videos, tell) for comparison in found]
    template = Environment(loader=PackageLoader("metarl"), autoescape=select_autoescape()).get_template("report.html")
    versions = {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}}
    path.write_text(template.render(sections=sections, command=command, versions=versions))


def _section(comparison: Comparison, runs: Sequence[Run], videos: bool, tell: Callable[[str], None]) -> Section:
    own = [run for run in runs if run.config.tasks == comparison.config.tasks]
    tell(f"{comparison.title}: plots")
    pictures = [
        _picture(lambda file: plot_comparison(comparison, file)),
        _picture(lambda file: plot_trainings(comparison, own, file)),
    ]
    clips = _clips(comparison, own, tell) if videos and isinstance(comparison.family, Locomotion) else []
    trainings = [(run.name, run.commit or "", (run.path / "command.txt").read_text().strip()) for run in own]
    return Section(comparison.title, standing_tables.tables(comparison), pictures, clips, trainings)


def _picture(draw: Callable[[IO[bytes]], None]) -> Markup:
    file = io.BytesIO()
    draw(file)
    return _embedded("image/png", file.getvalue())


def _embedded(kind: str, content: bytes) -> Markup:
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode()}")


def _clips(comparison: Comparison, runs: Sequence[Run], tell: Callable[[str], None]) -> list[EmbeddedClip]:
    """One task, before and after adaptation, by the first training of every learner that has a body."""
    from metarl.reporting import video as record  # draws: a machine without OpenGL writes reports without clips

    embedded = []
    with TemporaryDirectory() as folder:
        for place in comparison.rows:
            first = place.entry.evaluations[0]
            run = next((r for r in runs if r.name == first.run), None)
            if run is None or first.chosen:
                continue
            tell(f"{comparison.title}: video of {place.entry.learner}")
            out = Path(folder) / "clip.mp4"
            source = record.of_run(run, None, 1)
            clips = source.clips({}, comparison.split, 1, False, 0)
            record.film(clips, source.family, out, len(clips))
            embedded.append(EmbeddedClip(place.entry.learner, _embedded("video/mp4", out.read_bytes())))
    return embedded
