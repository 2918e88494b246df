"""Reward terms of legged robots; a config gives each a weight.

Terms and weights: legged_gym (Rudin et al. 2022, arXiv 2109.11978, table of rewards), but for what is marked. Each is a
function of the state to one number per world, and is paid per second: the weight is multiplied by the control step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from envs.legged.state import LeggedState

Term = Callable[[LeggedState], Tensor]
"""State of W worlds -> [W]."""

WIDTH = 0.25  # (m/s)^2 and (rad/s)^2, of the tracking rewards
FINE = 0.0625  # the same of the fine-grained ones; chosen: an error of 0.12 m/s costs a fifth of them, not 1/18
STEP, LONGEST = 0.2, 0.5  # s in the air from which, and up to which, a step is rewarded (mujoco_playground, Go1)
LIFT = 0.1  # m a foot is to be lifted; chosen: the highest steps of the shipped training range
MOVING = 0.1  # m/s commanded, below which the robot should stand
FALL = "termination"  # the term that is paid once, and whatever the others come to
PRESSED = 1.0  # N on a foot or a body from which it counts as touching


def is_moving(command: Tensor) -> Tensor:
    """Whether a command [W, 3] is to move, [W] bool."""
    moving: Tensor = command[:, :2].norm(dim=1) > MOVING
    return moving


def _velocity_error(s: LeggedState) -> Tensor:
    error: Tensor = (s.lin_vel[:, :2] - s.command[:, :2]).square().sum(1)
    return error


def _turn_error(s: LeggedState) -> Tensor:
    return (s.ang_vel[:, 2] - s.command[:, 2]).square()


def track_velocity(s: LeggedState) -> Tensor:
    """exp(-|v_xy - command|^2 / 0.25), in (0, 1]."""
    return (-_velocity_error(s) / WIDTH).exp()


def track_turn(s: LeggedState) -> Tensor:
    """exp(-(yaw rate - command)^2 / 0.25), in (0, 1]."""
    return (-_turn_error(s) / WIDTH).exp()


def track_velocity_fine_grained(s: LeggedState) -> Tensor:
    """exp(-|v_xy - command|^2 / 0.0625), in (0, 1]; not of legged_gym."""
    return (-_velocity_error(s) / FINE).exp()


def track_turn_fine_grained(s: LeggedState) -> Tensor:
    """exp(-(yaw rate - command)^2 / 0.0625), in (0, 1]; not of legged_gym."""
    return (-_turn_error(s) / FINE).exp()


def vertical_velocity(s: LeggedState) -> Tensor:
    """v_z^2."""
    return s.lin_vel[:, 2].square()


def roll_pitch_rate(s: LeggedState) -> Tensor:
    """Roll and pitch rate, squared."""
    return s.ang_vel[:, :2].square().sum(1)


def orientation(s: LeggedState) -> Tensor:
    """Gravity along x and y of the base, squared: 0 when level."""
    return s.gravity[:, :2].square().sum(1)


def torque(s: LeggedState) -> Tensor:
    """Sum of squared actuator forces."""
    return s.torque.square().sum(1)


def joint_acceleration(s: LeggedState) -> Tensor:
    """Sum of squared joint accelerations."""
    return s.joint_acc.square().sum(1)


def action_rate(s: LeggedState) -> Tensor:
    """Squared change of the action."""
    return (s.act - s.last_act).square().sum(1)


def air_time(s: LeggedState) -> Tensor:
    """Time of each completed step in the air beyond 0.2 s, up to 0.5 s, where the robot is to move."""
    paid: Tensor = ((s.air_time.clamp(max=LONGEST) - STEP) * s.landed).sum(1)
    return paid * is_moving(s.command)


def foot_slip(s: LeggedState) -> Tensor:
    """Squared horizontal speed of feet on the ground."""
    return (s.foot_speed.square() * s.contact).sum(1)


def foot_clearance(s: LeggedState) -> Tensor:
    """How far moving feet are below 0.1 m above where they stand, seen from the base: squared, times their horizontal
    speed. Not of legged_gym, but of HIMLoco (Long et al. 2024, arXiv 2312.11460), where higher feet cost as much."""
    return ((LIFT - s.foot_lift).clamp(min=0).square() * s.foot_speed).sum(1)


def collision(s: LeggedState) -> Tensor:
    """Bodies other than feet that touch something."""
    return s.collisions.to(s.lin_vel)


def joint_limits(s: LeggedState) -> Tensor:
    """How far joints are beyond 90 % of their range."""
    return s.beyond.sum(1)


def stand_still(s: LeggedState) -> Tensor:
    """Distance of the joints from the start pose, where the robot is to stand."""
    return s.joint_pos.abs().sum(1) * ~is_moving(s.command)


def termination(s: LeggedState) -> Tensor:
    """1 in the step in which the robot falls."""
    return s.fallen.to(s.lin_vel)


TERMS: dict[str, Term] = {
    term.__name__: term
    for term in (
        track_velocity,
        track_turn,
        track_velocity_fine_grained,
        track_turn_fine_grained,
        vertical_velocity,
        roll_pitch_rate,
        orientation,
        torque,
        joint_acceleration,
        action_rate,
        air_time,
        foot_slip,
        foot_clearance,
        collision,
        joint_limits,
        stand_still,
        termination,
    )
}


class Rewards:
    """The weighted sum of terms, times the control step but for a fall, which is paid once, and the sum of each term.

    weights: of terms by name. seconds: of a control step. positive: the sum is cut at 0, as legged_gym does, so that a
    robot that cannot walk yet does not end its episode on purpose; falling is charged after that.
    """

    def __init__(self, weights: Mapping[str, float], seconds: float, *, positive: bool) -> None:
        self.weights = {name: weight for name, weight in weights.items() if weight}
        self.pay = {name: (1.0 if name == FALL else seconds) * weight for name, weight in self.weights.items()}
        self.positive = positive

    def __call__(self, state: LeggedState) -> tuple[Tensor, Tensor]:
        """Reward of each world [W], and the weighted terms [W, terms] in the order of `weights`."""
        each = torch.stack([pay * TERMS[name](state) for name, pay in self.pay.items()], 1)
        paid = [i for i, name in enumerate(self.pay) if name != FALL]
        total = each[:, paid].sum(1)
        if self.positive:
            total = total.clamp(min=0)
        if FALL in self.pay:
            total = total + each[:, list(self.pay).index(FALL)]
        return total, each
