"""What is drawn is where the simulation has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from envs.core import Variable
from envs.legged.family import Legged
from envs.locomotion.family import Locomotion
from metarl.deploy.play.picture import Frame, Picture


def frame_of(family: Locomotion, **task: float) -> tuple[Picture, Frame]:
    tasks = family.sample(1, "train", torch.Generator().manual_seed(0))
    rows = [row | task for row in tasks.to_json()]
    worlds = family.worlds(type(tasks).from_json(rows), 1, share=False)
    worlds.reset(torch.Generator().manual_seed(0))
    picture = Picture(family)
    return picture, picture.draw(worlds, worlds.sim.qpos[0].numpy())


@pytest.fixture(scope="module")
def cheetah() -> Locomotion:
    return Locomotion(
        "half_cheetah", (Variable("direction", ((1.0, 1.0), (-1.0, -1.0))), Variable("slope_deg", ((0.0, 20.0),)))
    )


def test_a_capsule_is_a_tube_and_two_balls(cheetah: Locomotion) -> None:
    picture, frame = frame_of(cheetah)
    tube, balls = frame.shapes["cylinder", True], frame.shapes["sphere", True]
    assert len(tube.position) == 8
    assert len(balls.position) == 16
    model, data = picture.scene.model, picture.scene.data
    torso = model.geom("torso").id
    i = int(np.abs(tube.position - data.geom_xpos[torso]).sum(1).argmin())
    radius, half, _ = model.geom_size[torso]
    assert tube.scale[i] == pytest.approx([radius, radius, half])
    axis = data.geom_xmat[torso].reshape(3, 3)[:, 2]
    for end in (data.geom_xpos[torso] + half * axis, data.geom_xpos[torso] - half * axis):
        assert np.abs(balls.position - end).sum(1).min() < 1e-9
    assert (balls.scale == balls.scale[:, :1]).all()


def test_orientations_are_those_of_the_simulation(cheetah: Locomotion) -> None:
    """Its third axis, by the quaternion that is sent and by MuJoCo's matrix."""
    picture, frame = frame_of(cheetah)
    tube, data = frame.shapes["cylinder", True], picture.scene.data
    w, x, y, z = tube.wxyz.T
    axis = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], 1)
    for place, along in zip(tube.position, axis, strict=True):
        geom = int(np.abs(data.geom_xpos - place).sum(1).argmin())
        assert along == pytest.approx(data.geom_xmat[geom].reshape(3, 3)[:, 2], abs=1e-9)


@pytest.mark.parametrize("slope", [0.0, 20.0])
def test_a_slope_is_turned_so_that_gravity_points_down(cheetah: Locomotion, slope: float) -> None:
    """The floor's normal z, turned by wxyz, leans back by the slope against +x: (-sin, 0, cos)."""
    _, frame = frame_of(cheetah, slope_deg=slope)
    w, x, y, z = frame.upright
    normal = [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)]
    angle = np.deg2rad(slope)
    assert normal == pytest.approx([-np.sin(angle), 0, np.cos(angle)], abs=1e-9)


def test_an_arrow_points_where_the_task_says(cheetah: Locomotion) -> None:
    for direction in (1.0, -1.0):
        _, frame = frame_of(cheetah, direction=direction)
        shaft, head = frame.marks["cylinder"].position[0], frame.marks["cone"].position[0]
        assert np.sign(head[0] - shaft[0]) == direction


def test_stairs_are_boxes_that_stand_still() -> None:
    family = Legged("quadruped", (Variable("stairs_up", ((0.0, 1.0),)),))
    heights = []
    for difficulty in (0.0, 0.5):
        _, frame = frame_of(family, stairs_up=difficulty)
        steps = frame.shapes["box", False]
        heights.append((steps.position[:, 2] + steps.scale[:, 2]).max())
    assert heights[0] == pytest.approx(0.0, abs=0.02)
    assert heights[1] > 0.3


def test_hills_are_a_surface() -> None:
    family = Legged("quadruped", (Variable("hills", ((0.1, 1.0),)),))
    (surface,) = frame_of(family, hills=0.5)[1].surfaces
    assert surface.is_field
