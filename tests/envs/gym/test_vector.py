"""The vector environment: tasks, resets, seeds, divergence."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from envs import gym
from envs.gym import TaskVectorEnv
from envs.named import build_family
from tests.envs.gym.batch import TASK, vector


def test_a_batch_of_worlds_equals_single_environments() -> None:
    """Bit for bit over an episode, each with its own task."""
    batch = vector(3, max_episode_steps=50)
    tasks = batch.sample_tasks(3, "test", seed=1).to_json()
    batch.reset(seed=0, options={"task": tasks})
    singles = [gymnasium.make("envs.gym:metarl/HalfCheetahSlope-v0") for _ in tasks]
    for i, (single, task) in enumerate(zip(singles, tasks, strict=True)):
        single.reset(seed=0, options={"task": task})
        sim = single.unwrapped._batch.worlds.sim
        sim.qpos[0], sim.qvel[0] = batch.worlds.sim.qpos[i], batch.worlds.sim.qvel[i]
        sim.forward()
    rng = np.random.default_rng(0)
    for _ in range(40):
        act = rng.uniform(-1, 1, (3, 6)).astype(np.float32)
        obs, rew, *_ = batch.step(act)
        for i, single in enumerate(singles):
            own, own_rew, *_ = single.step(act[i])
            assert np.array_equal(own, obs[i])
            assert own_rew == rew[i]


def test_the_task_is_really_the_physics_and_the_reward() -> None:
    env = vector(2)
    env.reset(seed=0, options={"task": [TASK, TASK | {"direction": 1.0, "slope_deg": -5.0}]})
    gravity = env.worlds.sim.params("opt.gravity")
    assert gravity[0, 0] == -gravity[1, 0] != 0
    assert env.worlds._task["direction"].tolist() == [-1.0, 1.0]


def test_same_step_autoreset_keeps_the_final_observation() -> None:
    env = vector(2, max_episode_steps=5)
    env.reset(seed=0)
    act = np.zeros((2, 6), dtype=np.float32)
    for t in range(1, 11):
        obs, _, terminated, truncated, infos = env.step(act)
        assert not terminated.any()
        assert truncated.all() == (t % 5 == 0)
        if t % 5 == 0:
            assert not np.allclose(infos["final_obs"][0], obs[0])
            assert np.abs(obs[:, :8]).max() < 0.2  # a fresh start
        else:
            assert "final_obs" not in infos


def test_next_step_autoreset_ignores_one_action() -> None:
    env = vector(1, max_episode_steps=2, autoreset_mode=AutoresetMode.NEXT_STEP)
    env.reset(seed=0)
    act = np.ones((1, 6), dtype=np.float32)
    seen = [env.step(act) for _ in range(6)]
    assert [bool(s[3][0]) for s in seen] == [False, True, False, False, True, False]
    assert [float(s[1][0]) == 0.0 for s in seen] == [False, False, True, False, False, True]


def test_disabled_autoreset_requires_a_reset_mask() -> None:
    env = vector(2, max_episode_steps=1, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    act = np.zeros((2, 6), dtype=np.float32)
    obs, *_ = env.step(act)
    with pytest.raises(RuntimeError, match="reset them with a reset_mask"):
        env.step(act)
    again, _ = env.reset(options={"reset_mask": np.array([True, False])})
    assert not np.array_equal(again[0], obs[0])
    assert np.array_equal(again[1], obs[1])


def test_a_diverged_world_is_terminated_and_flagged() -> None:
    env = vector(2)
    env.reset(seed=0)
    env.worlds.sim.qvel[1] = np.nan
    _, rew, terminated, truncated, infos = env.step(np.zeros((2, 6), dtype=np.float32))
    assert infos["diverged"].tolist() == [False, True]
    assert terminated.tolist() == [False, True]
    assert not truncated.any()
    assert rew[1] == 0.0
    obs, _, terminated, *_ = env.step(np.zeros((2, 6), dtype=np.float32))
    assert np.isfinite(obs).all()
    assert not terminated.any()


def test_new_tasks_each_episode_on_request() -> None:
    env = vector(8, max_episode_steps=1, new_task_each_episode=True)
    _, infos = env.reset(seed=0)
    before = [t["slope_deg"] for t in infos["task"]]
    *_, infos = env.step(np.zeros((8, 6), dtype=np.float32))
    after = env.tasks.column("slope_deg").tolist()
    assert not set(before) & set(after)
    assert [t["slope_deg"] for t in infos["final_info"]["task"]] == before
    assert [t["slope_deg"] for t in infos["task"]] == after


def test_the_true_task_can_be_observed() -> None:
    env = vector(2, observe_task=True)
    obs, _ = env.reset(seed=0, options={"task": TASK})
    assert obs.shape == (2, 19)
    assert obs[:, 17:].tolist() == [[-1.0, 0.625]] * 2


def test_the_same_seed_gives_the_same_episode() -> None:
    starts = [vector(3).reset(seed=seed)[0] for seed in (5, 5, 6)]
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    env = vector(3)
    env.reset()
    again = [(env.reset(seed=seed)[0], env.tasks.values.clone()) for seed in (5, 5, [1, 2, 3], [1, 2, 4])]
    assert np.array_equal(again[0][0], starts[0])
    assert np.array_equal(again[0][0], again[1][0])
    assert torch.equal(again[0][1], again[1][1])
    assert not np.array_equal(again[2][0], again[3][0])
    with pytest.raises(ValueError, match="got 2 seeds for 3 worlds"):
        env.reset(seed=[1, 2])


def test_two_batches_of_one_family_are_independent() -> None:
    family = build_family("HalfCheetahSlope", num_threads=1)
    one, other = gym.TaskVectorEnv(family, 2), gym.TaskVectorEnv(family, 2)
    one.reset(seed=0, options={"task": TASK})
    before = one.worlds.sim.qpos.clone()
    other.reset(seed=1, options={"task": TASK | {"slope_deg": -5.0}})
    assert torch.equal(one.worlds.sim.qpos, before)
    assert (one.worlds.sim.params("opt.gravity")[:, 0] < 0).all()


@pytest.mark.parametrize(
    ("action", "mask", "sentence"),
    [
        (np.zeros((2, 1)), None, r"actions have shape \(2, 1\), expected \(2, 6\)"),
        (np.zeros((1, 6)), None, "actions have shape"),
        (None, np.zeros(2, dtype=bool), "not all of them False"),
        (None, np.ones(3, dtype=bool), r"reset_mask has shape \(3,\)"),
    ],
)
def test_wrong_shapes_are_refused(action: np.ndarray | None, mask: np.ndarray | None, sentence: str) -> None:
    env = vector(2)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=sentence):
        env.step(action) if action is not None else env.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("name", ["pearl-ant-goal", "QuadrupedHills", "grbal-cheetah-hfield", "varibad-point-sparse"])
def test_batches_of_every_kind_step_and_record_statistics(name: str) -> None:
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(vector(3, name, max_episode_steps=4))
    env.reset(seed=0)
    for _ in range(4):
        obs, _, terminated, truncated, infos = env.step(env.action_space.sample())
    assert env.observation_space.contains(obs)
    assert (terminated | truncated).any()
    assert infos["episode"]["l"].max() <= 4


def test_a_new_task_of_one_world_leaves_the_physics_of_the_others() -> None:
    """Worlds 1 and 3 restart with new slopes; gravity of every world is that of its task."""
    env = vector(4, autoreset_mode=AutoresetMode.DISABLED, new_task_each_episode=True)
    env.reset(seed=0)
    before, mask = env.tasks.values.clone(), np.array([False, True, False, True])
    env.reset(options={"reset_mask": mask})
    assert (env.tasks.values == before).all(1).tolist() == (~mask).tolist()
    slopes = np.deg2rad(env.tasks.column("slope_deg").numpy())
    assert np.allclose(env.worlds.sim.params("opt.gravity")[:, 0], -9.81 * np.sin(slopes), atol=1e-12)


def test_a_seeded_reset_of_some_worlds_leaves_the_tasks_of_others() -> None:
    env = vector(3, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    before = env.tasks.values.clone()
    env.reset(seed=1, options={"reset_mask": np.array([False, True, False])})
    assert (env.tasks.values == before).all(1).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tasks": TASK}, "reset has no option tasks"),
        ({"task": {"direction": "x"}}, "a task maps names to numbers"),
        ({"task": [TASK]}, "got 1 task for 2 worlds"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        vector(2).reset(options=options)


def test_nan_and_infinite_actions_give_finite_observations() -> None:
    """Observations stay inside their space; a diverged world ends its episode with reward 0."""
    env = TaskVectorEnv(build_family("HopperStairsUp", num_threads=1), 6)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        act = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
        act[rng.integers(6)] = rng.choice([np.nan, np.inf, -1e30])
        obs, rew, terminated, _, infos = env.step(act)
        assert env.observation_space.contains(obs)
        assert np.isfinite(rew).all()
        assert (rew[infos["diverged"]] == 0).all()
        assert terminated[infos["diverged"]].all()
