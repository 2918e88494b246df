"""Image classifiers of different learners in one table, with published results beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from envs.wording import count_of, millions
from metarl.config.experiment import Config, without_seed
from metarl.errors import UserError
from metarl.evaluation import published
from metarl.evaluation.accuracy import AccuracyEvaluator
from metarl.evaluation.classification import Accuracy, learner_of
from metarl.evaluation.comparison_entries import check_same_iteration
from metarl.evaluation.evaluator import Options
from metarl.evaluation.progress import Progress
from metarl.evaluation.published import Published, Shape
from metarl.evaluation.text_table import TextTable
from metarl.runs.folder import Run
from metarl.runs.records import Record


class Row(NamedTuple):
    """One learner: runs that differ in nothing but their seed."""

    name: str
    learner: str
    bn: str
    runs: list[str]
    seeds: list[int]
    iterations: int
    images: int  # of each run, queries too
    minutes: float  # of training, the mean over runs
    accuracy: dict[Shape, list[Accuracy]]  # one a run
    presentations: dict[int, list[Accuracy]]  # by the number of times that a class was shown
    published: Published | None

    def to_json(self) -> dict[str, Any]:
        """All numbers with the published ones beside them."""
        lists = {
            "accuracy": [
                {"way": w, "shot": s, "runs": [r._asdict() for r in rs], "published": self.published_accuracy((w, s))}
                for (w, s), rs in self.accuracy.items()
            ],
            "presentations": [
                {"time": k, "runs": [r._asdict() for r in rs], "published": self.published_presentation(k)}
                for k, rs in self.presentations.items()
            ],
        }
        source = self.published.source if self.published else None
        return {**self._asdict(), **lists, "published": source}

    def published_accuracy(self, shape: Shape) -> float | None:
        """In %, where there is one."""
        return self.published.accuracy.get(shape) if self.published else None

    def published_presentation(self, time: int) -> float | None:
        """In %, at the k-th time that a class was shown, where there is one."""
        return self.published.presentations.get(time) if self.published else None


def compare_classifiers(runs: Sequence[Run], options: Options, progress: Progress | None = None) -> list[Row]:
    """Every run on the same unseen episodes; stored results are not computed again.

    Learners with a fixed last layer are evaluated on their own number of classes alone. Raises UserError for runs that
    are on other images, or on none.
    """
    data = {json.dumps(_data_key(run)) for run in runs}
    if len(data) > 1:
        raise UserError("the runs are on different images, splits or sizes: they cannot be compared")
    groups: dict[tuple[str, bool], list[Run]] = {}
    for run in runs:
        groups.setdefault((without_seed(run.config), run.best), []).append(run)
    progress = progress or Progress()
    parts = [_Part(group, _options_of(group[0].config, options)) for group in groups.values()]
    for part in parts:
        progress.expect(part.work)
    return [_row(part, progress) for part in parts]


class _Part(NamedTuple):
    """Runs that differ in nothing but their seed, and how they are evaluated."""

    runs: list[Run]
    options: Options

    @property
    def evaluator(self) -> AccuracyEvaluator:
        return AccuracyEvaluator(self.runs[0].config)

    @property
    def work(self) -> float:
        """What there is to do."""
        missing = [run for run in self.runs if self.evaluator.find_stored(run, self.options) is None]
        return len(missing) * self.evaluator.work(self.runs[0].config, self.options)


def _options_of(config: Config, options: Options) -> Options:
    """A learner with a fixed last layer has but one number of classes."""
    tasks: Any = config.tasks
    return options._replace(ways=(tasks.way,)) if learner_of(config).fixed_way else options


def _data_key(run: Run) -> dict[str, Any]:
    tasks = run.config.tasks
    if tasks.answers != "classes":
        raise UserError(
            f"{run.name} is on tasks of kind {tasks.kind}: put it beside others by metarl evaluate --against"
        )
    return tasks.data_key()


def _row(part: _Part, progress: Progress) -> Row:
    group, config = part.runs, part.runs[0].config
    tasks: Any = config.tasks
    results = [part.evaluator.stored_or_evaluated(run, part.options, progress) for run in group]
    check_same_iteration(group, [r.iteration for r in results])
    last = [_record(run, r.iteration) for run, r in zip(group, results, strict=True)]
    first, name = results[0], config.learner.published_name
    return Row(
        group[0].title,
        name,
        first.results[0].bn,
        [run.name for run in group],
        [run.config.seed for run in group],
        first.iteration,
        int(last[0]["env_steps"]),
        sum(r.get("seconds", math.nan) for r in last) / len(last) / 60,
        {(a.way, a.shot): [r.results[i] for r in results] for i, a in enumerate(first.results)},
        {a.shot: [r.presentations[i] for r in results] for i, a in enumerate(first.presentations)},
        published.find(tasks.data_name, name, first.results[0].bn),
    )


def _record(run: Run, iteration: int) -> Record:
    """What was logged of the iteration that is evaluated."""
    for record in run.records():
        if record["iteration"] == iteration:
            return record
    raise UserError(f"{run.path} has no record of iteration {iteration}: there is nothing to compare")


def comparison_tables(rows: list[Row]) -> list[TextTable]:
    """Accuracy by way and shot, and by presentation where some learner reads a stream; in brackets as published."""
    streams = [row for row in rows if row.presentations]
    return [_accuracy_table(rows), *([_presentation_table(streams)] if streams else [])]


def _accuracy_table(rows: list[Row]) -> TextTable:
    shapes = list(dict.fromkeys(shape for row in rows for shape in row.accuracy))
    episodes = next(iter(rows[0].accuracy.values()))[0].episodes
    headers = ["config", "batch norm", "seeds", "images", "minutes", *(f"{w}-way {s}-shot" for w, s in shapes)]
    cells = [
        [
            row.name,
            row.bn,
            str(len(row.seeds)),
            f"{millions(row.images)} M",
            f"{row.minutes:.0f}",
            *(_cell(row.accuracy.get(shape, []), row.published_accuracy(shape)) for shape in shapes),
        ]
        for row in rows
    ]
    notes = [_meaning(rows, count_of(episodes, "episode")), *_sources(rows)]
    return TextTable("accuracy in %, in brackets as published", headers, cells, notes)


def _presentation_table(rows: list[Row]) -> TextTable:
    times = list(rows[0].presentations)
    cells = [[row.name, *(_cell(row.presentations[k], row.published_presentation(k)) for k in times)] for row in rows]
    streams = rows[0].presentations[times[0]][0].episodes
    title = "accuracy in % by presentation of the class, in brackets as published"
    notes = [_meaning(rows, f"{streams} streams"), *_sources(rows)]
    return TextTable(title, ["config", *(f"{k}." for k in times)], cells, notes)


def _cell(accuracies: list[Accuracy], published_value: float | None) -> str:
    """The mean over runs, with the interval of one run or the range of several; accuracies: one a run."""
    if not accuracies:
        return ""
    means = [100 * a.mean for a in accuracies]
    mean = sum(means) / len(means)
    one = f" +- {100 * accuracies[0].half:.1f}"
    spread = one if len(accuracies) == 1 else f", {min(means):.1f} to {max(means):.1f}"
    return f"{mean:.1f}{spread}" + ("" if published_value is None else f" ({published_value:.1f})")


def _meaning(rows: list[Row], over: str) -> str:
    """What the cells contain."""
    one = any(len(row.runs) == 1 for row in rows)
    several = any(len(row.runs) > 1 for row in rows)
    parts = [f"one seed: +- half of the 95 % interval over {over}"] if one else []
    return "; ".join(parts + (["several: their mean, least and most"] if several else []))


def _sources(rows: list[Row]) -> list[str]:
    sources = {row.learner: row.published.source for row in rows if row.published}
    return ["published: " + "; ".join(f"{name} {source}" for name, source in sources.items())] if sources else []
