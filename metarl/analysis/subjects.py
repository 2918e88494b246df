"""Whose gradients are analysed, on which batches.

Axes: `N` tasks, `k` batches of a task, `S` examples of a batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import Examples
from envs.fewshot.glyphs import DRAWINGS  # Omniglot has as many
from envs.task_settings import ON_THREADS
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError, nearest
from metarl.evaluation.classification import learner_of
from metarl.runs import checkpoint
from metarl.runs import folder as runs
from metarl.runs.names import name_of_config
from metarl.training.build import build_family, build_learner, build_tasks


class Subject(NamedTuple):
    """A gradient learner with its weights and tasks."""

    title: str
    config: Config
    learner: Any  # with `network`, `inner` objective, `inner_lr` and `initial_state`: `agents.optimization.maml.MAML`
    theta: Params

    @property
    def batch(self) -> str:
        """What one batch of a task contains."""
        tasks: Any = self.config.tasks
        return f"{tasks.way} classes x {tasks.shot}" if tasks.answers == "classes" else f"{tasks.shot} points"


def find_subject(text: str, overrides: dict[str, Any]) -> Subject:
    """A config by name or path with its initial weights, or a run by its folder with those of its newest checkpoint.

    Raises UserError where it is neither, and for learners without gradient steps at a fixed rate.
    """
    names, path = settings.names(), Path(text)
    if text in names or path.suffix in (".yaml", ".yml"):
        path = settings.find(text)
        config = settings.load(path, overrides)
        learner = _learner_of(config)
        theta = learner.init(torch.Generator().manual_seed(config.seed))
        return Subject(f"{name_of_config(path)}, initial weights", config, learner, theta)
    if not path.exists() and not (runs.ROOT / text).exists():
        raise UserError(f"there is no config and no run named {text!r}: {nearest(text, names)}")
    if overrides:
        raise UserError(f"--{next(iter(overrides))} is for a config: a run has settings of its own")
    run = runs.find(text)
    learner = _learner_of(run.config)
    fresh = learner.init(torch.Generator().manual_seed(run.config.seed))
    state = checkpoint.load_newest(run.checkpoints, fresh)
    theta = {name: state.theta[name] for name in fresh}  # a file has an order of its own, and sums depend on it
    return Subject(f"{run.name}, iteration {state.iteration}", run.config, learner, theta)


def _learner_of(config: Config) -> Any:
    """What takes the gradient steps, built without reading any images; UserError where nothing does."""
    tasks = config.tasks
    if not tasks.is_supervised:
        raise UserError(f"tasks of kind {tasks.kind} have no batches of examples: give a fewshot or sinusoid config")
    images = tasks.image_size is not None
    learner = learner_of(config) if images else build_learner(config, build_family(config))
    return gradient_learner(learner, config.learner.kind)


def gradient_learner(learner: Learner[Any], kind: str) -> Any:
    """What takes the gradient steps of a supervised learner.

    Raises UserError where these are not steps of plain gradient descent at a fixed rate.
    """
    inner: Any = getattr(learner, "learner", None)
    if not learner.takes_steps or getattr(inner, "inner_lr", None) is None:
        raise UserError(f"learner {kind} has no fixed inner rate: give a maml or reptile config")
    if getattr(inner, "inner_optimizer", "sgd") != "sgd":
        raise UserError("the Taylor expansion is that of plain gradient descent: give --learner.inner_optimizer sgd")
    return inner


def draw_batches(tasks: Any, k: int, num_tasks: int, seed: int) -> Examples:
    """Training tasks of k batches in double precision, [N, k, S, ...].

    tasks: the settings. Each batch of images has `shot` drawings of every class, and no two share a drawing. Raises
    UserError where a class has too few.
    """
    classes = tasks.answers == "classes"
    if classes and k * tasks.shot > DRAWINGS:
        raise UserError(
            f"--steps {k} asks for {k} x {tasks.shot} drawings of a class, which has {DRAWINGS}: give fewer"
        )
    family = build_tasks(tasks.model_copy(update={"query": (k - 1) * tasks.shot}), ON_THREADS)
    sampled = family.examples(family.sample(num_tasks, "train", torch.Generator().manual_seed(seed)))
    x, y = (torch.cat(both, 1) for both in zip(*sampled, strict=True))  # [N, k S, ...]
    if not classes:
        return Examples(_split(x, k).double(), _split(y, k).double())
    order = y.argsort(dim=1, stable=True).view(num_tasks, -1, k, tasks.shot).transpose(1, 2).flatten(1)  # class last
    rows = torch.arange(num_tasks)[:, None]
    return Examples(_split(x[rows, order], k).double(), _split(y[rows, order], k))


def _split(values: Tensor, k: int) -> Tensor:
    """[N, k S, ...] -> [N, k, S, ...]."""
    return values.view(len(values), k, -1, *values.shape[2:])
