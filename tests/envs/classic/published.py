"""Worlds of a classic distribution, and one control step of them recomputed with plain MuJoCo."""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from envs.locomotion.family import Locomotion
from envs.locomotion.worlds import LocomotionWorlds
from envs.named import build_family

Array = NDArray[np.float64]


class Step:
    """One control step: data before and after it as `mj_step` leaves them, and `now` with everything up to date."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, act: Array, substeps: int) -> None:
        low, high = model.actuator_ctrlrange.T
        data.ctrl[:] = (low + high) / 2 + act * (high - low) / 2
        before = mujoco.MjData(model)
        mujoco.mj_copyData(before, model, data)
        last, self.now, self.after = mujoco.MjData(model), mujoco.MjData(model), data
        for _ in range(substeps):
            mujoco.mj_copyData(last, model, data)
            mujoco.mj_step(model, data)
        mujoco.mj_copyData(self.now, model, data)
        for current in (last, self.now):
            mujoco.mj_forward(model, current)
        mujoco.mj_rnePostConstraint(model, last)
        mujoco.mj_subtreeVel(model, self.now)
        seconds, mass = substeps * model.opt.timestep, model.body_mass / model.body_mass.sum()
        self.act, self.work = act, float((act**2).sum())
        self.forces: Array = last.cfrc_ext.copy()  # at the start of the last substep
        self.touch = float((self.forces.clip(-1, 1) ** 2).sum())
        self.qpos, self.qvel, self.cog = self.now.qpos, self.now.qvel, self.now.subtree_com[1]
        self.motion = [data.cinert, data.cvel]
        self.vx = float(data.qpos[0] - before.qpos[0]) / seconds
        self.com_vx = float(self.now.subtree_linvel[1, 0])  # at the end, not the mean
        self.torso: Array = (data.xpos[1, :2] - before.xpos[1, :2]) / seconds
        self.com: Array = mass @ (data.xipos - before.xipos)[:, :2]  # a displacement


def worlds_of(name: str, rows: list[dict[str, float]], episodes: int = 1) -> LocomotionWorlds:
    """Worlds of these tasks, with random values for what the rows leave out."""
    family = build_family(name, num_threads=1)
    assert isinstance(family, Locomotion)
    tasks = family.sample(len(rows), "train", torch.Generator().manual_seed(5))
    for i, row in enumerate(rows):
        for key, value in row.items():
            tasks.values[i, tasks.names.index(key)] = value
    return family.worlds(tasks, episodes)


def last_step(name: str, task: dict[str, float]) -> tuple[Step, float, Array]:
    """Step, reward and observation of the last of 32 control steps, the first 30 with small actions."""
    worlds = worlds_of(name, [task])
    family, rng = worlds.family, np.random.default_rng(1)
    worlds.reset(torch.Generator().manual_seed(2))
    acts = rng.uniform(-1, 1, (32, family.space.act))
    acts[:-2] *= 0.1
    for act in acts[:-2]:
        worlds.step(torch.from_numpy(act * family.full_action)[None, None])
    model, data = worlds.sim.mujoco_view(0)
    for act in acts[-2:]:  # the first brings `data`, with its derived fields, to the state of the batch
        obs, rew, *_ = worlds.step(torch.from_numpy(act * family.full_action)[None, None])
        step = Step(model, data, act, family.robot.frame_skip)
    return step, rew.item(), obs[0, 0].numpy()
