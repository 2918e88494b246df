"""Commands, weights of reward terms, noise and pushes that hold where a config says nothing. Imports no torch.

Weights and noise: legged_gym (Rudin et al. 2022, arXiv 2109.11978, and the settings of its A1 in code).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Range = tuple[float, float]
HeightScan = Literal["none", "critic", "policy"]

WEIGHTS = {
    "track_velocity": 1.0,
    "track_turn": 0.5,
    "track_velocity_fine_grained": 0.0,
    "track_turn_fine_grained": 0.0,
    "vertical_velocity": -2.0,
    "roll_pitch_rate": -0.05,
    "orientation": 0.0,
    "torque": -2e-4,
    "joint_acceleration": -2.5e-7,
    "action_rate": -0.01,
    "air_time": 1.0,
    "foot_slip": 0.0,
    "foot_clearance": 0.0,
    "collision": -1.0,
    "joint_limits": -10.0,
    "stand_still": 0.0,
    "termination": 0.0,
}
NOISE = {"ang_vel": 0.2, "gravity": 0.05, "joint_pos": 0.01, "joint_vel": 1.5, "height": 0.02}
NEUTRAL = {"event_motor": -1.0, "event_payload": 0.0, "event_friction": 1.0}
"""Variables that take effect at `event_s`, and what they are before."""

AFTER = 10  # s after an event in which errors are told by the second; chosen
EVENT = "event/"  # what their names begin with
BY_SECOND = (f"{EVENT}before", *(f"{EVENT}{i} s" for i in range(1, AFTER + 1)))


class Command(NamedTuple):
    """What is commanded, in the frame of the base, and how long it holds.

    forward, sideways: m/s. turn: yaw rate, rad/s. hold: s until another command, on average. standing: share of
    commands to stand.
    """

    forward: Range = (0.0, 1.0)
    sideways: Range = (-0.3, 0.3)
    turn: Range = (-0.6, 0.6)
    hold: float = 5.0
    standing: float = 0.1


class Push(NamedTuple):
    """Sudden changes of the base's horizontal velocity, of up to `speed` m/s along x and y, every so many s on average.

    speed 0: never.
    """

    speed: float = 0.0
    every: float = 8.0


COMMAND, PUSH = Command(), Push()
