"""A simple four-legged body in MJCF, of which each test changes one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from envs.core import Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots.robot import Robot

FLOOR = '<geom name="floor" type="plane" size="0 0 .1"/>'
LEGS = ("fl", "fr", "rl", "rr")
SERVOS = "".join(f'<position name="to_{leg}" joint="hip_{leg}" kp="40" ctrlrange="-1 1"/>' for leg in LEGS)
FORWARDS = Variable("direction", ((1.0, 1.0),))


def leg(name: str, joint: str = "", geom: str = "") -> str:
    """One leg with a hip and a foot."""
    x, y = 0.17 * (1 if name[0] == "f" else -1), 0.1 * (1 if name[1] == "l" else -1)
    return (
        f'<body name="leg_{name}" pos="{x} {y} 0">'
        f'<joint name="hip_{name}" axis="0 1 0" range="-80 80" damping=".5" {joint}/>'
        f'<geom name="foot_{name}" type="capsule" fromto="0 0 0 0 0 -.26" size=".03" mass=".35" {geom}/></body>'
    )


def dog(
    *,
    floor: str = FLOOR,
    before: str = "",
    base: str = "<freejoint/>",
    z: float = 0.31,
    joint: str = "",
    geom: str = "",
    actuators: str = SERVOS,
    extra: str = "",
    option: str = 'timestep="0.005"',
) -> str:
    """MJCF of the dog: what stands before it in the file, how its trunk is attached, what its parts have."""
    trunk = f'<body name="trunk" pos="0 0 {z}">{base}<geom name="hull" type="box" size=".2 .1 .05" mass="4" {geom}/>'
    legs = "".join(leg(name, joint, geom) for name in LEGS)
    world = f"<worldbody>{before}{floor}{trunk}{legs}</body></worldbody>"
    return f"<mujoco><option {option}/>{world}{extra}<actuator>{actuators}</actuator></mujoco>"


def robot_of(folder: Path, text: str, **attributes: Any) -> type[Robot]:
    """A robot with this model, and class attributes."""
    file = folder / "dog.xml"
    file.write_text(text)
    return type("Dog", (Robot,), {"model_file": file, "frame_skip": 4, **attributes})


def family_of(robot: type[Robot], **values: Any) -> Locomotion:
    """A family in which each variable has one value, or a range (low, high)."""
    ends = {name: value if isinstance(value, tuple) else (value, value) for name, value in values.items()}
    varied = tuple(Variable(name.replace("__", ":"), (pair,)) for name, pair in ends.items())
    return Locomotion(robot, (FORWARDS, *varied), action_scale=1.0, num_threads=1)


def stood(family: Locomotion, steps: int = 60) -> LocomotionWorlds:
    """One world after some steps with actions of 0."""
    rng = torch.Generator().manual_seed(0)
    worlds = family.worlds(family.sample(1, "train", rng), 1)
    worlds.reset(rng)
    for _ in range(steps):
        worlds.step(torch.zeros(1, 1, family.space.act))
    return worlds
