"""The CPU backend: `mujoco.batch.Batch`, bit-identical to a loop of `mj_step` for any number of threads."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from numpy.typing import NDArray
from torch import Tensor

from envs.simulation.history import past_controls

log = logging.getLogger(__name__)

# MuJoCo silently resets a world with BADQPOS, BADQVEL or BADQACC, and ignores the controls of one with BADCTRL.
_DIVERGED = slice(mujoco.mjtWarning.mjWARN_BADQPOS.value, mujoco.mjtWarning.mjWARN_BADCTRL.value + 1)

# Without a handler MuJoCo writes MUJOCO_LOG.TXT into the working directory.
mujoco.set_mju_user_warning(lambda message: log.debug("mujoco: %s", message))


class BatchSimulator:
    """A `Simulator` in float64 on CPU threads; `num_threads=0` uses all cores.

    `fresh=True` recomputes positions, velocities and their sensors after each step. Otherwise they describe the state
    before the last substep, as `mj_step` leaves them, at no cost.
    """

    def __init__(self, model: mujoco.MjModel, num_worlds: int, num_threads: int = 0, *, fresh: bool = False) -> None:
        self.model = model
        self.num_worlds = num_worlds
        self._batch = Batch(model, num_worlds, nthread=num_threads)
        self._stage = mujoco.mjtStage.mjSTAGE_VEL if fresh else mujoco.mjtStage.mjSTAGE_NONE
        self.qpos = torch.from_numpy(self._batch.qpos)
        self.qvel = torch.from_numpy(self._batch.qvel)
        self.ctrl = torch.from_numpy(self._batch.ctrl)
        self._warnings = torch.from_numpy(self._batch.warning)  # [W, kinds, (lastinfo, number)], live
        self._warned = self._warnings[:, _DIVERGED, 1]
        state = torch.from_numpy(self._batch.state)[:, 1 : 1 + model.nq + model.nv + model.na]  # after the time, live
        self._state, self.activation = state, state[:, model.nq + model.nv :]
        self._past = past_controls(model)
        self._none_diverged = torch.zeros(num_worlds, dtype=torch.bool)
        self._fields: dict[str, Tensor] = {}
        self.bound: tuple[str, ...] = ()
        self.diverged = self._none_diverged
        self.reset()

    def field(self, name: str) -> Tensor:
        if name not in self._fields:
            with warnings.catch_warnings():  # torch: "not writable"; MuJoCo owns it and refreshes it
                warnings.simplefilter("ignore", UserWarning)
                self._fields[name] = torch.from_numpy(self._batch.bind(name))
            self.bound = tuple(self._fields)
        return self._fields[name]

    def set_params(self, params: Mapping[str, Tensor], mask: Tensor | None = None) -> None:
        for name, values in params.items():
            field = torch.from_numpy(self._batch.expand(name))
            if mask is None:
                field.copy_(values)
            else:
                field[mask] = values[mask].to(field)
        if params:
            self._batch.set_const(_ids(mask))

    def params(self, name: str) -> Tensor:
        return torch.from_numpy(self._batch.expand(name)).clone()

    def step(self, ctrl: Tensor, substeps: int) -> None:
        self.ctrl.copy_(ctrl)
        self._batch.step(nstep=substeps, stage=self._stage)
        self.diverged = self._none_diverged if self._all_finite() else self._reset_diverged()

    def _all_finite(self) -> bool:
        """Whether every state is finite and below MuJoCo's limit, and MuJoCo has reset no world. MuJoCo only checks a
        state when it steps from it.
        """
        largest = float(torch.linalg.vector_norm(self._state, torch.inf))
        return largest < mujoco.mjMAXVAL and not bool(self._warned.any())

    def _reset_diverged(self) -> Tensor:
        """Reset the worlds that diverged, and return them, [W] bool. MuJoCo may have reset them too early, or not."""
        largest = torch.linalg.vector_norm(self._state, torch.inf, dim=1)
        diverged: Tensor = self._warned.any(1) | ~(largest < mujoco.mjMAXVAL)
        self._warnings.zero_()  # a reset by MuJoCo clears its counts, so counts before and after cannot be compared
        self.reset(diverged)
        self.forward(diverged)
        return diverged

    def reset(self, mask: Tensor | None = None) -> None:
        self._batch.reset(_ids(mask))

    def fill_history(self, ctrl: Tensor, mask: Tensor | None = None) -> None:
        if not self.model.nhistory:
            return
        history = torch.from_numpy(self._batch.bind("history"))  # [W, nhistory], live
        entries, motors = self._past
        past = ctrl[:, motors]
        history[:, entries] = past if mask is None else torch.where(mask[:, None], past, history[:, entries])

    def forward(self, mask: Tensor | None = None) -> None:
        self._batch.forward(_ids(mask))

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        return self._batch.get_model(world), self._batch.get_data(world)


def _ids(mask: Tensor | None) -> NDArray[np.bool_] | None:
    return None if mask is None else mask.numpy()
