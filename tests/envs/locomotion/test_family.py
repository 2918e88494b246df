"""Reward, action scale, termination and masking of the worlds that learners meet."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from envs.core import Action, Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import Body
from metarl.training.collect import AdvantageEstimator

BOTH = Variable("direction", ((-1.0, -1.0), (1.0, 1.0)))


def act_with(act: Tensor) -> Action:
    return Action(act, torch.zeros(act.shape[:-1]), act, torch.zeros_like(act))


def constant_policy(obs: Tensor, generator: torch.Generator) -> Action:
    return act_with(torch.full((*obs.shape[:-1], 6), 3.0))


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


def test_task_major_layout_and_seeded_experience() -> None:
    """World w belongs to task w // E, and the same seed gives the same bits at any thread count."""
    tasks = Tasks(("direction",), torch.tensor([[1.0], [-1.0], [1.0]], dtype=torch.float64))
    runs = []
    for threads in (1, 2):
        family = Locomotion("half_cheetah", (BOTH,), horizon=5, num_threads=threads)
        runs.append(family.experience(tasks, constant_policy, 4, torch.Generator().manual_seed(3)))
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))
    assert runs[0].obs.shape == (3, 5, 4, 17)
    assert torch.allclose(runs[0].rew[0] + 0.05 * 6 * 0.09, runs[0].rew[2] + 0.05 * 6 * 0.09, atol=20)


def test_a_world_that_diverges_is_masked_from_then_on(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (BOTH,), horizon=4, num_threads=1)
    tasks = family.sample(2, "train", generator)
    calls = 0

    def sabotage(obs: Tensor, generator: torch.Generator) -> Action:
        nonlocal calls
        calls += 1
        if calls == 2:
            family.worlds(tasks, 2).sim.qvel[3] = float("nan")  # task 1, episode 1, before its second step
        return constant_policy(obs, generator)

    rollouts = family.experience(tasks, sabotage, 2, generator)
    assert rollouts.diverged.tolist() == [[False, False], [False, True]]
    assert rollouts.alive[1, :, 1].tolist() == [True, True, False, False]
    assert rollouts.terminated[1, :, 1].tolist() == [False, True, False, False]
    assert rollouts.rew[1, 1:, 1].tolist() == [0.0, 0.0, 0.0]
    assert rollouts.alive[0].all()
    assert rollouts.rew.isfinite().all()
    assert rollouts.returns.isnan().tolist() == [[False, False], [False, True]]
    learned_from = AdvantageEstimator()(rollouts)
    assert learned_from.alive[1, :, 1].tolist() == [False] * 4
    assert learned_from.alive[0].all()


def test_exactly_one_goal_is_asked_for() -> None:
    with pytest.raises(ValueError, match="exactly one goal"):
        Locomotion("half_cheetah", (Variable("slope_deg", ((-1.0, 1.0),)),))
    with pytest.raises(ValueError, match=r"there is no variable 'slop': did you mean slope_deg\?"):
        Locomotion("half_cheetah", (BOTH, Variable("slop", ((-1.0, 1.0),))))


def test_the_best_point_policy_is_to_walk_straight(generator: torch.Generator) -> None:
    """Goal (0.35, -0.25): steps clipped to 0.1 an axis arrive after 4 steps; the return is worked out by hand."""
    goal = torch.tensor([0.35, -0.25])

    def straight(obs: Tensor, generator: torch.Generator) -> Action:
        return act_with((goal - obs) * 10.0)

    family = PointNavigation(horizon=20)
    tasks = Tasks.from_json([{"goal_x": 0.35, "goal_y": -0.25}])
    rollouts = family.experience(tasks, straight, 1, generator)
    left = [(0.25, 0.15), (0.15, 0.05), (0.05, 0.0), (0.0, 0.0)]
    assert rollouts.returns.item() == pytest.approx(-sum((x * x + y * y) ** 0.5 for x, y in left), abs=1e-5)
    assert rollouts.alive.sum() == 4
    assert rollouts.terminated[0, 3, 0]


class Sunk(HalfCheetah):
    """Fails by a derived field, which no other of its methods reads."""

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        return body.field("xpos")[:, 1, 2] < 0.1


def test_a_failure_may_be_read_from_any_field(generator: torch.Generator) -> None:
    """A field is zero until the step after it was first asked for: it is asked for before the first step."""
    family = Locomotion(Sunk, (BOTH,), num_threads=1)
    worlds = family.worlds(family.sample(2, "train", generator), 1)
    worlds.reset(generator)
    _, _, terminated, _ = worlds.step(torch.zeros(2, 1, 6))
    assert not terminated.any()


def test_a_number_that_varies_twice_is_refused() -> None:
    each = Variable("mass", ((0.5, 2.0),), per_element=True)
    with pytest.raises(ValueError, match="mass:torso is given twice"):
        Locomotion("half_cheetah", (BOTH, each, Variable("mass:torso", ((3.0, 4.0),))))


def test_each_element_is_one_that_means_something() -> None:
    """Not a load, not the steps of stairs, not the undamped joints of the root."""
    variables = [Variable(name, ((0.5, 2.0),), per_element=True) for name in ("mass", "friction", "damping")]
    ground = [Variable(name, ((0.0, 1.0),)) for name in ("stairs_up", "payload")]
    family = Locomotion("half_cheetah", (BOTH, *variables, *ground))
    assert {n.partition(":")[2] for n in family.names if n.startswith("mass:")} == {
        *("torso", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
    }
    assert {n.partition(":")[0] for n in family.names if "terrain" in n or "payload" in n} == {"payload"}
    assert "damping:bthigh" in family.names
    assert "damping:rootx" not in family.names


def test_what_a_step_returns_can_be_learned_from(generator: torch.Generator) -> None:
    family = Locomotion("half_cheetah", (BOTH,), num_threads=1)
    worlds = family.worlds(family.sample(2, "train", generator), 1)
    worlds.reset(generator)
    act = torch.zeros(2, 1, 6, requires_grad=True)
    obs, rew, *_ = worlds.step(act)
    weight = torch.ones(17, dtype=torch.float64, requires_grad=True)
    ((obs * weight).sum(-1) * rew).sum().backward()
    assert weight.grad is not None
    assert act.grad is None
