"""A few-shot episode as a picture: support images, queries, and the predicted classes.

Axes: `S` support images, `Q` queries, `c` channels, `H` x `H` pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from agents.learner import Learner, Params, SupervisedTask
from envs.core import Examples
from envs.fewshot.episodes import FewShotImages
from envs.fewshot.images import ImageSet
from metarl.evaluation.classification import calibrate, predict
from metarl.evaluation.sampling import check_split, seeded
from metarl.reporting.plots.figures import saved_figure
from metarl.reporting.plots.palette import COLORS, shown
from metarl.runs.folder import Run
from metarl.training.make import load_trainer

RIGHT, WRONG = COLORS["blue"], COLORS["vermilion"]

CELL = 0.72  # inches of an image with its margin; chosen


def draw_run(run: Run, split: str, seed: int, path: Path) -> float:
    """Draw one unseen episode with a run's selected checkpoint; the fraction of correct predictions.

    Raises UserError where there is no such split.
    """
    trainer, tasks = load_trainer(run), run.config.tasks
    check_split(trainer.family, split)
    theta, family = trainer.theta, tasks.undistorted().build()  # type: ignore[attr-defined]  # tasks of images
    if trainer.learner.bn == "running":
        theta = calibrate(trainer.learner, theta, family, seeded(0))
    return draw_episode(trainer.learner, theta, family, split, seed, f"{run.name}, {split}", path)


@torch.no_grad()
def draw_episode(
    learner: Learner[Any], theta: Params, family: FewShotImages, split: str, seed: int, title: str, path: Path
) -> float:
    """A row for each class: its support, then its queries, framed blue where the prediction is correct, else orange."""
    support, query = family.examples(family.sample(1, split, seeded(seed)))
    task = SupervisedTask((Examples(*(t[0] for t in support)),), Examples(*(t[0] for t in query)))
    predicted = predict(learner, theta, task)  # [Q]
    accuracy = float((predicted == task.query.y).float().mean())
    columns = family.shot + family.query
    size = (CELL * columns + 0.4, CELL * family.way + 0.6)
    is_ink = isinstance(family.images, ImageSet)
    with saved_figure(path, family.way, columns, size) as (figure, axes):
        for label, row in enumerate(axes):
            row[0].set_ylabel(str(label), rotation=0, labelpad=10, va="center")
            for panel, (image, prediction) in zip(row, _images_of(task, predicted, label), strict=True):
                _draw_image(panel, image, is_ink, label, prediction)
        axes[0, 0].set_title("support")
        axes[0, family.shot].set_title("queries")
        figure.suptitle(f"{shown(title)}: {100 * accuracy:.0f} % right")
    return accuracy


def _images_of(task: SupervisedTask, predicted: Tensor, label: int) -> list[tuple[Tensor, int | None]]:
    """The support images of a class, then its queries with their predictions."""
    support, query = task.support[0], task.query
    members = query.y == label
    shown: list[tuple[Tensor, int | None]] = [(image, None) for image in support.x[support.y == label]]
    return shown + [(image, int(p)) for image, p in zip(query.x[members], predicted[members], strict=True)]


def show_image(axes: Axes, image: Tensor, is_ink: bool) -> None:
    """An image [c, H, H] from 0 to 1, of which 1 is white, or black where it is ink."""
    shown = (1 - image if is_ink else image).permute(1, 2, 0).numpy()
    axes.imshow(shown[..., 0] if len(image) == 1 else shown, cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])


def _draw_image(axes: Axes, image: Tensor, is_ink: bool, label: int, prediction: int | None) -> None:
    show_image(axes, image, is_ink)
    color = "black" if prediction is None else RIGHT if prediction == label else WRONG
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=0.6 if prediction is None else 2.0)
    if prediction is not None and prediction != label:
        axes.set_xlabel(f"predicted {prediction}", color=WRONG, fontsize=7, labelpad=1)
