"""Runs side by side."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from tyro.conf import Positional, arg

from metarl.cli.common import PICTURES, Split, console, no_overrides, within, writable
from metarl.cli.images import images_from
from metarl.cli.progress import progress_display
from metarl.config.experiment import Config
from metarl.errors import UserError, refused_by_system
from metarl.evaluation.defaults import (
    ACTING_TASKS,
    AFTER,
    REPEATS,
    REPORT_AT,
    SHOTS,
    STARTS,
    SUPERVISED_TASKS,
    Baselines,
)
from metarl.evaluation.text_table import TextTable
from metarl.runs.folder import Run
from metarl.system.files import atomic_write

if TYPE_CHECKING:
    from metarl.evaluation.evaluator import Options


@dataclass
class Compare:
    """Put runs into one table, on the same unseen tasks, with what is published beside it.

    Runs that differ in nothing but their seed are one row; NAME@best is a row of a run's best checkpoint. What was
    evaluated before is read from the run's folder.
    """

    runs: Annotated[
        Positional[tuple[str, ...]],
        arg(help="run folders or names of configs, @best after any", metavar="RUN...", help_behavior_hint=""),
    ]
    split: Split = "test"
    """train, test or ood; of images train, validation or test"""
    tasks: Annotated[
        int | None,
        arg(
            help=f"how many tasks; by default {ACTING_TASKS}, or {SUPERVISED_TASKS} few-shot ones of each way and shot",
            help_behavior_hint="",
        ),
    ] = None
    after: tuple[int, ...] = AFTER
    """of policies: episodes of adaptation after which learners are evaluated"""
    report_at: int = REPORT_AT
    """of policies: episodes of adaptation at which all but the curves are reported"""
    repeats: int = REPEATS
    """of policies: adaptations to each task"""
    baselines: Baselines = "all"
    """of policies: what joint training is put beside: itself fine-tuned in each task, learning from scratch there, or
    neither of them"""
    videos: bool = False
    """of robots: put a clip of every learner into the report"""
    ways: tuple[int, ...] = ()
    """of images: classes of a task, by default 5 and 20, on pictures of your own as many as in training; learners whose
    last layer has a place for each class have their own number"""
    shots: tuple[int, ...] = SHOTS
    """of images: support drawings of a class"""
    bn: Literal["transductive", "support", "support+1", "running"] | None = None
    """of images: which statistics normalise, by default each config's"""
    seed: int = 0
    """of the tasks"""
    data: Path | None = None
    """of images: where the folder of your own lies now, or packed Omniglot, by default METARL_DATA or the cache"""
    out: Path | None = None
    """a Markdown file to write; of policies also a report (html), or its figures (png, svg or pdf)"""
    json: bool = False
    """print JSON instead of a table"""
    given: ClassVar[frozenset[str]] = frozenset()  # the options of the command line; set by `metarl.cli.parsing`

    def __call__(self, overrides: dict[str, Any]) -> int:
        no_overrides(overrides)
        if not self.runs:
            raise UserError("give at least one run to compare")
        self.check()
        from metarl.evaluation.applicability import check_options_apply
        from metarl.runs import folder as runs

        found = [runs.find(r) for r in self.runs]
        check_options_apply(self.given, found[0].name, found[0].config)
        if not found[0].config.tasks.is_supervised:
            return compare_policies(found, self, shlex.join(["metarl", *sys.argv[1:]]))
        return self._compare_images(found)

    def check(self) -> None:
        """Raise UserError for what cannot be."""
        within("tasks", 2 if self.tasks is None else self.tasks, 2, 1_000_000)
        within("seed", self.seed, 0, 2**31 - 1)
        within("repeats", self.repeats, 1, 1000)
        if not self.shots or min(self.shots) < 1 or min(self.ways, default=2) < 2:
            raise UserError("--ways wants numbers of at least 2 classes, and --shots of at least 1 drawing")
        if 0 not in self.after or min(self.after) < 0:
            raise UserError("--after wants 0 and other numbers of episodes")
        within("report-at", self.report_at, 0, 100_000)
        self.after = tuple(sorted({*self.after, self.report_at}))
        if self.out:
            writable(self.out, (".md", ".html", *PICTURES))
        if self.videos and (self.out is None or self.out.suffix != ".html"):
            raise UserError("--videos go into a report: give --out with a name that ends in .html")
        if self.videos:
            from metarl.system import rendering

            rendering.choose()  # before anything imports mujoco, and before anything takes long

    def _compare_images(self, found: list[Run]) -> int:
        from metarl.evaluation.fewshot_comparison import compare_classifiers, comparison_tables

        if self.out and self.out.suffix != ".md":
            raise UserError(f"--out as {self.out.suffix[1:]} is for policies: of images give a file that ends in .md")
        images_from(self.data, found[0].config)
        problems: list[str] = []
        with progress_display() as progress:
            rows = compare_classifiers(found, self.options()._replace(warn=problems.append), progress)
        self._tell(comparison_tables(rows), [row.to_json() for row in rows], problems)
        return 0

    def options(self) -> Options:
        """As options of an evaluation."""
        from metarl.evaluation.evaluator import Options

        return Options(
            self.split,
            self.tasks,
            self.seed,
            self.after,
            self.repeats,
            ways=self.ways,
            shots=self.shots,
            bn=self.bn,
        )

    def _tell(self, tables: list[TextTable], as_json: Any, problems: list[str], written: Sequence[Path] = ()) -> None:
        """Print the result, then raise UserError with the first of what could not be written."""
        if self.out and self.out.suffix == ".md":
            try:
                atomic_write(self.out, "\n".join(t.to_markdown() for t in tables))
            except OSError as error:
                problems.insert(0, refused_by_system(error))
        if self.json:
            print(json.dumps(as_json, indent=1))
        else:
            for table in tables:
                console.print(table.to_terminal())
        if problems:
            raise UserError(problems[0])
        for path in written or ((self.out,) if self.out else ()):
            if not self.json:
                console.print(f"wrote {path}", soft_wrap=True)


def check_baselines(configs: Sequence[Config], baselines: Baselines) -> None:
    """Raise UserError for a baseline that has no run of joint training to begin from."""
    if baselines in ("fine-tuned", "scratch") and all(c.learner.baseline != "joint" for c in configs):
        raise UserError(f"--baselines {baselines} is of joint training: add a config or run of it, such as joint_robot")


def compare_policies(found: list[Run], options: Compare, command: str) -> int:
    """Runs that act, by distribution of tasks: tables, and a report if asked for."""
    from metarl.evaluation.comparison import compare_runs
    from metarl.reporting import comparison_tables
    from metarl.reporting import html as report
    from metarl.reporting.plots import write_figures

    check_baselines([run.config for run in found], options.baselines)
    problems: list[str] = []
    with progress_display() as progress:
        comparisons = compare_runs(
            found,
            options.options()._replace(warn=problems.append),
            at=options.report_at,
            starts=STARTS[options.baselines],
            progress=progress,
        )
        if options.out and options.out.suffix == ".html":
            try:
                report.write(options.out, comparisons, found, command, options.videos, progress.begin)
            except OSError as error:
                problems.insert(0, refused_by_system(error))
        written = []
        if options.out and options.out.suffix in PICTURES:
            try:
                written = write_figures(comparisons, options.out)
            except OSError as error:
                problems.insert(0, refused_by_system(error))
    tables = [table for c in comparisons for table in comparison_tables.tables(c)]
    options._tell(tables, [c.to_json() for c in comparisons], problems, written)
    return 0
