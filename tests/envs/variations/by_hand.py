"""Worlds with some dynamics, and the same model edited by hand and stepped by plain `mj_step`."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from envs.core import Tasks, Variable
from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.robots import ROBOTS
from envs.robots.robot import compile_quietly

Floats = NDArray[np.float64]


Edit = Callable[[mujoco.MjModel], None]


View = Callable[[mujoco.MjModel], Floats]  # numbers of a model, live


STEPS = 50


def worlds_of(robot: str, *tasks: dict[str, float], variables: tuple[Variable, ...] = ()) -> LocomotionWorlds:
    """One world for each task, at the model's initial state; actions are controls of motors of unit range."""
    values = {name: sorted({task.get(name, 1.0) for task in tasks}) for name in tasks[0]}
    named = variables or tuple(Variable(name, tuple((v, v) for v in found)) for name, found in values.items())
    family = Locomotion(
        robot, (Variable("direction", ((1.0, 1.0),)), *named), horizon=STEPS, action_scale=1.0, num_threads=1
    )
    rows = [dict.fromkeys(family.names, 1.0) | task for task in tasks]
    worlds = family.worlds(Tasks.from_json(rows), 1)
    worlds.sim.reset()
    return worlds


def actions(num_motors: int, steps: int = STEPS) -> Floats:
    return np.random.default_rng(0).uniform(-1, 1, (steps, num_motors))


def driven(worlds: LocomotionWorlds, acts: Floats) -> Floats:
    """qpos and qvel after every control step, [T, W, nq + nv]."""
    states = []
    for act in acts:
        worlds.step(torch.from_numpy(act).expand(worlds.sim.num_worlds, 1, -1))
        states.append(torch.cat([worlds.sim.qpos, worlds.sim.qvel], 1).clone())
    return torch.stack(states).numpy()


def by_hand(robot: str, acts: Floats, edit: Edit = lambda model: None, late: int = 0) -> Floats:
    """The same from a plain loop of physics steps, [T, nq + nv], with controls delayed by `late` steps."""
    model = compile_quietly(ROBOTS[robot].spec())
    edit(model)
    data = mujoco.MjData(model)
    mujoco.mj_setConst(model, data)
    mujoco.mj_resetData(model, data)
    mujoco.mj_forward(model, data)
    return stepped(model, data, np.repeat(acts, ROBOTS[robot].frame_skip, 0), late)[
        ROBOTS[robot].frame_skip - 1 :: ROBOTS[robot].frame_skip
    ]


def stepped(model: mujoco.MjModel, data: mujoco.MjData, controls: Floats, late: int = 0) -> Floats:
    """States after every physics step; controls are 0 before the first arrives."""
    states = []
    for i in range(len(controls)):
        data.ctrl[:] = controls[i - late] if i >= late else 0.0
        mujoco.mj_step(model, data)
        states.append(np.concatenate([data.qpos, data.qvel]))
    return np.array(states)
