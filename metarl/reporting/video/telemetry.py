"""What a robot did, in numbers beside its film: return, way and speed.

Axes: `T` steps.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.locomotion.marks import aim_of
from metarl.reporting.video.captions import Texts
from metarl.reporting.video.clips import Clip

SPEED_OVER = 0.2  # s over which speeds are averaged, so that they can be read
Floats = NDArray[np.float64]


class Telemetry(NamedTuple):
    """The numbers of one clip at every step, up to the last one that is shown."""

    clip: Clip
    place: Floats  # [T + 1, 2] m, of its root
    total: Floats  # [T + 1] the return so far
    control_step: float  # s

    def texts(self, t: int, clock: str) -> Texts:
        """The caption at step t."""
        facts = (f"return {_rounded(self.total[t], 0)}", self._way(t), self._speed(t))
        return Texts(self.clip.title, self.clip.task, clock, facts)

    def _way(self, t: int) -> str:
        """How far the goal is, or how far it has come: along x for planar robots."""
        aim, moved = aim_of(self.clip.numbers_at(t)), self.place[t] - self.place[0]
        if aim.place is not None:
            return f"{_rounded(math.dist(self.place[t], aim.place), 1)} m to go"
        if self.clip.is_planar:
            return f"x {_rounded(self.place[t, 0], 1)} m"
        return f"{_rounded(float(np.linalg.norm(moved)), 1)} m away"

    def _speed(self, t: int) -> str:
        """In the direction that is asked for, or along x for planar robots; otherwise without a sign."""
        if self.clip.ended is not None and t >= self.clip.ended:
            return f"failed at {_rounded(self.clip.ended * self.control_step, 1)} s"
        before = max(0, t - max(1, round(SPEED_OVER / self.control_step)))
        velocity = (self.place[t] - self.place[before]) / (max(t - before, 1) * self.control_step)
        aim = aim_of(self.clip.numbers_at(t))
        along = aim.direction or ((1.0, 0.0) if self.clip.is_planar else None)
        speed = float(np.linalg.norm(velocity)) if along is None else float(velocity @ np.asarray(along))
        if self.clip.commands is not None:
            return f"{_rounded(speed, 1)} of {_rounded(aim.speed or 0.0, 1)} m/s"
        return f"{_rounded(speed, 1)} m/s"


def clock(seconds: float, speed: float) -> str:
    """Time of the simulation and speed of playback: `2.4 s, 0.5x`."""
    return f"{seconds:.1f} s, {speed:.3g}x"


def _rounded(value: float, digits: int) -> str:
    """A number without the sign of a zero."""
    return f"{value:z.{digits}f}"
