"""The quadruped: dimensions, observation, and standing."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
import torch

from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family
from envs.robots.models import Physics
from envs.robots.quadruped import REACH, STAND, Quadruped
from tests.envs.variations.by_hand import actions, driven, worlds_of


def worlds(name: str = "QuadrupedDirection", num: int = 1, **task: float) -> LocomotionWorlds:
    family = build_family(name, num_threads=1)
    tasks = family.sample(num, "train", torch.Generator().manual_seed(0))
    for key, value in task.items():
        tasks.column(key)[:] = value
    made = family.worlds(tasks, 1)
    assert isinstance(made, LocomotionWorlds)
    made.reset(torch.Generator().manual_seed(0))
    return made


def test_it_has_the_published_dimensions() -> None:
    """Go1: 13.1 kg with rotors, legs of 0.213 m, 23.7 and 35.55 N m, hips within 0.863 rad."""
    model = worlds().family.model
    assert model.nu == 12
    assert model.body_mass.sum() == pytest.approx(13.1, abs=0.01)
    assert model.actuator_forcerange[:3, 1].tolist() == [23.7, 23.7, 35.55]
    assert model.jnt_range[1].tolist() == [-0.863, 0.863]
    assert model.opt.timestep * Quadruped.frame_skip == pytest.approx(1 / 50)


def test_it_stands_for_ten_seconds_with_zero_actions() -> None:
    dog = worlds(num=8)
    for _ in range(500):
        _, _, terminated, diverged = dog.step(torch.zeros(8, 1, 12))
        assert not (terminated | diverged).any()
    assert (dog.sim.qpos[:, 2] - 0.28).abs().max() < 0.02


def test_it_observes_gravity_in_its_own_frame() -> None:
    """Nose up by 30 degrees (about -y): down is backwards and below, (-sin 30, 0, -cos 30) in the trunk's frame."""
    dog = worlds()
    half = np.deg2rad(-30) / 2
    dog.sim.qpos[0, 3:7] = torch.tensor([np.cos(half), 0, np.sin(half), 0])
    assert Quadruped.gravity(dog.body)[0].tolist() == pytest.approx([-0.5, 0, -np.sqrt(0.75)])


def test_it_observes_the_slope_that_it_stands_on() -> None:
    """Level with an incline of 8 degrees that rises to the left (+y), gravity points to the right."""
    dog = worlds("QuadrupedSlope", direction=1.0, slope_deg=8.0, slope_heading_deg=90.0)
    dog.sim.qpos[0, 3:7] = torch.tensor([1.0, 0, 0, 0])
    angle = np.deg2rad(8)
    assert Quadruped.gravity(dog.body)[0].tolist() == pytest.approx([0, -np.sin(angle), -np.cos(angle)])


def test_an_action_moves_the_targets_around_standing() -> None:
    dog = worlds()
    act = torch.linspace(-1, 1, 12)
    obs, *_ = dog.step(act[None, None])
    targets = torch.tensor(STAND) + act * torch.tensor(REACH)
    assert torch.allclose(dog.sim.ctrl[0], targets.double())
    assert torch.allclose(obs[0, 0, -12:].float(), act)  # the latest action
    assert obs.shape == (1, 1, 42)
    again = dog.reset(torch.Generator().manual_seed(0))
    assert (again[0, 0, -12:] == 0).all()


def test_it_fails_when_it_lies_or_tips_over() -> None:
    dog = worlds(num=3)
    dog.sim.qpos[1, 2] = 0.1
    half = np.deg2rad(70) / 2
    dog.sim.qpos[2, 3:7] = torch.tensor([np.cos(half), np.sin(half), 0, 0])
    assert Quadruped.terminated(dog.body).tolist() == [False, True, True]


def test_gymnasium_physics_are_refused() -> None:
    with pytest.raises(ValueError, match="gymnasium has no environment of the quadruped"):
        build_family("QuadrupedGoal", physics="gymnasium")


def test_controls_are_standing_plus_scaled_actions() -> None:
    worlds = worlds_of("quadruped", {"motor": 1.0})
    act = actions(12)[0]
    driven(worlds, act[None])
    assert worlds.sim.ctrl[0].numpy() == pytest.approx(np.array(STAND) + act * np.array(REACH), abs=1e-12)


@pytest.mark.parametrize(
    ("physics", "cone", "impratio"),
    [("fast", "ELLIPTIC", 10), ("default", "PYRAMIDAL", 10), ("pyramidal", "PYRAMIDAL", 1)],
)
def test_its_contacts_are_those_of_the_physics(physics: Physics, cone: str, impratio: float) -> None:
    option = build_family("QuadrupedGoal", physics=physics).model.opt
    assert option.cone == getattr(mujoco.mjtCone, f"mjCONE_{cone}")
    assert option.impratio == impratio
