"""GrBAL's tasks (Nagabandi et al. 2019, github.com/iclavera/learning_to_adapt): ramps, a disabled joint or leg.

All on rllab's environments. The ant's model is not public; here it is rllab's, from which it was derived. Ramps are
sampled once, 32 for training and 32 for testing, instead of in every episode, and a plane lies 1 cm below them.
"""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from torch import Tensor

from envs.classic.definition import Definition, PointDefinition, cat
from envs.classic.rllab import TORSO, CentreOfMass, RllabAnt, RllabCheetah
from envs.core import Task, Variable
from envs.robots.ant import Ant
from envs.robots.robot import Body, Physics
from envs.simulation.params import Params
from envs.terrain.fields import FieldTerrain, Floats, HeightFields
from envs.terrain.terrain import Heights, Site, Surface
from envs.variables import parity_index
from envs.variations.variation import Motion

COLUMNS = 500  # of the height field, over 100 m
ROWS = 53  # of 528, with the same spacing: the cheetah stays in the middle
REACH = (50.0, 5.0 * (ROWS - 1) / 527)  # m
PROFILES = 64  # random ramps: even ones for training, odd ones for testing
TEST_WALLS = range(250, 326, 15)
COURSES: tuple[tuple[float, tuple[int, ...]], ...] = (  # height in m, direction of each ramp
    (0.55, (-1, 1, 0, 0, 0, 0)),  # 1: basin
    (0.6, (1, -1, 0, 0, 0, 0)),  # 2: hill
    (1.0, (1, 1, 1, 1, 1, 1)),  # 3: gentle
    (4.0, (1, 1, 1, 1, 1, 1)),  # 4: steep
)


def forwards(motion: Motion, task: Task) -> Tensor:
    """v_x of the centre of mass."""
    return motion.velocity[:, 0]


def ramps(height: float, starts: range, width: int, rises: Floats) -> Floats:
    """A profile along x, [columns] in m: a ramp of `width` columns from each start, scaled to `height` in total."""
    profile = np.zeros(COLUMNS)
    for start, rise in zip(starts, rises, strict=True):
        profile[start : start + width] += rise * np.arange(1, width + 1)
        profile[start + width :] = profile[start + width - 1]
    profile -= profile.min()
    scaled: Floats = profile / profile.max() * height
    return scaled


def random_ramps(seed: int) -> Floats:
    """Six ramps of 2 m from x = 1.1 m on, the first two upwards, 0.2 to 1 m high in total."""
    rng = np.random.Generator(np.random.PCG64(seed))
    signs = rng.choice([-1.0, 1.0], 6)
    signs[:2] = 1.0
    return ramps(rng.uniform(0.2, 1.0), range(255, 310, 10), 10, rng.uniform(0.2, 0.6, 6) * signs)


def ground() -> FieldTerrain:
    """Random ramps for `course` 0, and the four test courses."""
    profiles = [random_ramps(i) for i in range(PROFILES)]
    profiles += [ramps(height, TEST_WALLS, 15, np.array(rises, dtype=float)) for height, rises in COURSES]
    heights = np.repeat(np.stack(profiles)[:, None], ROWS, axis=1)

    def choose(task: Task) -> Tensor:
        course = task["course"].long()
        return torch.where(course == 0, parity_index(task["layout"], PROFILES), PROFILES - 1 + course)

    return FieldTerrain(HeightFields(heights, REACH, choose))


class DroppedCheetah(RllabCheetah):
    """Starts with its torso at 1 m. Observes its global height, not that over the ground."""

    height_index = None

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        spec = super().spec(physics)
        spec.body("torso").pos = [0, 0, 1.0]
        return spec


class CrippledAnt(RllabAnt):
    """Observation (41): qpos (15), qvel (14), orientation of the torso (9), centre of mass (3). Never fails."""

    ctrl_cost = 0.0

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(body.qpos, body.qvel, body.field("xmat")[:, TORSO].flatten(1), body.field("subtree_com")[:, TORSO])

    @classmethod
    def terminated(cls, body: Body) -> Tensor:
        return CentreOfMass.terminated(body)

    @classmethod
    def extra_cost(cls, body: Body) -> Tensor:
        return torch.zeros_like(body.qpos[:, 0])


class ShortenedLeg:
    """Halves the thickness and length of the two lower geoms of the crippled leg, and moves the last one inwards."""

    LEGS = ((3, 4), (6, 7), (9, 10), (12, 13))  # leg and ankle geom of each leg

    def prepare(self, spec: mujoco.MjSpec, site: Site | None) -> None:
        """Changes nothing in the model."""

    def apply(self, params: Params, task: Task) -> None:
        size, pos = params["geom_size"], params["geom_pos"]
        for i, (leg, ankle) in enumerate(self.LEGS):
            mine = (task["crippled_leg"] == i)[:, None]
            for geom in (leg, ankle):
                size[:, geom, :2] = torch.where(mine, size[:, geom, :2] / 2, size[:, geom, :2])
            pos[:, ankle] = torch.where(mine, pos[:, leg], pos[:, ankle])

    def surface(self, task: Task) -> Surface | None:
        """The ground is flat."""
        return None

    def heights(self, task: Task) -> Heights:
        """It is flat."""
        return lambda place: torch.zeros_like(place[..., 0])


def choices(*values: float) -> tuple[tuple[float, float], ...]:
    """Choices as intervals of length zero."""
    return tuple((v, v) for v in values)


RAMPS = (
    Variable("course", choices(0), choices(1, 2, 3, 4)),
    Variable("layout", ((0.0, 1.0),), in_descriptor=False),
)
assert len(Ant.legs) == len(ShortenedLeg.LEGS)

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    "grbal-cheetah-hfield": Definition(
        "GrBAL's cheetah on ramps; ood: basin, hill, gentle and steep, H 1000",
        DroppedCheetah,
        RAMPS,
        1000,
        reward=forwards,
        terrain=ground,
    ),
    "grbal-cheetah-disabled": Definition(
        "GrBAL's cheetah with a disabled joint; ood: the back thigh, H 1000",
        RllabCheetah,
        (Variable("crippled_joint", choices(1, 2, 3, 4, 5), choices(0)),),
        1000,
        reward=forwards,
    ),
    "grbal-ant-crippled": Definition(
        "GrBAL's ant with a disabled and shortened leg; ood: the fourth, H 1000",
        CrippledAnt,
        (Variable("crippled_leg", choices(0, 1, 2), choices(3)),),
        1000,
        reward=forwards,
        terrain=ShortenedLeg,
    ),
}
