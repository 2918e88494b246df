"""The settings of a family of legged robots that its worlds use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from envs.legged.defaults import Command, HeightScan, Push
from envs.legged.feet import Foot
from envs.locomotion.worlds import Rules


class LeggedRules(Rules, Protocol):
    """See `envs.legged.family.Legged`."""

    command: Command
    push: Push
    weights: Mapping[str, float]
    positive_reward: bool
    noise: Mapping[str, float]
    sensor_delay: int
    height_scan: HeightScan
    feet: tuple[Foot, ...]
    base_qpos: int  # where the free joint of the base begins in qpos
    base_dof: int  # and in qvel
    standing_height: float  # m, of the base over the ground at the start

    @property
    def soles(self) -> Tensor:
        """The geoms of the feet, as indices of the model, [S]."""

    @property
    def standing_soles(self) -> Tensor:
        """Where the soles are along the axis of the base while the robot stands, [S] m."""

    @property
    def touch_soles(self) -> slice:
        """The touch sensors of the soles, as entries of `sensordata`."""

    @property
    def touch_others(self) -> slice:
        """The touch sensors of the other bodies."""

    @property
    def soles_of_others(self) -> Tensor:
        """Which soles are part of the other bodies that are sensed, [S, bodies] of 0 and 1."""
