"""Reward terms against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from envs.legged.defaults import WEIGHTS
from envs.legged.rewards import TERMS, Rewards
from tests.envs.legged.states import state

WALK, STAND = [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("term", "changed", "expected"),
    [
        # |(0.5, 0.5)|^2 = 0.5; exp(-0.5 / 0.25) = e^-2
        ("track_velocity", {"command": [WALK, STAND], "lin_vel": [[0.5, 0.5, 9.0], [0, 0, 9]]}, [math.exp(-2), 1.0]),
        ("track_turn", {"command": [WALK, STAND], "ang_vel": [[9, 9, 0.5], [9, 9, 0.5]]}, [math.exp(-1), 1.0]),
        # |(0.25, 0)|^2 = 0.0625, and so is 0.25^2: e^-1
        ("track_velocity_fine_grained", {"command": [WALK], "lin_vel": [[0.75, 0, 9]]}, [math.exp(-1)]),
        ("track_turn_fine_grained", {"command": [STAND], "ang_vel": [[9, 9, 0.25]]}, [math.exp(-1)]),
        ("vertical_velocity", {"lin_vel": [[9, 9, 2], [0, 0, -3]]}, [4, 9]),
        ("roll_pitch_rate", {"ang_vel": [[1, 2, 9], [0, 3, 0]]}, [5, 9]),
        ("orientation", {"gravity": [[0.6, 0, -0.8], [0, 0, -1]]}, [0.36, 0]),
        ("torque", {"torque": [[1, 2, 3], [0, 0, 4]]}, [14, 16]),
        ("joint_acceleration", {"joint_acc": [[1, 2, 3], [0, 0, 4]]}, [14, 16]),
        ("action_rate", {"act": [[1, 0, 0], [0, 1, 0]], "last_act": [[0, 0, 0], [0, -1, 0]]}, [1, 4]),
        # steps of 0.7 s and 0.1 s: 0.3 - 0.1; a robot that is to stand gets nothing
        (
            "air_time",
            {"command": [WALK, STAND], "air_time": [[0.7, 0.1], [2, 2]], "landed": [[True, True], [True, True]]},
            [0.2, 0],
        ),
        ("foot_slip", {"contact": [[True, False], [True, True]], "foot_speed": [[2, 9], [1, 3]]}, [4, 10]),
        # 2 x 0.1^2 for a moving foot that is not lifted, 9 x 0 for one at 0.1 m or above; 3 x 0.2^2 for one 0.1 m below
        ("foot_clearance", {"foot_lift": [[0, 0.1], [0.3, -0.1]], "foot_speed": [[2, 9], [1, 3]]}, [0.02, 0.12]),
        ("collision", {"collisions": [2, 0]}, [2, 0]),
        ("joint_limits", {"beyond": [[0.1, 0.2, 0], [0, 0, 0]]}, [0.3, 0]),
        ("stand_still", {"command": [WALK, STAND], "joint_pos": [[9, 9, 9], [0.1, -0.2, 0]]}, [0, 0.3]),
        ("termination", {"fallen": [True, False]}, [1, 0]),
    ],
)
def test_a_term_is_what_its_formula_says(term: str, changed: dict[str, object], expected: list[float]) -> None:
    torch.testing.assert_close(TERMS[term](state(**changed)).double(), torch.tensor(expected, dtype=torch.float64))


def test_every_term_has_a_weight() -> None:
    assert set(TERMS) == set(WEIGHTS)


def test_terms_are_weighted_and_paid_per_second() -> None:
    rewards = Rewards({"torque": -0.1, "collision": 2.0, "action_rate": 0.0}, 0.02, positive=False)
    total, each = rewards(state(torque=[[3, 0, 0], [0, 0, 0]], collisions=[1, 5]))
    torch.testing.assert_close(each, torch.tensor([[-0.9, 2.0], [0.0, 10.0]]).double() * 0.02)
    torch.testing.assert_close(total, torch.tensor([1.1, 10.0]).double() * 0.02)


def test_a_fall_is_charged_once_below_a_reward_that_is_cut_at_zero() -> None:
    """-0.9 is cut to 0; the fall costs 3, not 3 x 0.02."""
    rewards = Rewards({"torque": -0.1, "termination": -3.0}, 0.02, positive=True)
    total, each = rewards(state(torque=[[3, 0, 0], [3, 0, 0]], fallen=[True, False]))
    torch.testing.assert_close(total, torch.tensor([-3.0, 0.0]).double())
    torch.testing.assert_close(each[:, 1], torch.tensor([-3.0, 0.0]).double())
