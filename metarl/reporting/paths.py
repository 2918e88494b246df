"""Paths of points in the plane, episode by episode: how a learner looks for a goal it cannot see, and finds it again.

Axes: `N` tasks, `T` steps, `E` episodes of a round.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from envs.core import Tasks, Trajectories
from envs.point import INSIDE, PointNavigation, PointWorlds, inside
from envs.wording import count_of
from metarl.evaluation.adaptation import display_name
from metarl.evaluation.sampling import complete_tasks, sample_tasks, seeded, unseen_split
from metarl.reporting.plots.figures import small_multiples
from metarl.reporting.plots.palette import color_of, shown
from metarl.training.collect import collect_rollouts
from metarl.training.policies import episodes_a_round
from metarl.training.trainer import Trainer

MOST_PATHS = 5  # episodes of a round that are drawn; chosen
DEFAULT_ROUNDS = 2  # of a memory, whose rounds are episodes: the first three are drawn; chosen
Floats = NDArray[np.float64]


def draw_paths(
    trainer: Trainer,
    given: dict[str, float],
    split: str | None,
    count: int,
    episodes: int | None,
    rounds: int | None,
    seed: int,
    path: Path,
) -> list[tuple[str, float]]:
    """Draw the paths of a run's learner to `count` unseen goals; the mean return before and after each round.

    given: numbers that every task has. episodes: of a round, by default as many as in training. rounds: of adaptation.
    Raises UserError for a split that is not there.
    """
    family, learner = trainer.family, trainer.learner
    assert isinstance(family, PointNavigation)
    tasks = complete_tasks(family, given, unseen_split(family, split), seed, count)
    width = 1 if learner.is_recurrent else episodes or trainer.config.train.episodes
    more = (DEFAULT_ROUNDS if learner.is_recurrent else 1) if rounds is None else rounds
    plan = (width,) * ((more if learner.rounds or learner.is_recurrent else 0) + 1)
    generator = seeded(seed)
    sample_tasks(family, count, "train", generator)  # random numbers continue after those of the tasks
    found = collect_rollouts(learner, trainer.theta, family, tasks, plan, trainer.advantage, generator)
    titles = [_title(k, episodes_a_round(learner, width)) for k in range(len(plan))]
    with small_multiples(path, count, f"{display_name(trainer.config)}, {count_of(count, 'goal')}", 2.3) as (_, axes):
        for i, panel in enumerate(axes):
            _draw_goal(panel, family, tasks, i)
            for k, (title, trajectories) in enumerate(zip(titles, found.trajectories, strict=True)):
                _draw_round(panel, trajectories, i, color_of(k), title)
            panel.set(xlabel="x (m)", ylabel="y (m)", aspect="equal", title=_returns(found.trajectories, i))
    return [(title, float(t.returns.nanmean())) for title, t in zip(titles, found.trajectories, strict=True)]


def _title(k: int, episodes: int) -> str:
    return (
        f"after {count_of(k * episodes, 'episode')}" if k else "first episode" if episodes == 1 else "before adaptation"
    )


def _returns(rounds: tuple[Trajectories, ...], i: int) -> str:
    """Mean returns of task i, `return 0, 31, 52`."""
    return "return " + ", ".join(f"{float(t.returns[i].nanmean()):z.1f}" for t in rounds)


def _draw_goal(axes: Axes, family: PointNavigation, tasks: Tasks, i: int) -> None:
    """A star, and around it where a sparse reward pays."""
    x, y = PointWorlds(family, tasks, 1).goal[i, 0].tolist()
    axes.plot(x, y, marker="*", color="black", markersize=7, linestyle="none", label="goal", zorder=4)
    if family.reward is inside:
        axes.add_patch(Circle((x, y), INSIDE, fill=False, color="0.5", linewidth=0.8))


def _draw_round(axes: Axes, trajectories: Trajectories, i: int, color: str, title: str) -> None:
    for e in range(min(trajectories.obs.shape[2], MOST_PATHS)):
        way = _way(trajectories, i, e)
        axes.plot(way[:, 0], way[:, 1], color=color, linewidth=0.9, label=None if e else shown(title))
        axes.plot(*way[-1], marker="o", color=color, markersize=2.5)


def _way(trajectories: Trajectories, i: int, e: int) -> Floats:
    """Positions [T + 1, 2] until the episode ended."""
    steps = int(trajectories.alive[i, :, e].sum())
    before = trajectories.obs[i, :, e]
    end = trajectories.last_obs[i, e] if steps == len(before) else before[steps]
    way: Floats = np.concatenate([before[:steps].double().numpy(), end[None].double().numpy()])
    return way
