"""The GPU backend: MuJoCo Warp, which shares its arrays with torch; it also runs on the CPU, slowly.

It computes in single precision, `envs.simulation.batch` in double. From the same state velocities differ by 2e-4 at
most after one physics step, where bodies touch planes and boxes and friction is elliptic; contacts differ on height
fields, and with pyramidal friction on bodies in three dimensions.

No step waits for the GPU. What runs in every step is captured once as a CUDA graph. A graph refers to its arrays by
address: arrays are written in place; where they have to be replaced, the graphs are discarded.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import mujoco
import torch
import warp as wp
from torch import Tensor

from envs.simulation import warp_model
from envs.simulation.history import past_controls
from envs.simulation.warp_capacity import Capacity
from envs.simulation.warp_model import allocate, mjw, where_rows

GOES_WITH = {"geom_dataid": ("geom_size",)}  # the size of a height field belongs to its index


class WarpSimulator:
    """A `Simulator` in float32 on `device`: `cuda`, `cuda:1`, ..., or `cpu`.

    fresh: derived fields describe the state after the step, not before its last substep.
    deterministic: sum in a fixed order, so that two runs are bit-identical; slower.
    contacts, constraints: capacity per world. Where it is too small, MuJoCo Warp leaves some out; the next reset logs
        a warning, and doubles the capacity if it is a reset of all worlds.

    Raises ValueError for a model that MuJoCo Warp does not support, torch.OutOfMemoryError if GPU memory runs out.
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
        self._past = tuple(x.to(self.device) for x in past_controls(model))
        self._capacity = Capacity(contacts, constraints, has_height_fields=bool(model.nhfield))
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
        self._m = warp_model.batched_model(self.model, self.device, self.num_worlds, self._expanded)
        if self._deterministic:
            self._m.opt.deterministic = mjw.DeterminismType.ALL
        self._graphs: dict[object, Any] = {}

    def _allocate(self) -> None:
        arguments = self._capacity.arguments()
        with self._on_device():
            self._d = allocate(lambda: mjw.make_data(self.model, nworld=self.num_worlds, **arguments))
        self._capacity.read(self._d, self.num_worlds, self.device)
        self.qpos = wp.to_torch(self._d.qpos)
        self.qvel = wp.to_torch(self._d.qvel)
        self.ctrl = wp.to_torch(self._d.ctrl)
        self.activation = wp.to_torch(self._d.act)
        self._mask = torch.zeros(self.num_worlds, dtype=torch.bool, device=self.device)
        self.diverged = torch.zeros_like(self._mask)
        self._diverged_now = torch.zeros_like(self._mask)  # written in place by every step
        self._fields = {name: wp.to_torch(getattr(self._d, name)) for name in self.bound}
        self._at_start: dict[str, Tensor] = {}
        self._graphs = {}

    def _run(self, name: object, work: Callable[[], None]) -> None:
        """Run `work`; on a GPU as one graph, which is captured at the first call."""
        with self._on_device():
            if name not in self._graphs:
                collects = gc.isenabled()
                gc.disable()  # freeing a graph while another is captured invalidates that one
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
            rows.copy_(values if mask is None else where_rows(mask.to(self.device), values, rows))
        if params:
            self._place_fixed_geoms(params)
            self._run("constants", lambda: mjw.set_const(self._m, self._d))
            self._at_start = {}

    def _place_fixed_geoms(self, params: Mapping[str, Tensor]) -> None:
        """Move the geoms of the world body, which MuJoCo Warp places only once, to `geom_pos`."""
        if "geom_quat" in params and len(warp_model.fixed_geoms(self.model)):
            raise ValueError("geom_quat cannot differ between worlds: MuJoCo Warp orients fixed geoms only once")
        if "geom_pos" in params:
            places = warp_model.fixed_geom_positions(self.model, self._array("geom_pos"))
            index = torch.from_numpy(warp_model.fixed_geoms(self.model)).to(self.device)
            wp.to_torch(self._d.geom_xpos)[:, index] = places

    def _array(self, name: str) -> Tensor:
        """A model field on the device, [1 or W, ...], live."""
        owner = self._m.opt if name.startswith("opt.") else self._m
        array: Tensor = wp.to_torch(getattr(owner, name.removeprefix("opt.")))
        return array

    def params(self, name: str) -> Tensor:
        rows = self._array(name)
        rows = rows[:, None] if name.startswith("opt.") and rows.dim() == 1 else rows
        return rows.expand(self.num_worlds, *rows.shape[1:]).clone()

    def step(self, ctrl: Tensor, substeps: int) -> None:
        if self._fields and not self._at_start:
            self._save_initial_fields()
        self.ctrl.copy_(ctrl)
        self._run(("step", substeps), lambda: self._advance(substeps))
        self.diverged = self._diverged_now.clone()
        for name, field in self._fields.items():
            field.copy_(where_rows(self.diverged, self._at_start[name], field))

    def step_bare(self, ctrl: Tensor, substeps: int) -> None:
        """Only the physics of `step`, without the check for divergence; for benchmarks."""
        self.ctrl.copy_(ctrl)
        self._run(("bare", substeps), lambda: self._physics(substeps))

    def _physics(self, substeps: int) -> None:
        for _ in range(substeps):
            mjw.step(self._m, self._d)

    def _advance(self, substeps: int) -> None:
        self._physics(substeps)
        if self._fresh:
            self._refresh()
        d, diverged = self._d, wp.from_torch(self._diverged_now)
        wp.launch(
            warp_model.find_diverged,
            dim=self.num_worlds,
            inputs=[d.qpos, d.qvel, d.qacc, d.ctrl, d.overflow, float(mujoco.mjMAXVAL)],
            outputs=[diverged, wp.from_torch(self._capacity.flags)],
        )
        mjw.reset_data(self._m, d, reset=diverged)

    def _refresh(self) -> None:
        """Recompute positions, velocities and their sensors; force sensors keep their values."""
        m, d = self._m, self._d
        mjw.fwd_position(m, d)
        mjw.sensor_pos(m, d)
        mjw.fwd_velocity(m, d)
        mjw.sensor_vel(m, d)

    def _save_initial_fields(self) -> None:
        """Save the derived fields of every world in the model's initial state."""
        moved = [self.qvel, self.ctrl, wp.to_torch(self._d.act), wp.to_torch(self._d.history)]
        live = (self.qpos, *moved, *self._fields.values())
        saved = [x.clone() for x in live]
        self.qpos.copy_(torch.from_numpy(self.model.qpos0))
        for x in moved:
            x.zero_()
        self.forward()
        self._at_start = {name: field.clone() for name, field in self._fields.items()}
        for x, was in zip(live, saved, strict=True):
            x.copy_(was)

    def reset(self, mask: Tensor | None = None) -> None:
        short = self._capacity.overflowed()
        if mask is None:
            if short:
                self._enlarge(short)
            self._mask.fill_(True)
        else:
            self._mask.copy_(mask)
        self._run("reset", lambda: mjw.reset_data(self._m, self._d, reset=wp.from_torch(self._mask)))

    def _enlarge(self, short: list[str]) -> None:
        """Double the capacity for what did not fit; all states are lost."""
        places = wp.to_torch(self._d.geom_xpos).clone()
        self._capacity.double(short)
        self._allocate()
        wp.to_torch(self._d.geom_xpos).copy_(places)

    def fill_history(self, ctrl: Tensor, mask: Tensor | None = None) -> None:
        if not self.model.nhistory:
            return
        history = wp.to_torch(self._d.history)  # [W, nhistory]
        entries, motors = self._past
        new, past = ctrl.to(history)[:, motors], history[:, entries]
        history[:, entries] = new if mask is None else where_rows(mask.to(self.device), new, past)

    def forward(self, mask: Tensor | None = None) -> None:
        kept = {} if mask is None else {name: field.clone() for name, field in self._fields.items()}
        self._run("forward", lambda: mjw.forward(self._m, self._d))
        for name, was in kept.items():
            assert mask is not None
            self._fields[name].copy_(where_rows(mask.to(self.device), self._fields[name], was))

    def mujoco_view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """In double precision, recomputed by MuJoCo from the state of the world."""
        from envs.simulation.batch import BatchSimulator

        one = BatchSimulator(self.model, 1, 1)
        one.set_params({name: self.params(name)[world : world + 1].cpu() for name in self._expanded})
        one.qpos.copy_(self.qpos[world : world + 1])
        one.qvel.copy_(self.qvel[world : world + 1])
        one.ctrl.copy_(self.ctrl[world : world + 1])
        one.forward()
        return one.mujoco_view(0)
