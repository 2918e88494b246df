"""Models of many structures: each runs, or is refused in one sentence that says what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from envs.core import Task, Variable
from envs.gym.single import TaskEnv
from envs.locomotion.family import Locomotion
from envs.robots.robot import Robot
from envs.variations.variation import Motion
from metarl.config import files as settings
from metarl.system import rendering
from metarl.training.trainer import Trainer
from tests.conftest import SMALL
from tests.envs.robots.model_generator import Model, drawn, one_at_a_time

DIRECTION = Variable("direction", ((1.0, 1.0),))
MODELS = {model.name: model for model in [*one_at_a_time(), *drawn(seed=0, count=30)]}

RUNNING = [model for model in drawn(seed=0, count=60) if model.expected == "runs"][:30]


def robot_of(model: Model, folder: Path) -> type[Robot]:
    return type("Own", (Robot,), {"model_file": model.write(folder), "frame_skip": 4} | model.attributes)


def family_of(model: Model, folder: Path, *variables: Variable) -> Locomotion:
    """With a reward of its own where the robot is fixed to the world, so that no goal moves it."""
    reward = work if model.choices["base"] == "fixed" else None
    robot = robot_of(model, folder)
    return Locomotion(robot, (DIRECTION, *variables), reward=reward, horizon=100, action_scale=1.0, num_threads=1)


def work(motion: Motion, task: Task) -> torch.Tensor:
    """A reward of a robot that does not move from its place."""
    return motion.velocity.sum(1)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_mujoco_itself_compiles_what_is_drawn(model: Model, tmp_path: Path) -> None:
    if "included_from_outside" not in model.choices.values():
        compiled = mujoco.MjModel.from_xml_path(str(model.write(tmp_path)))
        data = mujoco.MjData(compiled)
        mujoco.mj_step(compiled, data, nstep=20)
        assert np.isfinite(data.qpos).all()


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    assert drawn(3, 5) == drawn(3, 5) != drawn(4, 5)
    assert len({model.name for model in drawn(0, 30)}) == 30


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_drawn_model_runs_or_is_refused_in_a_sentence(model: Model, tmp_path: Path) -> None:
    if (refusal := refusal_of(model, tmp_path)) is not None:
        assert model.expected != "runs", refusal
        assert "\n" not in refusal
        assert model.expected == "either" or re.search(model.says, refusal), refusal
        return
    assert model.expected != "refused"
    path = driven(family_of(model, tmp_path))
    assert torch.isfinite(path).all()
    assert (path.std(0) > 0).any()


def refusal_of(model: Model, folder: Path) -> str | None:
    """What a model is refused with, or None."""
    try:
        family_of(model, folder)
    except ValueError as error:
        return str(error)
    return None


def driven(family: Locomotion) -> torch.Tensor:
    """Observations of two worlds under 100 random actions, [T + 1, 2, 1, O]."""
    worlds = family.worlds(family.sample(2, "train", torch.Generator().manual_seed(0)), 1)
    path = [worlds.reset(torch.Generator().manual_seed(0))]
    generator = torch.Generator().manual_seed(1)
    for _ in range(100):
        obs, *_ = worlds.step(2 * torch.rand(2, 1, family.space.act, generator=generator) - 1)
        path.append(obs)
    return torch.stack(path)


@pytest.mark.parametrize("model", RUNNING, ids=lambda model: str(model.name))
def test_a_drawn_model_trains_is_a_gymnasium_environment_and_is_filmed(model: Model, tmp_path: Path) -> None:
    family = family_of(model, tmp_path, Variable("mass", ((0.8, 1.2),)))
    trainer = Trainer(settings.load("maml_cheetah_velocity", SMALL), family=family)
    assert np.isfinite(trainer.iterate()["return_before"])
    if rendering.working() is None:
        env = TaskEnv(family)
        check_env(env, skip_render_check=True)
        return
    env = TaskEnv(family, render_mode="rgb_array")
    check_env(env, skip_render_check=True)
    env.reset(seed=0)
    frame = env.render()
    assert isinstance(frame, np.ndarray)
    assert frame.std() > 1
    env.close()
