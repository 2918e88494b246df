"""Paths of points: those that were walked, to the goals of the tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from metarl.cli.record import Record
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.reporting.paths import draw_paths
from metarl.runs import checkpoint, folder
from metarl.training.trainer import Trainer
from tests.metarl.reporting.figure_checks import Catch, check_readable, drawn

__all__ = ["drawn"]


def to_the_right(config: Config) -> Trainer:
    """Its policy moves by 0.1 m along x in every state, before and after adaptation."""
    trainer = Trainer(config)
    for value in trainer.theta.values():
        value.zero_()
    trainer.theta["layer1.bias"][0] = 1.0  # action_scale 10: a displacement of 0.1
    trainer.theta["log_std"].fill_(-20.0)
    return trainer


def ends(axes: Axes) -> list[tuple[float, float]]:
    """The last point of every path."""
    lines = [np.asarray(line.get_xydata()) for line in axes.get_lines() if line.get_marker() == "None"]
    return [tuple(np.round(line[-1], 4).tolist()) for line in lines if len(line)]


@pytest.mark.parametrize(("goal", "end"), [(0.5, 0.4), (0.2, 0.2)])
def test_a_path_has_all_steps_until_its_episode_ended(
    goal: float, end: float, small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    """Four steps of 0.1 m: a goal at 0.5 m is out of reach, one at 0.2 m ends the episode after two."""
    trainer = to_the_right(small("maml_point", tasks__horizon=4, train__episodes=2))
    given = {"goal_x": goal, "goal_y": 0.0}
    returns = draw_paths(trainer, given, "test", 1, None, None, 0, workdir / "paths.png")
    axes = drawn().axes[0]
    assert ends(axes) == [(end, 0.0)] * 4  # two episodes before and two after adaptation
    expected = -sum(goal - 0.1 * step for step in range(1, 5) if 0.1 * step < goal + 0.01)
    assert [title for title, _ in returns] == ["before adaptation", "after 2 episodes"]
    assert [value for _, value in returns] == pytest.approx([expected] * 2, abs=1e-5)
    check_readable(drawn())


def test_a_memory_has_an_episode_a_round_and_a_sparse_goal_a_circle(
    small: Callable[..., Config], workdir: Path, drawn: Catch
) -> None:
    config = small("gru_robot", tasks__name="varibad-point-sparse", tasks__action_scale=10.0, learner__rounds=2)
    returns = draw_paths(Trainer(config), {}, None, 2, None, 2, 0, workdir / "paths.svg")
    assert [title for title, _ in returns] == ["first episode", "after 1 episode", "after 2 episodes"]
    first, second = drawn().axes[:2]
    assert len(ends(first)) == len(ends(second)) == 3
    (circle,) = [patch for patch in first.patches if isinstance(patch, Circle)]
    assert circle.radius == 0.2
    assert np.hypot(*circle.center) == pytest.approx(1.0, abs=1e-5)  # goals on a half circle of 1 m
    check_readable(drawn())


def test_the_command_draws_paths_of_points_and_refuses_what_is_for_robots(
    small: Callable[..., Config], workdir: Path
) -> None:
    config = small("gru_robot", tasks__name="varibad-point-sparse", tasks__action_scale=10.0)
    run = folder.create("points", config, "")
    checkpoint.save(run.checkpoints, Trainer(config).state)
    assert Record("points", grid="1x2", out=Path("a.png"))({}) == 0
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    for words in ({"steps": 3}, {"event": "motor_failure@3s"}, {"speed": 0.5}):
        with pytest.raises(UserError, match=f"--{next(iter(words))} is for robots: of points"):
            Record("points", **words)({})  # type: ignore[arg-type]  # options by name
