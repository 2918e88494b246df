"""The task sets of PEARL (Rakelly et al. 2019, github.com/katerakelly/oyster) and VariBAD (Zintgraf et al. 2020,
github.com/lmzintgraf/varibad).

PEARL sampled fixed sets once (two directions, 100 and 30 speeds, 150 and 30 goals, 40 and 10 random parameters); here
tasks are sampled afresh, as in VariBAD. VariBAD computed the control cost before clipping actions. PEARL's sparse point
returned the dense reward and used the sparse one for training; here the reward is the sparse one. Random parameters
(github.com/dennisl88/rand_param_envs) did not update MuJoCo's derived constants; here they are updated.
"""

from __future__ import annotations

import mujoco
from torch import Tensor

from envs.classic.definition import (
    WITHIN_3_M,
    Definition,
    PointDefinition,
    cat,
    speed_range,
)
from envs.classic.gym_robots import CostlyAnt, GoalAnt, WholeHumanoid, one_radian
from envs.core import Variable
from envs.locomotion.families import ANY_HEADING, BOTH_WAYS, FORWARDS
from envs.point import distance, inside
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.hopper import Hopper
from envs.robots.robot import Body, Physics, Robot
from envs.robots.signals import Signal, stock_signals
from envs.robots.walker2d import Walker2d

TORSO = 1
LIMIT = 3.0  # exponents of the multipliers lie within +-3


class PearlCheetah(HalfCheetah):
    """Observation (20): qpos without x (8), qvel (9), position of the torso's frame as of the last substep (3)."""

    @classmethod
    def observe(cls, body: Body) -> Tensor:
        return cat(super().observe(body), body.field("xpos")[:, TORSO])

    @classmethod
    def signals(cls, model: mujoco.MjModel) -> tuple[Signal, ...]:
        place = tuple(Signal(f"torso frame {axis}, as of the last substep", "m") for axis in "xyz")
        return (*stock_signals(model, cls.anatomy(model)), *place)


class RandParams(Robot):
    """The robots with random parameters: control step 4 x 0.004 s, so that 200 steps are 3.2 s.

    The latest version of the code ignores the walker's frame skip of 5, and results were published with that version.
    """

    frame_skip = 4
    pays_last_step = True

    @classmethod
    def spec(cls, physics: Physics = "fast") -> mujoco.MjSpec:
        spec = super().spec(physics)
        spec.option.timestep = 0.004
        return spec


class RandParamsWalker(RandParams, Walker2d):
    """The walker of early gym versions, whose right foot has less friction than the left."""

    model_file = "walker2d.xml"


class RandParamsHopper(RandParams, Hopper):
    """Gym's hopper."""


def multiplier(name: str, base: float) -> Variable:
    """base^U(-3, 3) for each element; the original also samples some for root joints, whose damping is 0."""
    return Variable(name, ((base**-LIMIT, base**LIMIT),), spacing="log", per_element=True)


RAND_PARAMS = (
    FORWARDS,
    multiplier("mass", 1.5),
    multiplier("inertia_axes", 1.5),
    multiplier("damping", 1.3),
    multiplier("frictions", 1.5),
)
TWO_HEADINGS = Variable("heading_deg", ((0.0, 0.0), (180.0, 180.0)))
ONE_RADIAN = Variable("heading_deg", ((-one_radian(), -one_radian()), (one_radian(), one_radian())))
HALF_CIRCLE = {
    "variables": (Variable("goal_distance", ((1.0, 1.0),)), Variable("goal_heading_deg", ((0.0, 180.0),))),
    "reached": None,
}
UNIT_SQUARE = tuple(Variable(name, ((-1.0, 1.0),)) for name in ("goal_x", "goal_y"))

DEFINITIONS: dict[str, Definition | PointDefinition] = {
    "pearl-cheetah-dir": Definition(
        "PEARL's and VariBAD's cheetah, both ways: position of the torso observed, H 200", PearlCheetah, (BOTH_WAYS,)
    ),
    "pearl-cheetah-vel": Definition(
        "PEARL's and VariBAD's cheetah, speeds 0 to 3 m/s, H 200", PearlCheetah, speed_range(0, 3)
    ),
    "pearl-ant-dir": Definition("PEARL's ant, any heading: 27 numbers observed, H 200", CostlyAnt, (ANY_HEADING,)),
    "pearl-ant-dir-two-way": Definition("PEARL's ant, forwards and backwards, H 200", CostlyAnt, (TWO_HEADINGS,)),
    "pearl-ant-goal": Definition(
        "PEARL's and VariBAD's ant, goals within 3 m: contact forces observed, never fails, H 200", GoalAnt, WITHIN_3_M
    ),
    "pearl-humanoid-dir": Definition(
        "PEARL's and VariBAD's humanoid, any heading, H 200", WholeHumanoid, (ANY_HEADING,)
    ),
    "pearl-walker-rand-params": Definition(
        "walker, each part's mass, inertia, friction times 1.5^U(-3, 3), damping 1.3^U, H 200",
        RandParamsWalker,
        RAND_PARAMS,
    ),
    "pearl-hopper-rand-params": Definition(
        "hopper, each part's mass, inertia, friction times 1.5^U(-3, 3), damping 1.3^U, H 200",
        RandParamsHopper,
        RAND_PARAMS,
    ),
    "pearl-point": PointDefinition(
        "PEARL's point: start and goal in a square of 2 m, H 20",
        {"variables": UNIT_SQUARE, "start": 1.0, "reached": None, "horizon": 20},
    ),
    "pearl-point-sparse": PointDefinition(
        "PEARL's point: goals on a half circle, rewarded within 0.2 m of them, H 20",
        HALF_CIRCLE | {"reward": inside, "horizon": 20},
    ),
    "varibad-ant-dir-one-radian": Definition(
        "VariBAD's ant as published: the two headings are +1 and -1 radian, H 200", CostlyAnt, (ONE_RADIAN,)
    ),
    "varibad-point": PointDefinition(
        "VariBAD's point: goals on a half circle, -distance, H 100",
        HALF_CIRCLE | {"reward": distance, "horizon": 100},
    ),
    "varibad-point-sparse": PointDefinition(
        "VariBAD's point: goals on a half circle, rewarded within 0.2 m of them, H 100",
        HALF_CIRCLE | {"reward": inside, "horizon": 100},
    ),
}
