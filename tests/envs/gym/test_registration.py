"""Every registered id, and the arguments of the entry points."""

from __future__ import annotations

import warnings

import gymnasium
import pytest
import stable_baselines3.common.env_checker as sb3_checker
from gymnasium.utils.env_checker import check_env

from envs import gym
from tests.envs.gym.batch import vector


@pytest.mark.parametrize("name", gym.ids())
def test_every_registered_id_passes_both_checkers(name: str) -> None:
    """All warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make(name)
        check_env(env.unwrapped, skip_render_check=True)
        sb3_checker.check_env(env.unwrapped, warn=True, skip_render_check=True)
        gymnasium.spec(name).to_json()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs is 0"):
        vector(0)
    with pytest.raises(ValueError, match="is max_episode_steps: give that instead"):
        vector(2, family={"horizon": 7})
    with pytest.raises(ValueError, match="a point has no physics"):
        vector(2, "rllab-point", physics="gymnasium")
