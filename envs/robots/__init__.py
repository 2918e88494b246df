"""One file a body: its model, what it observes, when it has failed."""

from envs.robots.ant import Ant
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.hopper import Hopper
from envs.robots.robot import Robot
from envs.robots.swimmer import Swimmer
from envs.robots.walker2d import Walker2d

ROBOTS: dict[str, type[Robot]] = {
    "half_cheetah": HalfCheetah,
    "hopper": Hopper,
    "walker2d": Walker2d,
    "swimmer": Swimmer,
    "ant": Ant,
}

__all__ = ["ROBOTS", "Ant", "HalfCheetah", "Hopper", "Robot", "Swimmer", "Walker2d"]
