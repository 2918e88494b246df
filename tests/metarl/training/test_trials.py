"""Trials of recurrent policies that count steps, or episodes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from metarl.config.experiment import Config
from metarl.training.collect import Clock
from metarl.training.trainer import Trainer

FALLS = {
    "tasks": {"kind": "named", "name": "HopperVelocity", "horizon": 60, "action_scale": 1.0},
    "policy": {"hidden": [4], "init_std": 1.0},
    "learner.hidden": 4,
    "outer.minibatches": 2,
    "learner.bptt_steps": 0,  # rows are whole trials
}


def batch_of(small: Callable[..., Config], unit: str, **changes: Any) -> Any:
    config = small("gru_robot", **FALLS, learner__trial_unit=unit, **changes)
    trainer = Trainer(config)
    tasks = trainer.family.sample(config.train.num_tasks, "train", trainer.generator)
    return trainer.source(trainer.learner, trainer.theta, tasks, trainer.generator, Clock()).data.query


def test_where_trials_count_steps_another_episode_follows_at_once(small: Callable[..., Config]) -> None:
    data = batch_of(small, "steps")
    alive, ended = data.alive[0], data.x[0][..., -1]
    assert alive[:-1].all(), "no step of a fallen hopper is waited for"
    assert ended[1:60].sum() > 0, "hoppers fall, and the next input tells"
    height = data.x[0][..., 0]  # of a hopper that starts: 1.25 m, give or take 5 mm
    assert ((height[:-1][ended[:-1] > 0] - 1.25).abs() < 0.02).all()


def test_where_trials_count_episodes_a_fallen_robot_waits(small: Callable[..., Config]) -> None:
    data = batch_of(small, "episodes")
    assert not data.alive[0][:-1].all()
    assert data.x[0][..., -1].sum(0).eq(1).all(), "two episodes a trial, and one end between them"


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_fall_costs_what_would_have_followed_unless_the_trial_goes_on(
    rounds: int, small: Callable[..., Config]
) -> None:
    """With lambda 1 and without a value where time cuts, returns to go are sums of rewards."""
    plain = {"advantage": {"gamma": 1.0, "gae_lambda": 1.0, "bootstrap": False}}
    data = batch_of(small, "steps", learner__rounds=rounds, **plain)
    ret, rew, ended = data.ret[0], data.x[0][1:, :, -2], data.x[0][1:, :, -1] > 0  # of the step before each input
    last = 60 * (rounds + 1) - 1
    falls = ended[:last].nonzero()
    assert len(falls) > 0
    for t, b in falls[:5].tolist():
        following = rew[t:, b].sum() if rounds else rew[t, b]
        torch.testing.assert_close(ret[t, b], following, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("unit", ["steps", "episodes"])
def test_either_trains(unit: str, small: Callable[..., Config]) -> None:
    trainer = Trainer(small("gru_robot", **FALLS, learner__trial_unit=unit))
    assert torch.tensor(trainer.iterate()["loss"]).isfinite()
