"""Runs of different learners in one table, with what is published beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from metarl.config.schema import FewShotTasks, without_seed
from metarl.errors import UserError
from metarl.evaluation import accuracy, published
from metarl.evaluation.accuracy import FIXED_WAY, Accuracy, AccuracyResult
from metarl.evaluation.lines import Lines
from metarl.evaluation.published import Published
from metarl.runs.folder import Run
from metarl.training.build import build_few_shot_learner

Shape = tuple[int, int]  # way, shot


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
    presentations: dict[int, list[Accuracy]]
    published: Published | None

    def to_json(self) -> dict[str, Any]:
        found = {
            "accuracy": [
                {"way": w, "shot": s, "runs": [r._asdict() for r in rs], "published": _beside(self, (w, s))}
                for (w, s), rs in self.accuracy.items()
            ],
            "presentations": [
                {"time": k, "runs": [r._asdict() for r in rs], "published": _of_time(self, k)}
                for k, rs in self.presentations.items()
            ],
        }
        source = self.published.source if self.published else None
        return {**self._asdict(), **found, "published": source}


def compare(
    runs: Sequence[Run], split: str, ways: Sequence[int], shots: Sequence[int], episodes: int, seed: int, bn: str | None
) -> list[Row]:
    """Every run on the same unseen episodes; an evaluation that was stored before is not done again.

    Raises UserError for runs on other data, or that have no images at all.
    """
    made_of = {json.dumps(_data_of(run)) for run in runs}
    if len(made_of) > 1:
        raise UserError("the runs are on different images, splits or sizes: they cannot be compared")
    groups: dict[tuple[str, bool], list[Run]] = {}
    for run in runs:
        groups.setdefault((without_seed(run.config), run.best), []).append(run)
    return [_row(group, split, ways, shots, episodes, seed, bn) for group in groups.values()]


def _data_of(run: Run) -> dict[str, Any]:
    tasks = run.config.tasks
    if not isinstance(tasks, FewShotTasks):
        raise UserError(
            f"{run.name} is on tasks of kind {tasks.kind}: put it beside others by metarl evaluate --against"
        )
    return tasks.model_dump(include={"data", "splits", "resize", "size", "turn_test_classes"})


def _row(
    group: list[Run],
    split: str,
    ways: Sequence[int],
    shots: Sequence[int],
    episodes: int,
    seed: int,
    bn: str | None,
) -> Row:
    config = group[0].config
    tasks = config.tasks
    assert isinstance(tasks, FewShotTasks)
    fixed = isinstance(build_few_shot_learner(config), FIXED_WAY)
    results = [_evaluated(run, split, (tasks.way,) if fixed else ways, shots, episodes, seed, bn) for run in group]
    if not group[0].best and len({j.iteration for j in results}) > 1:
        raise UserError(f"the runs of {group[0].title} ended at different iterations: resume the shorter ones")
    last = [run.records()[-1] for run in group]
    kind = "fomaml" if getattr(config.learner, "first_order", False) else config.learner.kind
    first = results[0]
    return Row(
        group[0].title,
        kind,
        first.results[0].bn,
        [run.name for run in group],
        [run.config.seed for run in group],
        first.iteration,
        int(last[0]["env_steps"]),
        sum(r["seconds"] for r in last) / len(last) / 60,
        {(r.way, r.shot): [j.results[i] for j in results] for i, r in enumerate(first.results)},
        {r.shot: [j.presentations[i] for j in results] for i, r in enumerate(first.presentations)},
        published.omniglot(kind, first.results[0].bn) if tasks.data == "omniglot" else None,
    )


def _evaluated(
    run: Run, split: str, ways: Sequence[int], shots: Sequence[int], episodes: int, seed: int, bn: str | None
) -> AccuracyResult:
    if (stored := accuracy.stored(run, split, ways, shots, episodes, seed, bn)) is not None:
        return stored
    found = accuracy.evaluate(run, split, ways, shots, episodes, seed, bn)
    accuracy.store(run, found)
    return found


def lines_of(rows: list[Row]) -> Lines:
    """A row for each learner, a column for each way and shot: ours, and in brackets what is published."""
    shapes = list(dict.fromkeys(shape for row in rows for shape in row.accuracy))
    some = next(iter(rows[0].accuracy.values()))[0]
    headers = ["config", "batch norm", "seeds", "images", "minutes", *(f"{w}-way {s}-shot" for w, s in shapes)]
    cells = [
        [
            row.name,
            row.bn,
            str(len(row.seeds)),
            f"{row.images / 1e6:.2f} M",
            f"{row.minutes:.0f}",
            *(_cell(row.accuracy.get(shape, []), _beside(row, shape)) for shape in shapes),
        ]
        for row in rows
    ]
    notes = [_meaning(rows, some.episodes, "episodes"), *_sources(rows)]
    return Lines("accuracy in %, in brackets as published", headers, cells, notes)


def lines_of_presentations(rows: list[Row]) -> Lines | None:
    """The same by how often a class was shown, for learners that read a stream; None where there is none."""
    rows = [row for row in rows if row.presentations]
    if not rows:
        return None
    times = list(rows[0].presentations)
    cells = [[row.name, *(_cell(row.presentations[k], _of_time(row, k)) for k in times)] for row in rows]
    notes = [_meaning(rows, rows[0].presentations[times[0]][0].episodes, "streams"), *_sources(rows)]
    title = "accuracy in % by how often the class was shown, in brackets as published"
    return Lines(title, ["config", *(f"{k}." for k in times)], cells, notes)


def _cell(found: list[Accuracy], beside: float | None) -> str:
    if not found:
        return ""
    means = [100 * r.mean for r in found]
    mean = sum(means) / len(means)
    spread = f" +- {100 * found[0].half:.1f}" if len(found) == 1 else f", {min(means):.1f} to {max(means):.1f}"
    return f"{mean:.1f}{spread}" + ("" if beside is None else f" ({beside:.1f})")


def _beside(row: Row, shape: Shape) -> float | None:
    return row.published.accuracy.get(shape) if row.published else None


def _of_time(row: Row, time: int) -> float | None:
    return row.published.presentations.get(time) if row.published else None


def _meaning(rows: list[Row], count: int, what: str) -> str:
    one = any(len(row.runs) == 1 for row in rows)
    many = any(len(row.runs) > 1 for row in rows)
    said = [f"one seed: +- half of the 95 % interval over {count} {what}"] if one else []
    return "; ".join(said + (["several: their mean, least and most"] if many else []))


def _sources(rows: list[Row]) -> list[str]:
    named = {row.learner: row.published.source for row in rows if row.published}
    return ["published: " + "; ".join(f"{k} {v}" for k, v in named.items())] if named else []
