"""What the methods of a robot and the reward of a family return, checked when their worlds are made."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from envs.contract import ContractError, called, expect, name_of
from envs.core import Task
from envs.robots.robot import Body, Robot
from envs.variations.variation import Motion, Reward


def check_robot(robot: type[Robot], body: Body) -> Motion:
    """Call every method once, which also binds the fields that they read; returns the motion of robots at rest.

    Bound later, a field would be zero until the next step. Raises ContractError.
    """
    worlds, device, name = body.sim.num_worlds, body.qpos.device, robot.__name__

    def result(method: str, *arguments: Any) -> Any:
        return called(f"{name}.{method}", getattr(robot, method), *arguments)

    place = expect(result("position", body), f"{name}.position", (worlds, (1, 2)), device=device)
    if any(_shares_memory(place, x) for x in (body.qpos, body.qvel, *map(body.field, body.sim.bound))):
        raise ContractError(f"{name}.position returned a view of what a step changes: return a .clone() of it")
    speed = result("velocity", body, place, 1.0)
    expect(speed, f"{name}.velocity", (worlds, place.shape[1]), device=device)
    expect(result("observe", body), f"{name}.observe", (worlds, "O"), device=device)
    cost = result("extra_cost", body)
    if cost is not None:
        expect(cost, f"{name}.extra_cost", (worlds,), device=device)
    expect(result("control", body, body.act), f"{name}.control", (worlds, body.sim.ctrl.shape[1]), device=device)
    expect(result("terminated", body), f"{name}.terminated", (worlds,), "bool", device)
    return Motion(place, speed)


def check_reward(reward: Reward, motion: Motion, task: Task) -> None:
    """Call the reward once. Raises ContractError."""
    worlds, device = len(motion.position), motion.position.device
    name = f"the reward {name_of(reward)}"
    expect(called(name, reward, motion, task), name, (worlds,), device=device, hint="one for every world")


def _shares_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
