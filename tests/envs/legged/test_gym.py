"""Legged robots behind Gymnasium's interface, and in training with every kind of learner."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from envs import named
from envs.core import Variable
from envs.gym.vector import TaskVectorEnv
from envs.legged.family import Legged
from metarl.config import files as settings
from metarl.training.trainer import Trainer

PAYLOAD = (Variable("payload", ((0.0, 0.2),)),)


@pytest.mark.parametrize("told", [False, True])
def test_a_vector_environment_tells_the_task_and_the_state_only_where_it_is_asked_to(told: bool) -> None:
    family = Legged("quadruped", PAYLOAD)
    env = TaskVectorEnv(family, 3, observe_task=told, max_episode_steps=5)
    obs, _ = env.reset(seed=0)
    assert obs.shape == (3, 45 + (7 + 1) * told)
    for _ in range(8):
        obs, rew, *_ = env.step(np.zeros((3, 12), np.float32))
    assert env.observation_space.contains(obs)
    assert np.isfinite(rew).all()
    if told:
        descriptor = family.descriptor(env.tasks)[:, 0].numpy()
        np.testing.assert_allclose(obs[:, -1], descriptor, rtol=1e-6)
        assert set(np.unique(obs[:, 48:52])) <= {0.0, 1.0}  # contacts


@pytest.mark.parametrize("kind", ["joint", "oracle", "gru", "maml", "rma", "sb3_ppo"])
def test_a_learner_trains_on_it_and_logs_what_came_of_its_episodes(kind: str) -> None:
    given: dict[str, Any] = {
        "tasks": {"kind": "legged", "robot": "quadruped", "horizon": 8, "vary": {"payload": {"train": [0.0, 0.2]}}},
        "policy": {"hidden": [8]},
        "learner": {"kind": kind},
        "outer": {"kind": "ppo", "num_epochs": 1},
        "train": {"iterations": 2, "num_tasks": 2, "episodes": 2, "num_threads": 1},
    }
    if kind == "sb3_ppo":
        given |= {"outer": {"kind": "sb3_ppo", "n_epochs": 1, "batch_size": 16}}
    trainer = Trainer(settings.parse(given))
    logged = [trainer.iterate() for _ in range(2)][-1]
    assert all(torch.isfinite(v).all() for v in trainer.theta.values())
    if kind != "sb3_ppo":  # which collects its experience itself
        assert {"success", "fallen", "velocity_error", "reward/track_velocity"} <= logged.keys()


@pytest.mark.parametrize(("name", "feet"), [("QuadrupedCommand", 4), ("AntCommand", 4), ("HumanoidCommand", 2)])
def test_robots_with_a_free_base_have_commands_by_name(name: str, feet: int) -> None:
    family = named.build_family(name, horizon=5)
    assert isinstance(family, Legged)
    assert len(family.feet) == feet
    env = TaskVectorEnv(family, 2, max_episode_steps=5)
    env.reset(seed=0)
    obs, rew, *_ = env.step(np.zeros((2, family.space.act), np.float32))
    assert np.isfinite(obs).all()
    assert np.isfinite(rew).all()


def test_robots_that_only_move_along_x_have_none() -> None:
    assert "Walker2dCommand" not in named.describe()
    with pytest.raises(ValueError, match="is not free"):
        Legged("walker2d")


def test_an_episode_is_as_long_as_the_family_says() -> None:
    family = Legged("quadruped", horizon=3)
    env = TaskVectorEnv(family, 2)
    env.reset(seed=0)
    still = np.zeros(env.action_space.shape, np.float32)
    assert [env.step(still)[3].tolist() for _ in range(3)] == [[False] * 2, [False] * 2, [True] * 2]
