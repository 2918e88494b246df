"""Environments of Gymnasium as tasks: equal to the environments themselves, and refused where they cannot be."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError
from torch import Tensor

from envs.contract import ContractError
from envs.core import Action, Tasks, Variable
from envs.gymnasium_tasks import GymnasiumTasks
from envs.rng import shard_generator
from envs.tasks.gymnasium import Settings

PENDULUM = (Variable("g", ((6.0, 12.0),)), Variable("m", ((0.5, 1.5),), ood=((1.5, 2.0),)))
CART = (Variable("gravity", ((5.0, 15.0),)),)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pendulum(horizon: int | None = 30) -> GymnasiumTasks:
    return GymnasiumTasks(lambda: gymnasium.make("Pendulum-v1"), PENDULUM, horizon)


def cart(horizon: int = 60) -> GymnasiumTasks:
    return GymnasiumTasks(lambda: gymnasium.make("CartPole-v1"), CART, horizon)


def at_random(actions: int, discrete: bool = False) -> Any:
    """A policy that is as likely to do one thing as another, in the middle half of the range."""

    def act(obs: Tensor, generator: torch.Generator) -> Action:
        drawn = torch.rand(*obs.shape[:-1], actions, generator=generator) - 0.5
        if discrete:
            drawn = torch.eye(actions)[drawn.argmax(-1)]
        return Action(drawn, torch.zeros(obs.shape[:-1]), drawn, torch.zeros_like(drawn))

    return act


def test_worlds_step_as_the_environments_do() -> None:
    """Two ways: worlds side by side, and one environment at a time, which starts where its world did."""
    family = pendulum()
    tasks = family.sample(3, "train", seeded())
    got = family.experience(tasks, at_random(1), 2, seeded(1))
    for i, task in enumerate(tasks.to_json()):
        for e in range(2):
            env: Any = gymnasium.make("Pendulum-v1").unwrapped
            env.reset(seed=0)
            env.g, env.m = task["g"], task["m"]
            cos, sin, env_speed = got.obs[i, 0, e].tolist()
            env.state = np.array([np.arctan2(sin, cos), env_speed])
            for t in range(family.horizon):
                obs, rew, *_ = env.step(got.act[i, t, e].numpy() * 2.0)  # N m at full torque
                expected = got.obs[i, t + 1, e] if t + 1 < family.horizon else got.last_obs[i, e]
                np.testing.assert_allclose(obs, expected, atol=1e-4)
                np.testing.assert_allclose(float(rew), got.rew[i, t, e], rtol=1e-3, atol=1e-4)
    starts = got.obs[:, 0].flatten(0, 1)
    assert len({tuple(row) for row in starts.tolist()}) == 6, "worlds start alike"


def test_the_horizon_is_that_of_the_environment_unless_given() -> None:
    assert pendulum(None).horizon == 200
    with pytest.raises(ValueError, match="the horizon is 201, but Pendulum-v1 ends episodes after 200 steps"):
        pendulum(201)


def test_discrete_actions_episodes_that_end_and_others_that_follow() -> None:
    family = cart()
    assert family.space.discrete
    assert family.space.act == 2
    tasks = family.sample(2, "test", seeded())
    once = family.experience(tasks, at_random(2, discrete=True), 3, seeded(1))
    assert once.terminated.any(1).all(), "a pole that is pushed at random falls within 60 steps"
    assert torch.equal(once.returns, once.alive.sum(1).float())  # a reward of 1 for each step
    again = family.segments(tasks, at_random(2, discrete=True), 3, seeded(1))
    assert again.alive.all()
    after = again.terminated[:, :-1].nonzero().T
    first = again.obs[after[0], after[1] + 1, after[2]]
    assert len(first) > 6
    assert (first.abs() <= 0.05).all(), "the first observation of an episode"


def test_a_task_gets_the_same_episodes_in_whichever_process_it_runs() -> None:
    family = pendulum()
    tasks = family.sample(4, "train", seeded())
    whole = family.worlds(tasks, 2).reset(seeded(1))
    parts = [
        family.worlds(tasks.chosen(slice(i, i + 2)), 2).reset(shard_generator(seeded(1), i, i + 2, 4)) for i in (0, 2)
    ]
    assert torch.equal(whole, torch.cat(parts))


def test_what_is_not_finite_has_diverged() -> None:
    family = pendulum()
    worlds = family.worlds(family.sample(2, "train", seeded()), 1)
    before = worlds.reset(seeded())
    obs, _, _, diverged = worlds.step(torch.tensor([[[torch.nan]], [[0.0]]]))
    assert diverged.flatten().tolist() == [True, False]
    assert torch.equal(obs[0], before[0])


class Still(gymnasium.Env[Any, Any]):
    """Nothing moves."""

    observation_space: Any = spaces.Box(-1, 1, (2,))
    action_space: Any = spaces.Box(-1, 1, (1,))
    weight = 1.0
    is_on = True

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        return np.zeros(2, np.float32), 0.0, False, False, {}


class Leaves(Still):
    """Truncates by itself after three steps; what it observes is its weight."""

    steps = 0

    def step(self, action: Any) -> Any:
        self.steps += 1
        return np.full(2, self.weight, np.float32), 0.0, False, self.steps >= 3, {}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.steps = 0
        return np.zeros(2, np.float32), {}


def test_an_episode_that_the_environment_cuts_by_itself_is_refused() -> None:
    family = GymnasiumTasks(Leaves, (Variable("weight", ((0.5, 1.5),)),), 60)
    tasks = family.sample(1, "train", seeded())
    with pytest.raises(ContractError, match="Leaves truncated an episode after 3 steps by itself"):
        family.experience(tasks, at_random(1), 1, seeded())
    family = GymnasiumTasks(Leaves, (Variable("weight", ((0.5, 1.5),)),), 3)
    assert family.experience(tasks, at_random(1), 1, seeded()).alive.all()


def still(**spaces_of: Any) -> Any:
    env = Still()
    for name, space in spaces_of.items():
        setattr(env, name, space)
    return lambda: env


@pytest.mark.parametrize(
    ("make", "variable", "sentence"),
    [
        (lambda: gymnasium.make("Pendulum-v1"), "mass", "Pendulum-v1 has no number 'mass' that could vary"),
        (lambda: gymnasium.make("CartPole-v1"), "gravty", "did you mean gravity?"),
        (still(), "weight", "weight changes nothing in 50 random steps of Still"),
        (still(), "is_on", "Still has no number 'is_on' that could vary"),
        (still(action_space=spaces.Box(-np.inf, np.inf, (1,))), "weight", "actions without bounds"),
        (still(action_space=spaces.MultiDiscrete([2, 3])), "weight", "expected a Box of floats or a Discrete space"),
        (
            still(observation_space=spaces.Sequence(spaces.Discrete(3))),
            "weight",
            "expected a space of a fixed number of numbers",
        ),
    ],
)
def test_what_cannot_be_is_refused(make: Any, variable: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("?", r"\?")):
        GymnasiumTasks(make, (Variable(variable, ((0.5, 1.5),)),), 60)


def test_without_a_time_limit_a_horizon_is_needed() -> None:
    with pytest.raises(ValueError, match="Still has no time limit: give a horizon"):
        GymnasiumTasks(still(), (Variable("weight", ((0.5, 1.5),)),))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mine:Own-v0", "mine:Own-v0 names a module to import: give --plugin mine"),
        ("Pendulm-v1", "Pendulm"),
        ("a/b/c", "tasks.id"),
    ],
)
def test_an_id_names_what_is_registered_and_no_code(name: str, sentence: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=sentence):
        Settings.model_validate({"id": name, "vary": {"g": {"train": [6, 12]}}}).build()


def test_a_task_may_be_more_than_attributes() -> None:
    class Heavy(GymnasiumTasks):
        def set_task(self, env: Any, task: Any) -> None:
            env.unwrapped.masspole = task["pole"]
            env.unwrapped.total_mass = env.unwrapped.masscart + task["pole"]
            env.unwrapped.polemass_length = task["pole"] * env.unwrapped.length

    family = Heavy(lambda: gymnasium.make("CartPole-v1"), (Variable("pole", ((0.1, 1.0),)),), 50)
    worlds = family.worlds(Tasks.from_json([{"pole": 0.5}]), 1)
    made: Any = worlds.envs[0].unwrapped
    assert made.total_mass == 1.5
