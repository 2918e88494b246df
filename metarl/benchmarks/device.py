"""What a card makes of it, by the number of worlds: bare stepping, ours, a policy acting, whole meta-iterations."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from rich.table import Table

from envs.core import Tasks
from envs.locomotion.family import Locomotion
from envs.rollout import rollout
from envs.simulation.warp import WarpSimulator
from metarl.config import files as settings
from metarl.config.schema import Config
from metarl.errors import UserError
from metarl.training.build import build_family
from metarl.training.collect import synchronize_device
from metarl.training.placement import CPU, Placement
from metarl.training.policies import AdaptedPolicy, RecurrentPolicy, is_recurrent
from metarl.training.trainer import Trainer, usable_cores

ROBOTS = ("half_cheetah", "ant")
CONFIG = "maml_cheetah_direction"
WORLDS = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
EPISODES = 16  # of a task; the rest of the worlds are tasks
STEPS = 20  # control steps of a measurement, but of whole iterations
MOST_ON_THREADS = 8192  # worlds: beyond them threads step no faster
WAYS = {
    "cpu": "our worlds, threads",
    "bare": "bare MuJoCo Warp",
    "ours": "our worlds",
    "policy": "with the policy",
    "whole": "whole iterations",
}
Device = Literal["cuda", "warp"]


class Measured(NamedTuple):
    """One number of worlds."""

    robot: str
    worlds: int
    tasks: int
    rates: dict[str, float]  # control steps a second by way; without those that the memory was too small for
    gib: float | None  # of the card's memory in use
    shares: dict[str, float]  # of an iteration's time: physics, interface, policy, the rest


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
    """Control steps a second by every way and number of worlds; median of `repeats`.

    device: `cuda`, or `warp`, MuJoCo Warp on the processor. learning: measure whole meta-iterations too.
    Raises UserError where there is no card, or the config has no robot.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device is cuda, but there is no CUDA card: --device warp runs MuJoCo Warp on the processor")
    where = Placement("gpu", f"cuda:{torch.cuda.current_device()}" if device == "cuda" else "cpu")
    path, robots = settings.find(config or CONFIG), (None,) if config else ROBOTS
    rows = []
    for robot in robots:
        changes = overrides | ({} if robot is None else {"tasks.robot": robot, "tasks.ctrl_cost": None})
        for count in worlds:
            sized = {"train.num_tasks": max(count // EPISODES, 1), "train.episodes": min(EPISODES, count)}
            tell(f"{robot or path.stem}, {count:,} worlds")
            rows.append(_measure(settings.load(path, changes | sized), where, repeats, learning))
    return rows


def _measure(config: Config, where: Placement, repeats: int, learning: bool) -> Measured:
    gc.collect()
    torch.cuda.empty_cache()
    trainer = Trainer(config, placement=where)
    family = trainer.family
    if not isinstance(family, Locomotion):
        raise UserError("this config has no robot to simulate")
    tasks = family.sample(config.train.num_tasks, "train", torch.Generator().manual_seed(0))
    episodes, worlds = config.train.episodes, config.train.num_tasks * config.train.episodes
    on_threads = build_family(config)
    assert isinstance(on_threads, Locomotion)
    ways: dict[str, tuple[Callable[[], Callable[[], None]], int]] = {  # how to make it, and its control steps
        "bare": (lambda: _bare(family, tasks, episodes, where.device), STEPS),
        "ours": (lambda: _stepping(family, tasks, episodes, where.device), STEPS),
        "policy": (lambda: _acting(trainer, family, tasks), STEPS),
    }
    if learning:
        ways["whole"] = (lambda: lambda: _iterate(trainer), (trainer.learner.rounds + 1) * family.horizon)
    if worlds <= MOST_ON_THREADS:
        ways["cpu"] = (lambda: _stepping(on_threads, tasks, episodes, CPU.device), STEPS)
    seconds: dict[str, float] = {}
    for name, (make, steps) in ways.items():
        with suppress(torch.OutOfMemoryError):
            seconds[name] = _median_seconds(make(), repeats, where.device) / steps
    gib = None
    if where.device != "cpu":
        free, total = torch.cuda.mem_get_info(where.device)
        gib = (total - free) / 2**30
    shares = _shares(seconds) if seconds.keys() >= set(PARTS) else {}
    rates = {name: worlds / s for name, s in seconds.items()}
    return Measured(family.robot.__name__, worlds, len(tasks), rates, gib, shares)


PARTS = {"bare": "physics", "ours": "interface", "policy": "policy", "whole": "rest"}  # what each way has more


def _shares(seconds: dict[str, float]) -> dict[str, float]:
    """Of an iteration: each part is what a way takes longer than the one before it. The rest is learning, and giving
    every world its physics anew."""
    parts, before = {}, 0.0
    for way, part in PARTS.items():
        parts[part], before = (seconds[way] - before) / seconds["whole"], seconds[way]
    return parts


def _median_seconds(way: Callable[[], None], repeats: int, device: str) -> float:
    way()  # compiles, and warms what there is to warm
    taken = []
    for _ in range(repeats):
        synchronize_device(device)
        start = time.perf_counter()
        way()
        synchronize_device(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _bare(family: Locomotion, tasks: Tasks, episodes: int, device: str) -> Callable[[], None]:
    worlds = family.worlds(tasks, episodes)
    sim, generator = worlds.sim, torch.Generator(device).manual_seed(0)
    assert isinstance(sim, WarpSimulator)
    ctrl = torch.zeros_like(sim.ctrl)

    def phase() -> None:
        worlds.reset(generator)
        for _ in range(STEPS):
            sim.step_bare(ctrl, family.robot.frame_skip)

    return phase


def _stepping(family: Locomotion, tasks: Tasks, episodes: int, device: str) -> Callable[[], None]:
    worlds, generator = family.worlds(tasks, episodes), torch.Generator(device).manual_seed(0)
    act = torch.zeros(len(tasks), episodes, family.space.act, device=device)

    def phase() -> None:
        worlds.reset(generator)
        for _ in range(STEPS):
            worlds.step(act)

    return phase


def _acting(trainer: Trainer, family: Locomotion, tasks: Tasks) -> Callable[[], None]:
    """An episode of `STEPS` as learners live it, in worlds that are there already."""
    learner, theta, device = trainer.learner, trainer.state.theta, trainer.placement.device
    episodes, generator = trainer.config.train.episodes, torch.Generator(device).manual_seed(0)
    phi = {k: v.expand(len(tasks), *v.shape).clone() for k, v in learner.initial_state(theta).items()}
    told = family.descriptor(tasks).to(device) if learner.observes_task else None
    worlds, shape = family.worlds(tasks, episodes), (len(tasks), STEPS, episodes)

    def phase() -> None:
        policy: RecurrentPolicy | AdaptedPolicy = AdaptedPolicy(learner, theta, phi, told)
        if is_recurrent(learner):
            policy = RecurrentPolicy(learner, theta, (len(tasks), episodes), family.space.act)
        rollout(worlds, policy, family.space, shape, generator)

    return phase


def _iterate(trainer: Trainer) -> None:
    trainer.iterate()


def pays_from(rows: Sequence[Measured]) -> dict[str, int | None]:
    """For each robot the fewest measured worlds from which on the card is faster than all threads; None for none."""
    found: dict[str, int | None] = {}
    for robot in dict.fromkeys(row.robot for row in rows):
        own = sorted(
            (r for r in rows if r.robot == robot and r.rates.keys() >= {"cpu", "ours"}), key=lambda r: r.worlds
        )
        wins = [r.rates["ours"] > r.rates["cpu"] for r in own]
        found[robot] = next((r.worlds for i, r in enumerate(own) if all(wins[i:])), None)
    return found


def title_of(device: Device, threads: int, repeats: int) -> str:
    """What was measured on, and how."""
    card = torch.cuda.get_device_name() if device == "cuda" else "MuJoCo Warp on the processor"
    return f"{card} beside {threads or usable_cores()} threads, median of {repeats}"


def table(rows: Sequence[Measured], title: str) -> Table:
    """Thousands of control steps a second, our shares of bare stepping, milliseconds a step of ours, and memory."""
    names = [name for name in WAYS if any(name in row.rates for row in rows)]
    parts = list(PARTS.values()) if any(row.shares for row in rows) else []
    told = "; ".join(f"{name}: {WAYS[name]}" for name in names)
    out = Table(title=f"thousand control steps/s, {title}", caption=told)
    shared = [f"% {', '.join(parts)}"] if parts else []
    for header in ("robot", "worlds", "tasks", *names, "ours/bare", "policy/bare", "ms a step", "GiB", *shared):
        out.add_column(header, justify="left" if header == "robot" else "right")
    for row in rows:
        rates = row.rates
        cells = [f"{rates[name] / 1e3:,.1f}" if name in rates else "" for name in names]
        ratios = [f"{rates[n] / rates['bare']:.2f}" if rates.keys() >= {n, "bare"} else "" for n in ("ours", "policy")]
        step = f"{1e3 * row.worlds / rates['ours']:.2f}" if "ours" in rates else ""
        more = [step, "" if row.gib is None else f"{row.gib:.1f}"]
        shares = [" ".join(f"{100 * share:.0f}" for share in row.shares.values())] if parts else []
        out.add_row(row.robot, f"{row.worlds:,}", f"{row.tasks:,}", *cells, *ratios, *more, *shares)
    return out


def plot(rows: Sequence[Measured], title: str, path: Path) -> None:
    """Control steps a second against the number of worlds, a panel for each robot."""
    from metarl.reporting.plots import plot_growth

    panels = {}
    for robot in dict.fromkeys(row.robot for row in rows):
        own = [row for row in rows if row.robot == robot]
        panels[robot] = {
            label: [(r.worlds, r.rates[name]) for r in own if name in r.rates]
            for name, label in WAYS.items()
            if any(name in r.rates for r in own)
        }
    plot_growth(panels, title, path)
