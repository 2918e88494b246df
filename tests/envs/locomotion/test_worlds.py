"""Reward, action scale and termination of the worlds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import Body
from tests.envs.locomotion.policies import BOTH


def test_reward_is_direction_times_velocity_minus_control_cost(generator: torch.Generator) -> None:
    """Policy units of 5 at scale 10 are half torque on six motors: cost 0.05 * 6 * 0.25 = 0.075."""
    family = Locomotion("half_cheetah", (BOTH,), num_threads=1)
    tasks = Tasks(("direction",), torch.tensor([[1.0], [-1.0]], dtype=torch.float64))
    worlds = family.worlds(tasks, 2)
    worlds.reset(generator)
    before = worlds.sim.qpos[:, 0].clone()
    _, rew, *_ = worlds.step(torch.full((2, 2, 6), 5.0))
    speed = (worlds.sim.qpos[:, 0] - before) / 0.05
    expected = torch.tensor([1.0, 1.0, -1.0, -1.0]) * speed - 0.075
    assert torch.allclose(rew.flatten(), expected, atol=1e-12)


def test_velocity_reward_is_minus_the_distance_to_the_target(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (Variable("velocity", ((0.0, 2.0),)),), num_threads=1)
    worlds = family.worlds(Tasks(("velocity",), torch.tensor([[1.5]], dtype=torch.float64)), 1)
    worlds.reset(generator)
    before = worlds.sim.qpos[0, 0].item()
    _, rew, *_ = worlds.step(torch.zeros(1, 1, 6))
    speed = (worlds.sim.qpos[0, 0].item() - before) / 0.05
    assert rew.item() == pytest.approx(-abs(speed - 1.5), abs=1e-12)


def test_actions_beyond_full_torque_are_clipped(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (BOTH,), num_threads=1)
    worlds = family.worlds(family.sample(1, "train", generator), 1)
    worlds.reset(generator)
    worlds.step(torch.full((1, 1, 6), 1e6))
    assert worlds.sim.ctrl.tolist() == [[1.0] * 6]


class TooLow(HalfCheetah):
    """Fails by a derived field, which no other of its methods reads."""

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        return body.field("xpos")[:, 1, 2] < 0.1


def test_a_failure_may_be_read_from_any_field(generator: torch.Generator) -> None:
    """A field is zero until the step after it was first bound: it is bound before the first step."""
    family = Locomotion(TooLow, (BOTH,), num_threads=1)
    worlds = family.worlds(family.sample(2, "train", generator), 1)
    worlds.reset(generator)
    _, _, terminated, _ = worlds.step(torch.zeros(2, 1, 6))
    assert not terminated.any()


def test_results_of_a_step_can_be_used_in_autograd(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (BOTH,), num_threads=1)
    worlds = family.worlds(family.sample(2, "train", generator), 1)
    worlds.reset(generator)
    act = torch.zeros(2, 1, 6, requires_grad=True)
    obs, rew, *_ = worlds.step(act)
    weight = torch.ones(17, dtype=torch.float64, requires_grad=True)
    ((obs * weight).sum(-1) * rew).sum().backward()
    assert weight.grad is not None
    assert act.grad is None
