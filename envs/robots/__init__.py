"""One file a body: its model, what it observes, when it has failed."""

from envs.robots.ant import Ant
from envs.robots.half_cheetah import HalfCheetah
from envs.robots.hopper import Hopper
from envs.robots.humanoid import Humanoid
from envs.robots.quadruped import Quadruped
from envs.robots.robot import Body, Robot
from envs.robots.swimmer import Swimmer
from envs.robots.walker2d import Walker2d

ROBOTS: dict[str, type[Robot]] = {
    "half_cheetah": HalfCheetah,
    "hopper": Hopper,
    "walker2d": Walker2d,
    "swimmer": Swimmer,
    "ant": Ant,
    "humanoid": Humanoid,
    "quadruped": Quadruped,
}

__all__ = [
    "ROBOTS",
    "Ant",
    "Body",
    "HalfCheetah",
    "Hopper",
    "Humanoid",
    "Quadruped",
    "Robot",
    "Swimmer",
    "Walker2d",
]
