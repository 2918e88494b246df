"""Where a run simulates and where it learns, and why there."""

from __future__ import annotations

import importlib.util
import time
from typing import Literal, NamedTuple

import torch

from envs.locomotion.family import Locomotion
from metarl.config import schema
from metarl.errors import UserError
from metarl.system.doctor import GPU as INSTALL
from metarl.training.build import build_family
from metarl.training.collect import synchronize_device

Simulator = Literal["cpu", "gpu"]
STEPS = 10  # control steps that each simulator takes when they are compared


class Placement(NamedTuple):
    """`cpu` or `gpu` simulates, and networks are on a device of torch's."""

    simulator: Simulator = "cpu"
    device: str = "cpu"
    why: str = ""

    @property
    def kind(self) -> str:
        """`cpu` or `cuda`, of whatever number."""
        return self.device.partition(":")[0]

    def __str__(self) -> str:
        named = f" ({torch.cuda.get_device_name(self.device)})" if self.device.startswith("cuda") else ""
        return f"simulator {self.simulator}, device {self.device}{named}: {self.why}"


CPU = Placement()


def place(config: schema.Config, simulator: str | None = None, device: str | None = None) -> Placement:
    """What `train.simulator` and `train.device` of a config, or what is given instead of them, come to on this machine.

    `auto` simulates where it is measured to be faster, and learns beside it. Raises UserError for what is not there.
    """
    simulator, device = simulator or config.train.simulator, device or config.train.device
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError(
            f"train.device is cuda, but torch {torch.__version__} finds no CUDA card: choose auto or cpu, or install "
            "a torch for your card"
        )
    card = f"cuda:{torch.cuda.current_device()}" if there else ""
    if config.tasks.kind in ("locomotion", "named"):
        if simulator == "cpu" or (
            simulator == "auto" and not card
        ):  # nothing to ask of the family, which takes a while
            why = "as asked for" if simulator == "cpu" else "there is no CUDA card"
            return Placement("cpu", card if device == "cuda" else "cpu", why)
        if isinstance(family := build_family(config), Locomotion):
            return _of_robots(config, family, simulator, device, card)
    if simulator == "gpu":
        raise UserError(f"train.simulator gpu is for robots: tasks of kind {config.tasks.kind} have none")
    if device == "auto":
        images = isinstance(config.tasks, schema.FewShotTasks)
        device, why = ("cuda", "images are learned from there") if there and images else ("cpu", "small networks")
    else:
        why = "as asked for"
    return Placement("cpu", card if device == "cuda" else "cpu", why)


def _of_robots(config: schema.Config, family: Locomotion, simulator: str, device: str, card: str) -> Placement:
    if simulator == "gpu":
        if not importlib.util.find_spec("mujoco_warp"):
            raise UserError(f"train.simulator is gpu, but mujoco-warp is not installed: {INSTALL}")
        if device != "cpu" and not card:
            raise UserError(
                "train.simulator is gpu, but there is no CUDA card: choose auto or cpu; with --train.device cpu "
                "MuJoCo Warp runs on the processor, slowly"
            )
        if device != "cpu" and (said := _warp_says()):
            raise UserError(f"train.simulator is gpu, but {said}")
        return Placement("gpu", "cpu" if device == "cpu" else card, "as asked for" + _differences(family))
    beside = card if device == "cuda" else "cpu"
    if device == "cpu":
        return Placement("cpu", beside, "the device is to be the processor")
    if not importlib.util.find_spec("mujoco_warp"):
        return Placement("cpu", beside, f"mujoco-warp is not installed: {INSTALL}")
    if family.physics == "gymnasium":
        return Placement("cpu", beside, "physics gymnasium is bit for bit on the processor only")
    if said := _warp_says():
        return Placement("cpu", beside, said)
    try:
        rates = {kind: _rate(config, kind, card) for kind in ("cpu", "gpu")}
    except (UserError, RuntimeError) as error:  # a model that it does not know, a card that is too small
        return Placement("cpu", beside, f"MuJoCo Warp does not run these worlds on the card: {error}")
    worlds = config.train.num_tasks * config.train.episodes
    why = f"{worlds:,} worlds make {rates['cpu']:,.0f} steps/s on the processor, {rates['gpu']:,.0f} on the card"
    faster: Simulator = "gpu" if rates["gpu"] > rates["cpu"] else "cpu"
    return Placement(
        faster, card if faster == "gpu" else beside, why + (_differences(family) if faster == "gpu" else "")
    )


def _warp_says() -> str:
    """Why MuJoCo Warp cannot use the card that torch has found; nothing if it can."""
    from envs.simulation.warp_model import cuda_is_usable

    if cuda_is_usable():
        return ""
    return "Warp finds no card that it can use: it wants one of NVIDIA's, and a driver as new as its own CUDA"


def _differences(family: Locomotion) -> str:
    """What is not the same on a card as on the processor."""
    said = ""
    if family.physics == "gymnasium":
        said += "; physics gymnasium is not bit for bit there"
    if family.model.nhfield:
        said += "; contacts on height fields are other ones there"
    return said


def _rate(config: schema.Config, simulator: Simulator, device: str) -> float:
    """Control steps a second of a config's worlds, once all is compiled."""
    family = build_family(config, simulator, device)
    assert isinstance(family, Locomotion)
    generator = torch.Generator().manual_seed(0)
    worlds = family.worlds(family.sample(config.train.num_tasks, "train", generator), config.train.episodes)
    worlds.reset(generator)
    act = torch.zeros(config.train.num_tasks, config.train.episodes, family.space.act)
    for count in (2, STEPS):
        synchronize_device(device)
        start = time.perf_counter()
        for _ in range(count):
            worlds.step(act)
        synchronize_device(device)
    return STEPS * act[..., 0].numel() / (time.perf_counter() - start)
