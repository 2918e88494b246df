"""Learning from stored trials: what a trial is, which parts are learned from, exact resume, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from envs.core import Trajectories
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs import checkpoint
from metarl.training.recurrent_off_policy import RecurrentOffPolicyOuter, trials_of
from metarl.training.trainer import Trainer

HORIZON = 10  # of small tasks


def outer_of(trainer: Trainer) -> RecurrentOffPolicyOuter:
    assert isinstance(trainer.outer, RecurrentOffPolicyOuter)
    return trainer.outer


def episode(rew: list[list[float]], alive: list[list[int]], ended: list[list[int]]) -> Trajectories:
    """Of one task [T, E]; the action is the reward."""
    paid = torch.tensor(rew)[None]
    zero, mask = torch.zeros_like(paid)[..., None], torch.tensor(alive)[None] > 0
    over, none = torch.tensor(ended)[None] > 0, torch.zeros(1, 2, 0)
    failed = torch.zeros(1, 2, dtype=torch.bool)
    return Trajectories(
        zero, paid[..., None], paid, zero, zero, paid, mask, over, failed, zero[:, 0], zero[..., :0], none
    )


def test_a_trial_is_its_episodes_in_a_row_without_what_followed_a_fall() -> None:
    """Two worlds: the first falls in the first episode's first step, the second in the last one's second step."""
    first = episode([[1, 11], [0, 12]], [[1, 1], [0, 1]], [[1, 0], [0, 0]])
    last = episode([[3, 13], [4, 14]], [[1, 1], [1, 1]], [[0, 0], [0, 1]])
    inputs = torch.arange(4.0)[:, None, None, None].expand(-1, 1, 2, 1)  # the number of the step
    rows = trials_of([first, last], inputs, torch.full((1, 2, 1), 9.0))
    assert rows["rew"].tolist() == [[1, 3, 4, 0], [11, 12, 13, 14]]
    assert torch.equal(rows["act"][..., 0], rows["rew"])
    assert rows["alive"].tolist() == [[True, True, True, False], [True] * 4]
    assert rows["terminated"].tolist() == [[False] * 4, [False, False, False, True]]
    assert rows["x"][..., 0].tolist() == [[0, 2, 3, 9, 0], [0, 1, 2, 3, 0]]  # behind a fall in the end nothing counts
    diverged = last._replace(diverged=torch.tensor([[True, False]]))
    assert trials_of([first, diverged], inputs, torch.full((1, 2, 1), 9.0))["alive"].any(1).tolist() == [False, True]


def test_inputs_tell_the_action_and_reward_before_them(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("recurrent_sac_robot"))
    metrics = trainer.iterate()
    config = trainer.config
    assert metrics["env_steps"] == 2 * HORIZON * config.train.num_tasks * config.train.episodes
    outer = outer_of(trainer)
    rows = outer.replay.rows[: len(outer.replay)]
    x, act, rew, terminated, alive = torch.split(rows, list(outer.replay.widths.values()), 1)
    x, act = x.view(len(rows), 2 * HORIZON + 1, -1), act.view(len(rows), 2 * HORIZON, -1)
    assert alive.all()
    assert not terminated.any()
    torch.testing.assert_close(x[:, 1:, -2 - act.shape[-1] : -2], act)
    torch.testing.assert_close(x[:, 1:, -2], rew)
    assert x[0, :, -1].nonzero().flatten().tolist() == [HORIZON]  # where an episode has ended, and another follows


def test_parts_are_counted_behind_their_burn_in_or_from_the_start_of_a_trial(small: Callable[..., Config]) -> None:
    trainer = Trainer(small("recurrent_sac_robot", outer__batch_size=200, outer__length=4, outer__burn_in=3))
    trainer.iterate()
    data = outer_of(trainer)._batch(torch.Generator().manual_seed(0))
    assert data.x.shape[:2] == (8, 200)
    fresh = (data.x[0, :, -8:] == 0).all(-1)  # no action before
    assert 0 < int(fresh.sum()) < 200
    assert bool(data.counted[:, fresh].all())
    assert data.counted[:, ~fresh].sum(0).unique().tolist() == [4]
    assert not data.counted[:3, ~fresh].any()


def test_training_resumes_bit_exactly_with_its_replay(workdir: Path, small: Callable[..., Config]) -> None:
    config = small("recurrent_sac_robot", outer__replay_size=200)
    whole, half = Trainer(config), Trainer(config)
    for _ in range(2):
        half.iterate()
    resumed = Trainer(config, checkpoint.load(checkpoint.save(workdir, half.state), half.theta))
    for _ in range(4):
        whole.iterate()
    for _ in range(2):
        resumed.iterate()

    def same(own: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
        return own.keys() == other.keys() and all(torch.equal(v, other[k]) for k, v in own.items())

    assert same(whole.theta, resumed.theta)
    assert same(whole.state.outer, resumed.state.outer)


def test_what_it_cannot_do_is_one_sentence(small: Callable[..., Config]) -> None:
    with pytest.raises(UserError, match=r"a trial has 20 steps, outer\.length and outer\.burn_in are 21 together"):
        Trainer(small("recurrent_sac_robot", outer__length=18, outer__burn_in=3))
    with pytest.raises(UserError, match=r"give outer\.replay_size at least as many"):
        Trainer(small("recurrent_sac_robot", outer__replay_size=19))
