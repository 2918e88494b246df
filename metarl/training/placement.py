"""Where a run simulates and where it learns, and why there."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, Literal, NamedTuple

import torch

from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.system.doctor import GPU as INSTALL
from metarl.training.build import build_family

Simulator = Literal["cpu", "gpu"]
GPU_FROM = 2048  # worlds from which `auto` takes a GPU; chosen. `metarl bench sim --device cuda` measures where it pays


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_up(config: Config) -> None:
    """Let torch take as many threads as the config says, and the same order of sums where it asks for that."""
    torch.set_num_threads(config.train.num_threads or usable_cores())
    torch.backends.cudnn.allow_tf32 = False  # what is learned from is what acted
    if config.train.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else cuBLAS sums as it likes
    if torch.are_deterministic_algorithms_enabled() != config.train.deterministic:  # a second to be set
        torch.use_deterministic_algorithms(config.train.deterministic, warn_only=True)


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


def place(config: Config, simulator: str | None = None, device: str | None = None) -> Placement:
    """What `train.simulator` and `train.device` of a config, or what is given instead of them, come to on this machine.

    `auto` simulates on the GPU from `GPU_FROM` worlds on, and learns beside it. Raises UserError for what is not there.
    """
    simulator, device = simulator or config.train.simulator, device or config.train.device
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise UserError(
            f"train.device is cuda, but torch {torch.__version__} finds no CUDA GPU: choose auto or cpu, or install "
            "a torch for your GPU"
        )
    gpu = f"cuda:{torch.cuda.current_device()}" if there else ""
    if config.tasks.has_robot:
        if simulator == "cpu" or (simulator == "auto" and not gpu):  # the family, which takes a while, is not needed
            why = "as requested" if simulator == "cpu" else "there is no CUDA GPU"
            return Placement("cpu", gpu if device == "cuda" else "cpu", why)
        if hasattr(family := build_family(config), "physics"):  # a named distribution may be one of points
            if simulator == "gpu":
                return _on_gpu(family, device, gpu)
            return _auto(config, family, device, gpu)
    if simulator == "gpu":
        raise UserError(f"train.simulator gpu is for robots: tasks of kind {config.tasks.kind} have none")
    why = "as requested"
    if device == "auto":
        on_gpu = there and config.tasks.wants_gpu
        device, why = ("cuda", "images are learned from there") if on_gpu else ("cpu", "small networks")
    return Placement("cpu", gpu if device == "cuda" else "cpu", why)


def _on_gpu(family: Any, device: str, gpu: str) -> Placement:
    """As requested; UserError where it cannot be."""
    if not importlib.util.find_spec("mujoco_warp"):
        raise UserError(f"train.simulator is gpu, but mujoco-warp is not installed: {INSTALL}")
    if device != "cpu" and not gpu:
        raise UserError(
            "train.simulator is gpu, but there is no CUDA GPU: choose auto or cpu; with --train.device cpu "
            "MuJoCo Warp runs on the CPU, slowly"
        )
    if device != "cpu" and (problem := _warp_problem()):
        raise UserError(f"train.simulator is gpu, but {problem}")
    return Placement("gpu", "cpu" if device == "cpu" else gpu, "as requested" + _differences(family))


def _auto(config: Config, family: Any, device: str, gpu: str) -> Placement:
    """The GPU, where it can simulate these worlds and there are enough of them."""
    beside = gpu if device == "cuda" else "cpu"
    worlds = config.train.num_tasks * config.train.episodes
    if device == "cpu":
        return Placement("cpu", beside, "train.device is cpu")
    if worlds < GPU_FROM:
        return Placement("cpu", beside, f"{worlds:,} worlds: a GPU is taken from {GPU_FROM:,} on")
    if not importlib.util.find_spec("mujoco_warp"):
        return Placement("cpu", beside, f"mujoco-warp is not installed: {INSTALL}")
    if family.physics == "gymnasium":
        return Placement("cpu", beside, "physics gymnasium is bit for bit on the CPU only")
    if problem := _warp_problem():
        return Placement("cpu", beside, problem)
    try:
        build_family(config, "gpu", gpu)
    except (UserError, RuntimeError) as error:  # a model that it does not know, a GPU that is too small
        return Placement("cpu", beside, f"MuJoCo Warp does not run these worlds on the GPU: {error}")
    return Placement("gpu", gpu, f"{worlds:,} worlds, {GPU_FROM:,} or more" + _differences(family))


def _warp_problem() -> str:
    """Why MuJoCo Warp cannot use the GPU that torch has found; nothing if it can."""
    from envs.simulation.warp_model import cuda_is_usable

    if cuda_is_usable():
        return ""
    return "Warp finds no GPU that it can use: it wants one of NVIDIA's, and a driver as new as its own CUDA"


def _differences(family: Any) -> str:
    """What is not the same on a GPU as on the CPU."""
    differences = "; physics gymnasium is not bit for bit there" if family.physics == "gymnasium" else ""
    return differences + ("; contacts on height fields are other ones there" if family.model.nhfield else "")
