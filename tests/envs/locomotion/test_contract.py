"""Rewards and robots of a user that return something of another shape, type or device: one sentence at the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from envs.contract import ContractError
from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.point import PointNavigation
from envs.robots import ROBOTS
from envs.robots.robot import Body

SPEED = (Variable("speed", ((0.0, 2.0),)),)
CHEETAH, ANT = ROBOTS["half_cheetah"], ROBOTS["ant"]


@pytest.mark.parametrize(
    ("change", "came"),
    [
        (lambda rew: rew[:, None], r"a float64 tensor of shape \[3, 1\]"),
        (lambda rew: rew.mean(), r"a float64 tensor of shape \[\]"),
        (lambda rew: rew[:, None] - rew, r"a float64 tensor of shape \[3, 3\]"),
        (lambda rew: rew.to(torch.complex128), r"a complex128 tensor of shape \[3\]"),
        (lambda rew: (rew > 1).long(), r"an int64 tensor of shape \[3\]"),
        (lambda rew: rew > 1, r"a bool tensor of shape \[3\]"),
        (lambda rew: rew.numpy(), r"numpy.ndarray of shape \[3\]"),
        (lambda rew: 0.0, "float"),
        (lambda rew: None, "None"),
        (lambda rew: rew.to("meta"), r"a float64 tensor of shape \[3\] on meta"),
    ],
)
def test_a_reward_of_another_shape_or_type_is_refused_at_construction(
    change: Callable[[Tensor], Any], came: str
) -> None:
    def my_reward(motion: Any, task: Any) -> Any:
        return change(-(motion.velocity[:, 0] - task["speed"]).abs())

    expected = r"expected a tensor of shape \[3\], floating point, on cpu: one for every world"
    with pytest.raises(ValueError, match=f"the reward .*my_reward returned {came}, {expected}"):
        Locomotion("half_cheetah", SPEED, reward=my_reward)


def test_a_good_reward_is_taken_in_single_precision_too() -> None:
    family = Locomotion("half_cheetah", SPEED, reward=lambda motion, task: motion.velocity[:, 0].float(), num_threads=1)
    worlds = family.worlds(family.sample(2, "train", torch.Generator()), 1)
    worlds.reset(torch.Generator())
    assert worlds.step(torch.zeros(2, 1, 6))[1].shape == (2, 1)


@pytest.mark.parametrize(
    ("method", "value", "sentence"),
    [
        (
            "observe",
            lambda b: b.qpos[0],
            r"Mine.observe returned a float64 tensor of shape \[15\], expected .*\[3, O\]",
        ),
        ("observe", lambda b: b.qpos.numpy(), "Mine.observe returned numpy.ndarray"),
        ("observe", lambda b: b.qpos[:, :0], r"Mine.observe returned a float64 tensor of shape \[3, 0\]"),
        ("observe", lambda b: b.qpos.long(), "Mine.observe returned an int64 tensor"),
        ("terminated", lambda b: b.qpos[:, 2], r"Mine.terminated returned a float64 .*shape \[3\], bool"),
        ("terminated", lambda b: (b.qpos[:, 2] < 0).any(), r"Mine.terminated returned a bool tensor of shape \[\]"),
        ("terminated", lambda b: False, "Mine.terminated returned bool, expected a tensor"),
        (
            "control",
            lambda b, act: act[:, :3],
            r"Mine.control returned .*\[3, 3\], expected a tensor of shape \[3, 8\]",
        ),
        ("control", lambda b, act: act.numpy(), "Mine.control returned numpy.ndarray"),
        ("velocity", lambda b, moved, s: moved[:, 0] / s, r"Mine.velocity returned .*\[3\], expected .* \[3, 2\]"),
        ("position", lambda b: b.qpos[:, :3].clone(), r"Mine.position returned .*expected .* \[3, 1 or 2\]"),
        ("position", lambda b: b.qpos[:, :2], "Mine.position returned a view of what a step changes"),
        ("position", lambda b: b.field("xpos")[:, 1, :2], "Mine.position returned a view of what a step changes"),
        ("extra_cost", lambda b: b.qvel.square(), r"Mine.extra_cost returned .*\[3, 14\], expected .* \[3\]"),
        ("extra_cost", lambda b: 0.1, "Mine.extra_cost returned float"),
    ],
)
def test_a_method_of_a_robot_that_returns_something_else_is_named(
    method: str, value: Callable[..., Any], sentence: str
) -> None:
    mine = type("Mine", (ANT,), {method: classmethod(lambda cls, *args: value(*args))})
    with pytest.raises(ContractError, match=sentence):
        Locomotion(mine, (Variable("velocity", ((0.0, 2.0),)),))


def test_the_check_costs_nothing_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method is called once when worlds are made, and not again by the check."""
    calls = []

    class Counted(CHEETAH):  # type: ignore[valid-type, misc]
        @classmethod
        def extra_cost(cls, body: Body) -> None:
            calls.append(body.sim.num_worlds)

    family = Locomotion(Counted, (Variable("velocity", ((0.0, 2.0),)),), num_threads=1)
    calls.clear()
    worlds = family.worlds(Tasks.from_json([{"velocity": 1.0}]), 2)
    assert calls == [2]
    worlds.reset(torch.Generator())
    for _ in range(3):
        worlds.step(torch.zeros(1, 2, 6))
    assert calls == [2] * 4


@pytest.mark.parametrize(
    "reward", [lambda move: -move.after, lambda move: np.zeros((3, 4)), lambda move: move.after[..., 0] * 1j]
)
def test_a_reward_of_a_point_is_checked_too(reward: Callable[..., Any]) -> None:
    with pytest.raises(ContractError, match=r"the reward .*returned .*, expected a tensor of shape \[3, 4\]"):
        PointNavigation(reward=reward)


def fail(*arguments: Any) -> Any:
    return {}["speed"]


@pytest.mark.parametrize("method", ["position", "velocity", "observe", "extra_cost", "control", "terminated"])
def test_a_method_of_a_robot_that_fails_is_named_with_its_line(method: str) -> None:
    mine = type("Mine", (ANT,), {method: classmethod(fail)})
    with pytest.raises(ContractError, match=rf"Mine.{method} raised KeyError: 'speed' \(line \d+ of .*test_contract"):
        Locomotion(mine, (Variable("velocity", ((0.0, 2.0),)),))


def test_a_reward_that_fails_is_named_with_its_line() -> None:
    sentence = r"the reward fail raised KeyError: 'speed' \(line \d+ of .*test_contract"
    with pytest.raises(ContractError, match=sentence):
        Locomotion("ant", (Variable("velocity", ((0.0, 2.0),)),), reward=fail)
    with pytest.raises(ContractError, match=sentence):
        PointNavigation(reward=fail)
