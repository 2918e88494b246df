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
    torch.testing.assert_close(found["progress"], torch.tensor([0.85, 0.75]).double())
    torch.testing.assert_close(found["velocity_error"], torch.tensor([(5 + 0.3) / 2, (5 + 0.5) / 2]).double())


def test_a_robot_that_runs_too_far_does_not_succeed() -> None:
    """1.15 m in place of 1 m are enough alike, 1.25 m are not: twice the commanded speed is no way to follow it."""
    command = [[1.0, 0, 0], [0, 1.0, 0]]
    found = outcomes(
        {"command": command, "lin_vel": [[1.3, 0, 0], [0, 2.0, 0]]},
        {"command": command, "lin_vel": [[1.0, 0, 0], [0, 0.5, 0]]},
    )
    assert found["success"].tolist() == [1.0, 0.0]
    assert found["progress"].tolist() == [1.0, 1.0]


def test_a_robot_that_falls_does_not_succeed_and_counts_no_further() -> None:
    fall = {"fallen": [True, False], "ang_vel": [[0, 0, 2.0], [0, 0, 2.0]]}
    found = outcomes(fall, {"ang_vel": [[0, 0, 4.0], [0, 0, 4.0]]})
    assert found["success"].tolist() == [0.0, 1.0]
    assert found["fallen"].tolist() == [1.0, 0.0]
    assert found["progress"].tolist() == [0.0, 1.0]
    assert found["turn_error"].tolist() == [2.0, 3.0]
    assert found["reward/torque"].tolist() == [2.0, 6.0]  # per second of 0.5 s and of 1 s


def test_a_step_in_which_the_simulation_diverged_is_left_out() -> None:
    found = outcomes({"ang_vel": [[0, 0, 2.0], [0, 0, 2.0]], "diverged": torch.tensor([True, False])})
    assert found["turn_error"].tolist() == [0.0, 2.0]
    assert found["success"].tolist() == [0.0, 1.0]


def test_errors_are_told_by_the_second_after_a_change() -> None:
    """Half seconds from -0.75 s on: one before, two in the first second, one in the second; a fallen robot stands."""
    sums, each = Outcomes(2, 0.5, ["torque"], torch.device("cpu")), torch.zeros(2, 1)
    command = [[1.0, 0, 0], [1.0, 0, 0]]
    for since, forward, fallen in ((-0.25, 1.0, False), (0.25, 0.2, False), (0.75, 0.4, True), (1.25, 0.9, False)):
        moved = state(command=command, lin_vel=[[forward, 0, 0], [1.0, 0, 0]], fallen=[fallen, False])
        sums.add(moved, each, NONE, torch.tensor([since, 20.0]))
    found = sums.by_second()
    expected = {"before": 0.0, "1 s": (0.8 + 1.0) / 2, "2 s": 1.0}
    for name, error in expected.items():
        torch.testing.assert_close(found[f"event/{name}"][0].item(), error)
    assert found["event/3 s"].isnan().all()
    assert all(x[1].isnan() for x in found.values())  # which are later than told


def test_standing_is_success_where_nothing_else_was_commanded() -> None:
    assert outcomes({"lin_vel": [[0.3, 0, 0], [0, 0, 0]]})["success"].tolist() == [1.0, 1.0]
