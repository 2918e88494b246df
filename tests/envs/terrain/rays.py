"""Worlds with some terrain, and the height of their ground by rays."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from envs.anatomy.names import TERRAIN
from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds

Floats = NDArray[np.floating]


FORWARD = Variable("direction", ((1.0, 1.0),))


BOXES = ("stairs_up", "stairs_down", "obstacles", "gaps")


FIELDS = ("rough", "hills")


SIDES: dict[str, tuple[tuple[int, int], ...]] = {
    "half_cheetah": ((1, 0), (-1, 0)),
    "ant": ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1)),
}


TREADS = 1.0 + 0.31 * (np.arange(13) + 0.5)  # m, middles of the 12 steps and of what would be the next


def worlds_of(robot: str, name: str, *difficulty_and_layout: tuple[float, float]) -> LocomotionWorlds:
    """One world for each pair, at the model's initial state."""
    family = Locomotion(robot, (FORWARD, Variable(name, ((0.0, 1.0),))), action_scale=1.0, num_threads=1)
    rows = [{"direction": 1.0, name: d, "layout": layout} for d, layout in difficulty_and_layout]
    worlds = family.worlds(Tasks.from_json([{n: row[n] for n in family.names} for row in rows]), 1)
    worlds.sim.reset()
    return worlds


def heights(worlds: LocomotionWorlds, world: int, places: Floats) -> Floats:
    """Height of the ground at places [n, 2] in m, by vertical rays; the robot is lifted out of the way."""
    model, data = worlds.sim.mujoco_view(world)
    data.qpos[worlds.family.robot.height_index] += 50.0
    mujoco.mj_kinematics(model, data)
    hit, down = np.zeros(1, np.int32), np.array([0.0, 0.0, -1.0])
    z: Floats = np.array(
        [10.0 - mujoco.mj_ray(model, data, np.array([x, y, 10.0]), down, None, 1, -1, hit) for x, y in places]
    )
    return z


def line(side: tuple[int, int], distances: Floats) -> Floats:
    """Places along a direction; 0.1 m beside the middle of the lane."""
    places: Floats = distances[:, None] * np.array(side) + 0.1 * np.array([side[0] == 0, side[1] == 0])
    return places


def is_shape(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom(geom).name.startswith(TERRAIN))
