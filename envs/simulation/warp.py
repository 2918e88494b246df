"""The GPU backend: MuJoCo Warp, whose arrays are torch's own; it runs on the processor too, slowly.

Single precision, `envs.simulation.batch` beside it double. From the same state velocities differ by 2e-4 at most
after one physics step, where bodies touch planes and boxes and friction is elliptic; on height fields, and with
pyramidal friction on bodies in three dimensions, contacts are other ones.

Nothing in a step waits for the GPU. What runs in every step is captured once as a CUDA graph, which knows its arrays
by their address: they are written to, never replaced, or else the graphs are thrown away.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import mujoco
import numpy as np
import torch
import warp as wp
from torch import Tensor

wp.config.log_level = wp.LOG_WARNING  # before anything initialises it

import mujoco_warp as mjw  # noqa: E402

log = logging.getLogger(__name__)

DERIVED = (  # what MuJoCo computes from the parameters of a world
    "body_subtreemass",
    "body_invweight0",
    "dof_invweight0",
    "actuator_acc0",
    "geom_aabb",
    "geom_rbound",
)
GOES_WITH = {"geom_dataid": ("geom_size",)}  # that of a height field follows its choice
NO_ROOM = {  # what it says of worlds in which one of the two did not fit
    "contacts": int(mjw.OverflowType.BROADPHASE | mjw.OverflowType.NARROWPHASE),
    "constraints": int(mjw.OverflowType.NEFC | mjw.OverflowType.NJMAX_NNZ),
}
MOST_ROOM = 2**14  # of either
CONTACTS = 32  # room a world on the average; twice what bodies on planes and boxes were seen to need at most
CONSTRAINTS = 96  # room of each world for the rows of contacts, limits and friction; likewise


@wp.kernel  # type: ignore[untyped-decorator]  # warp leaves it unannotated
def _find_broken(
    qpos: wp.array2d[float],
    qvel: wp.array2d[float],
    qacc: wp.array2d[float],
    ctrl: wp.array2d[float],
    overflow: wp.array[int],
    limit: float,
    broken: wp.array[bool],
    crowded: wp.array[int],
) -> None:
    world = wp.tid()
    crowded[world] = crowded[world] | overflow[world]  # a reset forgets it
    intact = bool(True)  # noqa: UP018  # of a literal, warp would make a constant
    for i in range(qpos.shape[1]):
        intact = intact and wp.abs(qpos[world, i]) < limit  # false of what is not a number
    for i in range(qvel.shape[1]):
        intact = intact and wp.abs(qvel[world, i]) < limit and wp.abs(qacc[world, i]) < limit
    for i in range(ctrl.shape[1]):
        intact = intact and wp.abs(ctrl[world, i]) < limit
    broken[world] = not intact


class WarpSimulator:
    """A `Simulator` in float32 on `device`: `cuda`, `cuda:1`, ..., or `cpu`.

    fresh: derived fields describe the state after the step, not before its last substep.
    deterministic: sums are taken in the same order every time, so that two runs are equal to the bit; slower.
    contacts, constraints: room a world; where it does not suffice, MuJoCo Warp leaves some out. That is told by a
        warning at the next reset, and the room doubled if it is one of all worlds.

    Raises ValueError for a model that MuJoCo Warp cannot simulate, torch.OutOfMemoryError where a card is too small.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        num_worlds: int,
        device: str = "cuda",
        *,
        fresh: bool = False,
        deterministic: bool = False,
        contacts: int = 0,
        constraints: int = 0,
    ) -> None:
        self.model = model
        self.num_worlds = num_worlds
        self._warp = wp.get_device(device)
        self.device = torch.device(str(self._warp))
        self._fresh, self._deterministic = fresh, deterministic
        many = bool(model.nhfield)  # MuJoCo Warp's own guess is for height fields
        self._room = (contacts or (0 if many else CONTACTS), constraints or (0 if many else CONSTRAINTS))
        self.bound: tuple[str, ...] = ()
        self._expanded: tuple[str, ...] = ()
        self._put_model()
        self._allocate()
        with self._on_device():
            self._advance(1)  # compiles
        self.reset()

    def _on_device(self) -> AbstractContextManager[Any]:
        device: AbstractContextManager[Any] = wp.ScopedDevice(self._warp)
        return device

    def _put_model(self) -> None:
        """The model on the device, with a row a world of the fields that differ between worlds."""
        own = {n: self.num_worlds for n in self._expanded if not n.startswith("opt.")}
        derived = dict.fromkeys(DERIVED, self.num_worlds) if own else {}
        self._m = _allocated(lambda: put_model(self.model, str(self.device), own | derived))
        for name in self._expanded:
            if name.startswith("opt."):
                shared = getattr(self._m.opt, name[4:])
                rows = wp.to_torch(shared)[:1].repeat(self.num_worlds, *[1] * (wp.to_torch(shared).dim() - 1))
                setattr(self._m.opt, name[4:], wp.from_torch(rows.contiguous(), dtype=shared.dtype))
        self._m.opt.warn_overflow = 0
        if self._deterministic:
            self._m.opt.deterministic = mjw.DeterminismType.ALL
        self._graphs: dict[object, Any] = {}

    def _allocate(self) -> None:
        contacts, constraints = self._room
        room = {"nconmax": contacts or None, "njmax": constraints or None}
        with self._on_device():
            self._d = _allocated(lambda: mjw.make_data(self.model, nworld=self.num_worlds, **room))
        self._room = (self._d.naconmax // self.num_worlds, self._d.njmax)
        self.qpos = wp.to_torch(self._d.qpos)
        self.qvel = wp.to_torch(self._d.qvel)
        self.ctrl = wp.to_torch(self._d.ctrl)
        self._mask = torch.zeros(self.num_worlds, dtype=torch.bool, device=self.device)
        self.diverged = torch.zeros_like(self._mask)
        self._broken = torch.zeros_like(self._mask)
        self._crowded = torch.zeros(self.num_worlds, dtype=torch.int32, device=self.device)
        self._fields = {name: wp.to_torch(getattr(self._d, name)) for name in self.bound}
        self._at_start: dict[str, Tensor] = {}
        self._graphs = {}

    def _run(self, name: object, work: Callable[[], None]) -> None:
        """work(); on a GPU as one graph, captured at the first time."""
        with self._on_device():
            if name not in self._graphs:
                collects = gc.isenabled()
                gc.disable()  # a graph that is freed while another is captured spoils that one
                try:
                    with wp.ScopedCapture() as capture:
                        work()
                finally:
                    if collects:
                        gc.enable()
                self._graphs[name] = capture.graph
            wp.capture_launch(self._graphs[name])

    def field(self, name: str) -> Tensor:
        if name not in self._fields:
            self._fields[name] = wp.to_torch(getattr(self._d, name))
            self.bound = tuple(self._fields)
            self._at_start = {}
        field: Tensor = self._fields[name]
        return field

    def set_params(self, params: Mapping[str, Tensor], mask: Tensor | None = None) -> None:
        new = [n for name in params for n in (name, *GOES_WITH.get(name, ())) if n not in self._expanded]
        if new:
            before = {name: self._array(name).clone() for name in self._expanded}
            self._expanded += tuple(dict.fromkeys(new))
            self._put_model()
            for name, rows in before.items():
                self._array(name).copy_(rows)
        for name, values in params.items():
            rows = self._array(name)
            values = values.to(rows).view(rows.shape)
            rows.copy_(values if mask is None else _only(mask.to(self.device), values, rows))
        if params:
            self._place_fixed_geoms(params)
            self._run("constants", lambda: mjw.set_const(self._m, self._d))
            self._at_start = {}

    def _place_fixed_geoms(self, params: Mapping[str, Tensor]) -> None:
        """Geoms of the world itself, which MuJoCo Warp places once and for all, go where `geom_pos` says."""
        fixed = np.flatnonzero(self.model.body_weldid[self.model.geom_bodyid] == 0)
        if "geom_quat" in params and len(fixed):
            raise ValueError("geom_quat cannot differ between worlds: MuJoCo Warp turns the world's geoms only once")
        if "geom_pos" not in params:
            return
        data = mujoco.MjData(self.model)
        mujoco.mj_kinematics(self.model, data)
        bodies = self.model.geom_bodyid[fixed]
        turn = torch.from_numpy(data.xmat[bodies].reshape(-1, 3, 3)).to(self.qpos)
        base = torch.from_numpy(data.xpos[bodies]).to(self.qpos)
        index = torch.from_numpy(fixed).to(self.device)
        places = wp.to_torch(self._d.geom_xpos)
        places[:, index] = torch.einsum("gij,wgj->wgi", turn, self._array("geom_pos")[:, index]) + base

    def _array(self, name: str) -> Tensor:
        """A model field as it is on the device, [1 or W, ...], live."""
        owner = self._m.opt if name.startswith("opt.") else self._m
        array: Tensor = wp.to_torch(getattr(owner, name.removeprefix("opt.")))
        return array

    def params(self, name: str) -> Tensor:
        rows = self._array(name)
        rows = rows[:, None] if name.startswith("opt.") and rows.dim() == 1 else rows
        return rows.expand(self.num_worlds, *rows.shape[1:]).clone()

    def step(self, ctrl: Tensor, substeps: int) -> None:
        if self._fields and not self._at_start:
            self._remember_start()
        self.ctrl.copy_(ctrl)
        self._run(("step", substeps), lambda: self._advance(substeps))
        self.diverged = self._broken.clone()
        for name, field in self._fields.items():
            field.copy_(_only(self.diverged, self._at_start[name], field))

    def step_bare(self, ctrl: Tensor, substeps: int) -> None:
        """The physics of `step` and nothing else: no world is looked after. For comparison."""
        self.ctrl.copy_(ctrl)
        self._run(("bare", substeps), lambda: self._physics(substeps))

    def _physics(self, substeps: int) -> None:
        for _ in range(substeps):
            mjw.step(self._m, self._d)

    def _advance(self, substeps: int) -> None:
        self._physics(substeps)
        if self._fresh:
            self._refresh()
        d, broken = self._d, wp.from_torch(self._broken)
        wp.launch(
            _find_broken,
            dim=self.num_worlds,
            inputs=[d.qpos, d.qvel, d.qacc, d.ctrl, d.overflow, float(mujoco.mjMAXVAL)],
            outputs=[broken, wp.from_torch(self._crowded)],
        )
        mjw.reset_data(self._m, d, reset=broken)

    def _refresh(self) -> None:
        """Positions, velocities and their sensors of the state as it is; what forces measure stays."""
        m, d = self._m, self._d
        mjw.fwd_position(m, d)
        mjw.sensor_pos(m, d)
        mjw.fwd_velocity(m, d)
        mjw.sensor_vel(m, d)

    def _remember_start(self) -> None:
        """What the derived fields of every world are in the model's initial state."""
        moved = [self.qvel, self.ctrl, wp.to_torch(self._d.act), wp.to_torch(self._d.history)]
        live = (self.qpos, *moved, *self._fields.values())
        kept = [x.clone() for x in live]
        self.qpos.copy_(torch.from_numpy(self.model.qpos0))
        for x in moved:
            x.zero_()
        self.forward()
        self._at_start = {name: field.clone() for name, field in self._fields.items()}
        for x, was in zip(live, kept, strict=True):
            x.copy_(was)

    def reset(self, mask: Tensor | None = None) -> None:
        short = self._short_of()
        if mask is None:
            if short:
                self._make_room(short)
            self._mask.fill_(True)
        else:
            self._mask.copy_(mask)
        self._run("reset", lambda: mjw.reset_data(self._m, self._d, reset=wp.from_torch(self._mask)))

    def _short_of(self) -> list[str]:
        """What did not fit since the last time, which is told."""
        bits = [int((self._crowded & no_room != 0).any()) for no_room in NO_ROOM.values()]
        short = [what for what, bit in zip(NO_ROOM, bits, strict=True) if bit]
        self._crowded.zero_()
        for what in short:
            room = dict(zip(NO_ROOM, self._room, strict=True))[what]
            log.warning("%s did not fit into the room for %d a world, and some were left out", what, room)
        return short

    def _make_room(self, short: list[str]) -> None:
        """Double the room of what did not fit; all states are lost."""
        room = zip(NO_ROOM, self._room, strict=True)
        contacts, constraints = (min(2 * count, MOST_ROOM) if what in short else count for what, count in room)
        places = wp.to_torch(self._d.geom_xpos).clone()
        self._room = (contacts, constraints)
        self._allocate()
        wp.to_torch(self._d.geom_xpos).copy_(places)

    def remember(self, ctrl: Tensor, mask: Tensor | None = None) -> None:
        if not self.model.nhistory:
            return
        memory = wp.to_torch(self._d.history).view(self.num_worlds, self.model.nu, -1)
        samples = int(self.model.actuator_history[0, 0])  # a motor's row: two counters, times, controls
        told = memory[:, :, 2 + samples :]
        new = ctrl.to(memory)[:, :, None].expand_as(told)
        told.copy_(new if mask is None else _only(mask.to(self.device), new, told))

    def forward(self, mask: Tensor | None = None) -> None:
        kept = {} if mask is None else {name: field.clone() for name, field in self._fields.items()}
        self._run("forward", lambda: mjw.forward(self._m, self._d))
        for name, was in kept.items():
            assert mask is not None
            self._fields[name].copy_(_only(mask.to(self.device), self._fields[name], was))

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """In double precision, computed anew by MuJoCo itself from the state of the world."""
        from envs.simulation.batch import BatchSimulator

        one = BatchSimulator(self.model, 1, 1)
        one.set_params({name: self.params(name)[world : world + 1].cpu() for name in self._expanded})
        one.qpos.copy_(self.qpos[world : world + 1])
        one.qvel.copy_(self.qvel[world : world + 1])
        one.ctrl.copy_(self.ctrl[world : world + 1])
        one.forward()
        return one.mujoco_view(0)


def put_model(model: mujoco.MjModel, device: str, batch_sizes: dict[str, int] | None = None) -> mjw.Model:
    """The model on a device; ValueError for one that MuJoCo Warp cannot simulate."""
    try:
        with wp.ScopedDevice(device):
            there = mjw.put_model(model, batch_sizes=batch_sizes)
    except NotImplementedError as error:
        raise ValueError(f"MuJoCo Warp cannot simulate this model ({error}): choose physics fast") from None
    if not wp.get_device(device).is_cpu:
        there.opt.graph_conditional = wp.is_conditional_graph_supported()
    return there


def can_use_cards() -> bool:
    """Whether Warp finds a card, and a driver new enough for it."""
    return bool(wp.is_cuda_available())


def _allocated(make: Callable[[], Any]) -> Any:
    """What `make` makes, if need be from memory that torch keeps but does not use."""
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


def _only(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """`new` in the rows of `mask` [W], `old` [W, ...] elsewhere."""
    return torch.where(mask[(..., *(None,) * (old.dim() - 1))], new, old)
