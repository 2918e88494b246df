"""MuJoCo Warp: importing it, models on a device, memory, and the check for divergence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
import torch
import warp as wp
from numpy.typing import NDArray
from torch import Tensor

wp.config.log_level = wp.LOG_WARNING  # before anything initialises it

import mujoco_warp as mjw  # noqa: E402

__all__ = [
    "allocate",
    "batched_model",
    "cuda_is_usable",
    "find_diverged",
    "fixed_geom_positions",
    "fixed_geoms",
    "mjw",
    "put_model",
    "where_rows",
]

DERIVED = (  # model fields that MuJoCo computes from the parameters of a world
    "body_subtreemass",
    "body_invweight0",
    "dof_invweight0",
    "actuator_acc0",
    "geom_aabb",
    "geom_rbound",
)


@wp.kernel  # type: ignore[untyped-decorator]  # warp leaves it unannotated
def find_diverged(
    qpos: wp.array2d[float],
    qvel: wp.array2d[float],
    qacc: wp.array2d[float],
    ctrl: wp.array2d[float],
    overflow: wp.array[int],
    limit: float,
    diverged: wp.array[bool],
    overflowed: wp.array[int],
) -> None:
    """Flag worlds [W] whose state or controls are NaN or exceed `limit`, and collect overflow flags."""
    world = wp.tid()
    overflowed[world] = overflowed[world] | overflow[world]  # a reset clears it
    intact = bool(True)  # noqa: UP018  # warp makes a constant of a literal
    for i in range(qpos.shape[1]):
        intact = intact and wp.abs(qpos[world, i]) < limit  # false for NaN
    for i in range(qvel.shape[1]):
        intact = intact and wp.abs(qvel[world, i]) < limit and wp.abs(qacc[world, i]) < limit
    for i in range(ctrl.shape[1]):
        intact = intact and wp.abs(ctrl[world, i]) < limit
    diverged[world] = not intact


def put_model(model: mujoco.MjModel, device: str, batch_sizes: dict[str, int] | None = None) -> mjw.Model:
    """A model on a device, with a row per world for the fields of `batch_sizes`.

    Raises ValueError for a model that MuJoCo Warp does not support.
    """
    try:
        with wp.ScopedDevice(device):
            placed = mjw.put_model(model, batch_sizes=batch_sizes)
    except NotImplementedError as error:
        raise ValueError(f"MuJoCo Warp does not support this model ({error}): use physics fast") from None
    if not wp.get_device(device).is_cpu:
        placed.opt.graph_conditional = wp.is_conditional_graph_supported()
    return placed


def batched_model(model: mujoco.MjModel, device: torch.device, num_worlds: int, fields: tuple[str, ...]) -> mjw.Model:
    """A model on a device, with a row per world for `fields`, and for what MuJoCo derives from them."""
    own = {name: num_worlds for name in fields if not name.startswith("opt.")}
    derived = dict.fromkeys(DERIVED, num_worlds) if own else {}
    placed = allocate(lambda: put_model(model, str(device), own | derived))
    for name in fields:
        if name.startswith("opt."):
            shared = getattr(placed.opt, name[4:])
            rows = wp.to_torch(shared)[:1].repeat(num_worlds, *[1] * (wp.to_torch(shared).dim() - 1))
            setattr(placed.opt, name[4:], wp.from_torch(rows.contiguous(), dtype=shared.dtype))
    placed.opt.warn_overflow = 0
    return placed


def fixed_geoms(model: mujoco.MjModel) -> NDArray[np.int64]:
    """Indices of the geoms that belong to the world itself, [G]."""
    return np.flatnonzero(model.body_weldid[model.geom_bodyid] == 0)


def fixed_geom_positions(model: mujoco.MjModel, geom_pos: Tensor) -> Tensor:
    """Global positions [W, G, 3] of the fixed geoms for `geom_pos` [W, ngeom, 3]."""
    fixed = fixed_geoms(model)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    bodies = model.geom_bodyid[fixed]
    rotation = torch.from_numpy(data.xmat[bodies].reshape(-1, 3, 3)).to(geom_pos)
    base = torch.from_numpy(data.xpos[bodies]).to(geom_pos)
    index = torch.from_numpy(fixed).to(geom_pos.device)
    return torch.einsum("gij,wgj->wgi", rotation, geom_pos[:, index]) + base


def cuda_is_usable() -> bool:
    """Whether Warp finds a GPU, and a driver recent enough for it."""
    return bool(wp.is_cuda_available())


def allocate(make: Callable[[], Any]) -> Any:
    """The result of `make`; if memory runs out, again after torch has freed its cache.

    Raises torch.OutOfMemoryError.
    """
    try:
        return make()
    except RuntimeError as error:
        if "allocate" not in str(error):
            raise
        torch.cuda.empty_cache()
    try:
        return make()
    except RuntimeError as error:
        raise torch.OutOfMemoryError(str(error)) from None


def where_rows(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` in the rows of `mask` [W], `old` [W, ...] elsewhere."""
    return torch.where(mask[(..., *(None,) * (old.dim() - 1))], new, old)
