"""The trainings of a study: many learners on many distributions of tasks with many seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from metarl.config import files as settings
from metarl.config.experiment import Config, without_placement
from metarl.errors import UserError
from metarl.evaluation.sampling import check_split
from metarl.runs import checkpoint, hub
from metarl.runs import folder as runs
from metarl.runs.folder import BEST, Run
from metarl.runs.names import name_of_config
from metarl.runs.order import is_run, runs_in
from metarl.training.build import build_family, build_learner


class PlannedRun(NamedTuple):
    """One training of a study."""

    name: str
    config: Config
    steps: float = 1.0  # of the whole training

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.name}, seed {self.config.seed}"


def plan_runs(
    configs: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int],
    steps: float | None,
    split: str,
    overrides: dict[str, Any],
) -> list[PlannedRun]:
    """Every config on every distribution of tasks with every seed, no two the same.

    tasks: names of distributions, or configs whose tasks are meant; with none each config keeps its own. steps:
    environment steps of each training, rounded up to whole iterations. Raises UserError for what cannot be trained, or
    cannot be evaluated on `split`.
    """
    fixed = {"train.num_threads", *(() if steps is None else ("train.iterations",))}
    for key in fixed & overrides.keys():
        raise UserError(f"--{key} is not for a study: each training has one core, and --steps sets its length")
    planned: dict[str, PlannedRun] = {}
    for name in tasks or (None,):
        for config in configs:
            path = settings.find(config)
            for seed in seeds:
                changes = _task_settings(name, path) | overrides | {"seed": seed, "train.num_threads": 1}
                one, count = _with_steps(path, changes, steps, split)
                _check_start(one.train.init_from)
                planned.setdefault(without_placement(one), PlannedRun(name_of_config(path), one, count))
    return list(planned.values())


def _check_start(init_from: str | None) -> None:
    """UserError where trainings side by side, or those of a study that is started again, would start differently."""
    if init_from and not init_from.startswith(hub.PREFIX) and not is_run(Path(init_from.removesuffix(BEST))):
        raise UserError(
            f"train.init_from is {init_from}, whose newest run changes while a study trains: give the folder of a run"
        )


def _with_steps(path: Path, changes: dict[str, Any], steps: float | None, split: str) -> tuple[Config, int]:
    """The config with as many iterations as make up `steps`, and how many steps these are."""
    config = settings.load(path, changes)
    per_iteration = steps_of_an_iteration(config, split)  # raises for what is wrong before anything is trained
    if steps is not None:
        config = settings.load(path, changes | {"train.iterations": math.ceil(steps / per_iteration)})
    return config, config.train.iterations * per_iteration


def _task_settings(name: str | None, path: Path) -> dict[str, Any]:
    """The tasks of another config, or a distribution by its name, as changes of the config at `path`."""
    if name is None:
        return {}
    if name in settings.names() or name.endswith((".yaml", ".yml")):
        return {"tasks": settings.read_yaml(settings.find(name))["tasks"]}
    own = settings.read_yaml(path)["tasks"]
    return {"tasks": {"kind": "named", "name": name} | {k: own[k] for k in ("action_scale",) if k in own}}


def steps_of_an_iteration(config: Config, split: str) -> int:
    """Environment steps, counted as if no episode ended early. Raises UserError for tasks that have no such split."""
    if config.tasks.is_supervised:
        raise UserError("a study is of learners that act: for runs on images see metarl compare")
    family = build_family(config)
    check_split(family, split)
    rounds = build_learner(config, family).rounds + 1
    return int(config.train.num_tasks * config.train.episodes * rounds * family.horizon)


def find_run(planned: PlannedRun) -> Run | None:
    """The run of the same config that has the most iterations, wherever it was computed."""
    same = without_placement(planned.config)
    known = [run for run in map(Run, runs_in(runs.ROOT / planned.name)) if _has_config(run, same)]
    return max(known, key=iterations_of, default=None)


def _has_config(run: Run, same: str) -> bool:
    try:
        return without_placement(run.config) == same
    except UserError:
        return False  # of another version


def iterations_of(run: Run) -> int:
    """Iterations up to the newest checkpoint."""
    return checkpoint.newest_iteration(run.checkpoints)
