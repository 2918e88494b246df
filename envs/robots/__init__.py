"""Robots: one file each. A file that defines a subclass of `Robot` is listed under the name of the file."""

from envs.robots.registry import ROBOTS, RobotFacts

__all__ = ["ROBOTS", "RobotFacts"]
