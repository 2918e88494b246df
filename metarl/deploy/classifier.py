"""A trained few-shot learner that tells pictures apart of classes that it is shown, in scikit-learn's words.

Axes: `S` support images, `Q` queries, `C` classes, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from agents.learner import Learner, Params
from envs.core import Examples
from envs.fewshot.pictures import convert, from_array
from metarl.deploy.statistics import Statistics
from metarl.errors import UserError
from metarl.evaluation.accuracy import calibrated, images_of
from metarl.evaluation.classification import CHUNK_PIXELS
from metarl.runs.run import Run

Picture = Image.Image | ArrayLike
"""A picture as a viewer shows it: of Pillow, or pixels [height, width] or [height, width, 3], uint8 or from 0 to 1."""


class Classifier:
    """`fit` shows it some pictures of each class, `predict` names the classes of others. Made by `metarl.load`.

    Fitting is adaptation: nothing that was carried from training is changed, and each call forgets the one before.
    Pictures of any size and colour become those that it was trained on; drawings of characters are dark on bright.

    classes_: the labels that it was shown, sorted. depends_on_others: whether the answer to a picture depends on those
    that are asked for with it (`learner.bn: transductive`): then give many at once.
    """

    def __init__(self, run: Run, learner: Learner[Any], theta: Params, iteration: int) -> None:
        tasks: Any = run.config.tasks
        self.name, self.run, self.learner, self.theta = run.name, run, learner, theta
        self.statistics = Statistics(run, iteration, theta)
        self.form = tasks.form()
        self.depends_on_others = learner.bn == "transductive"
        self._fitted: tuple[Learner[Any], Params, Params] | None = None  # learner, theta, phi

    def needs_images(self, pictures: int, classes: int) -> bool:
        """Whether `fit` of so many pictures and classes measures statistics on images of the training."""
        return self.learner.bn == "running" and self.statistics.find(round(pictures / classes)) is None

    @torch.no_grad()
    def fit(self, images: Iterable[Picture], labels: Sequence[Any] | NDArray[Any]) -> Self:
        """Show it pictures and their labels; a learner with a memory reads them in this order.

        With `learner.bn: running` it measures statistics on images of its training, which have to be there the first
        time; they are kept in the run's folder.
        Raises UserError, in one sentence, for what does not fit.
        """
        x, given = self._tensor(images), np.asarray(labels)
        if given.shape != (len(x),):
            raise UserError(f"got {len(x)} pictures and labels of shape {list(given.shape)}: give one for each picture")
        self.classes_, y = np.unique(given, return_inverse=True)
        learner = self._learner_for(len(self.classes_))
        theta = self._theta_for(round(len(x) / len(self.classes_)))
        phi = learner.adapt(theta, learner.initial_state(theta), Examples(x, torch.from_numpy(y)))
        self._fitted = learner, theta, phi
        return self

    def predict(self, images: Iterable[Picture]) -> NDArray[Any]:
        """The most likely label of each picture, [Q]. Raises UserError before `fit`."""
        best = self._logits(images).argmax(-1).numpy()
        named: NDArray[Any] = self.classes_[best]
        return named

    def predict_proba(self, images: Iterable[Picture]) -> NDArray[np.float64]:
        """The probability of each of `classes_`, [Q, C]; rows sum to 1.

        The softmax of the logits, also of verdicts on pairs (siamese and relation networks): if of independent verdicts
        with odds e^l exactly one is right, it is the one of class c with probability e^l_c / sum e^l.
        """
        out: NDArray[np.float64] = self._logits(images).double().softmax(-1).numpy()
        return out

    @torch.no_grad()
    def _logits(self, images: Iterable[Picture]) -> Tensor:
        """[Q, C], the same as in an evaluation of the same episode."""
        if self._fitted is None:
            raise UserError(f"{self.name} was not shown any classes: call fit(images, labels) first")
        learner, theta, phi = self._fitted
        x, count = self._tensor(images), len(self.classes_)
        at_once = len(x) if self.depends_on_others else max(1, CHUNK_PIXELS // x[0].numel())
        return torch.cat([learner.apply(theta, phi, part)[:, :count] for part in torch.split(x, at_once)])

    def _tensor(self, images: Iterable[Picture]) -> Tensor:
        """[S, c, H, H] from 0 to 1."""
        try:
            shown = (image if isinstance(image, Image.Image) else from_array(image) for image in images)
            rows = [convert(image, self.form) for image in shown]
        except ValueError as error:
            raise UserError(str(error)) from None
        if not rows:
            raise UserError("got no pictures: give at least one")
        return torch.from_numpy(np.stack(rows)).float() / 255

    def _learner_for(self, way: int) -> Learner[Any]:
        """The learner for so many classes; one with a last layer leaves the rest of its classes out."""
        if way < 2:
            raise UserError(f"got pictures of {way} class: give those of at least 2")
        if not self.learner.fixed_way:
            return dataclasses.replace(self.learner, way=way)  # type: ignore[type-var]  # every learner is a dataclass
        if way > self.learner.way:
            raise UserError(
                f"{self.name} tells {self.learner.way} classes apart, and got pictures of {way}: give fewer, or train "
                f"one with --tasks.way {way}"
            )
        return self.learner

    def _theta_for(self, shot: int) -> Params:
        """As an evaluation with so many shots calibrates it."""
        if self.learner.bn != "running":
            return self.theta
        kept = self.statistics.find(shot)
        if kept is not None:
            return self.theta | kept
        self.run.check_model()
        most = images_of(self.run.config, shot=1).most_shots
        theta = calibrated(self.learner, self.theta, self.run.config, min(shot, most))
        self.statistics.keep(shot, theta)
        return theta
