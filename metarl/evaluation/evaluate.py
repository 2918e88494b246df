"""How well a run adapts to tasks it never saw: return after 0, 1, 2, 3, 5, 10, 20 episodes of adaptation."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from envs.core import TaskDistribution, Tasks, Variable
from metarl.config.schema import Config
from metarl.errors import UserError
from metarl.evaluation import fine_tuning as fine_tuning
from metarl.evaluation.adaptation import evaluate_adaptation
from metarl.evaluation.statistics import Estimate, mean_interval
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.placement import CPU, Placement
from metarl.training.policies import episodes_a_round, is_recurrent
from metarl.training.trainer import Trainer

SEED = 1_000_003  # chosen: far from training seeds; with the odd-draw rule no training task can come back anyway
AFTER = (0, 1, 2, 3, 5, 10, 20)  # episodes of adaptation
PROTOCOL = 2  # of evaluations that are written down: those of another one are made anew
REPEATS = 4  # chosen: adaptations of each task, each judged on an episode of its own


class Evaluation(NamedTuple):
    """Returns of one run on tasks of one split, each the mean over the trials of a task.

    A trial is an adaptation of its own, judged on one episode in which actions are drawn, and on one in which the
    likeliest is taken. Of a learner that adapts while it acts, whole trials are acted in one way or the other.
    """

    run: str
    learner: str
    split: str
    seed: int
    repeats: int
    iteration: int
    env_steps: int  # of training
    minutes: float  # of training
    tasks: list[dict[str, float]]
    after: tuple[int, ...]  # B: episodes of adaptation
    trained_after: int  # episodes that it was trained to adapt on
    returns: NDArray[np.float64]  # [B, N]
    greedy: NDArray[np.float64]  # [B, N], of the likeliest actions
    adapting_ms: tuple[float, ...]  # [B]: computation of a trial's adaptation, without simulation
    diverged: float  # share of episodes whose simulation broke down
    chosen: str  # what was tuned on training tasks
    protocol: int = PROTOCOL
    simulator: str = "cpu"  # that it was judged on

    def to_json(self) -> dict[str, Any]:
        tables = {"returns": _rows(self.returns), "greedy": _rows(self.greedy)}
        return {**self._asdict(), **tables}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Evaluation:
        tables = {k: np.array(stored[k], dtype=np.float64) for k in ("returns", "greedy")}
        tuples = {k: tuple(stored[k]) for k in ("after", "adapting_ms")}
        return cls(**{**stored, **tables, **tuples})

    @property
    def adapted(self) -> int:
        """Where in `after` it has adapted on as many episodes as in training."""
        return self.after.index(self.trained_after)


def _rows(returns: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if np.isnan(x) else round(x, 3) for x in row] for row in returns.tolist()]


def load_trainer(run: Run, placement: Placement = CPU) -> Trainer:
    """A run's newest checkpoint, ready to act, wherever it was trained."""
    return Trainer(run.config, checkpoint.selected_checkpoint(run), placement=placement)


def seeded(seed: int) -> torch.Generator:
    """The stream of an evaluation: the tasks first, then everything else."""
    return torch.Generator().manual_seed(SEED + seed)


def sample_tasks(family: TaskDistribution, num_tasks: int, split: str, generator: torch.Generator) -> Tasks:
    """Tasks of a split, the same for every learner of the family."""
    try:
        return family.sample(num_tasks, split, generator)
    except ValueError as error:
        raise UserError(str(error)) from None


def complete_tasks(family: TaskDistribution, given: dict[str, float], split: str, seed: int, count: int = 1) -> Tasks:
    """Tasks with the `given` parameters, the rest drawn from a split; UserError if they are outside the family."""
    sampled = sample_tasks(family, count, split, seeded(seed)).to_json()
    try:
        tasks = Tasks.from_json([{**row, **given} for row in sampled])
        family.check(tasks)
    except ValueError as error:
        raise UserError(str(error)) from None
    return tasks


def evaluate(
    run: Run,
    split: str,
    num_tasks: int,
    *,
    after: Sequence[int] = AFTER,
    repeats: int = REPEATS,
    seed: int = 0,
    fine_tuned: fine_tuning.Start | None = None,
    placement: Placement = CPU,
) -> Evaluation:
    """Returns after so many episodes of adaptation each, on unseen tasks.

    The number that it was trained for is always among them; a learner that does not adapt has none but 0.
    tuned: a policy of joint training goes on learning, from its weights or from fresh ones .
    """
    trainer, generator = load_trainer(run, placement), seeded(seed)
    tasks = sample_tasks(trainer.family, num_tasks, split, generator)
    learner, theta, batch = trainer.learner, trainer.state.theta, run.config.train.episodes
    trained_after = learner.rounds * episodes_a_round(learner, batch)
    adapts = bool(learner.rounds or is_recurrent(learner) or fine_tuned)
    after = tuple(sorted({*after, trained_after} if adapts else {0}))
    learners, chosen = dict.fromkeys(after, learner), ""
    if fine_tuned is not None:
        best = fine_tuning.select_fine_tuning(trainer, fine_tuned, after)
        theta, learners, batch, chosen = best.theta, dict(best.learners), fine_tuning.BATCH, str(best)
    results = evaluate_adaptation(
        learners, theta, trainer.family, tasks, repeats, batch, trainer.advantage, generator
    ).values()
    return Evaluation(
        run.name,
        display_name(run.config, fine_tuned),
        split,
        seed,
        repeats,
        trainer.state.iteration,
        0 if fine_tuned == "scratch" else trainer.state.env_steps,
        0.0 if fine_tuned == "scratch" else round(trainer.state.seconds / 60, 2),
        tasks.to_json(),
        after,
        max(after) if fine_tuned else trained_after,
        np.stack([_mean_of_trials(j.sampled) for j in results]),
        np.stack([_mean_of_trials(j.greedy) for j in results]),
        tuple(round(1e3 * j.adapting, 3) for j in results),
        float(np.mean([j.diverged for j in results])),
        chosen,
        simulator=placement.simulator,
    )


def _mean_of_trials(returns: Tensor) -> NDArray[np.float64]:
    return np.asarray(returns.nanmean(1).double())


def display_name(config: Config, fine_tuned: fine_tuning.Start | None = None) -> str:
    """A learner's usual name, by its settings."""
    s = config.learner
    if fine_tuned is not None:
        return {"trained": "joint, fine-tuned", "scratch": "from scratch"}[fine_tuned]
    if s.kind == "maml":
        first = s.first_order or s.estimator == "first_order"
        base = (
            "ANIL" if s.adapted_params == "head" else "FOMAML" if first else "Meta-SGD" if s.learn_inner_lr else "MAML"
        )
        return base if first or s.estimator == "lvc" else f"{base}, {s.estimator}"
    if getattr(s, "memory_reset", "trial") == "episode":
        return f"{s.kind}, forgetting"
    return s.kind


def find_stored(
    run: Run,
    split: str,
    num_tasks: int,
    after: Sequence[int],
    repeats: int,
    seed: int,
    fine_tuned: fine_tuning.Start | None,
) -> Evaluation | None:
    """The same evaluation of the run as it is now, if it was written down before, after just the wanted episodes; on
    the processor, where all that is compared is judged.
    """
    wanted = {
        "split": split,
        "seed": seed,
        "repeats": repeats,
        "learner": display_name(run.config, fine_tuned),
        "protocol": PROTOCOL,
        "simulator": "cpu",
    }
    iteration = checkpoint.selected_iteration(run)
    for path in sorted(run.path.glob(f"evaluation_{split}_*.json")):
        try:
            found = Evaluation.from_json(json.loads(path.read_text()))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # of another version
        same = all(getattr(found, k) == v for k, v in wanted.items())
        enough = found.after == (0,) or set(after) <= set(found.after)
        if same and enough and len(found.tasks) == num_tasks and found.iteration == iteration:
            return found if found.after == (0,) else _only_after(found, {*after, found.trained_after})
    return None


def _only_after(e: Evaluation, wanted: set[int]) -> Evaluation:
    rows = [i for i, k in enumerate(e.after) if k in wanted]
    after, spent = tuple(e.after[i] for i in rows), tuple(e.adapting_ms[i] for i in rows)
    return e._replace(after=after, adapting_ms=spent, returns=e.returns[rows], greedy=e.greedy[rows])


def store(run: Run, evaluation: Evaluation) -> Path:
    """Write the evaluation into its run folder; the same evaluation gives the same file."""
    e = evaluation
    who = e.learner.replace(", ", "_").replace(" ", "_") + ("" if e.simulator == "cpu" else f"_{e.simulator}")
    size = f"{len(e.tasks)}x{e.repeats}_to{e.after[-1]}"
    name = f"evaluation_{e.split}_{who}_iteration{e.iteration}_{size}_seed{e.seed}.json"
    path = run.path / name
    beside = path.with_suffix(f".{os.getpid()}.tmp")
    beside.write_text(json.dumps(e.to_json(), indent=1, allow_nan=False))
    beside.replace(path)
    return path


class Group(NamedTuple):
    """Some of the tasks, and what they have in common."""

    label: str
    variables: tuple[str, ...]  # by which they were chosen
    members: NDArray[np.bool_]  # [N]


def everything(evaluation: Evaluation) -> Group:
    """All tasks."""
    return Group("all tasks", (), np.ones(len(evaluation.tasks), dtype=bool))


def parts(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """The tasks of each choice, or each separate range, of every parameter that has several."""
    return [g for axis in _axes(family, evaluation) for g in axis if g.members.any()]


def groups(family: TaskDistribution, evaluation: Evaluation) -> list[Group]:
    """All tasks; the parts of every parameter; their combinations where there are two or three parameters."""
    axes = _axes(family, evaluation)
    several = itertools.product(*axes) if 2 <= len(axes) <= 3 else ()
    combined = [
        Group(
            ", ".join(g.label for g in some),
            tuple(name for g in some for name in g.variables),
            np.logical_and.reduce([g.members for g in some]),
        )
        for some in several
    ]
    return [everything(evaluation), *parts(family, evaluation), *(g for g in combined if g.members.any())]


def _axes(family: TaskDistribution, evaluation: Evaluation) -> list[list[Group]]:
    axes = [list(_parts_of(v, evaluation)) for v in family.variables if v.name in family.descriptor_names]
    return [axis for axis in axes if len(axis) > 1]


def _parts_of(variable: Variable, evaluation: Evaluation) -> Iterator[Group]:
    values = np.array([task[variable.name] for task in evaluation.tasks])
    for low, high in variable.intervals(evaluation.split):
        label = f"{variable.name} {low:+g}" if low == high else f"{variable.name} {low:g}..{high:g}"
        yield Group(label, (variable.name,), (values >= low) & (values <= high))


def gain(evaluation: Evaluation, members: NDArray[np.bool_]) -> Estimate:
    """Return after as much adaptation as in training minus return before any, task by task."""
    return mean_interval(evaluation.returns[evaluation.adapted, members] - evaluation.returns[0, members])


def describe_tasks(family: TaskDistribution, evaluation: Evaluation) -> str:
    """How many tasks of which split, and whether training can have met them."""
    count, split = len(evaluation.tasks), evaluation.split
    if split == "train":
        return f"{count} training tasks"
    known = [set(v.train) >= set(v.intervals(split)) and v.is_finite(split) for v in family.variables]
    if all(known):
        return f"{count} tasks, split {split} (of the few that exist, all met in training)"
    return f"{count} unseen tasks, split {split}"


def table(family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> Table:
    """Mean return and 95 % interval over tasks, a row for each group of tasks, a column for each number of episodes."""
    out = Table(title=f"{evaluation.run}, iteration {evaluation.iteration}: {describe_tasks(family, evaluation)}")
    out.add_column("tasks")
    for k in evaluation.after:
        out.add_column(f"after {k}" if k else "before", justify="right")
    adapts = len(evaluation.after) > 1
    if adapts:
        out.add_column(f"gain after {evaluation.trained_after}", justify="right")
    for other in against:
        alone = [o.learner for o in against].count(other.learner) == 1
        out.add_column(other.learner if alone else other.run, justify="right")
    for group in groups(family, evaluation):
        found = [mean_interval(row[group.members]) for row in evaluation.returns]
        found += [gain(evaluation, group.members)] if adapts else []
        found += [mean_interval(other.returns[other.adapted, group.members]) for other in against]
        out.add_row(f"{group.label} ({group.members.sum()})", *(escape(e.said("\n")) for e in found))
    greedy = [mean_interval(row) for row in evaluation.greedy]
    greedy += [mean_interval(evaluation.greedy[evaluation.adapted] - evaluation.greedy[0])] if adapts else []
    greedy += [mean_interval(other.greedy[other.adapted]) for other in against]
    out.add_row("all tasks, likeliest actions", *(escape(e.said("\n")) for e in greedy))
    trained = f", trained for {evaluation.trained_after}" if adapts and not evaluation.chosen else ""
    chosen = f"\n{evaluation.chosen} episodes, chosen on training tasks" if evaluation.chosen else ""
    out.caption = (
        f"mean return [95 % bootstrap interval over tasks] after so many episodes of adaptation{trained}; "
        f"{evaluation.repeats} trials a task; one training seed; "
        f"{100 * evaluation.diverged:.2g} % of episodes diverged{chosen}"
    )
    return out


def summary(family: TaskDistribution, evaluation: Evaluation, against: list[Evaluation]) -> dict[str, Any]:
    """The table as JSON."""
    rows = []
    for group in groups(family, evaluation):
        row: dict[str, Any] = {"tasks": group.label, "count": int(group.members.sum())}
        row["return"] = [mean_interval(r[group.members]).to_json() for r in evaluation.returns]
        row["greedy"] = [mean_interval(r[group.members]).to_json() for r in evaluation.greedy]
        if len(evaluation.returns) > 1:
            row["gain"] = gain(evaluation, group.members).to_json()
        row["against"] = {o.run: mean_interval(o.returns[o.adapted, group.members]).to_json() for o in against}
        rows.append(row)
    return {"evaluation": evaluation.to_json(), "against": [o.to_json() for o in against], "summary": rows}
