"""One file a body: its model, what it observes, when it has failed."""

from envs.robots.half_cheetah import HalfCheetah
from envs.robots.robot import Robot

ROBOTS: dict[str, type[Robot]] = {"half_cheetah": HalfCheetah}

__all__ = ["ROBOTS", "HalfCheetah", "Robot"]
