"""A few-shot episode as a picture: what was shown, what was asked, what was answered."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from agents.learner import FewShotLearner, Params
from envs.fewshot.episodes import FewShotImages
from metarl.config.schema import FewShotTasks
from metarl.errors import UserError
from metarl.evaluation import accuracy
from metarl.evaluation.evaluate import seeded
from metarl.runs import checkpoint
from metarl.runs.folder import Run
from metarl.training.build import build_images
from metarl.training.trainer import FewShotTrainer

RIGHT, WRONG = "#2a9d4a", "#d62828"


def draw_run(run: Run, split: str, seed: int, path: Path) -> float:
    """Draw one unseen episode of a run's newest checkpoint; the share of right answers."""
    trainer = FewShotTrainer(run.config, checkpoint.selected_checkpoint(run))
    if split not in trainer.family.splits():
        raise UserError(f"--split is {split}, expected one of {', '.join(trainer.family.splits())}")
    assert isinstance(run.config.tasks, FewShotTasks)
    theta, family = trainer.state.theta, build_images(run.config.tasks)  # the trainer's own may be distorted
    if trainer.learner.bn == "running":
        theta = accuracy.calibrate(trainer.learner, theta, family, seeded(0))
    return draw_episode(trainer.learner, theta, family, split, seed, f"{run.name}, {split}", path)


@torch.no_grad()
def draw_episode(
    learner: FewShotLearner, theta: Params, family: FewShotImages, split: str, seed: int, title: str, path: Path
) -> float:
    """A row for each class: its support, then its queries, framed green where they were told, red with the answer."""
    support, query = family.examples(family.sample(1, split, seeded(seed)))
    x, y = query.x[0], query.y[0]
    phi = learner.adapt(theta, learner.initial_state(theta), type(support)(support.x[0], support.y[0]))
    told = learner.apply(theta, phi, x).argmax(-1)
    columns = family.shot + family.query
    figure, panels = plt.subplots(
        family.way, columns, figsize=(1.0 * columns + 0.6, 1.0 * family.way + 0.8), squeeze=False, layout="constrained"
    )
    for label, row in enumerate(panels):
        shown = [(picture, None) for picture in support.x[0][support.y[0] == label]]
        asked = [(picture, int(answer)) for picture, answer in zip(x[y == label], told[y == label], strict=True)]
        row[0].set_ylabel(str(label), rotation=0, labelpad=10, va="center")
        for axes, (picture, answer) in zip(row, [*shown, *asked], strict=True):
            _panel(axes, picture[0], label, answer)
    panels[0, 0].set_title("support", fontsize=9)
    panels[0, family.shot].set_title("queries", fontsize=9)
    right = float((told == y).float().mean())
    figure.suptitle(f"{title}: {100 * right:.0f} % right", fontsize=10)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return right


def _panel(axes: Axes, picture: Tensor, label: int, answer: int | None) -> None:
    axes.imshow(1 - picture.numpy(), cmap="gray", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[])
    color = "black" if answer is None else RIGHT if answer == label else WRONG
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=1.0 if answer is None else 2.5)
    if answer is not None and answer != label:
        axes.set_xlabel(f"said {answer}", color=WRONG, fontsize=7, labelpad=1)
