"""The CPU backend: `mujoco.batch.Batch`, bit-identical to a loop of `mj_step` at any number of threads."""

from __future__ import annotations

import logging
import warnings

import mujoco
import numpy as np
import torch
from mujoco.batch import Batch
from numpy.typing import NDArray
from torch import Tensor

log = logging.getLogger(__name__)

_DIVERGED = [  # MuJoCo silently resets a world that raises one of these, or for BADCTRL ignores its controls
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
    mujoco.mjtWarning.mjWARN_BADCTRL.value,
]

# Without a handler MuJoCo writes MUJOCO_LOG.TXT into the working directory.
mujoco.set_mju_user_warning(lambda message: log.debug("mujoco: %s", message))


class BatchSimulator:
    """A `Simulator` in float64 on CPU threads. `num_threads=0` takes every core."""

    def __init__(self, model: mujoco.MjModel, num_worlds: int, num_threads: int = 0) -> None:
        self.model = model
        self.num_worlds = num_worlds
        self._batch = Batch(model, num_worlds, nthread=num_threads)
        self.qpos = torch.from_numpy(self._batch.qpos)
        self.qvel = torch.from_numpy(self._batch.qvel)
        self.ctrl = torch.from_numpy(self._batch.ctrl)
        self._warnings = torch.from_numpy(self._batch.warning)  # [W, kinds, (lastinfo, number)], live
        self._fields: dict[str, Tensor] = {}
        self.diverged = torch.zeros(num_worlds, dtype=torch.bool)
        self.reset()

    def field(self, name: str) -> Tensor:
        if name not in self._fields:
            with warnings.catch_warnings():  # torch: "not writable"; MuJoCo owns it and refreshes it
                warnings.simplefilter("ignore", UserWarning)
                self._fields[name] = torch.from_numpy(self._batch.bind(name))
        return self._fields[name]

    def set_params(self, name: str, values: Tensor) -> None:
        torch.from_numpy(self._batch.expand(name)).copy_(values)
        self._batch.set_const()

    def params(self, name: str) -> Tensor:
        return torch.from_numpy(self._batch.expand(name)).clone()

    def step(self, ctrl: Tensor, substeps: int) -> None:
        self.ctrl.copy_(ctrl)
        self._warnings.zero_()  # a reset by MuJoCo itself counts anew, so that counts cannot be compared
        self._batch.step(nstep=substeps)
        self.diverged = self._warnings[:, _DIVERGED, 1].any(1)

    def reset(self, mask: Tensor | None = None) -> None:
        self._batch.reset(_ids(mask))

    def forward(self, mask: Tensor | None = None) -> None:
        self._batch.forward(_ids(mask))

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        return self._batch.get_model(world), self._batch.get_data(world)


def _ids(mask: Tensor | None) -> NDArray[np.bool_] | None:
    return None if mask is None else mask.numpy()
