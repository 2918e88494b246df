"""Success, falls and errors of an episode, by hand."""

from __future__ import annotations

import torch

from envs.legged.outcomes import Outcomes
from tests.envs.legged.states import state

NONE = torch.zeros(2, dtype=torch.bool)


def outcomes(*steps: dict[str, object]) -> dict[str, torch.Tensor]:
    """What comes of these steps of 0.5 s."""
    sums = Outcomes(2, 0.5, ["torque"], torch.device("cpu"))
    for step in steps:
        diverged = step.pop("diverged", NONE)
        assert isinstance(diverged, torch.Tensor)
        sums.add(state(**step), torch.tensor([[1.0], [3.0]]), diverged)
    return sums.result()


def test_an_episode_succeeds_where_the_commanded_way_was_travelled() -> None:
    """1 m/s for two steps is 1 m; 0.85 m is enough, 0.75 m is not."""
    command = [[1.0, 0, 0], [0, 1.0, 0]]
    first = {"command": command, "lin_vel": [[1.0, 5, 0], [5, 1.0, 0]]}
    second = {"command": command, "lin_vel": [[0.7, 0, 0], [0, 0.5, 0]]}
    found = outcomes(first, second)
    assert found["success"].tolist() == [1.0, 0.0]
    torch.testing.assert_close(found["velocity_error"], torch.tensor([(5 + 0.3) / 2, (5 + 0.5) / 2]).double())


def test_a_robot_that_falls_does_not_succeed_and_counts_no_further() -> None:
    fall = {"fallen": [True, False], "ang_vel": [[0, 0, 2.0], [0, 0, 2.0]]}
    found = outcomes(fall, {"ang_vel": [[0, 0, 4.0], [0, 0, 4.0]]})
    assert found["success"].tolist() == [0.0, 1.0]
    assert found["fallen"].tolist() == [1.0, 0.0]
    assert found["turn_error"].tolist() == [2.0, 3.0]
    assert found["reward/torque"].tolist() == [2.0, 6.0]  # per second of 0.5 s and of 1 s


def test_a_step_in_which_the_simulation_diverged_is_left_out() -> None:
    found = outcomes({"ang_vel": [[0, 0, 2.0], [0, 0, 2.0]], "diverged": torch.tensor([True, False])})
    assert found["turn_error"].tolist() == [0.0, 2.0]
    assert found["success"].tolist() == [0.0, 1.0]


def test_standing_is_success_where_nothing_else_was_commanded() -> None:
    assert outcomes({"lin_vel": [[0.3, 0, 0], [0, 0, 0]]})["success"].tolist() == [1.0, 1.0]
