"""The fraction of queries that a few-shot learner classifies correctly.

Axes: `S` support images, `Q` queries of one episode.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from agents.nn.embeddings import RUNNING
from envs.core import Space
from envs.fewshot.episodes import FewShotImages
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.training.build import supervised_problem

CHUNK_PIXELS = 4000 * 28 * 28  # pixels evaluated at once
CHUNK_NUMBERS = 25_000_000  # numbers of task state (phi) of the tasks evaluated at once
CALIBRATION_IMAGES = 2000  # training images that running statistics are measured on


class Accuracy(NamedTuple):
    """Fraction of correct predictions over unseen episodes."""

    way: int
    shot: int
    bn: str
    mean: float  # in [0, 1]
    half: float  # half width of the 95 % interval, 1.96 s / sqrt(n)
    episodes: int

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} +- {100 * self.half:.1f}"


def learner_of(config: Config) -> Learner[Any]:
    """The learner of a config of image tasks, built without reading any images."""
    tasks: Any = config.tasks
    space = Space(tasks.image_channels * tasks.image_size**2, tasks.way)
    return config.learner.build(supervised_problem(tasks, space))


def with_way(learner: Learner[Any], way: int) -> Learner[Any]:
    """The learner on tasks of `way` classes; UserError where its last layer has another number of outputs."""
    if learner.fixed_way and learner.way != way:
        raise UserError(f"its last layer has {learner.way} classes, not {way}: give --ways {learner.way}")
    return dataclasses.replace(learner, way=way)  # type: ignore[type-var]  # every learner is a dataclass


def with_statistics(learner: Learner[Any], bn: str | None) -> Learner[Any]:
    """The learner with other statistics of batch normalisation, or as it is for None; UserError where it has none."""
    if bn is None:
        return learner
    if learner.bn == "none":
        raise UserError(f"--bn is {bn}, but this network has no batch normalisation: leave it out")
    if bn not in learner.bn_choices:
        raise UserError(f"--bn is {bn}, expected {' or '.join(learner.bn_choices)} of this learner")
    return dataclasses.replace(learner, bn=bn)  # type: ignore[type-var]  # every learner is a dataclass


@torch.no_grad()
def calibrate(learner: Learner[Any], theta: Params, family: FewShotImages, generator: torch.Generator) -> Params:
    """theta with the statistics of training episodes, for `bn: running`, in place of any that it has."""
    theta = {k: v for k, v in theta.items() if not k.startswith(RUNNING)}
    count = max(1, CALIBRATION_IMAGES // _images_of(family))
    tasks, chunk = family.sample(count, "train", generator), _tasks_at_once(family)
    measure, parts = torch.func.vmap(learner.measure_bn, in_dims=(None, 0)), []
    for start in range(0, count, chunk):
        support, query = family.examples(tasks.chosen(slice(start, start + chunk)))
        parts.append(measure(theta, SupervisedTask((support,), query)))
    return theta | {RUNNING + k: torch.cat([part[k] for part in parts]).mean(0) for k in parts[0]}


@torch.no_grad()
def accuracy(
    learner: Learner[Any], theta: Params, family: FewShotImages, split: str, episodes: int, generator: torch.Generator
) -> Accuracy:
    """Accuracy over `episodes` tasks of a split; theta is calibrated where the learner uses running statistics."""
    learner = with_way(learner, family.way)
    chunk = _chunk(learner, theta, family)

    def one_task(support: Any, query: Any) -> Tensor:
        task = SupervisedTask((support,), query)
        return (predict(learner, theta, task) == task.query.y).float().mean()

    tasks, fractions = family.sample(episodes, split, generator), []
    for start in range(0, episodes, chunk):
        examples = family.examples(tasks.chosen(slice(start, start + chunk)))
        fractions.append(torch.func.vmap(one_task)(*examples))
    return _accuracies(torch.cat(fractions)[:, None], family.way, (family.shot,), learner.bn)[0]


def _images_of(family: FewShotImages) -> int:
    """Of one episode."""
    return family.way * (family.shot + family.query)


def _tasks_at_once(family: FewShotImages) -> int:
    """Tasks whose images are evaluated at once."""
    return max(1, CHUNK_PIXELS // (_images_of(family) * family.space.obs))


def _chunk(learner: Learner[Any], theta: Params, family: FewShotImages) -> int:
    """Episodes that are evaluated at once."""
    chunk = min(_tasks_at_once(family), CHUNK_NUMBERS // max(_state_size(learner, theta), 1))
    if learner.items_at_once:
        chunk = min(chunk, learner.items_at_once // (family.way * family.shot))
    return max(1, chunk)


def _state_size(learner: Learner[Any], theta: Params) -> int:
    """Numbers of phi."""
    return sum(v.numel() for v in learner.initial_state(theta).values())


def _accuracies(fractions: Tensor, way: int, shots: tuple[int, ...], bn: str) -> list[Accuracy]:
    """Fractions of correct predictions [episodes, len(shots)] -> their means with intervals, one a column."""
    values: NDArray[np.float64] = fractions.double().numpy()
    half = 1.96 * values.std(0, ddof=1) / np.sqrt(len(values))
    return [
        Accuracy(way, shot, bn, float(values[:, i].mean()), float(half[i]), len(values)) for i, shot in enumerate(shots)
    ]


def predict(learner: Learner[Any], theta: Params, task: SupervisedTask) -> Tensor:
    """The class that a learner predicts for each query after adapting to the support, [Q]."""
    phi = learner.adapt(theta, learner.initial_state(theta), task.support[0])
    return learner.apply(theta, phi, task.query.x).argmax(-1)  # type: ignore[no-any-return]  # logits [Q, way]


@torch.no_grad()
def accuracy_by_presentation(
    learner: Any, theta: Params, family: FewShotImages, split: str, episodes: int, generator: torch.Generator
) -> list[Accuracy]:
    """Accuracy at the k-th presentation of a class in a stream, k = 1 to `family.shot` (Santoro et al. 2016, table 1).

    learner: one that reads a stream. At the first presentation the label cannot be known: what is left above chance is
    that the other classes are known.
    """
    state_size = _state_size(learner, theta) * family.way * family.shot
    chunk = max(1, CHUNK_NUMBERS // state_size)
    initial_state = learner.initial_state(theta)
    forward_sequence = torch.func.vmap(lambda support: learner.forward_sequence(theta, initial_state, support)[1])
    tasks, fractions = family.sample(episodes, split, generator), []
    for start in range(0, episodes, chunk):
        support = family.examples(tasks.chosen(slice(start, start + chunk)))[0]
        correct = forward_sequence(support).argmax(-1) == support.y  # [n, S]
        of_class = support.y[..., None] == torch.arange(family.way)  # [n, S, way]
        time = (of_class.cumsum(1) * of_class).sum(-1)  # [n, S] which presentation of its class, from 1
        at = [(correct & (time == k)).sum(1) / family.way for k in range(1, family.shot + 1)]
        fractions.append(torch.stack(at, 1))
    return _accuracies(torch.cat(fractions), family.way, tuple(range(1, family.shot + 1)), learner.bn)
