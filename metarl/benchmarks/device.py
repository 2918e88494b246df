"""Speed of simulation and learning on a GPU, by the number of worlds.

Measured are bare stepping, our worlds, worlds with a policy acting, and whole meta-iterations; on the CPU our worlds.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import torch

from envs.core import Tasks
from envs.locomotion.family import Locomotion
from envs.rollout import rollout
from envs.simulation.warp import WarpSimulator
from metarl.benchmarks.simulation import checked_robot, split_worlds, world_stepping
from metarl.benchmarks.timing import Phase, median_seconds
from metarl.config import files as settings
from metarl.config.experiment import Config
from metarl.errors import UserError
from metarl.runs.names import name_of_config
from metarl.training.build import build_family
from metarl.training.collect import synchronize_device
from metarl.training.placement import CPU, Placement
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, as_recurrent
from metarl.training.trainer import Trainer

ROBOTS = ("half_cheetah", "ant")
CONFIG = "maml_cheetah_direction"
WORLDS = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
EPISODES = 16  # of a task; more worlds are more tasks
STEPS = 20  # control steps of a measurement, except of whole iterations
MAX_CPU_WORLDS = 8192  # beyond these the CPU's threads step no faster
PARTS = {"bare": "physics", "ours": "interface", "policy": "policy", "whole": "rest"}  # what each phase adds
Device = Literal["cuda", "warp"]


class Measured(NamedTuple):
    """One number of worlds."""

    robot: str
    worlds: int
    tasks: int
    rates: dict[str, float]  # control steps/s by phase; without phases for which the GPU's memory was too small
    gib: float | None  # of the GPU's memory in use
    shares: dict[str, float]  # fractions of an iteration's time: physics, interface, policy, rest


def bench_device(
    config: str | None,
    overrides: dict[str, Any],
    worlds: Sequence[int],
    repeats: int,
    device: Device,
    *,
    learning: bool,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Measured]:
    """Control steps per second of every phase and number of worlds; median of `repeats`.

    device: `cuda`, or `warp`, MuJoCo Warp on the CPU. learning: measure whole meta-iterations too. Raises UserError
    where there is no GPU, or the config has no robot.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device is cuda, but there is no CUDA GPU: --device warp runs MuJoCo Warp on the CPU")
    placement = Placement("gpu", f"cuda:{torch.cuda.current_device()}" if device == "cuda" else "cpu")
    path, robots = settings.find(config or CONFIG), (None,) if config else ROBOTS
    rows = []
    for robot in robots:
        changes = overrides | ({} if robot is None else {"tasks.robot": robot, "tasks.ctrl_cost": None})
        for count in worlds:
            num_tasks, episodes = split_worlds(count, EPISODES)
            sizes = {"train.num_tasks": num_tasks, "train.episodes": episodes}
            tell(f"{robot or name_of_config(path)}, {count:,} worlds")
            rows.append(_measure(settings.load(path, changes | sizes), placement, repeats, learning))
    return rows


def _measure(config: Config, placement: Placement, repeats: int, learning: bool) -> Measured:
    gc.collect()
    torch.cuda.empty_cache()
    trainer = Trainer(config, placement=placement)
    family = checked_robot(trainer.family)
    tasks = family.sample(config.train.num_tasks, "train", torch.Generator().manual_seed(0))
    worlds = config.train.num_tasks * config.train.episodes
    steps = {"whole": (trainer.learner.rounds + 1) * family.horizon}
    seconds: dict[str, float] = {}
    for name, make in _phases(trainer, family, tasks, learning).items():
        with suppress(torch.OutOfMemoryError):
            seconds[name] = _synchronized_seconds(make(), repeats, placement.device) / steps.get(name, STEPS)
    gib = None
    if placement.device != "cpu":
        free, total = torch.cuda.mem_get_info(placement.device)
        gib = (total - free) / 2**30
    shares = _shares(seconds) if seconds.keys() >= set(PARTS) else {}
    rates = {name: worlds / s for name, s in seconds.items()}
    return Measured(family.robot.__name__, worlds, len(tasks), rates, gib, shares)


def _phases(trainer: Trainer, family: Locomotion, tasks: Tasks, learning: bool) -> dict[str, Callable[[], Phase]]:
    """How to make each phase, by name; only the one that is measured takes memory."""
    config, device = trainer.config, trainer.placement.device
    episodes = config.train.episodes

    def zeros(on: str) -> torch.Tensor:
        return torch.zeros(1, len(tasks), episodes, family.space.act, device=on).expand(STEPS, -1, -1, -1)

    phases: dict[str, Callable[[], Phase]] = {
        "bare": lambda: _bare(family, tasks, episodes, device),
        "ours": lambda: world_stepping(family, tasks, episodes, zeros(device), share=True),
        "policy": lambda: _acting(trainer, family, tasks),
    }
    if learning:
        phases["whole"] = lambda: trainer.iterate
    if len(tasks) * episodes <= MAX_CPU_WORLDS:
        on_cpu = checked_robot(build_family(config))
        phases["cpu"] = lambda: world_stepping(on_cpu, tasks, episodes, zeros(CPU.device), share=True)
    return phases


def _shares(seconds: dict[str, float]) -> dict[str, float]:
    """Fractions of an iteration: each part is by how much a phase takes longer than the one before it. The rest is
    learning, and setting the physics of every world."""
    parts, before = {}, 0.0
    for phase, part in PARTS.items():
        parts[part], before = (seconds[phase] - before) / seconds["whole"], seconds[phase]
    return parts


def _synchronized_seconds(phase: Phase, repeats: int, device: str) -> float:
    def synchronized() -> None:
        phase()
        synchronize_device(device)

    synchronized()  # compiles kernels and warms up caches
    return median_seconds({"": synchronized}, repeats)[""]


def _bare(family: Locomotion, tasks: Tasks, episodes: int, device: str) -> Phase:
    worlds = family.worlds(tasks, episodes)
    sim, generator = worlds.sim, torch.Generator(device).manual_seed(0)
    assert isinstance(sim, WarpSimulator)
    ctrl = torch.zeros_like(sim.ctrl)

    def phase() -> None:
        worlds.reset(generator)
        for _ in range(STEPS):
            sim.step_bare(ctrl, family.physics_steps)

    return phase


def _acting(trainer: Trainer, family: Locomotion, tasks: Tasks) -> Phase:
    """Episodes of `STEPS` steps with the trainer's policy, in worlds that exist already."""
    learner, theta, device = trainer.learner, trainer.theta, trainer.placement.device
    episodes, generator = trainer.config.train.episodes, torch.Generator(device).manual_seed(0)
    phi = {k: v.expand(len(tasks), *v.shape).clone() for k, v in learner.initial_state(theta).items()}
    descriptor = family.descriptor(tasks).to(device) if learner.observes_task else None
    worlds, shape = family.worlds(tasks, episodes), (len(tasks), STEPS, episodes)

    def phase() -> None:
        policy: RecurrentPolicy | AdaptedPolicy = AdaptedPolicy(learner, theta, phi, descriptor)
        if recurrent := as_recurrent(learner):
            policy = RecurrentPolicy(recurrent, theta, (len(tasks), episodes), family.space.act)
        rollout(worlds, policy, family.space, shape, generator)

    return phase


def pays_from(rows: Sequence[Measured]) -> dict[str, int | None]:
    """For each robot the least measured number of worlds from which the GPU is faster than the CPU; None if there is
    none."""
    found: dict[str, int | None] = {}
    for robot in dict.fromkeys(row.robot for row in rows):
        own = sorted(
            (r for r in rows if r.robot == robot and r.rates.keys() >= {"cpu", "ours"}), key=lambda r: r.worlds
        )
        wins = [r.rates["ours"] > r.rates["cpu"] for r in own]
        found[robot] = next((r.worlds for i, r in enumerate(own) if all(wins[i:])), None)
    return found
